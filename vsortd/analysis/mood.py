"""Which mood a video has, how that goes on, and how even it is. Pure.

Picture and sound each say how probable five moods are; both are normalised to 1 and count one half, or one alone counts
whole. Confidence is 1 - H / ln 5 with the entropy H: 0 where all five are as probable, 1 where one is certain. How far
apart the moods of two parts are is the Jensen-Shannon distance (base 2: 0 for the same, 1 for what has nothing in
common; D. M. Endres, J. E. Schindelin, "A new metric for probability distributions", 2003).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.built_in_categories import PictureUnit, SoundUnit
from vsortd.analysis.content_type import normalised

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vsortd.analysis.label_document import UnitMeans

    Moods = Mapping[str, float]

MOODS: Final = ("Emotional", "Exciting", "Lighthearted", "Tense", "Imaginative")
# What the same moods are called among the sounds.
_OF_SOUND: Final = {
    "EmotionalAudio": "Emotional",
    "IntenseAudio": "Exciting",
    "LightAudio": "Lighthearted",
    "EerieAudio": "Tense",
    "FantasticalAudio": "Imaginative",
}


class MoodConsistency(StrEnum):
    """How far apart the moods of neighbouring parts are, in the mean: less than 0.1, less than 0.25, or more."""

    HIGH = "Highly consistent"
    MODERATE = "Moderately consistent"
    VARIABLE = "Variable"


_CONSISTENT: Final = ((0.1, MoodConsistency.HIGH), (0.25, MoodConsistency.MODERATE))


@dataclass(frozen=True, slots=True)
class MoodReport:
    """How probable each mood is (together 1), by picture and sound alone, too, as far as each says something."""

    moods: Moods
    picture: Moods | None
    sound: Moods | None

    @property
    def mood(self) -> str:
        """The most probable mood; in a tie the earlier of `MOODS`."""
        return max(MOODS, key=lambda name: self.moods[name])

    @property
    def confidence(self) -> float:
        """How far from even the moods are, 0 to 1."""
        entropy = -sum(value * math.log(value) for value in self.moods.values() if value > 0)
        return min(max(1 - entropy / math.log(len(MOODS)), 0.0), 1.0)

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it."""
        falling = sorted(MOODS, key=lambda name: -self.moods[name])
        return {
            "mood": self.mood,
            "confidence": round(self.confidence, 4),
            "elements": [
                {
                    "mood": name,
                    "strength": round(self.moods[name], 4),
                    "picture": None if self.picture is None else round(self.picture[name], 4),
                    "sound": None if self.sound is None else round(self.sound[name], 4),
                }
                for name in falling
            ],
        }


def mood_of(picture: Sequence[UnitMeans] | None, sound: Sequence[UnitMeans] | None) -> MoodReport | None:
    """Return the mood by the units of moods among these; None where neither says anything."""
    seen = _moods(picture, PictureUnit.MOOD, {name: name for name in MOODS})
    heard = _moods(sound, SoundUnit.MOOD, _OF_SOUND)
    said = [one for one in (seen, heard) if one is not None]
    if not said:
        return None
    return MoodReport({name: sum(one[name] for one in said) / len(said) for name in MOODS}, seen, heard)


def _moods(units: Sequence[UnitMeans] | None, wanted: str, names: Mapping[str, str]) -> Moods | None:
    unit = next((one for one in units or () if one.unit == wanted), None)
    if unit is None or set(unit.labels) != set(names):
        return None
    own = normalised(unit)
    return None if own is None else {names[label]: value for label, value in own.items()}


def moods_distance(one: Moods, other: Moods) -> float:
    """Return the Jensen-Shannon distance of two distributions over the same moods, 0 to 1."""
    middle = {name: (one[name] + other[name]) / 2 for name in one}

    def divergence(of: Moods) -> float:
        return sum(value * math.log2(value / middle[name]) for name, value in of.items() if value > 0)

    return math.sqrt(max((divergence(one) + divergence(other)) / 2, 0.0))


def mood_consistency(parts: Sequence[MoodReport | None]) -> tuple[MoodConsistency, float] | None:
    """Return how even the mood of consecutive parts is, and their mean distance; None with fewer than two known."""
    known = [part.moods for part in parts if part is not None]
    if len(known) < 2:  # noqa: PLR2004 - one has no neighbour
        return None
    distances = [moods_distance(one, other) for one, other in pairwise(known)]
    mean = sum(distances) / len(distances)
    return next((rating for below, rating in _CONSISTENT if mean < below), MoodConsistency.VARIABLE), mean
