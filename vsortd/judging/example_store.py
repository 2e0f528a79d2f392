"""The examples: videos that a person put into a rule's folder, or said belong nowhere, with how the model sees them.

One SQLite file in the state folder. It holds what people said, which nothing can make again, so it is kept like the
journal: every commit lasts, and a file that can't be read stops the program. A vector means nothing without its model,
so every row carries the model's key, dimension and dtype.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import numpy.typing as npt

from vsortd.core.moved_files import moved_along
from vsortd.core.names import nfc
from vsortd.core.paths import below
from vsortd.filing import seals
from vsortd.filing.database import Database
from vsortd.filing.records import from_blob, from_columns, to_blob, to_columns, utc
from vsortd.filing.schema import Form

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping
    from pathlib import Path
    from types import TracebackType

    from vsortd.core.identity import Identity

# More frames of one video say little that these don't; scoring grows with every row.
FRAMES: Final = 8
_DTYPE: Final = "<f2"

_FIRST = """
CREATE TABLE example (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,                    -- UTC, ISO 8601 with milliseconds
    rule TEXT NOT NULL,                    -- its key, such as forest/night
    path BLOB NOT NULL,                    -- where the video lay; the system's bytes
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    origin TEXT NOT NULL,
    video INTEGER NOT NULL,                -- the same for all examples of one video; the newest that stands counts
    item INTEGER, mark TEXT,               -- the filing that it hangs on, if any: undone, the example is taken back
    active INTEGER NOT NULL DEFAULT 1,     -- 0: forgotten by the user
    model TEXT NOT NULL, dim INTEGER NOT NULL, dtype TEXT NOT NULL,
    vectors BLOB NOT NULL                  -- dtype, row-major [n, dim], unit rows
);
CREATE INDEX example_file ON example (size_bytes, mtime_ns, inode, device);
CREATE INDEX example_item ON example (item) WHERE item IS NOT NULL;

CREATE TABLE change (n INTEGER NOT NULL);  -- grows with every change of what counts
INSERT INTO change VALUES (0);
CREATE TRIGGER example_added AFTER INSERT ON example BEGIN UPDATE change SET n = n + 1; END;
CREATE TRIGGER example_changed AFTER UPDATE ON example BEGIN UPDATE change SET n = n + 1; END;

CREATE TABLE model (choice TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;  -- what the config's choice was last
CREATE TABLE verdict (                     -- whether the examples help, as last judged; one row
    one INTEGER PRIMARY KEY CHECK (one = 1),
    digest TEXT NOT NULL,                  -- of all that it depends on
    model TEXT NOT NULL,
    result TEXT NOT NULL                   -- JSON
);
"""
_SEALED: Final = (
    "id", "time", "rule", "path", "device", "inode", "size_bytes", "mtime_ns", "origin", "video", "item", "mark",
    "active", "model", "dim", "dtype", "vectors",
)  # fmt: skip
# Format 2: nothing that the disk did to an example goes unnoticed, see filing/seals.py.
_SECOND = (
    """
CREATE TABLE counter (name TEXT PRIMARY KEY, n INTEGER NOT NULL, twin INTEGER NOT NULL) WITHOUT ROWID;
"""
    + seals.COUNTERS
    + seals.triggers("example", _SEALED, ("id",))
)
# Format 3: an example may be of none of the rules below its rule, "" for none of the top ones.
_NEW: Final = {"none": "INTEGER NOT NULL DEFAULT 0"}
_COLUMNS: Final = (*_SEALED, *_NEW)
_THIRD = seals.widened("example", _SEALED, _NEW, ("id",))
FORM: Final = Form(  # "vsex"
    "record of corrections",
    "taught",
    0x76736578,
    "example",
    (_FIRST, _SECOND, _THIRD),
    sealed={"example": _COLUMNS},
    since={"example.none": 3},
    counted=(seals.COMMITS, seals.JOURNAL_ID, seals.total_name("example")),
)


class Origin(StrEnum):
    """How a video became an example."""

    TEACH = "teach"
    REVIEW = "review"
    MOVE = "move"  # in the library, with a file manager


@dataclass(frozen=True, slots=True)
class Link:
    """An item of the journal; the transaction's id tells it from one of another journal with the same number."""

    item: int
    transaction_id: str


@dataclass(frozen=True, slots=True)
class NewExample:
    """What is to be learned: `vectors` are unit rows [n ≥ 1, dim] in the order of time, of which some are kept.

    With `none` it is of none of the rules below `rule`, which is "" for none of the top ones.
    """

    rule: str
    path: Path
    identity: Identity
    origin: Origin
    model: str
    vectors: npt.NDArray[np.float32]
    none: bool = False


@dataclass(frozen=True, slots=True)
class Taught:
    """An example as it is kept; `video` is the same for all examples of one video."""

    id: int
    time: str
    rule: str
    path: Path
    identity: Identity
    origin: Origin
    video: int
    link: Link | None
    active: bool
    model: str
    none: bool = False


class ExampleStore:
    """The examples in one file, for many threads and processes at once.

    Every method raises StoreError when the file can't be read or written.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, made first where there is none. Raises StoreError when it can't be trusted."""
        self._db = Database(path, FORM)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def revision(self) -> int:
        """Return a number that grows with every change of what counts, in whatever process; takes microseconds."""
        with self._db.read() as db:
            (number,) = db.execute("SELECT n FROM change").fetchone()
        return int(number)

    def add(self, new: NewExample, *, link: Link | None = None, former: Link | None = None) -> int:
        """Keep an example and return its number; it takes the place of older ones of the same video.

        `link` is the filing that it hangs on, `former` the one that had put the video where it lay. The same video is
        one with the same identity, or with an example that hangs on either.
        """
        rows = spread_over(new.vectors).astype(_DTYPE)
        with self._db.write() as db:
            cursor = db.execute(
                "INSERT INTO example (time, rule, path, device, inode, size_bytes, mtime_ns, origin, video, item, mark,"
                " model, dim, dtype, vectors, none) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    utc(),
                    new.rule,
                    to_blob(new.path),
                    *to_columns(new.identity),
                    new.origin,
                    _video_of(db, new.identity, (link, former)),
                    link and link.item,
                    link and link.transaction_id,
                    new.model,
                    rows.shape[1],
                    _DTYPE,
                    rows.tobytes(),
                    new.none,
                ),
            )
            number = cursor.lastrowid
            assert number is not None
            db.execute("UPDATE example SET video = id WHERE id = ? AND video = 0", (number,))
        return number

    def all(self) -> list[Taught]:
        """Return every example, newest first, forgotten and replaced ones too."""
        with self._db.read() as db:
            rows = [dict(zip(_COLUMNS, row, strict=True)) for row in reversed(_sound(db, "1", ()))]
        return [_taught(row) for row in rows]

    def vectors(self, ids: Collection[int]) -> dict[int, npt.NDArray[np.float32]]:
        """Return the unit rows [n, dim] of examples by their numbers."""
        with self._db.read() as db:
            rows = _sound(db, "id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),))
        return {
            number: np.frombuffer(blob, dtype).reshape(-1, dim).astype(np.float32)
            for number, *_, dim, dtype, blob, _none in rows
        }

    def set_active(self, ids: Collection[int] | None, *, active: bool) -> list[int]:
        """Forget examples (`active` False), or restore them; None means all. Returns those that were not so before."""
        where = "active <> ?" if ids is None else "active <> ? AND id IN (SELECT value FROM json_each(?))"
        values = (active,) if ids is None else (active, json.dumps(list(ids)))
        with self._db.write() as db:
            changed = [number for (number,) in db.execute(f"SELECT id FROM example WHERE {where}", values)]  # noqa: S608 - constants
            db.execute(f"UPDATE example SET active = NOT active WHERE {where}", values)  # noqa: S608 - constants
        return changed

    def rebase(self, before: Path, after: Path) -> int:
        """Let examples whose video lay below a folder name where it lies now that it is another; return how many.

        Done again, it does nothing; see `moved_along`.
        """
        first, last = below(before)
        followed = 0
        where = "path >= ? AND path < ?"
        with self._db.read() as db:
            if db.execute(f"SELECT 1 FROM example WHERE {where}", (first, last)).fetchone() is None:  # noqa: S608 - constants
                return 0
        with self._db.write() as db:
            rows = db.execute(
                f"SELECT id, path, device, inode, size_bytes, mtime_ns FROM example WHERE {where}",  # noqa: S608 - constants
                (first, last),
            ).fetchall()
            for number, path, *columns in rows:
                found = moved_along(path, from_columns(*columns), before, after)
                if found is None:
                    continue
                db.execute(
                    "UPDATE example SET path = ?, device = ?, inode = ?, size_bytes = ?, mtime_ns = ? WHERE id = ?",
                    (to_blob(found[0]), *to_columns(found[1]), number),
                )
                followed += 1
        return followed

    def rename_rule(self, before: str, now: str) -> int:
        """Let the examples of a rule be of another, whose name it has now; return how many."""
        with self._db.write() as db:
            return db.execute("UPDATE example SET rule = ? WHERE rule = ?", (now, before)).rowcount

    def model_of(self, choice: str) -> str:
        """Return the key of the model that the config's choice (as JSON) was when it was last loaded, or ""."""
        with self._db.read() as db:
            row = db.execute("SELECT key FROM model WHERE choice = ?", (choice,)).fetchone()
        return str(row[0]) if row else ""

    def note_model(self, choice: str, key: str) -> None:
        """Remember which model the config's choice is."""
        if self.model_of(choice) != key:
            with self._db.write(lasting=False) as db:
                db.execute("INSERT OR REPLACE INTO model VALUES (?, ?)", (choice, key))

    def verdict(self) -> tuple[str, str, str] | None:
        """Return digest, model key and result of the last verdict, or None."""
        with self._db.read() as db:
            row: tuple[str, str, str] | None = db.execute("SELECT digest, model, result FROM verdict").fetchone()
        return row

    def note_verdict(self, digest: str, model: str, result: str) -> None:
        """Remember a verdict in the place of the one before."""
        if self.verdict() != (digest, model, result):
            with self._db.write(lasting=False) as db:
                db.execute("INSERT OR REPLACE INTO verdict VALUES (1, ?, ?, ?)", (digest, model, result))


def examples_path(state: Path) -> Path:
    """Return where the examples lie in the state folder `state`."""
    return state / "examples.db"


def spread_over(rows: npt.NDArray[np.float32], most: int = FRAMES) -> npt.NDArray[np.float32]:
    """Return at most `most` rows, spread evenly from the first to the last: [n, dim]."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def _sound(db: sqlite3.Connection, where: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Return whole rows, each as it was written, the oldest first. Raises UnsoundError."""
    names = ", ".join((*_COLUMNS, "sum"))
    rows = db.execute(f"SELECT {names} FROM example WHERE {where} ORDER BY id", values).fetchall()  # noqa: S608 - constants
    for *row, checksum in rows:
        seals.check_row("example", row, checksum)
    return [row[:-1] for row in rows]


def _taught(row: Mapping[str, Any]) -> Taught:
    identity = from_columns(*(row[name] for name in ("device", "inode", "size_bytes", "mtime_ns")))
    assert identity is not None
    return Taught(
        id=row["id"],
        time=row["time"],
        rule=nfc(row["rule"]),
        path=from_blob(row["path"]),
        identity=identity,
        origin=Origin(row["origin"]),
        video=row["video"],
        link=None if row["item"] is None else Link(row["item"], row["mark"]),
        active=bool(row["active"]),
        model=row["model"],
        none=bool(row["none"]),
    )


def _video_of(db: sqlite3.Connection, identity: Identity, links: tuple[Link | None, ...]) -> int:
    """Return the number that the examples of this video share, 0 for a new one."""
    device, inode, size, mtime = to_columns(identity)
    row = db.execute(
        "SELECT video FROM example WHERE size_bytes = ? AND mtime_ns = ? AND inode = ? AND device = ? LIMIT 1",
        (size, mtime, inode, device),
    ).fetchone()
    for link in links:
        if row is None and link is not None:
            found = "SELECT video FROM example WHERE item = ? AND mark = ? LIMIT 1"
            row = db.execute(found, (link.item, link.transaction_id)).fetchone()
    return int(row[0]) if row else 0
