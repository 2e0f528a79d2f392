"""How labels are looked for: what the command line chooses between. Light, so that it can be asked before anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FramePace(StrEnum):
    """Which frames are looked at."""

    SECOND = "second"
    SHOT = "shot"
    FRAME = "frame"


class ImportAs(StrEnum):
    """What the categories of a file become in a config."""

    RULES = "rules"
    FACETS = "facets"


class LabelEnsemble(StrEnum):
    """How several prompts of one category become its logit."""

    MEAN = "mean"
    BEST = "best"


@dataclass(frozen=True, slots=True)
class LabelReading:
    """How scores are read.

    `confidence` is from 0 to 1, `temperature` above 0 (1: the model as it is). `none`: whether "none of these" takes
    part. `top`: how many labels of a unit are told, None for all.
    """

    confidence: float = 0.3
    temperature: float = 1.0
    ensemble: LabelEnsemble = LabelEnsemble.MEAN
    none: bool = True
    top: int | None = None
