"""Everything that `vsortd eval` found out, and its form as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vsortd.core.chance import Verdict, verdict
from vsortd.core.text import counted
from vsortd.evaluation.ablation import tried
from vsortd.evaluation.measure import (
    REVIEW,
    HitRate,
    accuracy_at,
    calibration,
    claim_of,
    confusion,
    coverage_curve,
    name_of,
    per_rule,
)
from vsortd.evaluation.temperature import LEAST, NOTHING_TOLD
from vsortd.judging.decide import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.config.rules import RuleTree
    from vsortd.evaluation.ablation import AblationRow
    from vsortd.evaluation.case_sampling import SampledCases
    from vsortd.evaluation.measure import Calibration
    from vsortd.evaluation.rejudge import Judged
    from vsortd.evaluation.suggest import Suggestion
    from vsortd.evaluation.temperature import Fit
    from vsortd.judging.calibration import Calibrated
    from vsortd.vision.encoder import ModelInfo

MOST_MISTAKES = 12


@dataclass(frozen=True, slots=True)
class Trust:
    """How far scores can be trusted at the top level and at the deepest that a decision came to.

    `before` is with temperature 1, `after` with the learned one, measured on videos that it was not learned from; None
    where none was learned.
    """

    top_before: Calibration
    deepest_before: Calibration
    top_after: Calibration | None = None
    deepest_after: Calibration | None = None


@dataclass(frozen=True, slots=True)
class CorrectionsEffect:
    """What was taught, tried on these videos: how many are right without and with it, each without its own lesson.

    `n` examples count for the model and the rules; `won` and `lost` count the videos that they alone make right, or
    wrong; `used` says whether judging uses them.
    """

    n: int
    without: HitRate
    within: HitRate
    won: int
    lost: int
    used: bool

    @property
    def verdict(self) -> Verdict:
        """Whether they help or harm on these videos by more than chance."""
        return verdict(self.won, self.lost)

    @property
    def sentence(self) -> str:
        """Say it for people."""
        counts = f"{self.within.brief} right with them, {self.without.brief} without (no video with its own)"
        used = "used" if self.used else "not used"
        told = {
            Verdict.BETTER: f"they help; they are {used}",
            Verdict.WORSE: f"they do harm; they are {used}; learn: {{use: false}} switches them off",
            Verdict.UNTOLD: f"too few videos to tell whether they help; they are {used}",
        }
        return f"{counted(self.n, 'correction')}: {counts}: {told[self.verdict]}"

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "n": self.n,
            "without": self.without.to_json(),
            "with": self.within.to_json(),
            "won": self.won,
            "lost": self.lost,
            "verdict": self.verdict.value,
            "used": self.used,
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The videos, judged as the daemon would (`judged`) and with every frame (`full`), in the same order.

    `temperature` is the one that they were judged with, and `fixed` where the config says so; `fit` is what could be
    learned, `kept` what was kept of it, and `calibrate` whether that was wished for.
    """

    folder: Path
    tree: RuleTree
    model: ModelInfo
    temperature: float
    sampled: SampledCases
    judged: Sequence[Judged]
    full: Sequence[Judged]
    trust: Trust
    fit: Fit | None
    suggestions: Sequence[Suggestion]
    corrections: CorrectionsEffect | None = None  # None: nothing was taught
    rows: Sequence[AblationRow] = ()
    kept: Calibrated | None = None
    fixed: bool = False
    calibrate: bool = False

    @property
    def accuracy(self) -> HitRate:
        """The share of videos that would be filed exactly where they belong."""
        return self._share(sum(one.is_right for one in self.judged))

    @property
    def is_flat(self) -> bool:
        """Whether rules compete at the top alone, so that right there is right all the way."""
        return len(accuracy_at(self.judged, self.tree)) == 1

    @property
    def learned(self) -> Fit | None:
        """What was learned from enough videos to be told of."""
        return self.fit if self.fit is not None and self.fit.has_enough else None

    @property
    def is_refused(self) -> bool:
        """Whether a temperature was to be kept, and there are too few videos to learn one from."""
        return self.calibrate and self.fit is not None and not self.fit.has_enough

    @property
    def in_review(self) -> int:
        """How many undecided videos would go to review."""
        return sum(one.is_undecided and not one.placed for one in self.judged)

    @property
    def stopped(self) -> int:
        """How many undecided videos would stay in a rule above the right one."""
        return sum(one.is_undecided and bool(one.placed) for one in self.judged)

    @property
    def undecided(self) -> HitRate:
        """The share of the undecided videos."""
        return self._share(self.in_review + self.stopped)

    @property
    def wrong(self) -> HitRate:
        """The share of videos that would be filed where they don't belong."""
        return self._share(sum(one.is_wrong for one in self.judged))

    @property
    def differing(self) -> list[Judged]:
        """The videos that would go elsewhere if every frame was looked at."""
        return [one for one, other in zip(self.judged, self.full, strict=True) if one.placed != other.placed]

    @property
    def frames(self) -> tuple[float, float]:
        """How many frames a decision rests on, on average: as the daemon does it, and all."""
        count = len(self.judged)
        return tuple(sum(len(one.times_ms) for one in some) / count for some in (self.judged, self.full))  # type: ignore[return-value]

    @property
    def mistakes(self) -> list[Judged]:
        """The wrongly filed videos, those first that the model was surest of."""
        return sorted((one for one in self.judged if one.is_wrong), key=lambda one: -confidence_in_wrong(one))

    def calibration_as_judged(self, *, top: bool) -> Calibration:
        """Return how far scores can be trusted with the temperature in use, at the top or at the deepest level."""
        return calibration([claim_of(one, self.tree, top=top) for one in self.judged])

    def to_json(self) -> dict[str, Any]:
        """Return the contract of `eval --json`, but for the schema version."""
        return {
            "folder": str(self.folder),
            "model": {
                "name": self.model.name,
                "weights": self.model.weights,
                "device": self.model.device,
                "key": self.model.key,
                "temperature": self.temperature,
            },
            "n": len(self.judged),
            "accuracy": self.accuracy.share,
            "accuracy_interval": list(self.accuracy.interval),
            "accuracy_at": _by_depth(accuracy_at(self.judged, self.tree)),
            "unsure": self.undecided.share,
            "unsure_interval": list(self.undecided.interval),
            "undecided": {"review": self.in_review, "stopped_above": self.stopped},
            "wrong": self.wrong.share,
            "wrong_interval": list(self.wrong.interval),
            "sampling": self._sampling(),
            "confusion": confusion(self.judged),
            "per_rule": {key: one.to_json() for key, one in per_rule(self.judged, self.tree).items()},
            "coverage": [one.to_json() for one in coverage_curve(self._claims())],
            "calibration": self._calibration(),
            "mistakes": [_mistake(one) for one in self.mistakes[:MOST_MISTAKES]],
            "suggestions": [one.to_json() for one in self.suggestions],
            "corrections": self.corrections.to_json() if self.corrections else None,
            "compare": [row.to_json(tried(self.rows)) for row in self.rows],
            "failed": [one.to_json() for one in self.sampled.failed],
            "rejected": [one.to_json() for one in self.sampled.rejected],
        }

    def _share(self, count: int) -> HitRate:
        return HitRate(count, len(self.judged))

    def _claims(self) -> list[Any]:
        return [claim_of(one, self.tree, top=True) for one in self.judged]

    def _sampling(self) -> dict[str, Any]:
        adaptive, every = self.frames
        full, differ = self._share(sum(one.is_right for one in self.full)), self._share(len(self.differing))
        return {
            "frames": adaptive,
            "frames_full": every,
            "accuracy_full": full.share,
            "accuracy_full_interval": list(full.interval),
            "accuracy_at_full": _by_depth(accuracy_at(self.full, self.tree)),
            "differ": differ.share,
            "differ_interval": list(differ.interval),
            "differing": [str(one.case.path) for one in self.differing],
            "frames_decoded": self.sampled.decoded,
            "frames_recalled": self.sampled.frames - self.sampled.decoded,
        }

    def _calibration(self) -> dict[str, Any]:
        trust, fit = self.trust, self.fit
        return {
            "as_judged": {
                "top": self.calibration_as_judged(top=True).to_json(),
                "deepest": self.calibration_as_judged(top=False).to_json(),
            },
            "before": {"top": trust.top_before.to_json(), "deepest": trust.deepest_before.to_json()},
            "after": {
                "top": trust.top_after.to_json() if trust.top_after else None,
                "deepest": trust.deepest_after.to_json() if trust.deepest_after else None,
            },
            **(fit.to_json() if fit else NOTHING_TOLD),
            "least_n": LEAST,
            "kept": self.kept is not None,
        }


def _by_depth(shares: dict[int, HitRate]) -> dict[str, dict[str, float]]:
    return {str(depth): share.to_json() for depth, share in shares.items()}


def went_astray_at(one: Judged) -> int:
    """Return the level, from 0, at which a wrongly filed video left the right way."""
    pairs = zip(one.placed, one.truth, strict=False)
    return next((depth for depth, (name, right) in enumerate(pairs) if name != right), len(one.truth))


def confidence_in_wrong(one: Judged) -> float:
    """Return the score of the wrong rule where a video left the right way."""
    return one.decision.levels[went_astray_at(one)].score


def _mistake(one: Judged) -> dict[str, Any]:
    level = one.decision.levels[went_astray_at(one)]
    return {
        "path": str(one.case.path),
        "truth": name_of(one.truth, NONE),
        "filed": name_of(one.placed, REVIEW),
        "score": level.score,
        "margin": level.margin,
        "reason": one.decision.reason,
    }
