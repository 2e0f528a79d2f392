"""The plot of `vsortd timeline`: a strip of the film, and below it each prompt's probability over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.drawing.time_plots import COLOURS, DIM, QUIET, draw_strip, mark_times, plot_style, save_plot
from vsortd.core.text import counted, printable
from vsortd.library.timeline.spans import clock, probabilities_of

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vsortd.library.timeline.spans import Floats, PromptSpans, Reading, Span, Track
    from vsortd.media.thumbnails import Pixels

DASH: Final = "\N{EN DASH}"  # between two times
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
    save_plot(timeline_figure(chart), path)


def timeline_figure(chart: Chart) -> Figure:
    """Return a figure with the strip, if there are pictures, and a panel for each prompt; they share the time axis."""
    from matplotlib.figure import Figure

    strip = _STRIP + _GAP if chart.pictures else 0.0
    highs = [_PANEL if one.spans else _LOW for one in chart.found]
    height = _HEAD + strip + sum(highs) + (len(highs) - 1) * _GAP + _FOOT
    with plot_style():
        figure = Figure(figsize=(_WIDE, height), facecolor="white")
        wide = (_WIDE - _LEFT - _RIGHT) / _WIDE
        top = height - _HEAD
        figure.text(_LEFT / _WIDE, 1 - 0.26 / height, printable(chart.name), fontsize=12, weight="bold", va="center")
        if chart.pictures:
            top -= _STRIP
            axes = figure.add_axes((_LEFT / _WIDE, top / height, wide, _STRIP / height))
            draw_strip(axes, chart.pictures, chart.track.duration_s, (_WIDE - _LEFT - _RIGHT) / _STRIP)
            top -= _GAP
        for place, high in enumerate(highs):
            top -= high
            axes = figure.add_axes((_LEFT / _WIDE, top / height, wide, high / height))
            _draw_prompt(axes, chart, place)
            mark_times(axes, chart.track.duration_s, named=place + 1 == len(highs))
            top -= _GAP
        label = (
            f"dots: frames; line: median over {chart.reading.smooth_s:g} s; a span begins at"
            f" {chart.reading.on:g} and ends below {chart.reading.off:g}"
        )
        figure.text(1 - _RIGHT / _WIDE, 0.2 / height, label, fontsize=7.5, color=DIM, ha="right", va="center")
    return figure


def _draw_prompt(axes: Axes, chart: Chart, place: int) -> None:
    one, track, reading = chart.found[place], chart.track, chart.reading
    colour = COLOURS[place % len(COLOURS)] if one.spans else QUIET
    seconds = track.times_ms / 1000
    raw, smooth = track.probabilities[:, place], probabilities_of(track.smoothed(reading.smooth_s)[:, place])
    for level in {reading.on, reading.off}:
        axes.axhline(level, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
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
    axes.set_title(_verdict(one), loc="right", fontsize=9, color=colour if one.spans else DIM, pad=5)
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
