"""The index: every frame's embedding, kept once a video and model, so that nothing is ever looked at twice.

One SQLite file in the state folder. It is a cache of what the originals hold and can be rebuilt, so unlike the
journal it commits with `synchronous=NORMAL`. Rows carry model, weights, preprocessing, dimension and dtype
(a vector means nothing without them).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vsortd.errors import StoreError
from vsortd.identity import Identity

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE video (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    path BLOB NOT NULL,               -- os.fsencode: names need not be valid UTF-8
    duration_s REAL NOT NULL,
    seen_at REAL NOT NULL,            -- Unix seconds
    UNIQUE (size_bytes, mtime_ns, inode, device)
);
CREATE TABLE frames (
    video INTEGER NOT NULL REFERENCES video ON DELETE CASCADE,
    model TEXT NOT NULL,              -- name, weights and preprocessing: what makes vectors comparable
    plan TEXT NOT NULL,               -- which frames were asked for, e.g. "spread-32"
    round INTEGER NOT NULL,           -- the sampling round the frames came with
    dim INTEGER NOT NULL, dtype TEXT NOT NULL,
    times_ms BLOB NOT NULL,           -- int64, little-endian
    vectors BLOB NOT NULL,            -- dtype, row-major [n, dim], unit rows
    PRIMARY KEY (video, model, plan, round)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Frames of one sampling round as the model sees them: true times (int64 [n], ms), unit rows (float32 [n, dim])."""

    times_ms: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]


class Index:
    """The embeddings of every video that was looked at; thread-safe.

    Raises StoreError when the file is not an index, comes from a newer vsortd, or can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA foreign_keys=ON")
            self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The index {path} can't be opened: {error}.",
                remedy="It holds nothing that can't be made again: move it away and vsortd starts a new one.",
                paths=[path],
            ) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def recall(self, identity: Identity, model: str, plan: str, round_number: int) -> Embedded | None:
        """Return what was kept of one sampling round of this very file, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT frames.dim, frames.dtype, times_ms, vectors FROM frames JOIN video ON video.id = frames.video"
                " WHERE size_bytes = ? AND mtime_ns = ? AND inode = ? AND device = ?"
                " AND model = ? AND plan = ? AND round = ?",
                (*_key(identity), model, plan, round_number),
            ).fetchone()
        if row is None:
            return None
        dim, dtype, times, vectors = row
        return Embedded(
            np.frombuffer(times, "<i8").astype(np.int64),
            np.frombuffer(vectors, dtype).reshape(-1, dim).astype(np.float32),
        )

    def kept(self, identity: Identity, model: str) -> Embedded | None:
        """Return everything that was kept of this very file for a model, in the order of time, or None."""
        with self._lock:
            rows = self._db.execute(
                "SELECT frames.dim, frames.dtype, times_ms, vectors FROM frames JOIN video ON video.id = frames.video"
                " WHERE size_bytes = ? AND mtime_ns = ? AND inode = ? AND device = ? AND model = ?",
                (*_key(identity), model),
            ).fetchall()
        if not any(times for _, _, times, _ in rows):
            return None
        times_ms = np.concatenate([np.frombuffer(times, "<i8") for _, _, times, _ in rows])
        vectors = np.concatenate([np.frombuffer(blob, dtype).reshape(-1, dim) for dim, dtype, _, blob in rows])
        moments, first = np.unique(times_ms, return_index=True)  # the same frame may be there by several plans
        return Embedded(moments.astype(np.int64), vectors[first].astype(np.float32))

    def alike(self, identity: Identity) -> list[tuple[Identity, Path]]:
        """Return the files with this size and time: this one, or what it may have been moved or copied from."""
        with self._lock:
            rows = self._db.execute(
                "SELECT device, inode, size_bytes, mtime_ns, path FROM video WHERE size_bytes = ? AND mtime_ns = ?",
                (identity.size_bytes, identity.mtime_ns),
            ).fetchall()
        found = []
        for device, inode, size_bytes, mtime_ns, path in rows:
            unsigned = inode + (1 << 64) if inode < 0 else inode
            found.append((Identity(device, unsigned, size_bytes, mtime_ns), Path(os.fsdecode(path))))
        return found

    def keep(  # noqa: PLR0917 - one row's worth of facts
        self,
        identity: Identity,
        path: Path,
        duration_s: float,
        model: str,
        plan: str,
        round_number: int,
        embedded: Embedded,
    ) -> None:
        """Keep the embeddings of one sampling round (as fp16) for the file with this identity."""
        vectors = embedded.vectors.astype("<f2")
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "INSERT INTO video (size_bytes, mtime_ns, inode, device, path, duration_s, seen_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET path = excluded.path, seen_at = excluded.seen_at",
                (*_key(identity), os.fsencode(path), duration_s, time.time()),
            )
            (video,) = self._db.execute(
                "SELECT id FROM video WHERE size_bytes = ? AND mtime_ns = ? AND inode = ? AND device = ?",
                _key(identity),
            ).fetchone()
            self._db.execute(
                "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    video,
                    model,
                    plan,
                    round_number,
                    vectors.shape[1],
                    "<f2",
                    embedded.times_ms.astype("<i8").tobytes(),
                    vectors.tobytes(),
                ),
            )

    def moved(self, before: Identity, after: Identity, path: Path) -> None:
        """Follow a file to where it lies now, also onto another filesystem or into its converted form."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "UPDATE OR REPLACE video SET size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, path = ?"
                " WHERE size_bytes = ? AND mtime_ns = ? AND inode = ? AND device = ?",
                (*_key(after), os.fsencode(path), *_key(before)),
            )

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"The index {self.path} was written by a newer vsortd"
                f" (format {version}, this one knows {SCHEMA_VERSION}).",
                remedy="Update vsortd, or move the file away: it can be rebuilt.",
                paths=[self.path],
            )
        if version == 0:
            # executescript commits by itself; the script therefore carries its own transaction
            self._db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")


def _key(identity: Identity) -> tuple[int, int, int, int]:
    # SQLite's integers are signed 64-bit; inode numbers of some network filesystems are not
    inode = identity.inode - (1 << 64) if identity.inode >= 1 << 63 else identity.inode
    return identity.size_bytes, identity.mtime_ns, inode, identity.device
