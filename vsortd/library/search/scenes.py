"""From what each frame says to scenes: where in which video, from when to when, best first. Pure arithmetic.

Every frame stands for the time half-way to its neighbours, so that windows of the asked length cover every video from
its first to its last moment, however densely it was looked at. A window's value is the mean over its time; with several
columns (prompts) the least of them, or with `any_of` the greatest. The best window is the seed of a scene, which grows
over neighbouring windows as long as they are hardly weaker or plainly show it; its ends are then moved to the frames
that do. What a scene has taken no other gets: one entry a scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
# A scene grows over what is at most this much weaker than its best window (log-odds: a factor of 7) …
DROP: Final = 2.0
# … and over whatever shows it with at least this (a probability of 0.73), however much better its best window is.
PLAIN: Final = 1.0
# A frame at the end of a scene still shows it if it is at most this much weaker than the best one.
FRAME_DROP: Final = 3.0
# Windows overlap by half: what lies across the edge of one lies in the middle of the next.
_OVERLAP: Final = 0.5
_MOST_WINDOWS: Final = 100_000  # that one video is long at most: 277 hours by the usual 10 s
# A scene shorter than this part of a window counts as if the rest of that part had this value (a probability of 0.12):
# longer ones are judged by themselves, and one lucky frame is not the best scene of a library.
_OWN_PART: Final = 0.5
_SHRINK_TO: Final = -2.0
# So many scenes are looked at for each that is wanted: the best windows and the best scenes differ in their order.
_CANDIDATES: Final = 4
_CANDIDATES_LEAST: Final = 64
_LEAST_S: Final = 0.001
_TINY_S: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of a video: the video's place in the list, seconds from and to, the best frame's time, and its value.

    `value` is the mean over its time, in the unit of what was given; less for a scene much shorter than a window.
    """

    film: int
    begin_s: float
    end_s: float
    peak_s: float
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class FrameScores:
    """What the frames of some videos say: `times_ms` int64 [n], ascending within each video; `values` [n, columns].

    `offsets` [videos + 1] says which frames are whose, `durations_s` [videos] how long the videos are. Each has a frame
    at least. Where they are parts of videos `begins_s` [videos] says from when in its video each part is; times are
    those of the video all the same. None: all are whole.
    """

    times_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]
    durations_s: Array
    begins_s: Array | None = None


def find_scenes(frame_scores: FrameScores, *, window_s: float, top: int, any_of: bool = False) -> list[Scene]:
    """Return the `top` best scenes, best first; windows are `window_s` long, or a shorter video's whole length."""
    if not len(frame_scores.durations_s) or not frame_scores.values.shape[1] or top < 1:
        return []
    axis = _Axis(frame_scores)
    windows = _windows(axis.lengths_s, window_s)
    means = axis.means(windows)
    values = means.max(axis=1) if any_of else means.min(axis=1)
    frames = frame_scores.values.max(axis=1) if any_of else frame_scores.values.min(axis=1)
    finder = _Finder(axis, windows, values, frames)
    found: list[Scene] = []
    for seed in np.argsort(-values, kind="stable"):
        if not finder.taken[seed]:
            found.append(finder.scene(int(seed)))
            if len(found) == max(top * _CANDIDATES, _CANDIDATES_LEAST):
                break
    return sorted(found, key=lambda scene: -scene.value)[:top]


class _Axis:
    """All videos one behind the other on one axis of time, on which each frame has its share."""

    def __init__(self, frame_scores: FrameScores) -> None:
        firsts, lasts = frame_scores.offsets[:-1], frame_scores.offsets[1:] - 1
        begins_s = frame_scores.begins_s
        self.begins_s: Array = np.zeros(len(firsts)) if begins_s is None else begins_s
        times_s = frame_scores.times_ms / 1000.0 - np.repeat(self.begins_s, np.diff(frame_scores.offsets))
        self.lengths_s: Array = np.maximum(np.maximum(frame_scores.durations_s, times_s[lasts]), _LEAST_S)
        self.starts_s: Array = np.concatenate([[0.0], np.cumsum(self.lengths_s)])
        self.offsets = frame_scores.offsets
        begins = np.empty(len(times_s))
        begins[1:] = (times_s[1:] + times_s[:-1]) / 2
        begins[firsts] = 0.0
        self.film = np.repeat(np.arange(len(firsts)), np.diff(frame_scores.offsets))
        self.times_s = times_s
        self.knots: Array = np.concatenate([begins + self.starts_s[self.film], self.starts_s[-1:]])
        shares = np.diff(self.knots)[:, None] * frame_scores.values.astype(np.float64)
        self._sums = np.concatenate([np.zeros((1, shares.shape[1])), np.cumsum(shares, axis=0)])

    def shares_of(self, film: int) -> tuple[Array, Array]:
        """Return from when to when each frame of a video stands, seconds of that video."""
        own = slice(int(self.offsets[film]), int(self.offsets[film + 1]))
        start_s = self.starts_s[film]
        return self.knots[own] - start_s, self.knots[own.start + 1 : own.stop + 1] - start_s

    def means(self, windows: _Windows) -> Array:
        """Return the mean over each window's time: [windows, columns]."""
        begins = self.starts_s[windows.film] + windows.begins_s
        ends = begins + windows.lengths_s
        columns = [np.interp(ends, self.knots, sums) - np.interp(begins, self.knots, sums) for sums in self._sums.T]
        return np.asarray(np.stack(columns, axis=1) / windows.lengths_s[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """Windows of all videos in their order: whose, from when, how long."""

    film: npt.NDArray[np.intp]
    begins_s: Array
    lengths_s: Array


def _windows(lengths_s: Array, window_s: float) -> _Windows:
    # a header may claim any duration: where it takes too many windows, they are longer
    size = np.minimum(lengths_s, np.maximum(window_s, lengths_s / _MOST_WINDOWS))
    hop = size * (1 - _OVERLAP)
    counts = np.ceil(np.maximum(lengths_s - size, 0) / hop - 1e-9).astype(np.intp) + 1
    film = np.repeat(np.arange(len(lengths_s)), counts)
    number = np.arange(len(film)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = np.minimum(number * hop[film], (lengths_s - size)[film])
    return _Windows(film, begins, size[film])


class _Finder:
    """Makes scenes of windows, one after the other; what one has taken no other gets."""

    def __init__(self, axis: _Axis, windows: _Windows, values: Array, frames: npt.NDArray[np.float32]) -> None:
        self._axis = axis
        self._windows = windows
        self._values = values
        self._frames = frames
        self._claimed = np.zeros(len(frames), np.bool_)
        self.taken = np.zeros(len(values), np.bool_)
        counts = np.bincount(windows.film, minlength=len(axis.lengths_s))
        self._first = np.cumsum(counts) - counts
        self._count = counts

    def scene(self, seed: int) -> Scene:
        """Return the scene around the best window that is left, and take what it covers."""
        axis, film = self._axis, int(self._windows.film[seed])
        low, high = self._grown(seed)
        begin_s = self._windows.begins_s[low]
        end_s = self._windows.begins_s[high] + self._windows.lengths_s[high]
        begins, ends = axis.shares_of(film)
        inside = np.flatnonzero((ends > begin_s + _TINY_S) & (begins < end_s - _TINY_S))
        offset = int(axis.offsets[film])
        own = self._frames[offset : offset + len(begins)]
        peak = int(inside[np.argmax(own[inside])])
        first, last = self._cut_back(film, own, inside, peak)
        self._claimed[offset + first : offset + last + 1] = True
        self._take(film, low, high, float(begins[first]), float(ends[last]))
        peak_s = float(np.clip(axis.times_s[offset + peak], begins[first], ends[last]))
        value = self._value(own[first : last + 1], begins[first : last + 1], ends[first : last + 1], seed)
        part_s = float(axis.begins_s[film])
        return Scene(film, part_s + float(begins[first]), part_s + float(ends[last]), part_s + peak_s, value)

    def _value(self, own: npt.NDArray[np.float32], begins: Array, ends: Array, seed: int) -> float:
        """Return the mean over a scene's time, of which there has to be some."""
        length_s = float(ends[-1] - begins[0])
        missing_s = max(0.0, float(self._windows.lengths_s[seed]) * _OWN_PART - length_s)
        total = float((own.astype(np.float64) * (ends - begins)).sum()) + _SHRINK_TO * missing_s
        return total / max(length_s + missing_s, _TINY_S)

    def _grown(self, seed: int) -> tuple[int, int]:
        """Grow over the windows beside that are hardly weaker, or plainly show it."""
        film = self._windows.film[seed]
        least = min(self._values[seed] - DROP, PLAIN)
        begin, end = int(self._first[film]), int(self._first[film] + self._count[film])
        low = high = seed
        while low > begin and not self.taken[low - 1] and self._values[low - 1] >= least:
            low -= 1
        while high + 1 < end and not self.taken[high + 1] and self._values[high + 1] >= least:
            high += 1
        return low, high

    def _cut_back(
        self, film: int, own: npt.NDArray[np.float32], inside: npt.NDArray[np.intp], peak: int
    ) -> tuple[int, int]:
        """Return the first and the last frame that show it: some windows' ends don't, some frames beyond do."""
        offset = int(self._axis.offsets[film])
        least = min(float(own[peak]) - FRAME_DROP, PLAIN)
        shown = inside[own[inside] >= least]
        first, last = int(shown[0]), int(shown[-1])
        while first and own[first - 1] >= least and not self._claimed[offset + first - 1]:
            first -= 1
        while last + 1 < len(own) and own[last + 1] >= least and not self._claimed[offset + last + 1]:
            last += 1
        return first, last

    def _take(self, film: int, low: int, high: int, begin_s: float, end_s: float) -> None:
        self.taken[low : high + 1] = True
        part = slice(int(self._first[film]), int(self._first[film] + self._count[film]))
        begins = self._windows.begins_s[part]
        shares = (begins < end_s - _TINY_S) & (begins + self._windows.lengths_s[part] > begin_s + _TINY_S)
        self.taken[part] |= shares
