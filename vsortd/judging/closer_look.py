"""What was seen of a video besides its whole frames, and what of it is looked for. Pure: arithmetic on unit vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.config.choices import Look
from vsortd.judging.aggregation import EPSILON
from vsortd.judging.conditions import open_to
from vsortd.judging.frame_scores import presence, seconds_shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from vsortd.config.rules import Rule, RuleTree, TagRule
    from vsortd.config.tag_options import Contains
    from vsortd.judging.conditions import ConditionFacts
    from vsortd.vision.detector import SeenObjects
    from vsortd.vision.prompts import RuleVectors

    Box = tuple[float, float, float, float]

_MIDDLE: Final = (0.4, 0.6)  # shares of the picture between which something is in its middle
_MOST_OF_IT: Final = 0.9  # share of the picture's width and height from which on a box is all of it


@dataclass(frozen=True, slots=True, eq=False)
class SeenCrops:
    """Parts of n frames as the model sees them.

    `times_ms` is int64 [n], `vectors` float32 [n, k, dim] of unit rows, `boxes` says for each of the k ≥ 1 parts where
    it lies: left, top, right, bottom as shares of the picture.
    """

    times_ms: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CloserLook:
    """What was seen besides whole frames; what nobody looked at is None."""

    crops: SeenCrops | None = None
    objects: SeenObjects | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where something that was looked for is seen best: `score` 0 to 1, when, where in the picture, how long in all."""

    score: float
    at_ms: int
    place: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return it as `explain --json` prints it."""
        return {
            "score": round(self.score, 4),
            "time_ms": self.at_ms,
            "place": self.place,
            "seconds": round(self.seconds, 3),
        }

    def __str__(self) -> str:
        if not self.place:
            return "not there"
        return f"at best {self.score:.2f}, at {self.at_ms / 1000:.1f} s, {self.place}"


NOTHING_SEEN: Final = CloserLook()


def wants_crops(tree: RuleTree, facts: ConditionFacts) -> bool:
    """Tell whether some rule or tag asks for parts of the pictures of a video with these facts."""
    return any(one.look is Look.CROPS for one in _sought(tree, facts))


def looks_closer(tree: RuleTree) -> str:
    """Return the name of a rule or tag that takes more than whole frames, "" where none does."""
    asking: list[Rule | TagRule] = [*tree.walk(), *tree.tags]
    return next((one.name for one in asking if _takes_more(one)), "")


def _takes_more(one: Rule | TagRule) -> bool:
    return (one.contains is not None and is_closer(one.contains)) or (
        one.when is not None and bool(one.when.has_objects)
    )


def wanted_objects(tree: RuleTree, facts: ConditionFacts) -> frozenset[str]:
    """Return the classes that rules and tags look for in a video with these facts."""
    return frozenset(name for one in _sought(tree, facts) for name in one.objects)


def _sought(tree: RuleTree, facts: ConditionFacts) -> Iterator[Contains]:
    """Yield what rules and tags look for that a video with these facts may come to, whatever its tags will be."""
    if tree.seeks:
        yield from (one.contains for one in open_to(tree, facts) if one.contains is not None)


def is_closer(contains: Contains) -> bool:
    """Tell whether it takes more than whole frames to find this."""
    return bool(contains.objects) or contains.look is Look.CROPS


def sought_words(contains: Contains) -> str:
    """Say what is looked for, as a reason names it."""
    if not contains.objects:
        return f"'{contains.prompts[0]}'"
    return f"{'' if contains.min_count == 1 else f'{contains.min_count} x '}'{' or '.join(contains.objects)}'"


def sighting_of(
    contains: Contains, key: str, vectors: RuleVectors, seen: CloserLook, *, duration_s: float
) -> Sighting | None:
    """Return where what `is_closer` is seen best, None where nobody took the closer look.

    `key` is that of `vectors.detectors`. What isn't there at all has a score of 0 and no place.
    """
    if contains.objects:
        return None if seen.objects is None else _objects_seen(contains, seen.objects, duration_s)
    return None if seen.crops is None else _crops_seen(contains, key, vectors, seen.crops, duration_s)


def _objects_seen(contains: Contains, seen: SeenObjects, duration_s: float) -> Sighting:
    """Each frame's score is that of the last of so many things as are asked for, the surest first."""
    wanted = {name.casefold() for name in contains.objects}
    frames = [[one for one in frame if one.name.casefold() in wanted] for frame in seen.found]
    scores = np.array([own[contains.min_count - 1].score if len(own) >= contains.min_count else 0.0 for own in frames])
    seconds = seconds_shown(scores >= contains.min_score - EPSILON, np.array(seen.times_ms, np.int64), duration_s)
    at = int(scores.argmax())
    own = frames[at][: contains.min_count]
    return Sighting(float(scores[at]), seen.times_ms[at], place_of(own[0].box) if scores[at] else "", seconds)


def _crops_seen(contains: Contains, key: str, vectors: RuleVectors, crops: SeenCrops, duration_s: float) -> Sighting:
    count, parts, dim = crops.vectors.shape
    probs = presence(vectors, key, crops.vectors.reshape(-1, dim).astype(np.float64)).reshape(count, parts)
    best = probs.argmax(axis=1)
    scores = probs.max(axis=1)
    seconds = seconds_shown(scores >= contains.min_score - EPSILON, crops.times_ms, duration_s)
    at = int(scores.argmax())
    return Sighting(float(scores[at]), int(crops.times_ms[at]), place_of(crops.boxes[best[at]]), seconds)


def place_of(box: Box) -> str:
    """Say where in the picture a box (left, top, right, bottom as shares) lies: "top left", "in the middle"."""
    left, top, right, bottom = box
    if right - left >= _MOST_OF_IT and bottom - top >= _MOST_OF_IT:
        return "in the whole picture"
    across = _third((left + right) / 2, ("left", "", "right"))
    down = _third((top + bottom) / 2, ("top", "", "bottom"))
    return " ".join(filter(None, (down, across))) or "in the middle"


def _third(centre: float, words: tuple[str, str, str]) -> str:
    low, high = _MIDDLE
    return words[0] if centre < low else words[2] if centre > high else words[1]
