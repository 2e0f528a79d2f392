"""What the frames say in the stretches that a cascade has found: parts of videos, to be made scenes of.

A part reaches a good deal further than its stretch, so that a scene can grow, and each of its frames is asked by its
own vector out of the index. Where a scene grows as far as the part does, the part is made longer; what it gains says
what its runs say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.index.frame_rows import FrameRows
from vsortd.library.search.scenes import FrameScores

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    import numpy.typing as npt

    from vsortd.index.video import IndexRow
    from vsortd.library.search.frame_question import FrameQuestion
    from vsortd.library.search.scenes import Scene
    from vsortd.library.search.shards.cascade import Cascade, RunStretch

    Values = npt.NDArray[np.float32]

# So many windows a part reaches beyond its stretch on either side, then so many times as far.
_MARGIN_WINDOWS: Final = 3.0
_FARTHER: Final = 6.0
# So many frames are asked by themselves at most.
_EXACT_FRAMES_MOST: Final = 60_000
_TINY_S: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some runs of a video, `first` to before `last`; frames of `exact_first` to before `exact_last` are read."""

    stretch: RunStretch
    margin_s: float
    first: int
    last: int
    exact_first: int
    exact_last: int

    @classmethod
    def of(cls, stretch: RunStretch, margin_s: float) -> Part:
        """Return the part around a stretch, all of whose frames are read."""
        first, last = _reach(stretch, margin_s)
        return cls(stretch, margin_s, first, last, first, last)

    @property
    def is_from_beginning(self) -> bool:
        """Whether it begins where its video does."""
        return self.first == int(self.stretch.part.shard.first_run[self.stretch.video])

    @property
    def is_to_end(self) -> bool:
        """Whether it ends where its video does."""
        return self.last == int(self.stretch.part.shard.first_run[self.stretch.video + 1])

    @property
    def key(self) -> tuple[int, int]:
        """The video, and where in its shard the part begins: by it parts are put in order."""
        return self.stretch.row.id, self.first


def _reach(stretch: RunStretch, margin_s: float) -> tuple[int, int]:
    """Return the runs of the video that lie at most so far from a stretch."""
    shard = stretch.part.shard
    begin, end = (int(run) for run in shard.first_run[stretch.video : stretch.video + 2])
    low = begin + int(
        np.searchsorted(shard.ends_s[begin:end], shard.begins_s[stretch.first] - margin_s + _TINY_S, "right")
    )
    high = begin + int(
        np.searchsorted(shard.begins_s[begin:end], shard.ends_s[stretch.last - 1] + margin_s - _TINY_S, "left")
    )
    return min(low, stretch.first), max(high, stretch.last)


def parts_around(stretches: Sequence[RunStretch], window_s: float) -> list[Part]:
    """Return the parts around stretches, video by video, those that overlap as one."""
    return _joined([Part.of(stretch, window_s * _MARGIN_WINDOWS) for stretch in stretches])


def _joined(parts: Sequence[Part]) -> list[Part]:
    found: list[Part] = []
    for part in sorted(parts, key=lambda part: part.key):
        before = found[-1] if found else None
        if before is not None and before.stretch.row.id == part.stretch.row.id and part.first <= before.last:
            best = max(before.stretch, part.stretch, key=lambda stretch: stretch.value)
            found[-1] = replace(
                before,
                stretch=best,
                margin_s=max(before.margin_s, part.margin_s),
                last=max(before.last, part.last),
                exact_first=min(before.exact_first, part.exact_first),
                exact_last=max(before.exact_last, part.exact_last),
            )
        else:
            found.append(part)
    return found


def made_longer(
    parts: Sequence[Part], bounds: Sequence[tuple[float, float]], scenes: Sequence[Scene], window_s: float
) -> list[Part] | None:
    """Return longer parts where a scene ends as its part does, and may go on; None where none does.

    `bounds` are from when to when each part reaches, seconds of its video.
    """
    short: set[int] = set()
    for scene in scenes:
        if scene.film < len(parts):
            part, (begin_s, end_s) = parts[scene.film], bounds[scene.film]
            if (scene.begin_s <= begin_s + window_s / 2 and not part.is_from_beginning) or (
                scene.end_s >= end_s - window_s / 2 and not part.is_to_end
            ):
                short.add(scene.film)
    if not short:
        return None
    longer = []
    for place, part in enumerate(parts):
        if place in short:
            margin_s = part.margin_s * _FARTHER
            first, last = _reach(part.stretch, margin_s)
            longer.append(replace(part, margin_s=margin_s, first=min(first, part.first), last=max(last, part.last)))
        else:
            longer.append(part)
    return _joined(longer)


@dataclass(frozen=True, slots=True, eq=False)
class _ReadPart:
    """A part with its bounds, its frames by their places in the video, and the run of each."""

    part: Part
    bounds_s: tuple[float, float]
    rows: FrameRows
    frames: npt.NDArray[np.intp]
    runs: npt.NDArray[np.intp]


class ExactParts:
    """Reads parts of videos out of the index, for one question."""

    def __init__(
        self, db: sqlite3.Connection, model: str, cascade: Cascade, question: FrameQuestion, usual: float
    ) -> None:
        self._db = db
        self._model = model
        self._cascade = cascade
        self._question = question
        self._usual = usual
        self._rows: dict[int, FrameRows | None] = {}
        # which frames of a video were asked, and what they said: [frames], [frames, columns]
        self._asked: dict[int, tuple[npt.NDArray[np.bool_], Values]] = {}

    def read(self, parts: Sequence[Part], window_s: float) -> tuple[list[Part], list[tuple[float, float]], FrameScores]:
        """Return the parts whose videos are still what they were, their bounds, and what their frames say."""
        used: list[_ReadPart] = []
        for part in parts:
            if (rows := self._rows_of(part.stretch.row)) is not None:
                bounds = _on_grid(part, window_s)
                frames, runs = _frames_of(part, rows, *bounds)
                if len(frames):
                    used.append(_ReadPart(part, bounds, rows, frames, runs))
        said = self._cascade.values(
            [(one.part.stretch.part, one.part.first, one.part.last) for one in used], self._usual
        )
        values = [of_runs[one.runs - one.part.first] for one, of_runs in zip(used, said, strict=True)]
        self._ask_frames(used, values)
        times = [one.rows.times_ms[one.frames] for one in used]
        bounds_s = [one.bounds_s for one in used]
        return [one.part for one in used], bounds_s, _scores(bounds_s, times, values, self._question.columns)

    def _rows_of(self, row: IndexRow) -> FrameRows | None:
        if row.id not in self._rows:
            self._rows[row.id] = FrameRows.of(self._db, row, self._model)
        return self._rows[row.id]

    def _ask_frames(self, used: Sequence[_ReadPart], values: Sequence[Values]) -> None:
        """Put what the frames themselves say in the place of what their runs do; new ones of the best parts first."""
        left = _EXACT_FRAMES_MOST
        vectors, wanted = [], []
        for one in sorted(used, key=lambda one: -one.part.stretch.value):
            is_asked, _ = self._asked_of(one)
            is_exact = (one.runs >= one.part.exact_first) & (one.runs < one.part.exact_last)
            new = one.frames[is_exact & ~is_asked[one.frames]]
            if 0 < len(new) <= left:
                left -= len(new)
                wanted.append((one, new))
                vectors.append(one.rows.read(self._db, new))
        if wanted:
            found = self._question.weighed(self._question.values(np.concatenate(vectors)), self._usual)
            ends = np.cumsum([len(new) for _, new in wanted])
            for (one, new), part in zip(wanted, np.split(found, ends[:-1]), strict=True):
                is_asked, said = self._asked_of(one)
                is_asked[new], said[new] = True, part
        for one, of_runs in zip(used, values, strict=True):
            is_asked, said = self._asked_of(one)
            known = is_asked[one.frames]
            of_runs[known] = said[one.frames[known]]

    def _asked_of(self, one: _ReadPart) -> tuple[npt.NDArray[np.bool_], Values]:
        count = len(one.rows.times_ms)
        empty = np.zeros(count, np.bool_), np.empty((count, self._question.columns), np.float32)
        return self._asked.setdefault(one.part.stretch.row.id, empty)


def _on_grid(part: Part, window_s: float) -> tuple[float, float]:
    """Return from when to when a part reaches so that its windows are those of its video."""
    shard = part.stretch.part.shard
    start_s, length_s = float(shard.starts_s[part.stretch.video]), float(shard.lengths_s[part.stretch.video])
    hop_s = min(window_s, length_s) / 2
    begin_s, end_s = shard.begins_s[part.first] - start_s, shard.ends_s[part.last - 1] - start_s
    begin_s = 0.0 if part.is_from_beginning else math.ceil(begin_s / hop_s - _TINY_S) * hop_s
    end_s = length_s if part.is_to_end else math.floor(end_s / hop_s + _TINY_S) * hop_s
    return float(begin_s), float(end_s)


def _frames_of(
    part: Part, rows: FrameRows, begin_s: float, end_s: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the frames that a part has, by their places in the video, and the run of each."""
    shard, video = part.stretch.part.shard, part.stretch.video
    own = slice(int(shard.first_run[video]), int(shard.first_run[video + 1]))
    runs = np.repeat(np.arange(own.start, own.stop), shard.run_frames[own])
    times_s = rows.times_ms / 1000
    if len(runs) != len(times_s):  # not what the shard was made of
        return np.empty(0, np.intp), np.empty(0, np.intp)
    shares_end = np.append((times_s[:-1] + times_s[1:]) / 2, np.inf)
    inside = (shares_end > begin_s + _TINY_S) & (times_s <= end_s) & (runs >= part.first) & (runs < part.last)
    frames = np.flatnonzero(inside)
    return frames, runs[frames]


def _scores(
    bounds: Sequence[tuple[float, float]],
    times: Sequence[npt.NDArray[np.int64]],
    values: Sequence[Values],
    columns: int,
) -> FrameScores:
    edges = np.array(bounds, np.float64).reshape(-1, 2)
    offsets = np.concatenate([[0], np.cumsum([len(some) for some in times])]).astype(np.int64)
    return FrameScores(
        np.concatenate(times) if times else np.empty(0, np.int64),
        np.concatenate(values) if values else np.empty((0, columns), np.float32),
        offsets,
        edges[:, 1] - edges[:, 0],
        edges[:, 0],
    )
