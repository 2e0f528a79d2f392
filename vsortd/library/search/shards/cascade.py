"""Where in the shards the best scenes may lie: from all runs by a few dimensions to a few stretches by all of them.

First every run is asked roughly, the best of them by all dimensions, and the best of these with what lies around them.
Scenes are made of windows over these (`run_windows`), and the best are looked at frame by frame (`exact_parts`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.library.search.shards.coded_question import CodedQuestion
from vsortd.library.search.shards.run_windows import RunWindows, likely_scenes, runs_around

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vsortd.index.video import IndexRow
    from vsortd.library.search.frame_question import FrameQuestion
    from vsortd.library.search.shards.shard import Shard

    Values = npt.NDArray[np.float32]
    Places = npt.NDArray[np.intp]

# So many of all runs are asked by all dimensions, and so many at least, and for each scene that is wanted. More where
# prompts and examples compete: the first dimensions mislead each of them in another way.
_SHARE: Final = 0.01
_RUNS_LEAST: Final = 20_000
_RUNS_LEAST_OF_BOTH: Final = 80_000
_RUNS_PER_SCENE: Final = 100
# The best of these are asked with what lies around them: so many at least, and as many for each scene.
_CENTRES_LEAST: Final = 10_000
# By so many runs it is known how much roughly asked prompts say too much.
_LEVELLED_BY: Final = 2000
# So many stretches are kept for each scene that is wanted, and so many at least; more where several prompts or examples
# compete, about which runs say less.
_STRETCHES: Final = 6
_STRETCHES_LEAST: Final = 240
_STRETCHES_LEAST_OF_SEVERAL: Final = 320
# How like the examples frames usually are is known by so many of them at most, and so many products with examples: the
# order of scenes by prompts and examples hangs on the fourth digit.
_USUAL_OF: Final = 240_000
_USUAL_PRODUCTS: Final = 16 * _USUAL_OF
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
    """Neighbouring runs, `first` to before `last`, of one video of a shard; `value` is that of their best window."""

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
        self._rough = self._levelled([_rough(part) for part in self.parts])

    def likeness(self) -> tuple[Values, npt.NDArray[np.float64]]:
        """Return how like the examples some frames are, spread evenly over each shard, and how many each stands for."""
        assert self._question.examples is not None
        wanted = [np.flatnonzero(np.isin(part.shard.sample_videos, part.places)) for part in self.parts]
        most = min(_USUAL_OF, _USUAL_PRODUCTS // len(self._question.examples))
        share = min(1.0, most / max(sum(map(len, wanted)), 1))
        said, weights = [], []
        for part, some in zip(self.parts, wanted, strict=True):
            # the first ones of a sample are spread as evenly as all of them
            said.append(part.question.likeness(part.shard.sample[some[: math.ceil(len(some) * share)]]))
            part.shard.release()
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
        values = [self._question.weighed(rough.copy(), usual) for rough in self._rough]
        is_one_kind = self._question.asked is None or self._question.examples is None
        total = sum(map(len, values))
        most = max(_RUNS_LEAST if is_one_kind else _RUNS_LEAST_OF_BOTH, round(total * _SHARE), count * _RUNS_PER_SCENE)
        picked = self._best(values, most, [np.ones(len(said), np.bool_) for said in values])
        for part, said, some in zip(self.parts, values, picked, strict=True):
            said[some] = self._full(part, part.runs[some], usual)
        centres = self._best(values, max(_CENTRES_LEAST, count * _RUNS_PER_SCENE), picked)
        asked = [
            (part, self._windows(part, part.runs[some], usual))
            for part, some in zip(self.parts, centres, strict=True)
            if some.any()
        ]
        least = _STRETCHES_LEAST if self._question.columns == 1 else _STRETCHES_LEAST_OF_SEVERAL
        found = []
        for scene in likely_scenes([windows for _, windows in asked], max(least, _STRETCHES * count)):
            part, windows = asked[scene.windows]
            first, last = windows.runs_of(scene.low, scene.high)
            found.append(RunStretch(part, int(part.shard.video_of_run[first]), first, last, scene.value))
        return found

    def values(self, ranges: Sequence[tuple[ShardPart, int, int]], usual: float) -> list[Values]:
        """Return what runs say by all dimensions, weighed: [last - first, columns] of each range of a shard's runs."""
        found: dict[int, Values] = {}
        for part in self.parts:
            own = [place for place, (one, _, _) in enumerate(ranges) if one is part]
            if own:
                runs = np.concatenate([np.arange(*ranges[place][1:]) for place in own])
                said = self._full(part, runs, usual)
                ends = np.cumsum([ranges[place][2] - ranges[place][1] for place in own])
                found.update(zip(own, np.split(said, ends[:-1]), strict=True))
        return [found[place] for place in range(len(ranges))]

    def _full(self, part: ShardPart, runs: Places, usual: float) -> Values:
        """Return what runs of a shard say by all dimensions, weighed: [runs, columns]."""
        return self._question.weighed(part.question.full(part.shard.code_rows(runs)), usual)

    def _levelled(self, rough: list[Values]) -> list[Values]:
        """Return what all runs say roughly, each column by as much less as it says too much: they are compared."""
        if self._question.columns == 1:
            return rough
        step = max(1, sum(map(len, rough)) // _LEVELLED_BY)
        beyond = [
            said[::step] - part.question.full(part.shard.code_rows(part.runs[::step]))
            for part, said in zip(self.parts, rough, strict=True)
        ]
        # a prompt that competes with nothing is infinitely sure, so and so
        differences = np.nan_to_num(np.concatenate(beyond), nan=0.0, posinf=0.0, neginf=0.0)
        too_much = np.median(differences, axis=0).astype(np.float32)
        return [said - too_much for said in rough]

    def _best(
        self, values: Sequence[Values], most: int, among: Sequence[npt.NDArray[np.bool_]]
    ) -> list[npt.NDArray[np.bool_]]:
        """Return which runs of each part are the `most` best of some, and all that are as good as the last of them."""
        ranks = [
            np.where(some, self._ranked(part, said), -np.inf)
            for part, said, some in zip(self.parts, values, among, strict=True)
        ]
        together = np.concatenate(ranks)
        floor = np.partition(together, -most)[-most] if len(together) > most else -np.inf
        return [some & (rank >= floor) for rank, some in zip(ranks, among, strict=True)]

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

    def _windows(self, part: ShardPart, picked: Places, usual: float) -> RunWindows:
        """Return the windows around some runs, one at least, by all dimensions."""
        runs = runs_around(part.shard, picked, self._window_s)
        values = self._full(part, runs, usual)
        return RunWindows.over(part.shard, runs, values, window_s=self._window_s, any_of=self._any_of)


def _part_of(shard: Shard, rows: dict[int, IndexRow], question: FrameQuestion) -> ShardPart:
    places = np.fromiter(rows, np.intp, len(rows))
    wanted = np.zeros(len(shard.videos), np.bool_)
    wanted[places] = True
    runs = np.flatnonzero(wanted[shard.video_of_run])
    return ShardPart(shard, places, rows, runs, CodedQuestion(question, shard.codes))


def _rough(part: ShardPart) -> Values:
    head = part.shard.head
    if len(part.runs) < len(head) * _PART:
        found = part.question.rough(head[part.runs])
        part.shard.release()
        return found
    found = part.question.rough(head)
    part.shard.release()
    return found if len(part.runs) == len(head) else found[part.runs]
