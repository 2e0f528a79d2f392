"""The index in memory, ready to be asked: one matrix of all frames of a model, kept true to the file.

The daemon keeps one, so that a question costs one pass over memory. Videos that changed since the last question are
read anew into a segment of their own and passed over in the old one; many segments, or much that is passed over, are
read as one again. What does not fit into the memory that a cache may take is read for each question.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.index.store import indexed_videos, rows_of
from vsortd.library.search.scenes import FrameScores
from vsortd.library.search.shards.shard_folder import ShardFolder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from vsortd.index.extent import Extent
    from vsortd.index.store import Index
    from vsortd.index.video import IndexedVideo, IndexRow
    from vsortd.library.search.copies import Frames
    from vsortd.library.search.shards.shard_folder import ShardedPlaces

Values = npt.NDArray[np.float32]
Video = tuple[int, int]
"""A video's number, and the revision of its frames."""
# What a cache may hold: four hundred hours at a frame a second of a model with 512 numbers.
KEEP_BYTES: Final = 1536 << 20
_SEGMENTS_MOST: Final = 8
_PASSED_OVER_MOST: Final = 0.25
_SEGMENT_BYTES: Final = 128 << 20


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """Frames of some videos one after the other: `times_ms` [n], `vectors` float16 [n, dim], `offsets` [videos + 1].

    `videos` are (number, revision).
    """

    videos: tuple[tuple[int, int], ...]
    times_ms: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float16]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, films: list[tuple[int, IndexedVideo]]) -> _Segment:
        """Put videos, each with its revision, together; at least one."""
        offsets = np.concatenate([[0], np.cumsum([len(film.times_ms) for _, film in films])]).astype(np.int64)
        vectors = np.empty((int(offsets[-1]), films[0][1].vectors.shape[1]), np.float16)
        for (_, film), begin, end in zip(films, offsets[:-1], offsets[1:], strict=True):
            vectors[begin:end] = film.vectors
        times_ms = np.concatenate([film.times_ms for _, film in films])
        return cls(tuple((film.id, revision) for revision, film in films), times_ms, vectors, offsets)


class VectorCache:
    """All videos of one model; thread-safe. `keep_bytes` bounds the memory that stays taken between questions."""

    def __init__(
        self, index: Index, model: str, *, keep_bytes: int = KEEP_BYTES, folder: ShardFolder | None = None
    ) -> None:
        self.model = model
        self.index = index
        self._folder = folder or ShardFolder(index, model)
        self._keep_bytes = keep_bytes
        self._lock = threading.Lock()
        self._held: list[_Segment] = []
        self._rows: dict[int, IndexRow] = {}
        self._part: tuple[Extent, dict[int, IndexRow]] | None = None  # the rows of the question before this
        self._version = -1
        self._opened = contextlib.ExitStack()
        self._db: sqlite3.Connection | None = None
        self._closed = False

    def close(self) -> None:
        """Let memory and file go for good. Who has it in hand may still ask: that is read then, and nothing is kept."""
        with self._lock:
            self._closed = True
            self._drop_all()

    def _drop_all(self) -> None:
        self._held, self._rows, self._part, self._version, self._db = [], {}, None, -1, None
        self._opened.close()

    def ask(
        self,
        value: Callable[[npt.NDArray[np.float16]], Values],
        *,
        under: Extent | None = None,
        takes: Callable[[IndexRow], bool] = lambda _: True,
        left_out: AbstractSet[Video] = frozenset(),
    ) -> tuple[list[IndexRow], FrameScores]:
        """Return the videos that `takes` accepts, and what `value` says of their frames: [n, dim] → [n, columns].

        What lies not `under` the places is not read, nor what is `left_out`. Of one place nothing is kept where nothing
        is held yet.
        """
        with self._lock:
            try:
                return self._ask(value, under, takes, left_out)
            finally:
                if self._closed:  # since it was handed out: nobody would close it again
                    self._drop_all()

    def sharded(self, under: Extent | None, takes: Callable[[IndexRow], bool]) -> ShardedPlaces | None:
        """Return which of the videos shards are to be asked for; None where all are for `ask`."""
        if not self._folder.shards():
            return None
        with self._lock:
            try:
                self._follow(self._connection())
                rows = [row for row in self._within(under).values() if takes(row)]
            finally:
                if self._closed:
                    self._drop_all()
        return self._folder.places(rows)

    def frames_of(self, rows: Iterable[IndexRow]) -> dict[int, Frames]:
        """Return times and vectors of some videos by their numbers, as views of what is held; else they are read."""
        with self._lock:
            try:
                wanted = {(row.id, row.revision): row for row in rows}
                found: dict[int, Frames] = {}
                for segment in self._held:
                    for place, video in enumerate(segment.videos):
                        if wanted.pop(video, None) is not None:
                            part = slice(int(segment.offsets[place]), int(segment.offsets[place + 1]))
                            found[video[0]] = segment.times_ms[part], segment.vectors[part]
                for film in indexed_videos(self._connection(), wanted.values(), self.model):
                    found[film.id] = film.times_ms, film.vectors
                return found
            finally:
                if self._closed:
                    self._drop_all()

    def _ask(
        self,
        value: Callable[[npt.NDArray[np.float16]], Values],
        under: Extent | None,
        takes: Callable[[IndexRow], bool],
        left_out: AbstractSet[Video],
    ) -> tuple[list[IndexRow], FrameScores]:
        rows: list[IndexRow] = []
        times, values = [], []
        for segment, present in self._segments(under, left_out):
            wanted = []
            for place, (number, revision) in enumerate(segment.videos):
                row = present.get(number)
                if row is None or row.revision != revision or (number, revision) in left_out:
                    continue
                if takes(row):
                    wanted.append((place, row))
            if not wanted:
                continue
            found = value(segment.vectors)
            for place, row in wanted:
                part = slice(int(segment.offsets[place]), int(segment.offsets[place + 1]))
                rows.append(row)
                times.append(segment.times_ms[part])
                values.append(found[part])
        return rows, _frame_scores(rows, times, values)

    def _follow(self, db: sqlite3.Connection) -> None:
        """Read what the index has now if it has changed."""
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._rows, self._part = {row.id: row for row in rows_of(db, self.model)}, None
            self._version = version

    def _segments(
        self, under: Extent | None, left_out: AbstractSet[Video]
    ) -> Iterator[tuple[_Segment, dict[int, IndexRow]]]:
        """Yield all frames, those held first, with what is true now of the videos that are asked for."""
        db = self._connection()
        (version,) = db.execute("PRAGMA data_version").fetchone()
        is_few = under is not None and under.bounds() is not None and not self._held and not left_out
        if version != self._version and is_few:
            few = {row.id: row for row in rows_of(db, self.model, under=under)}
            for segment in self._read(db, few.values()):
                yield segment, few
            return
        self._follow(db)
        self._drop_stale(left_out)
        present = self._within(under)
        for segment in self._held:
            yield segment, present
        known = {video for segment in self._held for video in segment.videos}
        known |= left_out
        new = [row for row in present.values() if (row.id, row.revision) not in known]
        held_bytes = sum(segment.vectors.nbytes for segment in self._held)
        for segment in self._read(db, new):
            held_bytes += segment.vectors.nbytes
            if held_bytes <= self._keep_bytes and not self._closed:
                self._held.append(segment)
            yield segment, present

    def _within(self, under: Extent | None) -> dict[int, IndexRow]:
        if under is None:
            return self._rows
        if self._part is None or self._part[0] != under:
            parts = ((number, row.within(under)) for number, row in self._rows.items())
            self._part = under, {number: row for number, row in parts if row is not None}
        return self._part[1]

    def _connection(self) -> sqlite3.Connection:
        # one connection for good: it alone can tell cheaply whether anybody has written since
        if self._db is None:
            self._db = self._opened.enter_context(self.index.reading(at_once=False))
        return self._db

    def _drop_stale(self, left_out: AbstractSet[Video]) -> None:
        """Let segments go whose videos have mostly changed, or all of them where they have become many."""
        if (
            len(self._held) > _SEGMENTS_MOST
            and min(segment.vectors.nbytes for segment in self._held) < _SEGMENT_BYTES / 4
        ):
            self._held = [segment for segment in self._held if segment.vectors.nbytes >= _SEGMENT_BYTES / 4]
        self._held = [segment for segment in self._held if self._passed_over(segment, left_out) <= _PASSED_OVER_MOST]

    def _passed_over(self, segment: _Segment, left_out: AbstractSet[Video]) -> float:
        gone = [
            number not in self._rows or self._rows[number].revision != revision or (number, revision) in left_out
            for number, revision in segment.videos
        ]
        return float(np.diff(segment.offsets)[gone].sum() / segment.offsets[-1])

    def _read(self, db: sqlite3.Connection, rows: Iterable[IndexRow]) -> Iterator[_Segment]:
        """Read videos into segments of some size."""
        wanted = list(rows)
        revisions = {row.id: row.revision for row in wanted}
        films: list[tuple[int, IndexedVideo]] = []
        size_bytes = 0
        for film in indexed_videos(db, wanted, self.model):
            films.append((revisions[film.id], film))
            size_bytes += film.vectors.nbytes
            if size_bytes >= _SEGMENT_BYTES:
                yield _Segment.of(films)
                films, size_bytes = [], 0
        if films:
            yield _Segment.of(films)


def _frame_scores(rows: list[IndexRow], times: list[npt.NDArray[np.int64]], values: list[Values]) -> FrameScores:
    if not rows:
        return FrameScores(np.empty(0, np.int64), np.empty((0, 0), np.float32), np.zeros(1, np.int64), np.empty(0))
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in times])]).astype(np.int64)
    durations_s = np.array([row.duration_s for row in rows], np.float64)
    return FrameScores(np.concatenate(times), np.concatenate(values), offsets, durations_s)
