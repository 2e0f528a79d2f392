"""What was decided of a video, level by level, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vsortd.judging.closer_look import Sighting

NONE: Final = "(none of these)"


class DecisionOutcome(StrEnum):
    """Where a decision sends a video."""

    FILED = "filed"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class LevelResult:
    """How the siblings under `parent` ("" at the top) did.

    `scores` maps each sibling's name, and `(none of these)`, to its aggregated probability. `best` is the
    rule that came first (also when it did not win; "" if the model knows none), `score`, `margin` and
    `runner_up` are its own. `excluded` says of each rule whose conditions don't hold why. Where something
    is heard, `heard` maps each rule that listens to how probably that is its sound, `seen` each sibling to
    its score by the pictures alone.
    """

    parent: str
    scores: dict[str, float]
    winner: str | None
    score: float
    margin: float
    runner_up: str
    reason: str
    best: str = ""
    excluded: dict[str, str] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a video belongs, and why.

    `rule` is the key of the deepest rule that won, "" if none did. `score` and `margin` are those of the
    deepest level won or, for a video sent to review, of the best candidate there. `frame_scores` maps the
    key of every rule that competed to its probability in each frame. `settled` says that more frames would
    hardly change the outcome. `facets` holds how the values of each facet did, as a level with it for a `parent`.
    `sightings` maps the key of each rule that a closer look was taken for, or `#` and a tag's name, to what that saw.
    """

    rule: str
    outcome: DecisionOutcome
    score: float
    margin: float
    levels: tuple[LevelResult, ...]
    reason: str
    settled: bool
    frame_scores: dict[str, tuple[float, ...]]
    tags: tuple[str, ...] = ()
    facets: tuple[LevelResult, ...] = ()
    sightings: dict[str, Sighting] = field(default_factory=dict)
