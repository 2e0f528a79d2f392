"""The picture of `vsortd timeline --plot`: a strip of the film, and below it each prompt's probability over time."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.text import counted, printable
from vsortd.errors import UsageError
from vsortd.library.timeline.spans import clock, probabilities_of

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vsortd.library.timeline.spans import Floats, PromptSpans, Reading, Span, Track
    from vsortd.media.thumbnails import Pixels

DASH: Final = "\N{EN DASH}"  # between two times
_DPI: Final = 150
# Inches.
_WIDE: Final = 11.0
_PANEL: Final = 1.35  # a prompt that is shown
_LOW: Final = 0.7  # one that is not
_STRIP: Final = 0.85
_HEAD, _FOOT, _LEFT, _RIGHT, _GAP = 0.62, 0.72, 0.62, 0.25, 0.42
_MOST_PICTURES: Final = 22
_LETTER: Final = 0.068  # of a label in a span's bar
_BAR: Final = (1.1, 1.3)  # where spans are drawn, in units of probability, above the curve
_BOTTOM: Final = -0.04  # so that a line at 0 is seen
_MOST_DOTS: Final = 400  # more frames than that are a line, not dots

_INK, _DIM, _GRID, _QUIET = "#20242b", "#6b7280", "#e5e7eb", "#9aa5b8"
_COLOURS: Final = ("#2f6fb0", "#2f9e6e", "#d0701e", "#8a55c4", "#c23b63", "#148a94", "#8a6d1c", "#5a6b86")
_STYLE: Final[Any] = {
    "font.size": 9,
    "axes.edgecolor": _GRID,
    "text.color": _INK,
    "text.parse_math": False,  # prompts are no formulas
    "xtick.color": _DIM,
    "ytick.color": _DIM,
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


@dataclass(frozen=True, slots=True)
class Chart:
    """What there is to draw; `pictures` stand in the strip from left to right, evenly spread; none: no strip."""

    name: str
    track: Track
    found: tuple[PromptSpans, ...]
    reading: Reading
    pictures: tuple[Pixels | None, ...] = ()


def strip_moments(duration_s: float, shape: float) -> list[int]:
    """Return the moments, ms, of the pictures that fill the strip; `shape` is their width over their height."""
    room = (_WIDE - _LEFT - _RIGHT) / (_STRIP * max(shape, 0.1))
    count = max(1, min(_MOST_PICTURES, math.ceil(room)))
    return [round((place + 0.5) / count * duration_s * 1000) for place in range(count)]


def draw_timeline(chart: Chart, path: Path) -> None:
    """Draw a chart into a PNG. Raises UsageError where the file can't be written."""
    import matplotlib as mpl

    with warnings.catch_warnings(), mpl.rc_context(_style()):
        # a letter that no font has is drawn as a box; that is said by the picture
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = timeline_figure(chart)
        try:
            figure.savefig(path, dpi=_DPI, format="png")
        except OSError as error:
            raise UsageError(f"Can't write {path}: {error.strerror or error}.", paths=[path]) from error


def timeline_figure(chart: Chart) -> Figure:
    """Return a figure with the strip, if there are pictures, and a panel for each prompt; they share the time axis."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    strip = _STRIP + _GAP if chart.pictures else 0.0
    highs = [_PANEL if one.spans else _LOW for one in chart.found]
    height = _HEAD + strip + sum(highs) + (len(highs) - 1) * _GAP + _FOOT
    with mpl.rc_context(_style()):
        figure = Figure(figsize=(_WIDE, height), facecolor="white")
        wide = (_WIDE - _LEFT - _RIGHT) / _WIDE
        top = height - _HEAD
        figure.text(_LEFT / _WIDE, 1 - 0.26 / height, printable(chart.name), fontsize=12, weight="bold", va="center")
        if chart.pictures:
            top -= _STRIP
            _draw_strip(figure.add_axes((_LEFT / _WIDE, top / height, wide, _STRIP / height)), chart)
            top -= _GAP
        for place, high in enumerate(highs):
            top -= high
            axes = figure.add_axes((_LEFT / _WIDE, top / height, wide, high / height))
            _draw_prompt(axes, chart, place)
            _draw_times(axes, chart.track.duration_s, named=place + 1 == len(highs))
            top -= _GAP
        label = (
            f"dots: frames; line: median over {chart.reading.smooth_s:g} s; a span begins at"
            f" {chart.reading.on:g} and ends below {chart.reading.off:g}"
        )
        figure.text(1 - _RIGHT / _WIDE, 0.2 / height, label, fontsize=7.5, color=_DIM, ha="right", va="center")
    return figure


def _style() -> Any:  # noqa: ANN401 - matplotlib's type lists all its names
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return {**_STYLE, "font.family": ["DejaVu Sans", *(name for name in _FALLBACKS if name in there)]}


def _draw_strip(axes: Axes, chart: Chart) -> None:
    """Lay the pictures side by side, each cut or padded to its share of the time."""
    length = max(chart.track.duration_s, 1e-3)
    share = length / len(chart.pictures)
    for place, picture in enumerate(chart.pictures):
        if picture is None:
            continue
        width, height = picture.shape[1], picture.shape[0]
        room = (_WIDE - _LEFT - _RIGHT) / len(chart.pictures) / _STRIP  # width over height of its place
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


def _draw_prompt(axes: Axes, chart: Chart, place: int) -> None:
    one, track, reading = chart.found[place], chart.track, chart.reading
    colour = _COLOURS[place % len(_COLOURS)] if one.spans else _QUIET
    seconds = track.times_ms / 1000
    raw, smooth = track.probabilities[:, place], probabilities_of(track.smoothed(reading.smooth_s)[:, place])
    for level in {reading.on, reading.off}:
        axes.axhline(level, color=_QUIET, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    for span in one.spans:
        times = (span.begin_ms / 1000, span.end_ms / 1000)
        axes.axvspan(*times, 0, _high_of(1.0), color=colour, alpha=0.13, linewidth=0)
    x, y = _held(seconds, smooth, track.duration_s)
    axes.fill_between(x, 0, y, color=colour, alpha=0.16, linewidth=0, zorder=2)
    axes.plot(x, y, color=colour, linewidth=1.6, zorder=3, solid_joinstyle="round")
    if len(seconds) <= _MOST_DOTS:
        axes.plot(seconds, raw, "o", color=colour, markersize=3, markeredgewidth=0, alpha=0.75, zorder=4)
    else:
        axes.plot(seconds, raw, color=colour, linewidth=0.4, alpha=0.5, zorder=2)
    for span in one.spans:
        _draw_bar(axes, span, colour, track.duration_s)
    axes.set_title(printable(one.prompt), loc="left", fontsize=10, weight="bold", pad=5)
    axes.set_title(_verdict(one), loc="right", fontsize=9, color=colour if one.spans else _DIM, pad=5)
    axes.set_ylim(_BOTTOM, _BAR[1] if one.spans else 1.04)
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8)


def _high_of(level: float) -> float:
    """Return how high in a panel with spans a probability stands, from 0 to 1."""
    return (level - _BOTTOM) / (_BAR[1] - _BOTTOM)


def _held(seconds: Floats, values: Floats, duration_s: float) -> tuple[Floats, Floats]:
    """Let the first and the last frame go on to the video's limits."""
    end = max(duration_s, float(seconds[-1]))
    return np.concatenate([[0.0], seconds, [end]]), np.concatenate([values[:1], values, values[-1:]])


def _draw_bar(axes: Axes, span: Span, colour: str, duration_s: float) -> None:
    """Draw a found span as a bar above the curve, with its times where they fit."""
    begin, end = span.begin_ms / 1000, span.end_ms / 1000
    least = duration_s / 600  # a hair of it is seen, however short it is
    width = max(end - begin, least)
    axes.barh((_BAR[0] + _BAR[1]) / 2, width, _BAR[1] - _BAR[0], left=begin, color=colour, zorder=5)
    inches = (end - begin) / max(duration_s, 1e-3) * (_WIDE - _LEFT - _RIGHT)
    for label in (f"{clock(span.begin_ms)} {DASH} {clock(span.end_ms)}", clock(span.begin_ms)):
        if len(label) * _LETTER < inches:
            style: dict[str, Any] = {"color": "white", "fontsize": 7.5, "ha": "center", "va": "center_baseline"}
            axes.text((begin + end) / 2, (_BAR[0] + _BAR[1]) / 2, label, zorder=6, **style)
            return


def _verdict(one: PromptSpans) -> str:
    label = f"{one.shown.value}, {one.confidence:.2f}"
    if one.spans:
        count = len(one.spans)
        label += f"   {one.total_s:.1f} s in {counted(count, 'span')}, {one.share:.0%}"
    else:
        label += f"   at best {one.best:.2f} at {clock(one.best_ms)}"
    return label


def _draw_times(axes: Axes, duration_s: float, *, named: bool) -> None:
    length = max(duration_s, 1e-3)
    step = next((step for step in _STEPS if length / step <= _MOST_STEPS), 0.0)
    step = step or math.ceil(length / _MOST_STEPS / _STEPS[-1]) * _STEPS[-1]
    marks = np.arange(0, length + step / 1000, step)
    axes.set_xlim(0, length)
    exact = step < 1
    labels = [clock(mark * 1000) if exact else clock(mark * 1000).rpartition(".")[0] for mark in marks]
    axes.set_xticks(marks, labels if named else [], fontsize=8)
    axes.tick_params(length=0)
    axes.grid(axis="x", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def insist_on_matplotlib() -> None:
    """Raise UsageError where nothing can be drawn."""
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError(
            "--plot draws with matplotlib, which is not installed.", remedy="pip install 'vsortd[library]'"
        )
