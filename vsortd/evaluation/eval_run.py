"""`vsortd eval` from the folder to the findings: look at every video, judge it in several ways, count."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vsortd.config.rules import build_rules
from vsortd.errors import UsageError, VsortdError
from vsortd.evaluation.ablation import compare, own_vectors
from vsortd.evaluation.eval_report import Corrections, Evaluation, Trust
from vsortd.evaluation.looking import look_at_all
from vsortd.evaluation.measure import Share, calibration, claim_of
from vsortd.evaluation.rejudge import judge_all
from vsortd.evaluation.suggest import suggestions, worth_calibrating, worth_switching
from vsortd.evaluation.temperature import fit_temperature
from vsortd.evaluation.truth import read_truth
from vsortd.judging.calibration import Calibrated, keep_calibration, now
from vsortd.pipeline.services import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.evaluation.ablation import Row
    from vsortd.evaluation.looking import Look
    from vsortd.evaluation.temperature import Fit
    from vsortd.judging.resident_model import Judge
    from vsortd.vision.prompts import Example

    # shows on the terminal how many of how many are done
    Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None] | None]]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for: `precision` of every rule (0 to 1), and whether to keep, compare, draw."""

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
) -> Evaluation:
    """Judge the videos of a labelled folder and count; nothing is moved or journalled.

    With `wishes.out` the plots are drawn there. `bar` shows how far something with a name has come. Raises UsageError
    for a folder that can't be the truth, ModelError, StoreError, and VsortdError where no video could be looked at.
    """
    tree = build_rules(settings)
    extensions = sorted({str(one) for inbox in settings.inboxes for one in inbox.extensions})
    cases = read_truth(folder, tree, review=settings.place.review, extensions=extensions)
    with Workshop.open(settings, state_folder, keep_trying=False, recover_first=False) as shop:
        with bar("looking") as on_progress:
            judge, look = look_at_all(shop, cases, on_progress=on_progress)
        if not look.seen:
            raise _nothing_seen(folder, look)
        found = _count(folder, judge, look, wishes, bar)
        found = replace(found, corrections=_corrections(judge, look, shop.lessons.counted(judge)))
        if wishes.calibrate:
            found = replace(found, kept=_keep(found, state_folder))
        if wishes.out is not None:
            from vsortd.evaluation.eval_plots import draw_all

            draw_all(found, shop, wishes.out)
    return found


def _count(folder: Path, judge: Judge, look: Look, wishes: Wishes, bar: Bar) -> Evaluation:
    vectors_of = own_vectors(look.seen, judge.vectors)
    judged = judge_all(look.seen, judge.tree, vectors_of)
    full = judge_all(look.seen, judge.tree, vectors_of, adaptive=False)
    fit, trust = _trust(judge, look, wishes)
    rows: list[Row] = []
    if wishes.compare:
        with bar("comparing") as on_progress:
            rows = compare(look.seen, judge, fit, seed=wishes.seed, on_progress=on_progress)
    advice = worth_switching(rows)
    if fit is not None and trust.top_after is not None and trust.deepest_after is not None:
        errors = [calibration([claim_of(one, judge.tree, top=top) for one in judged]).error for top in (True, False)]
        after = [trust.top_after.error, trust.deepest_after.error]
        advice += worth_calibrating(errors, after, fit.temperature)
    advice += suggestions(judged, judge, precision=wishes.precision)
    return Evaluation(
        folder=folder,
        tree=judge.tree,
        model=judge.encoder.info,
        temperature=judge.vectors.temperature,
        look=look,
        judged=judged,
        full=full,
        trust=trust,
        fit=fit,
        suggestions=advice,
        rows=rows,
    )


def _corrections(judge: Judge, look: Look, taught: Mapping[int, Example]) -> Corrections | None:
    """Try what was taught on the videos, each without its own lesson; cross-validation, one video a fold."""
    if not taught:
        return None
    texts = judge.vectors.with_examples(())
    ways = (texts, own_vectors(look.seen, texts.with_examples(taught.values())))
    without, within = (
        Share(sum(one.is_right for one in judge_all(look.seen, judge.tree, way)), len(look.seen)) for way in ways
    )
    used = any(level.examples for level in judge.vectors.levels.values())
    return Corrections(len(taught), without, within, used)


def _trust(judge: Judge, look: Look, wishes: Wishes) -> tuple[Fit | None, Trust]:
    """Learn the temperature, and measure what it changes on videos that it was not learned from.

    Raises UsageError where none can be learned and the command line asks to keep it.
    """
    vectors_of = own_vectors(look.seen, judge.vectors)
    plain = judge_all(look.seen, judge.tree, lambda number: replace(vectors_of(number), temperature=1.0))
    before = [calibration([claim_of(one, judge.tree, top=top) for one in plain]) for top in (True, False)]
    try:
        fit = fit_temperature(look.seen, judge.tree, vectors_of, seed=wishes.seed)
    except UsageError:
        if wishes.calibrate:
            raise
        return None, Trust(before[0], before[1])
    softened = judge_all(
        look.seen, judge.tree, lambda number: replace(vectors_of(number), temperature=fit.held_out[number])
    )
    after = [calibration([claim_of(one, judge.tree, top=top) for one in softened]) for top in (True, False)]
    return fit, Trust(before[0], before[1], after[0], after[1])


def _keep(found: Evaluation, state_folder: Path) -> Calibrated:
    assert found.fit is not None
    trust = found.trust
    learned = Calibrated(
        temperature=round(found.fit.temperature, 4),
        n=found.fit.n,
        date=now(),
        ece_before=round(trust.top_before.error or 0.0, 4),
        ece_after=round(trust.top_after.error or 0.0 if trust.top_after else 0.0, 4),
    )
    keep_calibration(state_folder, found.model.key, learned)
    return learned


def _nothing_seen(folder: Path, look: Look) -> VsortdError:
    left_out = [*look.failed, *look.rejected]
    title = f"None of the {len(left_out)} videos below {folder} could be judged: {left_out[0].path.name}: "
    return VsortdError(f"{title}{left_out[0].reason}.", paths=[one.path for one in left_out])
