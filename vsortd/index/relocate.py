"""The index follows files that went elsewhere by other hands than the filer's: an undo, or the user.

No NumPy in here: `vsortd undo` ends with it, and has 0.3 s.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.core.moved_files import moved_along
from vsortd.core.paths import below

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SAME_FILE = "size_bytes = ? AND mtime_ns = ? AND inode = ? AND device = ?"


def key_of(identity: Identity) -> tuple[int, int, int, int]:
    """Return an identity as the columns that `SAME_FILE` asks for."""
    device, inode, size_bytes, mtime_ns = identity.columns()
    return size_bytes, mtime_ns, inode, device


def follow(index: Path, moves: Iterable[tuple[Path, Path]]) -> int:
    """Let the rows of videos that lay at a path name where they lie now; return how many did.

    Also a converted video that was undone is followed, into its original: they show the same. An index that is not
    there, or can't be written just now, is left as it is: it is a cache, and `vsortd index --verify` puts it right.
    """
    if not index.exists():
        return 0
    followed = 0
    with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(sqlite3.connect(index, timeout=5)) as db, db:
        db.execute("PRAGMA foreign_keys=ON")  # a row that is replaced takes its frames with it
        for before, after in moves:
            identity = None
            with contextlib.suppress(OSError):  # not for us to see: the others are followed
                identity = Identity.of(after)
            if identity is None:
                continue
            # another file may have lain there before: the one that came back is meant, or of a conversion the last one
            row = db.execute(
                "SELECT id FROM video WHERE path = ?"
                " ORDER BY size_bytes = ? AND mtime_ns = ? DESC, seen_at DESC, id DESC LIMIT 1",
                (os.fsencode(before), identity.size_bytes, identity.mtime_ns),
            ).fetchone()
            if row is not None:
                db.execute(
                    "UPDATE OR REPLACE video SET size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, path = ?"
                    " WHERE id = ?",
                    (*key_of(identity), os.fsencode(after), *row),
                )
                followed += 1
            db.execute("DELETE FROM name WHERE path = ?", (os.fsencode(after),))
            db.execute("UPDATE name SET path = ? WHERE path = ?", (os.fsencode(after), os.fsencode(before)))
    return followed


def rebase(index: Path, before: Path, after: Path) -> int:
    """Let the rows of videos that lay below a folder name where they lie now that it is another; return how many did.

    Done again, it does nothing; see `moved_along`.
    """
    if not index.exists():
        return 0
    followed = 0
    with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(sqlite3.connect(index, timeout=5)) as db, db:
        db.execute("PRAGMA foreign_keys=ON")
        rows = db.execute(
            "SELECT id, path, device, inode, size_bytes, mtime_ns FROM video WHERE path >= ? AND path < ?",
            below(before),
        ).fetchall()
        for number, path, *columns in rows:
            found = moved_along(path, Identity.of_columns(columns), before, after)
            if found is None or found[1] is None:
                continue
            db.execute(
                "UPDATE OR REPLACE video SET size_bytes = ?, mtime_ns = ?, inode = ?, device = ?, path = ?"
                " WHERE id = ?",
                (*key_of(found[1]), os.fsencode(found[0]), number),
            )
            followed += 1
        _rebase_names(db, before, after)
    return followed


def _rebase_names(db: sqlite3.Connection, before: Path, after: Path) -> None:
    """Let the further names of files, and the folders that were given, follow likewise."""
    for table in ("name", "folder"):
        lie = f"SELECT path FROM {table} WHERE path = ? OR path >= ? AND path < ?"  # noqa: S608 - constants
        for (path,) in db.execute(lie, (os.fsencode(before), *below(before))).fetchall():
            if os.path.lexists(path):
                continue
            new = os.fsencode(after / os.fsdecode(path[len(below(before)[0]) :]))
            db.execute(f"UPDATE OR REPLACE {table} SET path = ? WHERE path = ?", (new, path))  # noqa: S608 - likewise
