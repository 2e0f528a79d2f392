"""What is measured of a video beyond what its file says of itself, where conditions ask for it. Light: no numpy."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from vsortd.core.word_match import WordLines

if TYPE_CHECKING:
    from collections.abc import Mapping


class Pace(StrEnum):
    """How fast the cuts follow, see `CUTS_ABOVE`."""

    SLOW = "slow"
    MODERATE = "moderate"
    FAST = "fast"
    VERY_FAST = "very_fast"


# More cuts a minute than this make the pace; the fastest that fits is the one, and slow is what no other is.
CUTS_ABOVE: Final = {Pace.VERY_FAST: 20.0, Pace.FAST: 10.0, Pace.MODERATE: 5.0}


class QualityRating(StrEnum):
    """A quarter of the scale each, from below."""

    POOR = "poor"
    FAIR = "fair"
    GOOD = "good"
    HIGH = "high"


FactValue = float | bool | str | tuple[str, ...] | WordLines


@dataclass(frozen=True, slots=True)
class MeasuredFacts:
    """What was measured of a video; None of what nobody asked for, and of what can't be known: `unknown` says why.

    Shares are from 0 to 1. Both levels are -inf where nothing is heard. A video without sound is silent, nobody speaks
    and no music plays in it, and it has no levels.
    """

    shots_per_minute: float | None = None
    pacing: Pace | None = None
    loudness_lufs: float | None = None  # integrated, EBU R 128
    true_peak_dbtp: float | None = None
    speech_share: float | None = None
    music_share: float | None = None  # of its time
    silent: bool | None = None
    quality: QualityRating | None = None
    blur_px: float | None = None  # mean width of edges in a picture of 640 px: higher is blurrier
    hdr: bool | None = None
    interlaced: bool | None = None
    device: str | None = None  # make and model
    said: WordLines | None = None  # by subtitles, and a transcript where there is one
    text: WordLines | None = None  # in the picture
    objects: tuple[str, ...] | None = None  # the classes of things that the detector found
    unknown: Mapping[str, str] = field(default_factory=dict)  # why a fact is not known, by its name

    def value(self, fact: str) -> FactValue | None:
        """Return a fact by its name, None where it is not known."""
        found: FactValue | None = getattr(self, fact)
        return found

    def why_unknown(self, fact: str) -> str:
        """Say why a fact is not known."""
        return self.unknown.get(fact, "it was not measured")

    def lacks(self, asked: frozenset[str]) -> frozenset[str]:
        """Return those of some facts that nobody has tried to measure yet."""
        return frozenset(fact for fact in asked if self.value(fact) is None and fact not in self.unknown)


MUSIC_SHARE: Final = "music_share"  # the fact that the sound model tells
NOTHING_MEASURED: Final = MeasuredFacts()
FACTS: Final = tuple(one.name for one in fields(MeasuredFacts) if one.name != "unknown")
