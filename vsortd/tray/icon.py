"""The icon, drawn by code: one picture a state, told apart by shape as well as by colour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from vsortd.tray.state import IconState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image as Picture

Colour = tuple[int, int, int]

# Of middling lightness (relative luminance 0.17 to 0.21), so that each stands out from a white panel, from a black one
# and from the white sign on it, by a contrast of 3 at least (WCAG 2.1, 1.4.11). tests/tray measures that.
PLATES: Final[dict[IconState, Colour]] = {
    IconState.WATCHING: (0x00, 0x89, 0x7B),
    IconState.WORKING: (0x1E, 0x78, 0xD6),
    IconState.PAUSED: (0x78, 0x78, 0x78),
    IconState.TROUBLE: (0xE0, 0x31, 0x31),
}
SIGN: Final[Colour] = (0xFF, 0xFF, 0xFF)
# Around the plate in a tray that knows no transparency: dark as most panels are, so that the outline shows there too.
BACKDROP: Final[Colour] = (0x1B, 0x1B, 0x1B)

_FINER = 8  # drawn so many times larger, then made smaller: smooth edges

Points = tuple[tuple[float, float], ...]


def _disc(radius: float) -> Points:
    """Return a disc in the middle, as a polygon that no eye tells from one."""
    turns = [step * math.tau / 48 for step in range(48)]
    return tuple((0.5 + radius * math.cos(turn), 0.5 + radius * math.sin(turn)) for turn in turns)


def _lens(half_width: float, half_height: float) -> Points:
    """Return what two arcs enclose that meet at the left and at the right: an eye."""
    across = [step / 24 * 2 - 1 for step in range(25)]
    upper = [(0.5 + half_width * x, 0.5 - half_height * (1 - x * x)) for x in across]
    return (*upper, *((x, 1 - y) for x, y in reversed(upper)))


_PUPIL: Final = _disc(0.145)
# In parts of the side, y downwards. Nothing is thinner than 2 pixels at a side of 16.
_SIGNS: Final[dict[IconState, tuple[Points, ...]]] = {
    # an open eye; its pupil is cut out below
    IconState.WATCHING: (_lens(0.43, 0.29),),
    # an arrow down into a tray
    IconState.WORKING: (
        ((0.43, 0.14), (0.57, 0.14), (0.57, 0.40), (0.43, 0.40)),
        ((0.24, 0.38), (0.76, 0.38), (0.50, 0.66)),
        ((0.20, 0.73), (0.80, 0.73), (0.80, 0.86), (0.20, 0.86)),
    ),
    # two bars
    IconState.PAUSED: (
        ((0.28, 0.26), (0.44, 0.26), (0.44, 0.74), (0.28, 0.74)),
        ((0.56, 0.26), (0.72, 0.26), (0.72, 0.74), (0.56, 0.74)),
    ),
    # an exclamation mark
    IconState.TROUBLE: (
        ((0.43, 0.34), (0.57, 0.34), (0.57, 0.67), (0.43, 0.67)),
        ((0.43, 0.74), (0.57, 0.74), (0.57, 0.88), (0.43, 0.88)),
    ),
}


def draw(state: IconState, side_px: int, *, opaque: bool = False) -> Picture:
    """Return the icon, square, RGBA; `opaque`: RGB on a backdrop, for trays that know no transparency."""
    large_px = side_px * _FINER
    plate = PLATES[state]
    # what is clear has the plate's colour too, so that no dark seam comes up where the edge is half clear
    picture = Image.new("RGB" if opaque else "RGBA", (large_px, large_px), BACKDROP if opaque else (*plate, 0))
    pen = ImageDraw.Draw(picture)
    _draw_plate(pen, state, large_px, plate)
    for points in _SIGNS[state]:
        pen.polygon(_scaled(points, large_px), fill=SIGN)
    if state is IconState.WATCHING:
        pen.polygon(_scaled(_PUPIL, large_px), fill=plate)
    return picture.resize((side_px, side_px), Image.Resampling.BOX)


def _draw_plate(pen: ImageDraw.ImageDraw, state: IconState, side_px: int, colour: Colour) -> None:
    """Draw the outline that tells the states apart even where colours don't: disc, square, octagon, triangle."""
    edge = side_px - 1
    if state is IconState.WATCHING:
        pen.ellipse((0, 0, edge, edge), fill=colour)
    elif state is IconState.WORKING:
        pen.rounded_rectangle((0, 0, edge, edge), radius=side_px // 8, fill=colour)
    elif state is IconState.PAUSED:
        cut = 0.29
        corners = ((cut, 0), (1 - cut, 0), (1, cut), (1, 1 - cut), (1 - cut, 1), (cut, 1), (0, 1 - cut), (0, cut))
        pen.polygon(_scaled(corners, side_px), fill=colour)
    else:
        pen.polygon(_scaled(((0.38, 0.02), (0.62, 0.02), (1.0, 0.98), (0.0, 0.98)), side_px), fill=colour)


def _scaled(points: Sequence[tuple[float, float]], side_px: int) -> list[tuple[float, float]]:
    return [(x * (side_px - 1), y * (side_px - 1)) for x, y in points]
