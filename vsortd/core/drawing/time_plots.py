"""What plots over a video's time share: looks, the axis of time, the strip of pictures above. matplotlib's part."""

from __future__ import annotations

import logging
import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.units import about_clock
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Pixels = npt.NDArray[np.uint8]

DPI: Final = 150
INK, DIM, GRID, QUIET = "#20242b", "#6b7280", "#e5e7eb", "#9aa5b8"
COLOURS: Final = ("#2f6fb0", "#2f9e6e", "#d0701e", "#8a55c4", "#c23b63", "#148a94", "#8a6d1c", "#5a6b86")
_STYLE: Final[Any] = {
    "font.size": 9,
    "axes.edgecolor": GRID,
    "text.color": INK,
    "text.parse_math": False,  # prompts are no formulas
    "xtick.color": DIM,
    "ytick.color": DIM,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# Matplotlib's own font has Latin, Greek and Cyrillic; of these, what a machine has joins in for other scripts.
_FALLBACKS: Final = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Nirmala UI",
    "Segoe UI",
    "Arial Unicode MS",
)
# Distances of the time axis' marks, seconds.
_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 36_000, 86_400)
_MOST_STEPS: Final = 12


def insist_on_matplotlib() -> None:
    """Raise UsageError where nothing can be drawn."""
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        title = "A plot is drawn with matplotlib, which is not installed."
        raise UsageError(title, remedy="pip install 'vsortd[plots]'")


@contextmanager
def plot_style() -> Iterator[None]:
    """Draw with these looks, and with the fonts of this machine for what matplotlib's own lacks."""
    import matplotlib as mpl
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    own = {**_STYLE, "font.family": ["DejaVu Sans", *(name for name in _FALLBACKS if name in there)]}
    fonts = logging.getLogger("matplotlib.font_manager")
    told, fonts.level = fonts.level, logging.ERROR  # that a font for other scripts isn't there in bold
    try:
        with warnings.catch_warnings(), mpl.rc_context(own):
            # a letter that no font has is drawn as a box; that is said by the picture
            warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
            yield
    finally:
        fonts.level = told


def save_plot(figure: Figure, path: Path) -> None:
    """Write a figure as PNG. Raises UsageError where the file can't be written."""
    try:
        with plot_style():
            figure.savefig(path, dpi=DPI, format="png")
    except OSError as error:
        raise UsageError(f"Can't write {path}: {error.strerror or error}.", paths=[path]) from error


def draw_strip(axes: Axes, pictures: Sequence[Pixels | None], duration_s: float, room: float) -> None:
    """Lay pictures (uint8 [h, w, 3] RGB) side by side, each cut or padded to its share of the time.

    `room` is the width over the height of the strip.
    """
    length = max(duration_s, 1e-3)
    share = length / len(pictures)
    room /= len(pictures)
    for place, picture in enumerate(pictures):
        if picture is None:
            continue
        width, height = picture.shape[1], picture.shape[0]
        if width / height > room:  # the middle is shown
            cut = round((width - height * room) / 2)
            picture = picture[:, cut : width - cut]  # noqa: PLW2901 - the same picture, narrower
            begin, end = place * share, (place + 1) * share
        else:
            middle, half = (place + 0.5) * share, share * (width / height / room) / 2
            begin, end = middle - half, middle + half
        gap = length / 900
        axes.imshow(picture, extent=(begin + gap, end - gap, 0, 1), aspect="auto", interpolation="lanczos")
    axes.set_xlim(0, length)
    axes.set_ylim(0, 1)
    axes.axis("off")


def mark_times(axes: Axes, duration_s: float, *, named: bool) -> None:
    """Let an axis reach over a video's time, with marks at round moments; `named`: written below them."""
    length = max(duration_s, 1e-3)
    step = next((step for step in _STEPS if length / step <= _MOST_STEPS), 0.0)
    step = step or math.ceil(length / _MOST_STEPS / _STEPS[-1]) * _STEPS[-1]
    marks = np.arange(0, length + step / 1000, step)
    axes.set_xlim(0, length)
    exact = step < 1
    labels = [about_clock(mark) if exact else about_clock(mark).rpartition(".")[0] for mark in marks]
    axes.set_xticks(marks, labels if named else [], fontsize=8)
    axes.tick_params(length=0)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
