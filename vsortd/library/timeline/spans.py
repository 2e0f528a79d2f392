"""When a video shows what was asked for: log-odds of frames over time become spans and a verdict. Pure.

Each prompt is on its own. Its log-odds are smoothed by a running median over `Reading.smooth_s`, in which every frame
weighs as much as the time that it stands for: a median keeps edges where they are and drops what is shorter than half
the window. Then hysteresis: a span begins where the probability rises to `on` and ends where it falls below `off`;
gaps shorter than `bridge_s` are bridged, after that spans shorter than `least_s` are dropped. Edges lie half-way
between the frame outside and the one inside (`boundaries` finds them more exactly), at the very beginning
and end of the video on its limits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vsortd.core.units import about_clock
from vsortd.index.video import edges_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = npt.NDArray[np.float64]

_MOST_CELLS: Final = 4_000_000  # of frames times neighbours, smoothed at once: 100 MB


class Shown(StrEnum):
    """The verdict on one prompt."""

    YES = "yes"
    PERHAPS = "perhaps"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Reading:
    """How log-odds are read: probabilities from 0 to 1 with `off` ≤ `on`, and times in seconds; see the module."""

    on: float = 0.6
    off: float = 0.4
    smooth_s: float = 3.0  # three frames at one a second
    bridge_s: float = 1.5
    least_s: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What frames say about prompts: int64 [n] ascending, and log-odds float [n, prompts]; n ≥ 1.

    `cuts_ms` [n + 1] are the bounds of the shots, each with its one frame; None where frames follow no shots.
    """

    times_ms: npt.NDArray[np.int64]
    log_odds: Floats
    duration_s: float
    cuts_ms: Floats | None = None

    @property
    def edges_ms(self) -> Floats:
        """The bounds of the time that each frame stands for, [n + 1]."""
        return edges_of(self.times_ms, self.duration_s) if self.cuts_ms is None else self.cuts_ms

    @property
    def probabilities(self) -> Floats:
        """How probable it is that each frame shows each prompt, [n, prompts]."""
        return probabilities_of(self.log_odds)

    def smoothed(self, window_s: float) -> Floats:
        """Return the running median of the log-odds over so many seconds, [n, prompts]; see `running_median`."""
        return running_median(self.times_ms, self.edges_ms, self.log_odds, window_s)

    def joined(self, times_ms: npt.NDArray[np.int64], log_odds: npt.NDArray[np.floating[Any]]) -> Track:
        """Return this track with further frames; of a moment that is there already, the frame that was there."""
        moments, first = np.unique(np.concatenate([self.times_ms, times_ms]), return_index=True)
        return replace(self, times_ms=moments, log_odds=np.concatenate([self.log_odds, log_odds])[first])


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span on its way: its bounds, and which frames of the track (first, last) are the outermost inside."""

    begin_ms: float
    end_ms: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when it is shown; `score` is the mean probability over that time, `peak_ms` the surest frame."""

    begin_ms: float
    end_ms: float
    score: float
    peak_ms: int

    @property
    def length_s(self) -> float:
        """How long it is."""
        return (self.end_ms - self.begin_ms) / 1000

    def to_json(self) -> dict[str, Any]:
        """Return it as `timeline --json` prints it."""
        return {
            "begin_s": round(self.begin_ms / 1000, 3),
            "end_s": round(self.end_ms / 1000, 3),
            "score": round(self.score, 4),
            "peak_ms": self.peak_ms,
        }


@dataclass(frozen=True, slots=True)
class PromptSpans:
    """What the video says about one prompt.

    `confidence` goes from 0 to 1. Shown (`yes`): the mean probability over its surest span. `no`: one minus the highest
    smoothed probability, so how sure it is that it is *not* shown. `perhaps`: the mean probability over its surest span
    or, where there is none, over the surest window of smoothing.
    `best_ms` is the frame with the highest probability, `best` that probability.
    """

    prompt: str
    shown: Shown
    confidence: float
    spans: tuple[Span, ...]
    share: float
    best_ms: int
    best: float

    @property
    def total_s(self) -> float:
        """How long it is shown in all."""
        return sum(span.length_s for span in self.spans)

    def to_json(self) -> dict[str, Any]:
        """Return it as `timeline --json` prints it."""
        return {
            "prompt": self.prompt,
            "shown": self.shown.value,
            "confidence": round(self.confidence, 4),
            "total_s": round(self.total_s, 3),
            "share": round(self.share, 4),
            "best_ms": self.best_ms,
            "best": round(self.best, 4),
            "spans": [span.to_json() for span in self.spans],
        }


def clock(time_ms: float) -> str:
    """Return a time in milliseconds as `about_clock` writes it."""
    return about_clock(time_ms / 1000)


def probabilities_of(log_odds: npt.NDArray[np.floating[Any]]) -> Floats:
    """Turn log-odds into probabilities without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds.astype(np.float64))))


def running_median(
    times_ms: npt.NDArray[np.int64], edges_ms: Floats, values: npt.NDArray[np.floating[Any]], window_s: float
) -> Floats:
    """Return for each frame the median of `values` [n, k] over `window_s` seconds around it, by time, [n, k].

    A frame counts with the part of its own time that lies within the window; before the beginning and after the end of
    the video its first and last frames go on, so that what is shown there is not smoothed away. Where frames lie
    further apart than two thirds of the window each keeps its value.
    """
    rows: Floats = values.astype(np.float64)
    half = window_s * 500
    if half <= 0 or len(rows) < 2:  # noqa: PLR2004 - nothing around
        return rows
    bounds = edges_ms.copy()
    bounds[0], bounds[-1] = -np.inf, np.inf
    times = times_ms.astype(np.float64)
    first = np.searchsorted(bounds[1:], times - half, "right")
    last = np.searchsorted(bounds[:-1], times + half, "left")  # exclusive
    widest = int((last - first).max())
    at_once = max(1, _MOST_CELLS // widest)
    parts = []
    for begin in range(0, len(rows), at_once):
        some = slice(begin, begin + at_once)
        near = first[some, None] + np.arange(widest)
        inside = np.minimum(near, len(rows) - 1)
        low = np.maximum(bounds[inside], times[some, None] - half)
        high = np.minimum(bounds[inside + 1], times[some, None] + half)
        weights = np.where(near < last[some, None], np.maximum(high - low, 0.0), 0.0)
        parts.append(np.stack([_weighted_median(column[inside], weights) for column in rows.T], axis=1))
    return np.concatenate(parts)


def _weighted_median(values: Floats, weights: Floats) -> Floats:
    """Return the median of each row of `values` [n, k] by `weights` [n, k]: the lowest with half the weight."""
    order = np.argsort(values, axis=1, kind="stable")
    reached = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    enough = reached >= reached[:, -1:] / 2 * (1 - 1e-9)
    picks = np.take_along_axis(order, enough.argmax(axis=1)[:, None], axis=1)
    return np.take_along_axis(values, picks, axis=1)[:, 0]


def stretches(track: Track, reading: Reading) -> list[list[Stretch]]:
    """Return for each prompt where it is shown, in the order of time, with edges half-way between frames.

    Shots are each for themselves: one belongs to a span if it reaches `on`, whatever comes before it.
    """
    off = reading.off if track.cuts_ms is None else reading.on
    probabilities = probabilities_of(track.smoothed(reading.smooth_s))
    edges = track.edges_ms
    found = []
    for column in probabilities.T:
        runs = [
            Stretch(float(edges[first]), float(edges[last + 1]), first, last)
            for first, last in _runs(column, reading.on, off)
        ]
        found.append(tidied(runs, reading, track.duration_s))
    return found


def _runs(probabilities: Floats, on: float, off: float) -> list[tuple[int, int]]:
    """Return the first and last frame of each run that rises to `on` and has not fallen below `off`."""
    runs: list[tuple[int, int]] = []
    begin: int | None = None
    for place, probability in enumerate(probabilities.tolist()):
        if begin is None:
            begin = place if probability >= on else None
        elif probability < off:
            runs.append((begin, place - 1))
            begin = None
    if begin is not None:
        runs.append((begin, len(probabilities) - 1))
    return runs


def tidied(runs: Sequence[Stretch], reading: Reading, duration_s: float) -> list[Stretch]:
    """Bridge the short gaps, then drop the short spans; one that is the whole video stays, however short that is."""
    joined: list[Stretch] = []
    for run in runs:
        if joined and run.begin_ms - joined[-1].end_ms < reading.bridge_s * 1000:
            joined[-1] = replace(joined[-1], end_ms=max(run.end_ms, joined[-1].end_ms), last=run.last)
        else:
            joined.append(run)
    least_ms = min(reading.least_s, duration_s) * 1000
    return [run for run in joined if run.end_ms > run.begin_ms and run.end_ms - run.begin_ms >= least_ms - 1e-6]


def judged(
    prompts: Sequence[str], track: Track, shown: Sequence[Sequence[Stretch]], reading: Reading
) -> tuple[PromptSpans, ...]:
    """Return what the video says about each prompt, of its spans and of all its frames; see `PromptSpans`.

    `yes` where a span's mean probability reaches `on`. `perhaps` where a span's doesn't; where the smoothed probability
    gets to `off` without ever reaching `on`; and where something is seen too briefly for a span: a frame reaches `on`,
    and over the window around it the mean is at least half of `off`, as for one frame out of three.
    """
    probabilities = track.probabilities
    smooth = probabilities_of(track.smoothed(reading.smooth_s))
    return tuple(
        _judged(prompt, track, (probabilities[:, place], smooth[:, place]), shown[place], reading)
        for place, prompt in enumerate(prompts)
    )


def _judged(
    prompt: str, track: Track, columns: tuple[Floats, Floats], runs: Sequence[Stretch], reading: Reading
) -> PromptSpans:
    raw, smooth = columns
    edges = track.edges_ms
    spans = tuple(_span(track.times_ms, edges, raw, run) for run in runs)
    best = int(raw.argmax())
    surest = max((span.score for span in spans), default=0.0)
    if surest >= reading.on:
        shown, confidence = Shown.YES, surest
    elif spans:
        shown, confidence = Shown.PERHAPS, surest
    elif smooth.max() >= reading.off or _glimpsed(track, raw, reading):
        shown, confidence = Shown.PERHAPS, float(_means_around(track, raw, reading.smooth_s).max())
    else:
        shown, confidence = Shown.NO, 1.0 - float(smooth.max())
    whole_ms = float(edges[-1])
    share = sum(span.end_ms - span.begin_ms for span in spans) / whole_ms if whole_ms else float(bool(spans))
    return PromptSpans(prompt, shown, confidence, spans, min(1.0, share), int(track.times_ms[best]), float(raw[best]))


def _glimpsed(track: Track, raw: Floats, reading: Reading) -> bool:
    seen = raw >= reading.on
    return bool(seen.any() and _means_around(track, raw, reading.smooth_s)[seen].max() >= reading.off / 2)


def _means_around(track: Track, raw: Floats, window_s: float) -> Floats:
    """Return the mean over a window around each frame, as far as the video goes, [n]."""
    edges, times = track.edges_ms, track.times_ms.astype(np.float64)
    half = max(window_s * 500, 1.0)
    low, high = np.maximum(times - half, edges[0]), np.minimum(times + half, edges[-1])
    upto = np.concatenate([[0.0], np.cumsum(raw * np.diff(edges))])
    length = high - low
    means = (np.interp(high, edges, upto) - np.interp(low, edges, upto)) / np.maximum(length, 1e-9)
    return np.where(length > 0, means, raw)


def _span(times_ms: npt.NDArray[np.int64], edges: Floats, raw: Floats, run: Stretch) -> Span:
    within = np.flatnonzero((times_ms >= run.begin_ms) & (times_ms <= run.end_ms))
    peak = int(times_ms[within[raw[within].argmax()]]) if len(within) else round((run.begin_ms + run.end_ms) / 2)
    return Span(run.begin_ms, run.end_ms, _mean(edges, raw, run.begin_ms, run.end_ms), peak)


def _mean(edges: Floats, raw: Floats, begin_ms: float, end_ms: float) -> float:
    """Return the mean over a time, each frame by the part of its time that lies within."""
    weights = np.minimum(edges[1:], end_ms) - np.maximum(edges[:-1], begin_ms)
    weights = np.maximum(weights, 0.0)
    return float(weights @ raw / weights.sum()) if weights.sum() > 0 else float(raw.max())
