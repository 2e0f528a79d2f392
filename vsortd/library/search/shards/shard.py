"""One shard: some videos of the index as codes of their runs, in one file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from vsortd.library.search.shards.frame_codes import HEAD_DIMENSIONS, FrameCodes
from vsortd.library.search.shards.frame_runs import run_means, run_starts
from vsortd.library.search.shards.shard_file import NotWholeError, map_arrays, release, write_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.index.video import IndexedVideo

    Places = npt.NDArray[np.intp]

_LARGE: Final = ("head", "tail", "sample")
# So many frames of a shard are kept as they are, or half as many, so that what is usual among frames is known.
_SAMPLE_MOST: Final = 32_000
_ARRAYS: Final = frozenset(
    {"videos", "frames", "lengths_s", "first_run", "run_frames", "run_begins_s", "mean", "basis", "steps"}
    | {"sample_videos", *_LARGE}
)


@dataclass(frozen=True, eq=False)
class Shard:
    """The runs of some videos, video by video.

    `videos` are (number, revision) int64 [v, 2], `frames` how many each has, `lengths_s` how long they are, `first_run`
    [v + 1] where each one's runs begin. Of each run: `run_frames` how many frames, `run_begins_s` from when it stands,
    and its codes, `head` int8 [runs, h] and `tail` [runs, dim - h], which stay in the file. `sample` are codes of some
    frames, int8 [n, dim], and `sample_videos` whose they are, by place: in such an order that the first ones, however
    many, are spread evenly over all videos.
    """

    path: Path
    videos: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int32]
    lengths_s: npt.NDArray[np.float64]
    first_run: npt.NDArray[np.int64]
    run_frames: npt.NDArray[np.uint8]
    run_begins_s: npt.NDArray[np.float32]
    codes: FrameCodes
    head: npt.NDArray[np.int8]
    tail: npt.NDArray[np.int8]
    sample: npt.NDArray[np.int8]
    sample_videos: npt.NDArray[np.int32]

    @classmethod
    def open(cls, path: Path, model: str) -> Self:
        """Return the shard of a file. Raises NotWholeError where it is none of this model, OSError."""
        about, arrays = map_arrays(path, large=_LARGE)
        if about.get("model") != model or set(arrays) != _ARRAYS:
            raise NotWholeError(path)
        plain: dict[str, Any] = {name: arrays[name] for name in arrays if name not in {"mean", "basis", "steps"}}
        return cls(path=path, codes=FrameCodes.of_arrays(arrays), **plain)

    @cached_property
    def size(self) -> int:
        """How many frames its videos have."""
        return int(self.frames.sum())

    @cached_property
    def known(self) -> dict[tuple[int, int], int]:
        """The videos, (number, revision), with their places."""
        return {(number, revision): place for place, (number, revision) in enumerate(self.videos.tolist())}

    @cached_property
    def video_of_run(self) -> npt.NDArray[np.int32]:
        """Whose each run is, by place."""
        return np.repeat(np.arange(len(self.videos), dtype=np.int32), np.diff(self.first_run))

    @cached_property
    def starts_s(self) -> npt.NDArray[np.float64]:
        """Where each video begins if all lie one behind the other, with a second between: [v]."""
        return np.concatenate([[0.0], np.cumsum(self.lengths_s + 1.0)[:-1]])

    @cached_property
    def begins_s(self) -> npt.NDArray[np.float64]:
        """From when each run stands on that axis: [runs], ascending."""
        return self.run_begins_s + self.starts_s[self.video_of_run]

    @cached_property
    def ends_s(self) -> npt.NDArray[np.float64]:
        """Until when each run stands on that axis: [runs]."""
        ends = np.empty_like(self.begins_s)
        ends[:-1] = self.begins_s[1:]
        ends[self.first_run[1:] - 1] = self.starts_s + self.lengths_s
        return np.maximum(ends, self.begins_s)

    def code_rows(self, runs: Places) -> npt.NDArray[np.int8]:
        """Return all that is known of some runs, int8 [n, dim]."""
        codes = np.hstack([self.head[runs], self.tail[runs]])
        self.release()
        return codes

    def release(self) -> None:
        """Give back the memory that what was read of the file takes: with each shard that is asked it would be more."""
        release(self.head)


class _Sample:
    """Every so many frames of those that come, one: `rows` float32 [n, dim], and whose each is, `videos` [n]."""

    def __init__(self) -> None:
        self._rows: list[npt.NDArray[np.float32]] = []
        self._videos: list[npt.NDArray[np.int32]] = []
        self._every = 1
        self._count = 0
        self._seen = 0

    def add(self, video: int, vectors: npt.NDArray[np.float32]) -> None:
        some = vectors[-self._seen % self._every :: self._every].copy()
        self._seen += len(vectors)
        self._rows.append(some)
        self._videos.append(np.full(len(some), video, np.int32))
        self._count += len(some)
        if self._count > _SAMPLE_MOST:
            self._rows, self._videos = [self.rows[::2].copy()], [self.videos[::2].copy()]
            self._every *= 2
            self._count = len(self._rows[0])

    @property
    def rows(self) -> npt.NDArray[np.float32]:
        return np.concatenate(self._rows)

    @property
    def videos(self) -> npt.NDArray[np.int32]:
        return np.concatenate(self._videos)


def _spread(count: int) -> Places:
    """Return so many places in the order of their reversed bits: the first ones of it lie evenly among all."""
    bits = max(1, (count - 1).bit_length())
    places = np.arange(1 << bits)
    turned = np.zeros_like(places)
    for bit in range(bits):
        turned |= (places >> bit & 1) << (bits - 1 - bit)
    return np.asarray(turned[turned < count], np.intp)


def write_shard(
    path: Path,
    model: str,
    videos: Iterable[tuple[int, IndexedVideo]],
    between: Callable[[], None],
    *,
    frames_most: int,
) -> int:
    """Write a shard of videos, each with its revision, until it has so many frames; return how many videos it has.

    Nothing is written of none. `between` is called between videos, and may raise what ends it. Raises OSError.
    """
    known: list[tuple[int, int]] = []
    frames, lengths_s, counts, run_frames, begins_s, means = [], [], [], [], [], []
    sample = _Sample()
    for revision, film in videos:
        between()
        # a frame that a model could make nothing of spoils what is learnt of no other
        vectors = np.nan_to_num(film.vectors.astype(np.float32), posinf=0.0, neginf=0.0)
        starts = run_starts(vectors)
        means.append(run_means(vectors, starts))
        sample.add(len(known), vectors)
        known.append((film.id, revision))
        frames.append(len(vectors))
        lengths_s.append(film.edges_ms[-1] / 1000)
        counts.append(len(starts))
        run_frames.append(np.diff(np.append(starts, len(vectors))))
        begins_s.append(film.edges_ms[starts] / 1000)
        if sum(frames) >= frames_most:
            break
    if not known:
        return 0
    rows = np.concatenate(means)
    means.clear()
    between()
    codes = FrameCodes.learn(rows)
    coded = codes.encode(rows)
    spread = _spread(len(sample.videos))
    between()
    write_arrays(
        path,
        {"model": model},
        {
            "videos": np.array(known, np.int64),
            "frames": np.array(frames, np.int32),
            "lengths_s": np.maximum(np.array(lengths_s, np.float64), 0.001),
            "first_run": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            "run_frames": np.concatenate(run_frames).astype(np.uint8),
            "run_begins_s": np.concatenate(begins_s).astype(np.float32),
            **codes.arrays(),
            "head": coded[:, :HEAD_DIMENSIONS],
            "tail": coded[:, HEAD_DIMENSIONS:],
            "sample": codes.encode(sample.rows[spread]),
            "sample_videos": sample.videos[spread],
        },
    )
    return len(known)
