"""The colours of drawn sheets, named by what they mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

Colour = tuple[int, int, int]


GREY: Final = (124, 133, 149)


class Tone(StrEnum):
    """What a colour says."""

    WINNER = "winner"
    CANDIDATE = "candidate"  # came first, but did not win
    OTHER = "other"
    NONE = "none"  # none of these: hatched
    AGAINST = "against"


COLOURS: Final[dict[Tone, Colour]] = {
    Tone.WINNER: (61, 196, 134),
    Tone.CANDIDATE: (240, 178, 62),
    Tone.OTHER: GREY,
    Tone.NONE: GREY,
    Tone.AGAINST: (232, 102, 96),
}
