"""The plot of `vsortd analyze`: panels below a strip of the film, all over the same time, cuts as lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.drawing.time_plots import COLOURS, DIM, QUIET, draw_strip, mark_times, plot_style, save_plot
from vsortd.core.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vsortd.analysis.label_course import LabelCourse, LabelTrack
    from vsortd.analysis.over_time import AnalysisOverTime, ArousalCurve, HeardOverTime
    from vsortd.analysis.shots import Shot, ShotReport
    from vsortd.media.thumbnails import Pixels

# Inches.
_WIDE: Final = 11.0
_HEAD, _FOOT, _LEFT, _RIGHT, _GAP = 0.62, 0.5, 0.62, 0.25, 0.42
_STRIP: Final = 0.85
_ROOM: Final = _WIDE - _LEFT - _RIGHT
_MOST_PICTURES: Final = 22
_LETTER: Final = 0.075  # of a number in a shot's block
_QUIETEST: Final = -60.0  # LUFS: the bottom of the panel, and the level of silence in any recording
_LOUDEST: Final = 0.0
_MOST_CUTS: Final = 200  # more lines than that would hide what they cross
_CUT, _SILENCE, _BLACK = "#8892a4", "#dfe3ea", "#20242b"


@dataclass(frozen=True, slots=True)
class _Panel:
    """One panel: what it is called, what is said of it, how high it is (inches), and who draws it."""

    title: str
    verdict: str
    high: float
    draw: Callable[[Axes], None]


def strip_count(shape: float) -> int:
    """Return how many pictures fill the strip; `shape` is their width over their height."""
    return max(1, min(_MOST_PICTURES, round(_ROOM / (_STRIP * max(shape, 0.1)))))


def draw_analysis(shown: AnalysisOverTime, pictures: Sequence[Pixels | None], path: Path) -> None:
    """Draw an analysis into a PNG; `pictures` are evenly spread over the film, none for a sound.

    Raises UsageError where the file can't be written.
    """
    save_plot(analysis_figure(shown, pictures), path)


def analysis_figure(shown: AnalysisOverTime, pictures: Sequence[Pixels | None] = ()) -> Figure:
    """Return a figure with the strip, if there are pictures, and a panel for each part that was measured."""
    from matplotlib.figure import Figure

    panels = _panels(shown)
    strip = _STRIP + 0.1 if pictures else 0.0
    height = _HEAD + strip + sum(panel.high + _GAP for panel in panels) - _GAP + _FOOT
    with plot_style():
        figure = Figure(figsize=(_WIDE, height), facecolor="white")
        figure.text(_LEFT / _WIDE, 1 - 0.24 / height, printable(shown.name), fontsize=12, weight="bold", va="center")
        top = height - _HEAD
        if pictures:
            top += 0.2
            axes = figure.add_axes((_LEFT / _WIDE, (top - _STRIP) / height, _ROOM / _WIDE, _STRIP / height))
            draw_strip(axes, pictures, shown.duration_s, _ROOM / _STRIP)
            top -= strip + 0.2
        for place, panel in enumerate(panels):
            top -= panel.high
            axes = figure.add_axes((_LEFT / _WIDE, top / height, _ROOM / _WIDE, panel.high / height))
            _mark_cuts(axes, shown.shots)
            panel.draw(axes)
            axes.set_title(panel.title, loc="left", fontsize=10, weight="bold", pad=5)
            axes.set_title(printable(panel.verdict), loc="right", fontsize=9, color=DIM, pad=5)
            mark_times(axes, shown.duration_s, named=place + 1 == len(panels))
            top -= _GAP
    return figure


def _panels(shown: AnalysisOverTime) -> list[_Panel]:
    found = []
    if (shots := shown.shots) is not None:
        found.append(_Panel("Shots", _of_shots(shots), 0.32, lambda axes: _draw_shots(axes, shots, shown.duration_s)))
    if (course := shown.course) is not None:
        units = [(unit, list(tracks)) for unit, tracks in groupby(course.tracks, key=lambda track: track.unit)]
        found += [
            _Panel(unit or "Labels", "", 1.0, partial(_draw_labels, course, tracks, number))
            for number, (unit, tracks) in enumerate(units)
        ]
    if (arousal := shown.arousal) is not None:
        pace = f"pace of the cuts: {arousal.pacing.lower()}" if arousal.pacing else ""
        found.append(_Panel("Arousal (standard deviations)", pace, 1.2, lambda axes: _draw_arousal(axes, arousal)))
    if (heard := shown.heard) is not None:
        found.append(_Panel("Loudness (LUFS)", _of_loudness(heard), 1.35, lambda axes: _draw_loudness(axes, heard)))
        said = heard.no_speech if heard.speech_share is None else f"{heard.speech_share:.0%} of the time"
        found.append(_Panel("Speech", said, 0.26, lambda axes: _draw_speech(axes, heard)))
    return found


def _mark_cuts(axes: Axes, shots: ShotReport | None) -> None:
    cuts = shots.cuts_s if shots is not None else ()
    if len(cuts) <= _MOST_CUTS:
        for cut_s in cuts:
            axes.axvline(cut_s, color=_CUT, linewidth=0.7, linestyle=(0, (1, 2)), zorder=1)


# Shots


def _of_shots(shots: ShotReport) -> str:
    median_s, rate = shots.length_median_s, shots.shots_per_minute
    more = f", median {median_s:.1f} s, {rate:.1f} a minute" if len(shots.shots) > 1 and median_s and rate else ""
    return counted(len(shots.shots), "shot") + more


def _draw_shots(axes: Axes, shots: ShotReport, duration_s: float) -> None:
    """Draw each shot as a block with its number where that fits, dark where the picture is black."""
    for number, shot in enumerate(shots.shots, 1):
        colour = COLOURS[0] if number % 2 else "#7ba3cc"
        axes.barh(0.5, shot.length_s, 1.0, left=shot.begin_s, color=colour, zorder=3)
        if len(str(number)) * _LETTER < shot.length_s / max(duration_s, 1e-3) * _ROOM:
            _number(axes, number, shot)
    for span in shots.black:
        axes.axvspan(span.begin_s, span.end_s, color=_BLACK, linewidth=0, zorder=4)
    _bare(axes)


def _number(axes: Axes, number: int, shot: Shot) -> None:
    middle_s = (shot.begin_s + shot.end_s) / 2
    axes.text(middle_s, 0.5, str(number), color="white", fontsize=7.5, ha="center", va="center_baseline", zorder=5)


def _bare(axes: Axes) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


# Labels


def _draw_labels(course: LabelCourse, tracks: Sequence[LabelTrack], first: int, axes: Axes) -> None:
    """Draw how likely each label of a unit is (0 to 1), and their names in their colours above."""
    for number, track in enumerate(tracks):
        style: Any = {"color": COLOURS[(first + number) % len(COLOURS)], "label": printable(track.label), "zorder": 3}
        if len(course.times_s) == 1:
            axes.plot(course.times_s, track.probabilities, "o", markersize=4, **style)
        else:
            axes.plot(course.times_s, track.probabilities, linewidth=1.5, solid_joinstyle="round", **style)
    legend: Any = {"loc": "lower right", "bbox_to_anchor": (1.0, 0.96), "ncol": len(tracks), "frameon": False}
    axes.legend(**legend, fontsize=8, handlelength=1.2, columnspacing=1.4, borderaxespad=0)
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8)


# Arousal


def _draw_arousal(axes: Axes, arousal: ArousalCurve) -> None:
    """Draw the curve in standard deviations around its mean, and a dot with its rank at each moment that stands out."""
    colour = COLOURS[3]
    axes.axhline(0, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    axes.fill_between(arousal.times_s, 0, arousal.values, color=colour, alpha=0.16, linewidth=0, zorder=2)
    axes.plot(arousal.times_s, arousal.values, color=colour, linewidth=1.5, zorder=3, solid_joinstyle="round")
    low, high = min(-1.0, float(arousal.values.min())), max(1.0, float(arousal.values.max()))
    for at_s, rank in arousal.moments:
        level = float(np.interp(at_s, arousal.times_s, arousal.values))
        axes.plot([at_s], [level], "o", color=colour, markersize=5, markeredgecolor="white", zorder=5)
        style: Any = {"fontsize": 7.5, "color": colour, "ha": "center", "va": "bottom", "zorder": 6}
        axes.annotate(rank, (at_s, level), (0, 4), textcoords="offset points", **style)
    axes.set_ylim(low - 0.15, high + 0.35 * (high - low))
    axes.tick_params(axis="y", labelsize=8)


# Sound


def _of_loudness(heard: HeardOverTime) -> str:
    parts = [f"{heard.integrated_lufs:.1f} LUFS" if heard.integrated_lufs is not None else "nothing is heard"]
    if heard.lra_lu is not None and heard.integrated_lufs is not None:
        parts.append(f"range {heard.lra_lu:.1f} LU")
    if heard.silence:
        parts.append(f"silence {heard.silence_share:.0%} (grey)")
    return ", ".join(parts)


def _draw_loudness(axes: Axes, heard: HeardOverTime) -> None:
    """Draw short-term loudness (LUFS), the whole's as a line, silence shaded; what is silent has no curve."""
    colour, curve = COLOURS[1], heard.loudness
    for span in heard.silence:
        axes.axvspan(span.begin_s, span.end_s, color=_SILENCE, linewidth=0, zorder=0)
    levels = np.where(np.isfinite(curve.lufs), np.maximum(curve.lufs, _QUIETEST), np.nan)
    axes.fill_between(curve.times_s, _QUIETEST, levels, color=colour, alpha=0.16, linewidth=0, zorder=2)
    axes.plot(curve.times_s, levels, color=colour, linewidth=1.5, zorder=3, solid_joinstyle="round")
    if heard.integrated_lufs is not None:
        axes.axhline(heard.integrated_lufs, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)), zorder=2)
    axes.set_ylim(_QUIETEST, _LOUDEST)
    axes.set_yticks([-60, -40, -20, 0])
    axes.tick_params(axis="y", labelsize=8)


def _draw_speech(axes: Axes, heard: HeardOverTime) -> None:
    axes.axhline(0.5, color=QUIET, linewidth=0.7, zorder=2)
    for span in heard.speech or ():
        axes.barh(0.5, span.length_s, 0.9, left=span.begin_s, color=COLOURS[2], zorder=3)
    _bare(axes)
