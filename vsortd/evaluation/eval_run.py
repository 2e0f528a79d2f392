"""`vsortd eval` from the folder to the findings: look at every video, judge it in several ways, count."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vsortd.config.rules import build_rules
from vsortd.core.containers import endings_among
from vsortd.core.moments import utc_now
from vsortd.errors import UsageError, VsortdError
from vsortd.evaluation.ablation import compare, own_vectors
from vsortd.evaluation.case_sampling import sample_all
from vsortd.evaluation.eval_report import CorrectionsEffect, Evaluation, Trust
from vsortd.evaluation.measure import HitRate, calibration, claim_of
from vsortd.evaluation.rejudge import judge_all
from vsortd.evaluation.suggest import suggestions, worth_calibrating, worth_switching
from vsortd.evaluation.temperature import fit_temperature
from vsortd.evaluation.truth import read_truth
from vsortd.judging.calibration import Calibrated, keep_calibration
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.evaluation.ablation import AblationRow
    from vsortd.evaluation.case_sampling import SampledCases
    from vsortd.evaluation.temperature import Fit
    from vsortd.judging.model_source import ModelSource
    from vsortd.judging.resident_model import Classifier
    from vsortd.vision.prompts import Example

    # shows on the terminal how many of how many are done
    Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for: `precision` of every rule (0 to 1), and whether to calibrate, compare, draw."""

    precision: float = 0.95
    calibrate: bool = False
    compare: bool = False
    out: Path | None = None
    seed: int = 0


def evaluate(
    settings: Settings,
    state_folder: Path,
    folder: Path,
    wishes: Wishes,
    *,
    bar: Bar = lambda _: nullcontext(),
    models: ModelSource | None = None,
) -> Evaluation:
    """Judge the videos of a labelled folder and count; nothing is moved or journalled.

    With `wishes.out` the plots are drawn there. `bar` shows how far something with a name has come. `models` is where
    models come from, by default this process. Raises UsageError for a folder that can't be the truth, ModelError,
    StoreError, and VsortdError where no video could be looked at.
    """
    tree = build_rules(settings)
    extensions = sorted(endings_among(one for inbox in settings.inboxes for one in inbox.extensions))
    cases = read_truth(folder, tree, place=settings.place, extensions=extensions)
    with Services.open(settings, state_folder, keep_trying=False, recover_first=False, models=models) as services:
        with bar("looking") as on_progress:
            classifier, sampled = sample_all(services, cases, on_progress=on_progress)
        if not sampled.seen:
            raise _nothing_seen(folder, sampled)
        found = _count(folder, classifier, sampled, wishes, bar)
        found = replace(found, corrections=_corrections(classifier, sampled, services.corrections.counted(classifier)))
        found = replace(found, fixed=not isinstance(settings.temperature, str), calibrate=wishes.calibrate)
        if wishes.calibrate and found.fit is not None and found.fit.is_better:
            found = replace(found, kept=_keep(found, found.fit, state_folder))
        if wishes.out is not None:
            from vsortd.evaluation.eval_plots import draw_all

            draw_all(found, services, wishes.out)
    return found


def _count(folder: Path, classifier: Classifier, sampled: SampledCases, wishes: Wishes, bar: Bar) -> Evaluation:
    vectors_of = own_vectors(sampled.seen, classifier.vectors)
    judged = judge_all(sampled.seen, classifier.tree, vectors_of)
    full = judge_all(sampled.seen, classifier.tree, vectors_of, adaptive=False)
    fit, trust = _trust(classifier, sampled, wishes)
    rows: list[AblationRow] = []
    if wishes.compare:
        with bar("comparing") as on_progress:
            learned = fit if fit is not None and fit.has_enough else None
            rows = compare(sampled.seen, classifier, learned, seed=wishes.seed, on_progress=on_progress)
    advice = worth_switching(rows)
    if fit is not None and fit.is_better and trust.top_after is not None and trust.deepest_after is not None:
        before = [calibration([claim_of(one, classifier.tree, top=top) for one in judged]) for top in (True, False)]
        advice += worth_calibrating(before, [trust.top_after, trust.deepest_after], fit.temperature)
    advice += suggestions(judged, classifier, precision=wishes.precision)
    return Evaluation(
        folder=folder,
        tree=classifier.tree,
        model=classifier.encoder.info,
        temperature=classifier.vectors.temperature,
        sampled=sampled,
        judged=judged,
        full=full,
        trust=trust,
        fit=fit,
        suggestions=advice,
        rows=rows,
    )


def _corrections(
    classifier: Classifier, sampled: SampledCases, taught: Mapping[int, Example]
) -> CorrectionsEffect | None:
    """Try what was taught on the videos, each without its own lesson; cross-validation, one video a fold."""
    if not taught:
        return None
    texts = classifier.vectors.with_examples(())
    ways = (texts, own_vectors(sampled.seen, texts.with_examples(taught.values())))
    before, after = ([one.is_right for one in judge_all(sampled.seen, classifier.tree, way)] for way in ways)
    without, within = HitRate(sum(before), len(before)), HitRate(sum(after), len(after))
    won = sum(new and not old for old, new in zip(before, after, strict=True))
    lost = sum(old and not new for old, new in zip(before, after, strict=True))
    used = any(level.is_taught for level in classifier.vectors.levels.values())
    return CorrectionsEffect(len(taught), without, within, won, lost, used)


def _trust(classifier: Classifier, sampled: SampledCases, wishes: Wishes) -> tuple[Fit | None, Trust]:
    """Learn the temperature, and where there are enough videos, measure what it changes on those that didn't teach it.

    Raises UsageError where none can be learned and the command line asks to keep it.
    """
    vectors_of = own_vectors(sampled.seen, classifier.vectors)
    plain = judge_all(sampled.seen, classifier.tree, lambda number: replace(vectors_of(number), temperature=1.0))
    before = [calibration([claim_of(one, classifier.tree, top=top) for one in plain]) for top in (True, False)]
    try:
        fit = fit_temperature(sampled.seen, classifier.tree, vectors_of, seed=wishes.seed)
    except UsageError:
        if wishes.calibrate:
            raise
        return None, Trust(before[0], before[1])
    if not fit.has_enough:
        return fit, Trust(before[0], before[1])
    softened = judge_all(
        sampled.seen, classifier.tree, lambda number: replace(vectors_of(number), temperature=fit.held_out[number])
    )
    after = [calibration([claim_of(one, classifier.tree, top=top) for one in softened]) for top in (True, False)]
    return fit, Trust(before[0], before[1], after[0], after[1])


def _keep(found: Evaluation, fit: Fit, state_folder: Path) -> Calibrated:
    trust = found.trust
    learned = Calibrated(
        temperature=round(fit.temperature, 4),
        n=fit.n,
        date=utc_now(),
        ece_before=round(trust.top_before.error or 0.0, 4),
        ece_after=round(trust.top_after.error or 0.0 if trust.top_after else 0.0, 4),
    )
    keep_calibration(state_folder, found.model.key, learned)
    return learned


def _nothing_seen(folder: Path, sampled: SampledCases) -> VsortdError:
    left_out = [*sampled.failed, *sampled.rejected]
    many = f"None of the {len(left_out):,} videos below {folder} could be judged"
    none = f"The only video below {folder} could not be judged" if len(left_out) == 1 else many
    title = f"{none}: {left_out[0].path.name}: "
    return VsortdError(f"{title}{left_out[0].reason}.", paths=[one.path for one in left_out])
