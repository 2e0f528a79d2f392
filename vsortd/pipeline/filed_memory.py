"""What previews of rules read that no rules change, kept between them: what is filed, and what the index has of it.

It holds as long as journal and index are what they were when it was read, told by SQLite's own counter of commits, and
whoever made them. Where the files themselves lie is not kept: they are looked at each time.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vsortd.core.system.damaged_files import SQLITE_ERRORS
from vsortd.filing.queries import standing_videos
from vsortd.index.kept_looks import StoredVideos

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.database import Database
    from vsortd.filing.queries import StandingVideo
    from vsortd.index.index_file import IndexFile
    from vsortd.index.kept_looks import StoredVideo

    Standing = tuple[list[StandingVideo], int]

# What may be held of frames: 20,000 videos at ten frames each of a model with 512 numbers.
KEEP_BYTES: Final = 256 << 20
# It is let go when nobody has asked for a preview for so long: who edits rules asks every few seconds.
IDLE_S: Final = 300.0


@dataclass(slots=True, eq=False)
class _OfIndex:
    """What was read of one state of an index for one model; the videos with what their files say, or without."""

    state: object
    model: str
    numbers: dict[Identity, int] | None = None
    videos: dict[bool, dict[int, StoredVideo]] = field(default_factory=lambda: {False: {}, True: {}})
    size_bytes: int = 0


class NoMemory:
    """Keeps nothing: for one preview alone."""

    def standing(self, journal: Database, library: Path) -> Standing:
        """Return the videos that lie in a library, see `standing_videos`."""
        return standing_videos(journal, library)

    def videos(self, index: IndexFile, model: str) -> StoredVideos:
        """Return what the index keeps for a model."""
        return StoredVideos(index, model)


class FiledMemory(NoMemory):
    """Keeps it for a while; thread-safe. `keep_bytes` bounds what is held of frames."""

    def __init__(self, *, keep_bytes: int = KEEP_BYTES) -> None:
        self._keep_bytes = keep_bytes
        self._lock = threading.Lock()
        self._used_s = 0.0
        self._standing: tuple[object, Standing] | None = None
        self._of_index: _OfIndex | None = None
        self._watched: tuple[IndexFile, int, int] | None = None  # which file `_watch` has open
        self._watches = 0  # how many connections `_watch` has been: each has a counter of its own
        self._watch: sqlite3.Connection | None = None
        self._opened = contextlib.ExitStack()

    def standing(self, journal: Database, library: Path) -> Standing:
        """Return the videos that lie in a library, see `standing_videos`. Raises StoreError."""
        with self._lock:
            self._used_s = time.monotonic()
            state = (journal, journal.changes(), library)  # first: what is committed meanwhile is read anew
            if self._standing is None or self._standing[0] != state:
                self._standing = state, standing_videos(journal, library)
            return self._standing[1]

    def videos(self, index: IndexFile, model: str) -> StoredVideos:
        """Return what the index keeps for a model. Raises StoreError."""
        with self._lock:
            self._used_s = time.monotonic()
            state, kept = self._state_of(index), self._of_index
            if kept is None or (kept.state, kept.model) != (state, model):
                kept = self._of_index = _OfIndex(state, model)
            return _RememberedVideos(index, kept, self._keep_bytes)

    def rest(self) -> float | None:
        """Let go what nobody has used for long; return when to ask again, seconds, None for not at all."""
        with self._lock:
            if self._watch is None and self._standing is None:
                return None
            left_s = self._used_s + IDLE_S - time.monotonic()
            if left_s > 0:
                return left_s
            self._drop_all()
            return None

    def close(self) -> None:
        """Let everything go."""
        with self._lock:
            self._drop_all()

    def _drop_all(self) -> None:
        self._standing = self._of_index = self._watched = self._watch = None
        self._opened.close()

    def _state_of(self, index: IndexFile) -> object:
        """Return what is another thing once anything was committed to an index, or its file is another."""
        try:
            status = index.path.stat()
            now = (index, status.st_dev, status.st_ino)
            if self._watch is None or self._watched != now:
                self._opened.close()  # of a damaged index, in whose place another was begun
                self._watch, self._watched = self._opened.enter_context(index.reading(at_once=False)), now
                self._watches += 1
            (number,) = self._watch.execute("PRAGMA data_version").fetchone()
        except (*SQLITE_ERRORS, OSError):  # told of, and mended, by who reads it next
            self._watch = None
            return object()
        return self._watches, number


class _RememberedVideos(StoredVideos):
    """What an index keeps of videos, as far as it is held in memory; the rest is read, and held if there is room."""

    def __init__(self, index: IndexFile, kept: _OfIndex, keep_bytes: int) -> None:
        super().__init__(index, kept.model)
        self._kept = kept
        self._keep_bytes = keep_bytes

    def numbered(self) -> dict[Identity, int]:
        """Return the number of each video that the index knows."""
        if self._kept.numbers is None:
            self._kept.numbers = super().numbered()
        return self._kept.numbers

    def of(self, videos: Sequence[int], *, clips: bool) -> Iterator[StoredVideo | None]:
        """Yield what is kept of videos by their numbers, None for one that is gone; with `clips` what its file says."""
        held = self._kept.videos[clips]
        missing = [video for video in videos if video not in held]
        read = dict(zip(missing, super().of(missing, clips=clips), strict=True)) if missing else {}
        for number, video in read.items():
            if video is not None and self._kept.size_bytes < self._keep_bytes:
                held[number] = video
                self._kept.size_bytes += video.held_bytes
        for number in videos:
            yield read[number] if number in read else held[number]
