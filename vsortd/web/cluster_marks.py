"""How each group is marked on the map and in the list: a colour and a shape, so that neither alone tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TONES: Final = 7
# In a box from -8 to 8: a disc, a square, a triangle, a diamond, a cross, a star, a triangle upside down, a bar.
_SHAPES: Final = (
    "M6 0A6 6 0 1 1-6 0A6 6 0 1 1 6 0Z",
    "M-5.5-5.5H5.5V5.5H-5.5Z",
    "M0-7L7 6H-7Z",
    "M0-7.5L6.5 0L0 7.5L-6.5 0Z",
    "M-2.5-7H2.5V-2.5H7V2.5H2.5V7H-2.5V2.5H-7V-2.5H-2.5Z",
    "M0-8L2-2.5H8L3.2 1.2L5 7L0 3.5L-5 7L-3.2 1.2L-8-2.5H-2Z",
    "M0 7L-7-6H7Z",
    "M-7-3H7V3H-7Z",
)


@dataclass(frozen=True, slots=True)
class ClusterMark:
    """A mark: the number of its colour, 1 to `TONES` or 0 for grey, and its shape as an SVG path."""

    tone: int
    shape: str


NO_GROUP: Final = ClusterMark(0, "M3.5 0A3.5 3.5 0 1 1-3.5 0A3.5 3.5 0 1 1 3.5 0Z")


def mark_of(number: int) -> ClusterMark:
    """Return the mark of a group by its number, from 1; 56 of them differ."""
    return ClusterMark((number - 1) % TONES + 1, _SHAPES[(number - 1) % len(_SHAPES)])
