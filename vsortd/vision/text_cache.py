"""The vectors of prompts, kept on disk: a large model needs many seconds on a CPU for the texts of a rule set.

One SQLite file in the state folder. It can be made again from nothing, so it commits with `synchronous=NORMAL`, and
whatever is wrong with it is said once and costs time only: the model is asked instead. A damaged file is set aside, and
a new one is begun.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from loguru import logger

from vsortd.core.system.damaged_files import SQLITE_ERRORS, is_damage, set_aside
from vsortd.core.system.private_files import private_file, private_folder
from vsortd.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    Row = npt.NDArray[np.float32]

T = TypeVar("T")

SCHEMA_VERSION: Final = 1
# Texts kept, of all models together; those not used for the longest time go first. 150 MB at 512 numbers.
MAX_TEXTS: Final = 65_536
# A text counts as used again only after this long, so that a start with all texts known writes nothing.
_USED_STEP_S: Final = 86_400.0
# How far from 1 the length of a kept row may be: float32 rounds it by some 1e-7.
_LENGTH_TOLERANCE: Final = 1e-3
# How long to wait for another process that writes.
_BUSY_S: Final = 5.0
_SCHEMA: Final = """
CREATE TABLE text (
    model TEXT NOT NULL,              -- what the vectors hang on: model, weights, dtype, device
    text BLOB NOT NULL,               -- UTF-8
    dim INTEGER NOT NULL,
    vector BLOB NOT NULL,             -- float32, little-endian, a unit row
    used_at REAL NOT NULL,            -- Unix seconds, a day's precision
    PRIMARY KEY (model, text)
) WITHOUT ROWID;
CREATE INDEX text_by_use ON text (used_at);
"""


class TextCache:
    """What one model made of texts before; thread-safe, and shared between processes.

    `model` names everything that the vectors hang on, `dim` is their length. No method raises: a damaged file is made
    anew once; after any other trouble, which is logged, the cache is empty and takes nothing. The file is open only
    during a call.
    """

    def __init__(self, path: Path, model: str, dim: int, *, max_texts: int = MAX_TEXTS) -> None:
        self._path = path
        self._model = model
        self._dim = dim
        self._max_texts = max_texts
        self._lock = threading.Lock()
        self._usable = True
        self._renewed = False

    def recall(self, texts: Iterable[str]) -> dict[str, Row]:
        """Return the rows [dim] of those texts that are known; a row that can't be right is left out."""
        wanted = list(texts)
        with self._lock:
            return self._tried(lambda: self._recall(wanted), {})

    def keep(self, rows: Mapping[str, Row]) -> None:
        """Keep the rows [dim] of texts, and let go what is too much."""
        with self._lock:
            self._tried(lambda: self._keep(rows), None)

    def _tried(self, work: Callable[[], T], otherwise: T) -> T:
        """Do something with the file, once more if it was damaged and made anew; `otherwise` where that can't be."""
        while self._usable:
            try:
                return work()
            except (*SQLITE_ERRORS, OSError, TypeError, StoreError) as error:
                damaged = isinstance(error, TypeError) or is_damage(error)
                if self._renewed or not damaged or not self._renew(error):
                    self._give_up(error)
        return otherwise

    def _recall(self, texts: Iterable[str]) -> dict[str, Row]:
        found: dict[str, Row] = {}
        stale: list[str] = []
        now = time.time()
        with self._opened() as db:
            for text in texts:
                kept = db.execute(
                    "SELECT dim, vector, used_at FROM text WHERE model = ? AND text = ?",
                    (self._model, _bytes(text)),
                ).fetchone()
                row = None if kept is None else self._checked(*kept[:2])
                if row is not None:
                    found[text] = row
                    if not now - _USED_STEP_S <= kept[2] <= now:
                        stale.append(text)
            if stale:
                self._touch(db, stale, now)
        return found

    def _keep(self, rows: Mapping[str, Row]) -> None:
        now = time.time()
        with self._opened() as db, db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT OR REPLACE INTO text VALUES (?, ?, ?, ?, ?)",
                (
                    (self._model, _bytes(text), self._dim, row.astype("<f4").tobytes(), now)
                    for text, row in rows.items()
                ),
            )
            (count,) = db.execute("SELECT COUNT(*) FROM text").fetchone()
            if count > self._max_texts:
                db.execute(
                    "DELETE FROM text WHERE (model, text) IN (SELECT model, text FROM text ORDER BY used_at LIMIT ?)",
                    (count - self._max_texts,),
                )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        private_folder(self._path.parent)
        private_file(self._path, create=True)
        with closing(sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                raise sqlite3.NotSupportedError(f"format {version} of a newer vsortd")
            if version == 0:
                self._create(db)
            yield db

    @staticmethod
    def _create(db: sqlite3.Connection) -> None:
        with db:
            db.execute("BEGIN IMMEDIATE")
            if db.execute("PRAGMA user_version").fetchone() == (0,):  # else another process was quicker
                for statement in _SCHEMA.split(";")[:-1]:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _touch(self, db: sqlite3.Connection, texts: Iterable[str], now: float) -> None:
        with db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "UPDATE text SET used_at = ? WHERE model = ? AND text = ?",
                ((now, self._model, _bytes(text)) for text in texts),
            )

    def _checked(self, dim: object, vector: object) -> Row | None:
        """Return a kept row, or None for one of another shape, with gaps, or not of length 1."""
        if dim != self._dim or not isinstance(vector, bytes) or len(vector) != 4 * self._dim:
            return None
        row = np.frombuffer(vector, "<f4").astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            usable = abs(float(row @ row) - 1) <= _LENGTH_TOLERANCE  # false for what is no number, too
        return row if usable else None

    def _renew(self, error: Exception) -> bool:
        """Set a damaged file aside, so that the next call begins a new one; tell whether that could be done."""
        try:
            aside = set_aside(self._path)
        except OSError:
            return False
        self._renewed = True
        logger.warning(
            "the texts kept in {} are damaged ({}): the file is set aside as {} and made anew; it may be removed",
            self._path,
            error,
            aside.name,
        )
        return True

    def _give_up(self, error: Exception) -> None:
        self._usable = False
        logger.warning(
            "the texts kept in {} can't be used ({}); they are embedded anew. The file may be removed.",
            self._path,
            error,
        )


def _bytes(text: str) -> bytes:
    # words of the command line may hold bytes that are no UTF-8
    return text.encode("utf-8", "surrogatepass")
