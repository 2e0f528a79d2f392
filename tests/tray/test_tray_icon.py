"""The icon's four pictures: different from one another in shape, too, and legible where they are smallest."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from vsortd.tray.icon import BACKDROP, PLATES, SIGN, draw
from vsortd.tray.state import IconState

if TYPE_CHECKING:
    from vsortd.tray.icon import Colour

LIGHT_PANEL, DARK_PANEL = (0xFF, 0xFF, 0xFF), (0x1B, 0x1B, 0x1B)
LEGIBLE = 3.0  # WCAG 2.1, 1.4.11 Non-text Contrast
SIDES_PX = (16, 22, 24, 32, 48, 64, 128)


def _luminance(colour: Colour) -> float:
    """Return the relative luminance as WCAG 2.1 defines it."""
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("state", IconState)
def test_the_plate_stands_out_from_panels_and_from_its_sign(state: IconState) -> None:
    plate = PLATES[state]
    for other in (LIGHT_PANEL, DARK_PANEL, SIGN):
        assert _contrast(plate, other) >= LEGIBLE


@pytest.mark.parametrize("panel", [LIGHT_PANEL, DARK_PANEL], ids=["light", "dark"])
@pytest.mark.parametrize("state", IconState)
def test_at_16_pixels_the_drawn_sign_is_legible(state: IconState, panel: Colour) -> None:
    """Of the picture as it lies on the panel: enough clear pixels of the sign, and of the plate against the panel."""
    picture = draw(state, 16)
    shown = Image.new("RGB", picture.size, panel)
    shown.paste(picture, mask=picture)
    pixels = [shown.getpixel((x, y)) for y in range(16) for x in range(16)]
    sign = [pixel for pixel in pixels if _contrast(pixel, PLATES[state]) >= LEGIBLE and _luminance(pixel) > 0.6]
    plate = [pixel for pixel in pixels if _contrast(pixel, panel) >= LEGIBLE and _contrast(pixel, SIGN) >= LEGIBLE]
    own_sign = len(sign) - (sum(1 for pixel in pixels if pixel == panel) if panel == LIGHT_PANEL else 0)
    assert own_sign >= 12
    assert len(plate) >= 50


@pytest.mark.parametrize("side_px", SIDES_PX)
@pytest.mark.parametrize("state", IconState)
def test_the_picture_has_the_size_that_was_asked_for(state: IconState, side_px: int) -> None:
    assert ((side_px, side_px), "RGBA") == (draw(state, side_px).size, draw(state, side_px).mode)
    assert ((side_px, side_px), "RGB") == (
        draw(state, side_px, opaque=True).size,
        draw(state, side_px, opaque=True).mode,
    )


@pytest.mark.parametrize(("one", "other"), tuple(itertools.combinations(IconState, 2)))
@pytest.mark.parametrize("side_px", [16, 64])
@pytest.mark.parametrize("opaque", [False, True])
def test_the_states_differ_in_shape_without_any_colour(
    one: IconState, other: IconState, side_px: int, *, opaque: bool
) -> None:
    """Sign and outline alone, as a colour-blind eye sees plates of like lightness, differ in a tenth of the picture."""
    left, right = _shape(one, side_px, opaque=opaque), _shape(other, side_px, opaque=opaque)
    for part in ("clear", "sign"):  # the outline alone tells them apart, and so does the sign alone
        different = sum((a == part) != (b == part) for a, b in zip(left, right, strict=True))
        assert different >= side_px * side_px / 20, part
    assert sum(a != b for a, b in zip(left, right, strict=True)) >= side_px * side_px / 10


def _shape(state: IconState, side_px: int, *, opaque: bool) -> list[str]:
    """Return each pixel as clear, plate or sign, by its lightness."""
    drawn = draw(state, side_px, opaque=opaque)
    picture = Image.new("RGB", drawn.size, BACKDROP)
    picture.paste(drawn, mask=None if opaque else drawn)
    lightness = [_luminance(picture.getpixel((x, y))) for y in range(side_px) for x in range(side_px)]
    return ["sign" if light > 0.5 else "plate" if light > 0.09 else "clear" for light in lightness]


@pytest.mark.parametrize("state", IconState)
def test_an_outline_shows_on_the_backdrop(state: IconState) -> None:
    assert _contrast(PLATES[state], BACKDROP) >= LEGIBLE


def test_what_means_watching_is_no_play_sign() -> None:
    """An eye: it has a middle line, left and right are alike, and so are above and below."""
    shape = _shape(IconState.WATCHING, 64, opaque=True)
    rows = [shape[64 * y : 64 * (y + 1)] for y in range(64)]
    for mirrored in ([row[::-1] for row in rows], rows[::-1]):
        unlike = sum(a != b for row, other in zip(rows, mirrored, strict=True) for a, b in zip(row, other, strict=True))
        assert unlike <= 64, "more than what rounding to pixels makes"
    assert "plate" == rows[32][32]
