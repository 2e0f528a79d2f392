"""Where in the shards the best scenes may lie: from all runs by a few dimensions to a few stretches by all of them.

First every run is asked roughly. The best of them, with what lies around them, are asked by all dimensions, and
windows over these say which stretches of which videos are to be looked at frame by frame (`exact_parts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.library.search.shards.coded_question import CodedQuestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vsortd.index.video import IndexRow
    from vsortd.library.search.frame_question import FrameQuestion
    from vsortd.library.search.shards.shard import Shard

    Values = npt.NDArray[np.float32]
    Places = npt.NDArray[np.intp]

# So many of all runs are asked by all dimensions, and so many at least, and for each scene that is wanted.
_SHARE: Final = 0.01
_RUNS_LEAST: Final = 20_000
_RUNS_PER_SCENE: Final = 100
# So many stretches are kept for each scene that is wanted, and so many at least; more where several prompts or examples
# compete, about which runs say less.
_STRETCHES: Final = 4
_STRETCHES_LEAST: Final = 160
_STRETCHES_LEAST_OF_SEVERAL: Final = 240
_USUAL_OF: Final = 30_000
_TINY_S: Final = 1e-6
# Of a shard of which less is asked for only that is read.
_PART: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class ShardPart:
    """What is asked of a shard: its videos by their places, ascending, with their rows; `runs` are theirs."""

    shard: Shard
    places: Places
    rows: dict[int, IndexRow]
    runs: Places
    question: CodedQuestion


@dataclass(frozen=True, slots=True, eq=False)
class RunStretch:
    """Neighbouring runs, `first` to before `last`, of one video of a shard; `value` is that of its best window."""

    part: ShardPart
    video: int
    first: int
    last: int
    value: float

    @property
    def row(self) -> IndexRow:
        """The video."""
        return self.part.rows[self.video]


class Cascade:
    """One question to some shards, of each to some videos, by their places; at least one."""

    def __init__(
        self,
        parts: Sequence[tuple[Shard, dict[int, IndexRow]]],
        question: FrameQuestion,
        *,
        window_s: float,
        any_of: bool,
    ) -> None:
        self._question = question
        self._window_s = window_s
        self._any_of = any_of
        self.parts = [_part_of(shard, rows, question) for shard, rows in parts]
        self._rough = [_rough(part) for part in self.parts]
        self._usual = 0.0

    def likeness(self) -> tuple[Values, npt.NDArray[np.float64]]:
        """Return how like the examples some frames are, spread evenly over each shard, and how many each stands for."""
        wanted = [np.flatnonzero(np.isin(part.shard.sample_videos, part.places)) for part in self.parts]
        step = max(1, sum(map(len, wanted)) // _USUAL_OF)
        said, weights = [], []
        for part, some in zip(self.parts, wanted, strict=True):
            said.append(part.question.full(part.shard.sample[some[::step]])[:, -1])
            # shards keep one frame of as many as suits their size: those of a small one stand for fewer
            frames = int(part.shard.frames[part.places].sum())
            weights.append(np.full(len(said[-1]), frames / max(len(said[-1]), 1)))
        return np.concatenate(said), np.concatenate(weights)

    def lengths(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return how long the videos are that are asked, seconds, and how many frames they have."""
        lengths = [np.array([row.duration_s for row in part.rows.values()]) for part in self.parts]
        frames = [part.shard.frames[part.places].astype(np.int64) for part in self.parts]
        return np.concatenate([*lengths, np.empty(0)]), np.concatenate([*frames, np.empty(0, np.int64)])

    def stretches(self, count: int, usual: float) -> list[RunStretch]:
        """Return where the best scenes may lie, best first: enough for `count` scenes."""
        ranks = [self._ranked(part, self._question.weighed(rough.copy(), usual)) for part, rough in self._asked()]
        if not ranks:
            return []
        everything = np.concatenate(ranks)
        most = max(_RUNS_LEAST, round(len(everything) * _SHARE), count * _RUNS_PER_SCENE)
        floor = np.partition(everything, -most)[-most] if len(everything) > most else -np.inf
        found: list[RunStretch] = []
        for part, values in zip(self.parts, ranks, strict=True):
            found += self._refined(part, part.runs[values >= floor], usual)
        found.sort(key=lambda stretch: -stretch.value)
        least = _STRETCHES_LEAST if self._question.columns == 1 else _STRETCHES_LEAST_OF_SEVERAL
        return found[: max(least, _STRETCHES * count)]

    def values(self, ranges: Sequence[tuple[ShardPart, int, int]], usual: float) -> list[Values]:
        """Return what runs say by all dimensions, weighed: [last - first, columns] of each range of a shard's runs."""
        found: dict[int, Values] = {}
        for part in self.parts:
            own = [place for place, (one, _, _) in enumerate(ranges) if one is part]
            if own:
                runs = np.concatenate([np.arange(*ranges[place][1:]) for place in own])
                said = self._question.weighed(part.question.full(part.shard.code_rows(runs)), usual)
                ends = np.cumsum([ranges[place][2] - ranges[place][1] for place in own])
                found.update(zip(own, np.split(said, ends[:-1]), strict=True))
        return [found[place] for place in range(len(ranges))]

    def _asked(self) -> list[tuple[ShardPart, Values]]:
        return list(zip(self.parts, self._rough, strict=True))

    def _ranked(self, part: ShardPart, values: Values) -> Values:
        """Return how good the best window around each run may be: [runs]."""
        if values.shape[1] == 1:
            return values[:, 0]
        if self._any_of:
            return np.asarray(values.max(axis=1), np.float32)
        # all have to hold, but not in the same frame: each prompt's best among the neighbours
        owners = part.shard.video_of_run[part.runs]
        best = values.copy()
        beside = owners[1:] == owners[:-1]
        np.maximum(best[1:], values[:-1], out=best[1:], where=beside[:, None])
        np.maximum(best[:-1], values[1:], out=best[:-1], where=beside[:, None])
        return np.asarray(best.min(axis=1), np.float32)

    def _refined(self, part: ShardPart, picked: Places, usual: float) -> list[RunStretch]:
        """Return the stretches around some runs with the values of their best windows."""
        if not len(picked):
            return []
        shard = part.shard
        runs = _around(shard, picked, self._window_s)
        values = self._question.weighed(part.question.full(shard.code_rows(runs)), usual)
        owners = shard.video_of_run[runs]
        is_first = np.ones(len(runs), np.bool_)
        is_first[1:] = (np.diff(runs) > 1) | (np.diff(owners) != 0)
        firsts = np.flatnonzero(is_first)
        lasts = np.append(firsts[1:], len(runs)) - 1
        best = _best_windows(shard, runs, values, firsts, lasts, window_s=self._window_s, any_of=self._any_of)
        return [
            RunStretch(part, int(owners[first]), int(runs[first]), int(runs[last]) + 1, float(value))
            for first, last, value in zip(firsts, lasts, best, strict=True)
        ]


def _part_of(shard: Shard, rows: dict[int, IndexRow], question: FrameQuestion) -> ShardPart:
    places = np.fromiter(rows, np.intp, len(rows))
    wanted = np.zeros(len(shard.videos), np.bool_)
    wanted[places] = True
    runs = np.flatnonzero(wanted[shard.video_of_run])
    return ShardPart(shard, places, rows, runs, CodedQuestion(question, shard.codes))


def _rough(part: ShardPart) -> Values:
    head = part.shard.head
    if len(part.runs) < len(head) * _PART:
        return part.question.rough(head[part.runs])
    found = part.question.rough(head)
    return found if len(part.runs) == len(head) else found[part.runs]


def _around(shard: Shard, runs: Places, window_s: float) -> Places:
    """Return runs with those of the same videos that are at most a window away, ascending."""
    owners = shard.video_of_run[runs]
    low = np.searchsorted(shard.ends_s, shard.begins_s[runs] - window_s, "right")
    high = np.searchsorted(shard.begins_s, shard.ends_s[runs] + window_s, "left")
    marks = np.zeros(len(shard.run_frames) + 1, np.int32)
    np.add.at(marks, np.maximum(low, shard.first_run[owners]), 1)
    np.add.at(marks, np.minimum(high, shard.first_run[owners + 1]), -1)
    return np.flatnonzero(np.cumsum(marks[:-1]) > 0)


def _best_windows(
    shard: Shard, runs: Places, values: Values, firsts: Places, lasts: Places, *, window_s: float, any_of: bool
) -> npt.NDArray[np.float64]:
    """Return the value of the best window in each stretch of runs, given by its first and last place among these.

    Windows are those of `scenes.find_scenes`: of one length, or the whole of a shorter video, and half that apart.
    """
    begins, ends = shard.begins_s[runs], shard.ends_s[runs]
    # each stretch's end is a knot as well, behind which nothing counts
    knots = np.insert(begins, lasts + 1, ends[lasts])
    shares = np.insert((ends - begins)[:, None] * values.astype(np.float64), lasts + 1, 0.0, axis=0)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(shares, axis=0)[:-1]])
    owners = shard.video_of_run[runs[firsts]]
    starts, lengths = shard.starts_s[owners], shard.lengths_s[owners]
    sizes = np.minimum(window_s, lengths)
    hops = sizes / 2
    low, high = begins[firsts] - starts, ends[lasts] - starts
    first = np.ceil(low / hops - _TINY_S)
    last = np.floor((high - sizes) / hops + _TINY_S)
    count = np.maximum(last - first + 1, 0).astype(np.intp)
    whose = np.repeat(np.arange(len(firsts)), count + 1)
    number = np.arange(len(whose)) - np.repeat(np.cumsum(count + 1) - count - 1, count + 1)
    # the last window of each ends with the stretch, as the last one of a video does
    at = np.where(number < count[whose], (first[whose] + number) * hops[whose], np.maximum(high - sizes, low)[whose])
    at = at + starts[whose]
    until = np.minimum(at + sizes[whose], ends[lasts][whose])
    columns = [np.interp(until, knots, one) - np.interp(at, knots, one) for one in sums.T]
    means = np.stack(columns, axis=1) / np.maximum(until - at, _TINY_S)[:, None]
    together = means.max(axis=1) if any_of else means.min(axis=1)
    return np.asarray(np.maximum.reduceat(together, np.cumsum(count + 1) - count - 1))
