"""A contact sheet: pictures in a grid, each with a caption and bars, under a heading with panels. Pure drawing.

`explain --out` shows with it what a decision rests on; whoever has small RGB pictures and numbers may use it. The
same arguments give the same picture on a machine with the same fonts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from vsortd.core.drawing.colours import COLOURS, GREY, Colour, Tone
from vsortd.core.drawing.lettering import lettering

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

_Box = tuple[int, int, int, int]

# Pixels.
_EDGE: Final = 28  # around everything
_GAP: Final = 14  # between cells, and between panels
_PAD: Final = 12  # inside a card
_RADIUS: Final = 8
_BAR_LINE: Final = 19  # from one bar to the next
_BAR_HIGH: Final = 11
_STRIPE: Final = 4  # under a picture: for or against
_LEAST_WIDTH: Final = 940  # of the contents
_PANEL_WIDTH: Final = 300
_SMOOTH: Final = 4  # shapes are drawn this many times larger: Pillow's own edges are jagged

# The longer side of a picture, by how many there are at most.
_PICTURE_PX: Final = ((1, 460), (2, 400), (6, 300), (math.inf, 236))
_TALL: Final = 1.35  # upright pictures may be this much longer, or they'd look small
_BARS_WIDE: Final = 236  # what names and numbers beside bars need at least
_SHAPE: Final = 1.5  # width over height that a sheet tries to have

_GROUND: Final = (22, 25, 31)
_CARD: Final = (33, 37, 45)
_TRACK: Final = (50, 55, 66)
_TEXT: Final = (236, 239, 244)
_DIM: Final = (156, 164, 178)
_MARK: Final = (226, 230, 238)


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a bar chart: `share` is 0 to 1, `mark` a threshold to draw across it."""

    label: str
    share: float
    tone: Tone = Tone.OTHER
    mark: float | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A titled bar chart of the heading, with a sentence below."""

    title: str
    bars: tuple[Bar, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture: uint8 [height, width, 3] RGB, None where there is none; `stripe` colours the line under it."""

    pixels: npt.NDArray[np.uint8] | None
    caption: str
    bars: tuple[Bar, ...] = ()
    stripe: Tone | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands on top: the title, a badge beside it, the verdict in large letters, and why."""

    title: str
    badge: str = ""
    verdict: str = ""
    tone: Tone = Tone.OTHER
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the cells go: how many columns, and the size of a cell and of the room for its picture."""

    columns: int
    cell: tuple[int, int]
    picture: tuple[int, int]

    def width_px(self) -> int:
        """How wide all columns are together."""
        return self.columns * (self.cell[0] + _GAP) - _GAP


def draw_sheet(
    heading: Heading,
    panels: Sequence[Panel],
    cells: Sequence[Cell],
    *,
    legend: Sequence[tuple[Tone, str]] = (),
    footer: str = "",
) -> Image.Image:
    """Return the sheet as an RGB image; `legend` explains the stripes. Any number of panels and cells, also none."""
    grid = _grid(cells)
    width = max(_LEAST_WIDTH, grid.width_px())
    head = _Head(heading, panels, width)
    rows = math.ceil(len(cells) / grid.columns)
    legend_px = 34 if cells and (legend or footer) else 0
    top = _EDGE + head.height_px + legend_px
    height = top + rows * (grid.cell[1] + _GAP) - (_GAP if rows else 0) + _EDGE
    sheet = Image.new("RGB", (width + 2 * _EDGE, height), _GROUND)
    head.draw(sheet, (_EDGE, _EDGE))
    if legend_px:
        _draw_legend(sheet, (_EDGE, top - legend_px), width, legend, footer)
    left = _EDGE + (width - grid.width_px()) // 2 if len(cells) < grid.columns or rows == 1 else _EDGE
    for number, cell in enumerate(cells):
        row, column = divmod(number, grid.columns)
        at = left + column * (grid.cell[0] + _GAP), top + row * (grid.cell[1] + _GAP)
        _draw_cell(sheet, at, cell, grid)
    return sheet


def _grid(cells: Sequence[Cell]) -> _Grid:
    """Choose the size of the pictures and the columns that make the sheet's shape the best."""
    longest = next(int(size) for most, size in _PICTURE_PX if len(cells) <= most)
    shapes = [cell.pixels.shape for cell in cells if cell.pixels is not None]
    aspect = max((shape[1] / shape[0] for shape in shapes), default=16 / 9)
    tallest = min((shape[1] / shape[0] for shape in shapes), default=16 / 9)
    high = round(min(_TALL, 1 / tallest) * longest)
    picture = max(_BARS_WIDE, round(min(longest, aspect * high))), high
    lines = max((len(cell.bars) for cell in cells), default=0)
    cell_size = picture[0], picture[1] + _STRIPE + (lines * _BAR_LINE + 2 * _PAD - 4 if lines else 0)
    count = max(1, len(cells))

    def badness(columns: int) -> float:
        rows = math.ceil(count / columns)
        shape = columns * cell_size[0] / (rows * cell_size[1])
        return abs(math.log(shape / _SHAPE)) + 1.2 * (rows * columns - count) / count

    return _Grid(min(range(1, count + 1), key=badness), cell_size, picture)


class _Head:
    """The heading, laid out for a width: made first, because the sheet's height hangs on it."""

    def __init__(self, heading: Heading, panels: Sequence[Panel], width: int) -> None:
        self._heading = heading
        self._panels = tuple(panels)
        self._width = width
        self._reason = lettering(15).wrapped(heading.reason, width, most=3) if heading.reason else []
        self._columns = max(1, min(len(self._panels), (width + _GAP) // (_PANEL_WIDTH + _GAP)))
        self._panel_width = (width - (self._columns - 1) * _GAP) // self._columns
        self._row_heights = [
            max(_panel_height(panel, self._panel_width) for panel in self._panels[begin : begin + self._columns])
            for begin in range(0, len(self._panels), self._columns)
        ]

    @property
    def height_px(self) -> int:
        """How high it is, with the gap to what follows."""
        verdict = 44 if self._heading.verdict else 0
        panels = sum(self._row_heights) + _GAP * len(self._row_heights)
        return 32 + verdict + 22 * len(self._reason) + 8 + panels + (_GAP if panels else 0)

    def draw(self, sheet: Image.Image, at: tuple[int, int]) -> None:
        """Draw it with its left upper corner at `at`."""
        left, y = at
        heading, canvas = self._heading, ImageDraw.Draw(sheet)
        colour = COLOURS[heading.tone]
        badge = _draw_badge(sheet, (left + self._width, y), heading.badge, colour) if heading.badge else 0
        title = lettering(18)
        title.draw(canvas, (left, y), title.fitted(heading.title, self._width - badge - _GAP), _DIM)
        y += 32
        if heading.verdict:
            large = lettering(29, bold=True)
            large.draw(canvas, (left, y), large.fitted(heading.verdict, self._width), colour)
            y += 44
        for line in self._reason:
            lettering(15).draw(canvas, (left, y), line, _TEXT)
            y += 22
        y += 8
        for row, height in enumerate(self._row_heights):
            for column, panel in enumerate(self._panels[row * self._columns : (row + 1) * self._columns]):
                x = left + column * (self._panel_width + _GAP)
                _draw_panel(sheet, (x, y, x + self._panel_width, y + height), panel)
            y += height + _GAP


def _panel_height(panel: Panel, width: int) -> int:
    note = len(lettering(13).wrapped(panel.note, width - 2 * _PAD)) if panel.note else 0
    return 2 * _PAD + 24 + len(panel.bars) * _BAR_LINE + (note * 18 + 4 if note else 0)


def _draw_panel(sheet: Image.Image, box: _Box, panel: Panel) -> None:
    left, top, right, _ = box
    _card(sheet, box, _CARD)
    canvas, inner = ImageDraw.Draw(sheet), right - left - 2 * _PAD
    title = lettering(14, bold=True)
    title.draw(canvas, (left + _PAD, top + _PAD), title.fitted(panel.title, inner), _TEXT)
    y = top + _PAD + 24
    draw_bars(sheet, (left + _PAD, y), inner, panel.bars)
    y += len(panel.bars) * _BAR_LINE + 4
    for line in lettering(13).wrapped(panel.note, inner) if panel.note else ():
        lettering(13).draw(canvas, (left + _PAD, y), line, _DIM)
        y += 18


def _draw_cell(sheet: Image.Image, at: tuple[int, int], cell: Cell, grid: _Grid) -> None:
    left, top = at
    wide, high = grid.picture
    _card(sheet, (left, top, left + grid.cell[0], top + grid.cell[1]), _CARD)
    if cell.pixels is None:
        font, what = lettering(13), "no picture"
        at = left + (wide - font.width_px(what)) // 2, top + high // 2 - 8
        font.draw(ImageDraw.Draw(sheet), at, what, _DIM)
        shown = (left, top, left + wide, top + high)
    else:
        shown = _draw_picture(sheet, (left, top), Image.fromarray(cell.pixels), grid.picture)
    _draw_caption(sheet, (max(left, shown[0]) + 8, shown[3] - 8), cell.caption, left + wide - shown[0] - 16)
    if cell.stripe is not None:
        ImageDraw.Draw(sheet).rectangle(
            (left, top + high, left + wide - 1, top + high + _STRIPE - 1), fill=COLOURS[cell.stripe]
        )
    draw_bars(sheet, (left + _PAD, top + high + _STRIPE + _PAD - 2), grid.cell[0] - 2 * _PAD, cell.bars)


def _draw_picture(sheet: Image.Image, at: tuple[int, int], picture: Image.Image, room: tuple[int, int]) -> _Box:
    """Draw a picture, whole and as large as there is room, in the middle of a card's upper part; return where."""
    wide, high = room
    scale = min(wide / picture.width, high / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    offset = (wide - size[0]) // 2, (high - size[1]) // 2
    left, top = at[0] + offset[0], at[1] + offset[1]
    # the card's round corners cut the picture's, where it reaches them
    mask = _rounded((wide, high + _RADIUS)).crop((*offset, offset[0] + size[0], offset[1] + size[1]))
    sheet.paste(picture.resize(size, Image.Resampling.LANCZOS), (left, top), mask)
    return left, top, left + size[0], top + size[1]


def _draw_caption(sheet: Image.Image, at: tuple[int, int], text: str, width: int) -> None:
    """Write into a dark plate that ends at `at` (left, bottom), readable on any picture."""
    if not text:
        return
    font = lettering(13, bold=True)
    text = font.fitted(text, width - 12)
    size = font.width_px(text) + 12, font.height_px + 4
    plate = _rounded(size, 5).point(lambda value: value * 170 // 255)
    sheet.paste((0, 0, 0), (at[0], at[1] - size[1]), plate)
    font.draw(ImageDraw.Draw(sheet), (at[0] + 6, at[1] - size[1] + 2), text, (255, 255, 255))


def draw_bars(sheet: Image.Image, at: tuple[int, int], width: int, bars: Sequence[Bar]) -> None:
    """Draw bars below one another from `at` (left, top): name, bar, number. The length is the share of the track."""
    left, top = at
    names, numbers, canvas = lettering(13), lettering(12), ImageDraw.Draw(sheet)
    name_width, number_width = min(round(width * 0.36), 200), 36
    track_left, track_right = left + name_width + 8, left + width - number_width
    for number, bar in enumerate(bars):
        y = top + number * _BAR_LINE
        strong = bar.tone in {Tone.WINNER, Tone.CANDIDATE}
        ink = COLOURS[bar.tone] if strong else _DIM
        names.draw(canvas, (left, y), names.fitted(bar.label, name_width), _TEXT if strong else _DIM)
        _draw_bar(sheet, (track_left, y + 4, track_right, y + 4 + _BAR_HIGH), bar)
        text = f"{bar.share:.2f}"
        numbers.draw(canvas, (left + width - numbers.width_px(text), y + 1), text, ink)


def _draw_bar(sheet: Image.Image, box: _Box, bar: Bar) -> None:
    left, top, right, bottom = box
    canvas = ImageDraw.Draw(sheet)
    _card(sheet, box, _TRACK, 3)
    length = round(min(1.0, max(0.0, bar.share)) * (right - left))
    if length:
        # cut out of a whole round track, so that short bars have the track's own beginning
        mask = _rounded((right - left, bottom - top), 3).crop((0, 0, length, bottom - top))
        ink = _hatching((length, bottom - top)) if bar.tone is Tone.NONE else COLOURS[bar.tone]
        sheet.paste(ink, (left, top, left + length, bottom) if isinstance(ink, tuple) else (left, top), mask)
    if bar.mark is not None and bar.mark > 0:
        x = left + round(min(1.0, bar.mark) * (right - left))
        canvas.line((x, top - 3, x, bottom + 2), fill=_MARK, width=1)


def _hatching(size: tuple[int, int]) -> Image.Image:
    """Return slanted stripes: there, but nobody's."""
    wide, high = size
    large = Image.new("RGB", (wide * _SMOOTH, high * _SMOOTH), _TRACK)
    canvas, reach = ImageDraw.Draw(large), high * _SMOOTH
    for x in range(-reach, large.width + reach, 5 * _SMOOTH):
        canvas.line((x, reach, x + reach, 0), fill=GREY, width=2 * _SMOOTH)
    return large.resize(size, Image.Resampling.LANCZOS)


def _draw_badge(sheet: Image.Image, at: tuple[int, int], text: str, colour: Colour) -> int:
    """Draw a badge that ends at `at` (right, top); return its width."""
    font = lettering(14, bold=True)
    size = font.width_px(text) + 24, 26
    left = at[0] - size[0]
    _card(sheet, (left, at[1], at[0], at[1] + size[1]), colour, 13)
    font.draw(ImageDraw.Draw(sheet), (left + 12, at[1] + 3), text, _GROUND)
    return size[0]


def _draw_legend(
    sheet: Image.Image, at: tuple[int, int], width: int, legend: Sequence[tuple[Tone, str]], footer: str
) -> None:
    """Explain the stripes on the left, the footer's words on the right."""
    x, y = at
    canvas, font = ImageDraw.Draw(sheet), lettering(13)
    for tone, text in legend:
        canvas.rectangle((x, y + 7, x + 17, y + 7 + _STRIPE - 1), fill=COLOURS[tone])
        x += 25 + font.draw(canvas, (x + 25, y), text, _DIM) + 22
    footer = font.fitted(footer, max(0, at[0] + width - x))
    font.draw(canvas, (at[0] + width - font.width_px(footer), y), footer, _DIM)


def _card(sheet: Image.Image, box: _Box, colour: Colour, radius: int = _RADIUS) -> None:
    sheet.paste(colour, box, _rounded((box[2] - box[0], box[3] - box[1]), radius))


def _rounded(size: tuple[int, int], radius: int = _RADIUS) -> Image.Image:
    """Return the mask of a rectangle with round, smooth corners."""
    wide, high = size[0] * _SMOOTH, size[1] * _SMOOTH
    large = Image.new("L", (wide, high), 0)
    reach = min(radius * _SMOOTH, wide // 2, high // 2)
    ImageDraw.Draw(large).rounded_rectangle((0, 0, wide - 1, high - 1), reach, fill=255)
    return large.resize(size, Image.Resampling.BOX)
