"""A library that lies elsewhere than before: its entries follow it, so that undo, search and retention go on.

A library carries a mark: the name of an empty folder in its hidden one, which goes where the library goes. The journal
knows which mark lay where. Is one met at another place, and no longer where it was, then it has moved: in one
transaction every path below it becomes one below its new place. A library that is still where it was has been copied,
and its entries stay with it. Where no mark came along (an older journal, a copy without hidden folders) a library
is known by its files.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from vsortd.core.identity import Identity
from vsortd.core.paths import below
from vsortd.core.system.os_errors import explained
from vsortd.core.text import storable
from vsortd.errors import FilingError
from vsortd.filing.open_folder import HIDDEN, Folders, is_folder
from vsortd.filing.owners import OwnerLock
from vsortd.filing.records import IdentityMatch, from_blob, from_columns, likeness, to_blob, to_columns

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.filing.journal import Journal

_MARK: Final = "id-"
# Where the journal holds paths of files and folders of a library.
_PATHS: Final = {
    "item": ("source", "destination", "library"),
    "operation": ("source", "destination"),
    "hold": ("path",),
    "staging": ("path",),
}
_PUT: Final = "put_device, put_inode, put_size_bytes, put_mtime_ns"
_STAND: Final = "phase = 'place' AND state = 'done' AND destination >= ? AND destination < ?"
# So many files of a library that moved by a rename have the identity that they had; then all have.
_ENOUGH: Final = 50


def follow_library(journal: Journal, library: Path) -> list[str]:
    """Let the entries of a library that now lies at `library` follow it; returns a sentence for each thing to tell.

    Does nothing where no library is. Raises StoreError, FilingError.
    """
    if not is_folder(library / HIDDEN):
        return []
    mark = _mark_of(library)
    with journal.db.read() as db:
        rows = db.execute("SELECT path, mark FROM place WHERE left_for IS NULL").fetchall()
        known = [from_blob(path) for (path,) in db.execute("SELECT path FROM library")]
    places = {from_blob(path): its for path, its in rows}
    if mark in places.values():
        former = [path for path, its in places.items() if its == mark and path != library]
    else:
        former = [] if library in known else [path for path in known if _holds_the_files_of(journal, path, library)]
    if mark and places.get(library) == mark and not former:
        return []
    said, moved = [], []
    for path in former:
        why = _why_not(journal, path, library, mark if mark in places.values() else "")
        if why:
            said.append(storable(why))
        else:
            moved.append((path, _fresh(journal, path, library)))
    mark = mark or _give_mark(library)
    if not mark:
        return said
    with journal.db.write() as db:
        for path, fresh in moved:
            count = _rebase(db, path, library, fresh)
            said.append(storable(f"The library moved from {path} to {library}: its {count} entries follow."))
        _register(db, library, mark, [path for path, _ in moved])
    return said


def current_places(journal: Journal) -> list[Path]:
    """Return where libraries lie, as far as is known."""
    left = "SELECT path FROM place WHERE left_for IS NOT NULL"
    with journal.db.read() as db:
        rows = db.execute(f"SELECT path FROM library WHERE path NOT IN ({left})").fetchall()  # noqa: S608 - constants
    return [from_blob(path) for (path,) in rows]


def followed_place(journal: Journal, path: Path) -> Path | None:
    """Return where a path that lay in a library lies now that the library has moved, None if it hasn't."""
    with journal.db.read() as db:
        rows = db.execute("SELECT path, left_for FROM place WHERE left_for IS NOT NULL").fetchall()
    for before, now in rows:
        if path.is_relative_to(from_blob(before)):
            return from_blob(now) / path.relative_to(from_blob(before))
    return None


def former_places(journal: Journal, library: Path) -> list[Path]:
    """Return where a library lay before."""
    with journal.db.read() as db:
        rows = db.execute("SELECT path FROM place WHERE left_for = ?", (to_blob(library),)).fetchall()
    return [from_blob(path) for (path,) in rows]


def _mark_of(library: Path) -> str:
    try:
        names = sorted(path.name for path in (library / HIDDEN).iterdir() if path.name.startswith(_MARK))
    except OSError:
        return ""
    return names[0] if names else ""


def _give_mark(library: Path) -> str:
    """Mark a library; "" where it can't be written to, so that nothing is filed into it either."""
    folder = library / HIDDEN / f"{_MARK}{os.urandom(8).hex()}"
    try:
        with explained("Could not mark the library", folder), Folders(library) as folders:
            folders.get(folder, create=True)
    except FilingError:
        return ""
    return folder.name


def _why_not(journal: Journal, before: Path, library: Path, mark: str) -> str:
    """Return why the entries of a library that is known elsewhere don't follow, "" if they do."""
    try:
        there = is_folder(before / HIDDEN / mark) if mark else is_folder(before / HIDDEN)
        same = there and (before / HIDDEN).samefile(library / HIDDEN)
    except (FilingError, OSError) as error:
        return f"Whether the library {library} came from {before} can't be told now: {error}"
    if there and not same:
        return f"{library} is a copy of {before}, which is still there: what was filed stays with that one."
    if _is_busy(journal):
        return f"The library moved from {before} to {library}: its entries follow when nothing is being filed."
    return ""


def _is_busy(journal: Journal) -> bool:
    """Tell whether a living process files or undoes now."""
    with journal.db.read() as db:
        owners = [owner for (owner,) in db.execute("SELECT DISTINCT owner FROM item WHERE owner IS NOT NULL")]
    for owner in owners:
        if journal.is_mine(owner):
            if journal.active():
                return True
            continue
        with contextlib.suppress(OSError):
            lock = OwnerLock.take(journal.owners, owner)
            if lock is None:
                return True
            lock.release(remove=False)
    return False


def _holds_the_files_of(journal: Journal, before: Path, library: Path) -> bool:
    """Tell whether a library has the files that were filed into one that is gone: most of those looked at."""
    with contextlib.suppress(FilingError):
        if before == library or is_folder(before / HIDDEN):
            return False
        found = [put.carried_to(there) for _, put, there in _standing(journal, before, library, newest=_ENOUGH)]
        return 2 * sum(found) > len(found)
    return False


def _standing(
    journal: Journal, before: Path, library: Path, *, newest: int = -1
) -> Iterator[tuple[int, Identity, Identity | None]]:
    """Yield what was put below `before`, and what lies in its place below `library` now."""
    with journal.db.read() as db:
        rows = db.execute(
            f"SELECT id, destination, {_PUT} FROM operation WHERE {_STAND} ORDER BY id DESC LIMIT ?",  # noqa: S608 - constants
            (*below(before), newest),
        ).fetchall()
    for number, destination, *columns in rows:
        put = from_columns(*columns)
        if put is not None:
            with contextlib.suppress(OSError):
                yield number, put, Identity.of(library / from_blob(destination).relative_to(before))


def _fresh(journal: Journal, before: Path, library: Path) -> list[tuple[int, Identity]]:
    """Return which operations put files that have another identity now: all have, where they were copied."""
    fresh: list[tuple[int, Identity]] = []
    same = 0
    for number, put, there in _standing(journal, before, library):
        if there is None:
            continue
        if likeness(put, there) is IdentityMatch.SAME:
            same += 1
            if same >= _ENOUGH and not fresh:
                break
        elif put.inode != there.inode and put.carried_to(there):
            fresh.append((number, there))
    return fresh


def _rebase(db: sqlite3.Connection, before: Path, library: Path, fresh: list[tuple[int, Identity]]) -> int:
    """Give every path below `before` its new beginning; returns how many entries the library has."""
    for number, identity in fresh:
        db.execute(f"UPDATE operation SET ({_PUT}) = (?, ?, ?, ?) WHERE id = ?", (*to_columns(identity), number))  # noqa: S608 - constants
    for table, columns in _PATHS.items():
        for column in columns:
            _move(db, table, column, before, library)
    (count,) = db.execute("SELECT count(*) FROM item WHERE library = ?", (to_blob(library),)).fetchone()
    return int(count)


def _move(db: sqlite3.Connection, table: str, column: str, before: Path, library: Path) -> None:
    first, last = below(before)
    new, _ = below(library)
    # SQLite joins texts: bytes that are no UTF-8 go through it as they are
    db.execute(
        f"UPDATE {table} SET {column} = CAST(CAST(? AS TEXT) || CAST(substr({column}, ?) AS TEXT) AS BLOB)"  # noqa: S608 - constants
        f" WHERE {column} >= ? AND {column} < ?",
        (new, len(first) + 1, first, last),
    )
    db.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (to_blob(library), to_blob(before)))  # noqa: S608 - constants


def _register(db: sqlite3.Connection, library: Path, mark: str, moved: list[Path]) -> None:
    """Write that a library with this mark lies here, and no longer where it was."""
    here = to_blob(library)
    db.execute("INSERT OR IGNORE INTO library (path) VALUES (?)", (here,))
    db.execute("UPDATE place SET left_for = ? WHERE mark = ? AND left_for IS NOT NULL", (here, mark))
    for path, left_for in [*((to_blob(path), here) for path in moved), (here, None)]:
        db.execute(
            "INSERT INTO place (path, mark, left_for) VALUES (?, ?, ?)"
            " ON CONFLICT (path) DO UPDATE SET mark = excluded.mark, left_for = excluded.left_for",
            (path, mark, left_for),
        )
