"""The index's file: opened, brought to the present format, and made anew where it is damaged.

It holds nothing that can't be made again, so damage never stops anything: the file is set aside, which is said once,
and a new one is begun.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import threading
import zlib
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from loguru import logger

from vsortd.core.system.damaged_files import SQLITE_ERRORS, is_damage, remedy_of, set_aside
from vsortd.core.system.private_files import private_file, private_folder
from vsortd.core.system.sqlite_format import bring_forward, format_of
from vsortd.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TABLES = """
CREATE TABLE video (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    path BLOB NOT NULL,               -- os.fsencode: names need not be valid UTF-8
    duration_s REAL NOT NULL,
    width_px INTEGER NOT NULL, height_px INTEGER NOT NULL,  -- as shown; 0: unknown
    recorded_s REAL NOT NULL,         -- Unix seconds, by the file's own word or its time of change
    seen_at REAL NOT NULL,            -- Unix seconds
    UNIQUE (size_bytes, mtime_ns, inode, device)
);
CREATE INDEX video_path ON video (path);
CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE          -- name, weights by content, and preprocessing: what makes vectors comparable
);
CREATE TABLE frames (
    video INTEGER NOT NULL REFERENCES video ON DELETE CASCADE,
    model INTEGER NOT NULL REFERENCES model,
    revision INTEGER NOT NULL,        -- grows with every change of any row
    dim INTEGER NOT NULL, dtype TEXT NOT NULL,
    looks TEXT NOT NULL,              -- [[name, frames], ...] in the order in which they were taken
    times_ms BLOB NOT NULL,           -- int64, little-endian, look by look
    vectors BLOB NOT NULL,            -- dtype, row-major [n, dim], unit rows
    UNIQUE (video, model)
);
CREATE INDEX frames_revision ON frames (revision);
"""
# Since format 3, of what `checksum_of` takes; NULL in rows that are older.
_CHECKSUM = "ALTER TABLE frames ADD COLUMN checksum INTEGER;"
# Since format 4: the other names of a file, as hard links are, and what `vsortd index` was given.
_PLACES = """
CREATE TABLE name (
    path BLOB PRIMARY KEY,            -- os.fsencode; where the file of a video lay as well, besides video.path
    video INTEGER NOT NULL REFERENCES video ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX name_video ON name (video);
CREATE TABLE folder (
    path BLOB PRIMARY KEY,            -- os.fsencode; a folder, or one video
    given_at REAL NOT NULL            -- Unix seconds
) WITHOUT ROWID;
"""
# Since format 5: what was measured of a video.
_PARTS = """
CREATE TABLE part (
    video INTEGER NOT NULL REFERENCES video ON DELETE CASCADE,
    name TEXT NOT NULL,               -- facts, shots, sound: what was measured
    version TEXT NOT NULL,            -- how, and with which options
    document BLOB NOT NULL,           -- JSON, deflated
    checksum INTEGER NOT NULL,
    UNIQUE (video, name)
);
"""
# The first format was a cache, of which nothing is kept.
_DROP = """
DROP TABLE IF EXISTS frames;
DROP TABLE IF EXISTS model;
DROP TABLE IF EXISTS video;
"""
STEPS: Final = ("", _DROP + _TABLES, _CHECKSUM, _PLACES, _PARTS)
"""Step N makes format N of format N - 1; steps are only ever added."""

_MAPPED_BYTES: Final = 1 << 32  # a reader's view of the file: vectors are copied once less
_BUSY_S: Final = 30

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound="IndexFile")


class IndexFile:
    """One SQLite file, a connection that all threads share, and others for long reads.

    Raises StoreError when the file comes from a newer vsortd, or can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._number = 0
        try:
            self._db = self._opened()
        except (*SQLITE_ERRORS, OSError) as error:
            if not is_damage(error):
                raise self._explained(error) from error
            self._db = self._anew(error)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def reading(self, *, at_once: bool = True) -> Iterator[sqlite3.Connection]:
        """Yield a connection of the caller's own: long reads hold up no writer. `at_once`: it sees one state only.

        Raises StoreError where the file turns out to be damaged, after it was made anew.
        """
        try:
            with contextlib.closing(_read_only(self.path)) as db:
                if at_once:
                    db.execute("BEGIN")
                yield db
        except SQLITE_ERRORS as error:
            self.heal(error)
            raise StoreError(
                f"The index {self.path} was damaged, and a new one is begun.",
                remedy="Ask again; `vsortd index` fills it anew.",
                paths=[self.path],
            ) from error

    def heal(self, error: Exception) -> None:
        """Begin a new file if the error says that this one is damaged. Raises StoreError for any other error."""
        if not is_damage(error):
            raise self._explained(error) from error
        with self._lock:
            others = self._number != _number(self.path)  # another thread or process was quicker
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._db = self._opened() if others else self._anew(error)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield

    def _opened(self) -> sqlite3.Connection:
        private_folder(self.path.parent)
        private_file(self.path, create=True)
        self._refuse_a_newer()
        db = sqlite3.connect(self.path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA foreign_keys=ON")
            if format_of(db) < len(STEPS):
                bring_forward(db, STEPS)
            _look(db)
        except BaseException:
            db.close()
            raise
        self._number = _number(self.path)
        return db

    def _anew(self, error: Exception) -> sqlite3.Connection:
        try:
            given = _folders_left(self.path)
            aside = set_aside(self.path)
            db = self._opened()
            db.executemany("INSERT OR IGNORE INTO folder VALUES (?, ?)", given)
        except (*SQLITE_ERRORS, OSError) as second:
            raise self._explained(second) from second
        logger.warning(
            "the index {} is damaged ({}): it is set aside as {}, and a new one is begun; `vsortd index` fills it anew",
            self.path,
            error,
            aside.name,
        )
        return db

    def _refuse_a_newer(self) -> None:
        """Raise StoreError where a newer vsortd wrote the file, without a connection that could change it."""
        with contextlib.closing(
            sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)
        ) as db:
            version = format_of(db)
        if version > len(STEPS):
            raise StoreError(
                f"The index {self.path} is of format {version}; this vsortd knows {len(STEPS)}.",
                remedy="It was written by a newer vsortd: update this one. Nothing was touched. Or move the file away: "
                "it can be made again.",
                paths=[self.path],
            )

    def _explained(self, error: Exception) -> StoreError:
        remedy = remedy_of(error) or (
            "See to the state folder ($VSORTD_STATE_DIR): its rights and its free space. The index can be made again: "
            "move it away, and a new one is begun."
        )
        return StoreError(
            f"The index {self.path} can't be used: {error}.",
            remedy=remedy,
            paths=[self.path],
        )


def healed(method: Callable[Concatenate[F, P], R]) -> Callable[Concatenate[F, P], R]:
    """Do it once more, over a new file, when the index turns out to be damaged."""

    @functools.wraps(method)
    def carefully(index: F, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(index, *args, **kwargs)
        except SQLITE_ERRORS as error:
            index.heal(error)
        try:
            return method(index, *args, **kwargs)
        except SQLITE_ERRORS as error:
            raise index._explained(error) from error  # noqa: SLF001 - of the class beside it

    return carefully


def checksum_of(looks: str, dim: int, dtype: str, times: bytes, vectors: bytes) -> int:
    """Return the checksum of a row of frames."""
    return zlib.crc32(vectors, zlib.crc32(times, zlib.crc32(f"{looks}\0{dim}\0{dtype}".encode())))


def _look(db: sqlite3.Connection) -> None:
    """Ask every table and index for something: what lies behind their first pages is found when it is needed."""
    for question in (
        "SELECT id FROM video ORDER BY size_bytes, mtime_ns LIMIT 1",
        "SELECT id FROM video ORDER BY path LIMIT 1",
        "SELECT id, key FROM model LIMIT 1",
        "SELECT video, model, revision, looks, checksum FROM frames ORDER BY revision DESC LIMIT 1",
        "SELECT path, video FROM name ORDER BY path LIMIT 1",
        "SELECT path, video FROM name ORDER BY video LIMIT 1",
        "SELECT path, given_at FROM folder LIMIT 1",
        "SELECT video, name, version, checksum FROM part ORDER BY video, name LIMIT 1",
    ):
        db.execute(question).fetchone()


def _folders_left(path: Path) -> list[tuple[bytes, float]]:
    """Return what can still be read of the folders that were given: of all that is in the file, only people know it."""
    with contextlib.suppress(*SQLITE_ERRORS, OSError), contextlib.closing(_read_only(path)) as db:
        return [
            (place, given_at)
            for place, given_at in db.execute("SELECT path, given_at FROM folder").fetchall()
            if isinstance(place, bytes) and isinstance(given_at, float)
        ]
    return []


def _number(path: Path) -> int:
    """Return what tells a file from the one that takes its name."""
    with contextlib.suppress(OSError):
        return path.stat().st_ino
    return 0


def _read_only(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
    db.execute("PRAGMA query_only=ON")
    db.execute(f"PRAGMA mmap_size={_MAPPED_BYTES}")
    return db
