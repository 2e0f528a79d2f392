"""What came of several models on the same videos, and its form as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vsortd.evaluation.measure import HitRate
from vsortd.evaluation.paired import PairedOutcome, among_others

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.errors import VsortdError
    from vsortd.evaluation.case_sampling import LeftOut
    from vsortd.evaluation.rejudge import Judged
    from vsortd.vision.encoder import ModelInfo
    from vsortd.vision.model_process import ModelCost

FRAMES_RULE: Final = (
    "each video is decoded once, all of sampling.max_frames moments; every model gets these very frames, and judges by "
    "as many of them as it needs before more would hardly change its decision"
)
CORRECTIONS_RULE: Final = "not used: what was taught belongs to one model, so every model judges by the rules' texts"


@dataclass(frozen=True, slots=True)
class VideoOutcome:
    """How a model judges one video; `frames` is how many its decision rests on, `fits_none` that no rule is right."""

    right: bool
    undecided: bool
    fits_none: bool
    frames: int

    @classmethod
    def of(cls, judged: Judged) -> VideoOutcome:
        """Take it out of a decision, which is large."""
        return cls(judged.is_right, judged.is_undecided, not judged.truth, len(judged.times_ms))


@dataclass(frozen=True, slots=True)
class ModelResult:
    """A model and how it judged the videos, in the order of all; or `trouble`, why it could not.

    `word` is how it was named. `temperature_from` is "config", "calibrated" or "default".
    """

    word: str
    info: ModelInfo | None
    cost: ModelCost | None
    temperature: float
    temperature_from: str
    outcomes: Sequence[VideoOutcome]
    trouble: VsortdError | None = None

    @property
    def accuracy(self) -> HitRate:
        """The share of videos that would be filed exactly where they belong."""
        return HitRate(sum(one.right for one in self.outcomes), len(self.outcomes))

    @property
    def unsure(self) -> HitRate:
        """The share of videos that would stay above where they belong: in review, or in a rule above."""
        return HitRate(sum(one.undecided for one in self.outcomes), len(self.outcomes))

    @property
    def wrong(self) -> HitRate:
        """The share of videos that would be filed where they don't belong."""
        return HitRate(sum(not one.right and not one.undecided for one in self.outcomes), len(self.outcomes))

    @property
    def none_right(self) -> HitRate:
        """Of the videos that fit no rule, the share that would be left in review."""
        fitting_none = [one for one in self.outcomes if one.fits_none]
        return HitRate(sum(one.right for one in fitting_none), len(fitting_none))

    @property
    def frames(self) -> float:
        """How many frames a decision rests on, on average."""
        return sum(one.frames for one in self.outcomes) / len(self.outcomes) if self.outcomes else 0.0


@dataclass(frozen=True, slots=True)
class ModelContest:
    """All models on the videos of a folder, in the order in which they were named.

    `decoded` frames were decoded, once for all models.
    """

    folder: Path
    results: Sequence[ModelResult]
    decoded: int
    failed: Sequence[LeftOut]
    rejected: Sequence[LeftOut]

    @property
    def judged(self) -> list[ModelResult]:
        """The models that judged the videos; all the others have `trouble`."""
        return [one for one in self.results if one.trouble is None]

    def against_first(self) -> dict[str, PairedOutcome]:
        """Hold each model that judged against the first that did; by the words that name them."""
        judged = self.judged
        right = [one.right for one in judged[0].outcomes] if judged else []
        pairs = [PairedOutcome.of([one.right for one in other.outcomes], right) for other in judged[1:]]
        return dict(zip((other.word for other in judged[1:]), among_others(pairs), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return the contract of `model compare --json`, but for the schema version."""
        pairs = self.against_first()
        judged = self.judged
        return {
            "folder": str(self.folder),
            "n": len(judged[0].outcomes) if judged else 0,
            "n_none": judged[0].none_right.n if judged else 0,
            "frames_decoded": self.decoded,
            "frames_rule": FRAMES_RULE,
            "corrections": CORRECTIONS_RULE,
            "compared_with": judged[0].word if judged else None,
            "models": [_entry(one, pairs.get(one.word)) for one in self.results],
            "failed": [one.to_json() for one in self.failed],
            "rejected": [one.to_json() for one in self.rejected],
        }


def _entry(one: ModelResult, pair: PairedOutcome | None) -> dict[str, Any]:
    """Return a model's line; null is what could not be found out."""
    info, cost, judged = one.info, one.cost, one.trouble is None
    entry: dict[str, Any] = {
        "model": one.word,
        "name": info.name if info else None,
        "weights": info.weights if info else None,
        "key": info.key if info else None,
    }
    shares = {"accuracy": one.accuracy, "unsure": one.unsure, "wrong": one.wrong, "none_right": one.none_right}
    for name, share in shares.items():
        known = judged and share.n > 0
        low, high = share.interval
        ends = (share.share, low, high)
        entry |= dict(zip((name, f"{name}_low", f"{name}_high"), ends if known else (None,) * 3, strict=True))
    return entry | {
        "won": pair.won if pair else None,
        "lost": pair.lost if pair else None,
        "p": pair.p if pair else None,
        "p_of_all": pair.p_of_all if pair else None,
        "verdict": pair.sentence() if pair else None,
        "frames": one.frames if judged else None,
        "temperature": one.temperature if info else None,
        "temperature_from": one.temperature_from if info else None,
        **cost_json(info, cost),
        "error": one.trouble.title if one.trouble else None,
        "remedy": one.trouble.remedy if one.trouble else None,
    }


def cost_json(info: ModelInfo | None, cost: ModelCost | None) -> dict[str, Any]:
    """Return what a model costs, and on what that was measured; null where it was not."""
    return {
        "device": info.device if info else None,
        "device_name": cost.device_name or None if cost else None,
        "precision": info.dtype if info else None,
        "batch": cost.batch if cost else None,
        "parameters": cost.parameters if cost else None,
        "frames_per_s": cost.frames_per_s if cost else None,
        "load_s": cost.load_s if cost else None,
        "memory_bytes": cost.memory_bytes if cost else None,
        "libraries_bytes": cost.libraries_bytes if cost else None,
        "gpu_bytes": cost.gpu_bytes if cost else None,
    }
