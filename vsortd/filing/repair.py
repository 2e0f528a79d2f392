"""Mending a damaged journal: the newest sound copy, what can still be read of the damaged one, and what the disk says.

Nothing is thrown away: the damaged files are set aside under names of their own. What is not known is said, never made
up: an entry that was made of what lies on the disk says so, and is undone only where its way back is certain.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsortd.core.system.atomic_file import sync_file, sync_folder
from vsortd.core.system.private_files import private_file
from vsortd.core.text import storable
from vsortd.errors import DamagedError, StoreError
from vsortd.filing import seals
from vsortd.filing.copies import JournalCopy, copies_folder, copies_in, is_sound
from vsortd.filing.database import Database
from vsortd.filing.journal import Journal
from vsortd.filing.last_commit import SUFFIX, SUFFIXES, LastCommit, leftovers
from vsortd.filing.moved_library import follow_library
from vsortd.filing.owners import OwnerLock
from vsortd.filing.records import operation_of
from vsortd.filing.recover import recover
from vsortd.filing.repair_disk import DiskFindings, bring_up_to_date
from vsortd.filing.repair_entries import rebuild
from vsortd.filing.salvage import Salvaged, salvage
from vsortd.filing.schema import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Sequence

# Rows that hang on an item, and on nothing.
_APART = ("library", "place", "owner", "staging")


@dataclass
class Repaired:
    """What a repair did. `whole`: certainly nothing is missing of what was written."""

    aside: list[Path] = field(default_factory=list)
    copy: Path | None = None
    from_copy: int = 0
    salvaged: int = 0
    rebuilt: int = 0
    whole: bool = False
    disk: DiskFindings = field(default_factory=DiskFindings)
    recovered: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return a sentence for each thing that people should know."""
        said = [f"The damaged files were set aside: {', '.join(path.name for path in self.aside)}."]
        if self.copy is None:
            said.append("There was no sound copy of the journal.")
        else:
            said.append(f"The copy {self.copy} was restored. Entries in it: {self.from_copy}.")
        said.append(f"Read out of the damaged journal, newer than any copy: {self.salvaged}.")
        if self.rebuilt:
            said.append(f"Lost, and made again of what was still known of their files: {self.rebuilt}.")
        said += self.disk.lines() + self.recovered
        if self.whole:
            said.append("Nothing of what was written is missing.")
        else:
            said.append("Of any other entry nothing is left but what its video tells by where it lies.")
        return [storable(line) for line in said]


def repair(path: Path, library: Path, review: str, copy_to: Path | None = None) -> Repaired | None:
    """Mend the journal at `path`; None where it is sound, or there is none. The caller holds the daemon's lock.

    `library` is where videos were filed, `review` the name of the folder for undecided ones in it. Raises StoreError
    when it is of a newer vsortd, when a process is at work with it, or when the disk refuses.
    """
    if not path.exists() and not leftovers(path):
        return None
    try:
        Journal.open(path, thorough=True).close()
    except DamagedError:
        pass
    else:
        return None
    _require_nobody(path.parent / "owners")
    try:
        return _repair(path, library, review, copy_to)
    except OSError as error:
        raise StoreError(
            f"The journal {path} can't be repaired: {error.strerror or error}.",
            remedy="See to the state folder ($VSORTD_STATE_DIR): its rights and its free space, then repair again.",
            paths=[path],
        ) from error


def _repair(path: Path, library: Path, review: str, copy_to: Path | None) -> Repaired:
    done = Repaired()
    last, journal_id = LastCommit(path).read()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".repair-") as folder:
        fresh = Path(folder, "fresh.sqlite3")
        Journal.open(fresh).close()
        near, far = copies_in([copies_folder(path.parent)]), copies_in([copy_to] if copy_to is not None else [])
        found = salvage(path, [fresh, *(copy.path for copy in near[:1])], Path(folder, "image.sqlite3"))
        chosen = _choose([*near, *far], near, journal_id or found.journal_id)
        new = Path(folder, "new.sqlite3")
        shutil.copyfile(fresh if chosen is None else chosen.path, new)
        new.chmod(0o600)
        done.copy = None if chosen is None else chosen.path
        known = found.commits >= last
        done.whole = known and {"item", "operation"} <= found.whole
        number = journal_id or found.journal_id
        before = _aside_before(path, [fresh], Path(folder, "image.sqlite3"), number)
        _merge(new, found, before, done, commits=max(last, found.commits) + 1, journal_id=number)
        done.aside = _set_aside(path)
        _put_in_place(new, path)
    with Journal.open(path, thorough=True) as journal:
        moved = follow_library(journal, library)  # first: what lies there must not be taken for new
        done.disk = bring_up_to_date(
            journal, library, review, lost=not done.whole, holds_known=known and "hold" in found.whole
        )
        done.recovered = moved + recover(journal).lines()
    return done


def _require_nobody(owners: Path) -> None:
    """See that no process files or undoes now. Raises StoreError."""
    with contextlib.suppress(FileNotFoundError):
        for one in owners.iterdir():
            lock = OwnerLock.take(owners, one.name)
            if lock is None:
                raise StoreError(
                    "Another vsortd is at work with the damaged journal.",
                    remedy="Wait for it, or end it (vsortd stop), then repair again.",
                    paths=[one],
                )
            lock.release(remove=False)


def _choose(copies: Sequence[JournalCopy], near: Sequence[JournalCopy], journal_id: int) -> JournalCopy | None:
    """Return the newest sound copy of this journal. Raises StoreError when it isn't known which journal is meant."""
    ids = {copy.journal_id for copy in copies}
    wanted = {journal_id} if journal_id else {copy.journal_id for copy in near} or ids
    if len(wanted) > 1:
        raise StoreError(
            "There are copies of several journals, and nothing tells which was this one.",
            remedy="Move those of the others away, then repair again.",
            paths=[copy.path for copy in copies],
        )
    newest_first = sorted(copies, key=lambda copy: copy.commits, reverse=True)
    return next((copy for copy in newest_first if copy.journal_id in wanted and is_sound(copy.path)), None)


def _merge(new: Path, found: Salvaged, before: Salvaged, done: Repaired, *, commits: int, journal_id: int) -> None:
    """Put what was salvaged into the restored copy, and count it as newer than all that was.

    `before` is what a repair before this one had set aside: of that only what is nowhere else.
    """
    database = Database(new, JOURNAL)
    try:
        with database.write() as db:
            (done.from_copy,) = db.execute("SELECT count(*) FROM item").fetchone()
            for table in ("item", "operation", *_APART):
                changed = [row for row in found.rows[table] if _put(db, table, row)]
                done.salvaged += len(changed) if table == "item" else 0
            for table in ("item", "operation"):
                missing = [row for row in before.rows[table] if _put(db, table, row, change=False)]
                done.salvaged += len(missing) if table == "item" else 0
            operations = [operation_of(_sealed("operation", row)) for row in found.rows["operation"]]
            made = rebuild(db, operations, found.rows["hold"])
            done.rebuilt = made.entries
            for row in made.holds:
                _put(db, "hold", row)
            if "hold" in found.whole and found.commits:
                _drop_lifted(db, found)
            _count(db, seals.COMMITS, commits)
            if journal_id:
                _count(db, seals.JOURNAL_ID, journal_id)
    finally:
        database.close()
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in SUFFIXES:
        Path(f"{new}{suffix}").unlink(missing_ok=True)


def _put(db: sqlite3.Connection, table: str, row: tuple[Any, ...], *, change: bool = True) -> bool:
    """Insert a row, or let it take the place of the one with its number; tell whether anything changed."""
    columns = JOURNAL.sealed[table]
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    if table in _APART:
        return db.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row).rowcount == 1  # noqa: S608 - constants
    before = db.execute(f"SELECT {names} FROM {table} WHERE id = ?", row[:1]).fetchone()  # noqa: S608 - constants
    if before == row or (before is not None and not change):
        return False
    if table != "item" and not db.execute("SELECT 1 FROM item WHERE id = ?", (row[1],)).fetchone():
        return False  # its item is lost; what the disk says of it comes afterwards
    if before is None:
        db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608 - constants
    else:
        db.execute(f"UPDATE {table} SET ({names}) = ({marks}) WHERE id = ?", (*row, row[0]))  # noqa: S608 - constants
    return True


def _sealed(table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row of which the checksum was verified with that checksum."""
    return (*row, seals.row_sum(table, *row))


def _drop_lifted(db: sqlite3.Connection, found: Salvaged) -> None:
    """Remove the holds of the copy that were lifted after it was made."""
    there = {row[0] for row in found.rows["hold"]}
    for (number,) in db.execute("SELECT id FROM hold").fetchall():
        if number not in there:
            db.execute("DELETE FROM hold WHERE id = ?", (number,))


def _count(db: sqlite3.Connection, name: str, n: int) -> None:
    db.execute("UPDATE counter SET n = ?, twin = ? WHERE name = ?", (n, ~n, name))


def _set_aside(path: Path) -> list[Path]:
    """Copy the damaged files under names of their own, together, so that a log keeps belonging to its file."""
    name = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    if os.path.lexists(path.with_name(name)):  # a repair within the same second
        name += f"-{time.monotonic_ns()}"
    aside = []
    for suffix in ("", *SUFFIXES):
        before, after = Path(f"{path}{suffix}"), path.with_name(name + suffix)
        if before.is_file():
            private_file(after, create=True)
            shutil.copyfile(before, after)
            sync_file(after)
            aside.append(after)
    sync_folder(path.parent)
    return aside


def _put_in_place(new: Path, path: Path) -> None:
    """Let a journal take the place of the damaged one, whose log goes first: it would be taken for the new one's.

    Killed in between, the number of the last commit tells that entries are missing, and another repair finds them in
    what was set aside.
    """
    sync_file(new)
    for suffix in SUFFIXES:
        if suffix != SUFFIX:
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    sync_folder(path.parent)
    new.replace(path)
    sync_folder(path.parent)


def _aside_before(path: Path, models: Sequence[Path], image: Path, journal_id: int) -> Salvaged:
    """Read what repairs before this one set aside of this journal: one that was killed half way may have lost a log."""
    found = Salvaged({table: [] for table in JOURNAL.sealed})
    names = sorted(one for one in path.parent.glob(f"{path.name}.damaged-*") if one.name.endswith("Z"))
    for aside in reversed(names):
        there = salvage(aside, models, image)
        if there.journal_id == journal_id:
            for table, rows in there.rows.items():
                found.rows[table] += rows
    return found
