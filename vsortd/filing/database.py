"""The SQLite file of what can't be rebuilt: made whole or not at all, opened only if it is ours and can be read."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import uuid
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from vsortd.core.system.damaged_files import is_damage, remedy_of
from vsortd.core.system.fault_points import Point, reach
from vsortd.core.system.fsync import sync, sync_as_can_be
from vsortd.core.system.private_files import private_file, private_folder
from vsortd.core.system.rename_noreplace import is_reservation, rename_noreplace
from vsortd.core.system.sqlite_format import bring_forward, format_of
from vsortd.core.text import storable
from vsortd.errors import DamagedError, StoreError
from vsortd.filing import seals
from vsortd.filing.group_commit import Writers
from vsortd.filing.last_commit import LastCommit, leftovers
from vsortd.filing.schema import JOURNAL, SEALS, Form
from vsortd.filing.verified_state import Verified, VerifiedState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.filing.group_commit import Lender

# Another process commits in milliseconds; one that holds the lock for half a minute is stuck.
BUSY_S = 30.0


_COUNT = "UPDATE counter SET n = n + 1, twin = ~(n + 1) WHERE name = ? RETURNING n"


class Database:
    """One SQLite file for many threads and processes: a connection a thread, one writer at a time.

    Threads that write at once share a commit, and its sync. Every error of SQLite's becomes a StoreError that names
    the file: nothing here ever counts as empty. A file that is not what was written is a DamagedError.
    """

    def __init__(self, path: Path, form: Form = JOURNAL, *, busy_s: float = BUSY_S, thorough: bool = False) -> None:
        """Open the file, making it first where there is none, and see that it is sound; `thorough`: every row of it.

        Where it is known to be so, see `verified_state`, it is not read again but for `thorough`. Raises StoreError.
        """
        self.path = path
        self._form = form
        self._busy_s = busy_s
        self._local = threading.local()
        self._connections: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._last = LastCommit(path)
        self._verified = VerifiedState(path)
        self._handed_on: Verified | None = None  # by the transaction that is under way
        self._writers = Writers(self._begin, self._committed)
        self._watching = threading.Lock()
        self._watch: sqlite3.Connection | None = None  # writes nothing, so that it is told of every commit
        with self._explained():
            _release(path)
            if not path.exists():
                self._create()
            private_folder(path.parent)
            for file in (path, *leftovers(path)):
                with contextlib.suppress(FileNotFoundError):  # another process ends, and its log with it
                    private_file(file)
            self._look(thorough=thorough)
            with self._verified.handed_on():
                self._check(self._connection())

    def close(self) -> None:
        """Close every thread's connection; nothing may be under way."""
        with self._watching:
            if self._watch is not None:  # first: the log goes with the last connection that may write
                self._watch.close()
                self._watch = None
        with self._explained(), self._writers.stopped(), self._verified.handed_on():  # the last one empties the log
            for connection in list(self._connections):
                connection.close()
            self._local = threading.local()
        self._last.close()

    @property
    def every_row_verified(self) -> bool:
        """Whether each row is known to be what was written: then SQL leaves out none that the disk changed."""
        known = self._verified.now()
        return known is not None and known.every_row

    @property
    def journal_id(self) -> int:
        """The number that tells this journal, and its copies, from any other."""
        return self._last.journal_id

    def commits(self) -> int:
        """Return the number of the last commit that lasts."""
        with self.read() as db:
            return seals.counters(db).get(seals.COMMITS, 0)

    def changes(self) -> int:
        """Return a number that is another one once anything was committed, by whatever thread or process."""
        with self._explained(), self._watching:
            if self._watch is None:
                self._watch = _reader(self.path, self._busy_s, check_same_thread=False)
            (number,) = self._watch.execute("PRAGMA data_version").fetchone()
        return int(number)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection for reading; never waits for writers."""
        with self._explained():
            yield self._connection()

    @contextmanager
    def write(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a transaction, committed at the end unless something is raised.

        A commit lasts through a power cut; without `lasting` it lasts through a kill only, and costs no sync unless
        others are waiting for one. Threads that write at once share a commit: each returns when it has been synced;
        if it fails, each raises and nothing of theirs was written. Inside another `write` of the same thread this is
        a part of that one: taken back alone, and lasting with it, not before.
        """
        with self._explained():
            with self._writers.write(lasting=lasting) as connection:
                yield connection
            reach(Point.COMMIT_AFTER)

    def _begin(self, lasting: bool) -> _Connection:  # noqa: FBT001 - as Writers calls it
        mine = self._mine()
        mine.begin(lasting=lasting, counted=bool(self._form.sealed))
        self._handed_on = self._verified.now()  # nobody else commits from here on
        return mine

    def _committed(self, lender: Lender) -> None:
        assert isinstance(lender, _Connection)
        if lender.number:
            self._last.note(lender.number)
        if self._handed_on is not None:
            self._verified.note(self._handed_on)

    def _connection(self) -> sqlite3.Connection:
        # who reads amid writing sees what was written, on whosever connection it was
        return self._writers.lent or self._mine().db

    def _mine(self) -> _Connection:
        mine: _Connection | None = getattr(self._local, "mine", None)
        if mine is None:
            mine = _Connection(self.path, self._busy_s)
            self._local.mine = mine
            self._connections.add(mine)
        return mine

    def _create(self) -> None:
        """Make an empty file under another name and give it its own in one step.

        One of zero bytes is therefore always a damaged one, never one that is being made.
        """
        folder = self.path.parent
        private_folder(folder)
        if left := leftovers(self.path):
            noun, repair = self._form.noun, self._form.repair and f", or: {self._form.repair}"
            raise DamagedError(
                f"The {noun} {self.path} is missing, but {left[0]} is there.",
                remedy=f"Put the {noun} back beside it{repair}. To begin a new one, move that file away.",
                paths=[self.path],
            )
        temp = folder / f".{self.path.stem}-{uuid.uuid4().hex}.tmp"
        try:
            private_file(temp, create=True)
            db = sqlite3.connect(temp, isolation_level=None)
            try:
                seals.teach(db)
                # not in the WAL yet: what fails while it is copied into the file at closing, SQLite does not say
                bring_forward(db, self._form.steps, application_id=self._form.application_id)
                db.execute("PRAGMA journal_mode=WAL")
            finally:
                db.close()
            _sync(temp)
            with contextlib.suppress(FileExistsError):  # another process was first
                _publish(temp, self.path)
            _sync(folder)
        finally:
            for suffix in ("", "-journal", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    os.unlink(f"{temp}{suffix}")  # noqa: PTH108 - as SQLite names them

    def _look(self, *, thorough: bool) -> None:
        """See that the file is what was written, by a connection that can't write: its end would empty the log."""
        if self.path.stat().st_size == 0:
            raise self._damaged("is empty (0 bytes)")
        last, _ = self._last.read()  # first: another process may commit meanwhile
        looked = self._verified.look()
        known = None if thorough else self._verified.now()
        form = self._form
        with contextlib.closing(_reader(self.path, self._busy_s)) as db:
            (application,) = db.execute("PRAGMA application_id").fetchone()
            version = format_of(db)
            if application != form.application_id or version <= 0:
                raise self._damaged(f"is not a {form.noun} of vsortd")
            if version > form.version:
                raise StoreError(
                    f"The {form.noun} {self.path} is of format {version}; this vsortd knows {form.version}.",
                    remedy="It was written by a newer vsortd: update this one. Nothing was touched.",
                    paths=[self.path],
                )
            db.execute("BEGIN")  # all that follows is of one moment
            if known is None:
                seals.check_pages(db)
            if form.sealed and version >= SEALS:
                tables = form.sealed_in(version) if known is None else {}
                counted = seals.verify(db, tables, form.counted_in(version), thorough=thorough)
                if counted[seals.COMMITS] < last:
                    raise self._damaged("has lost its newest entries")
        if known is None:
            self._verified.note(Verified(time.time(), every_row=thorough), looked=looked)

    def _check(self, db: sqlite3.Connection) -> None:
        form = self._form
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal" and db.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
            raise StoreError(
                f"The {form.noun} {self.path} can't be kept safely: its filesystem has no shared memory.",
                remedy="Put the state folder on a local disk ($VSORTD_STATE_DIR).",
                paths=[self.path],
            )
        if format_of(db) < form.version:
            bring_forward(db, form.steps, application_id=form.application_id)
        if form.sealed:
            self._last.journal_id = seals.counters(db)[seals.JOURNAL_ID]

    def _damaged(self, what: str) -> DamagedError:
        self._verified.forget()
        return DamagedError(
            storable(f"The {self._form.noun} {self.path} {what}."),
            remedy=f"Nothing was touched. Stop the daemon if one runs (vsortd stop), then: {self._form.repair}"
            if self._form.repair
            else "Nothing was touched. Restore it from a backup; or move it away to begin a new one, which "
            f"knows nothing of what was {self._form.loss} before.",
            paths=[self.path],
        )

    def _malformed(self, error: sqlite3.Error | UnicodeDecodeError) -> StoreError:
        """Look again before a file is called damaged: SQLite takes a page that the disk didn't read for that."""
        if isinstance(error, seals.UnsoundError) or seals.REFUSAL in str(error):
            return self._damaged(f"is damaged: {error}")
        again = ""
        try:
            with contextlib.closing(_reader(self.path, self._busy_s)) as fresh:
                (application,) = fresh.execute("PRAGMA application_id").fetchone()
                found = fresh.execute("PRAGMA quick_check(1)").fetchall()
            if application != self._form.application_id or found != [("ok",)] or self.path.stat().st_size == 0:
                return self._damaged(f"can't be read ({error})")
            again = ", but is whole on a second look"
        except (OSError, sqlite3.OperationalError):
            pass  # it can't be read now either, which says nothing of what is in it
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            return self._damaged(f"can't be read ({error})")
        return StoreError(
            f"The {self._form.noun} {self.path} could not be read ({error}){again}.",
            remedy="Try again. If it happens once more, the disk may be failing: look at the system's log, and copy "
            "the state folder elsewhere.",
            paths=[self.path],
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if seals.was_interrupted():
                raise KeyboardInterrupt from error
            # of ours SQLite understands every statement: else the tables are not those that we made
            raise (self._malformed(error) if is_damage(error) else self._refused(error)) from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # what SQLite said held the damaged name
            raise self._malformed(error) from error
        except OSError as error:
            raise StoreError(
                f"The {self._form.noun} {self.path} can't be used: {error.strerror or error}.",
                remedy="See to the state folder ($VSORTD_STATE_DIR): its rights and its free space.",
                paths=[self.path],
            ) from error

    def _refused(self, error: sqlite3.OperationalError) -> StoreError:
        remedy = remedy_of(error) or (
            "See to the state folder ($VSORTD_STATE_DIR): its rights, and that the disk is whole."
        )
        title = storable(f"The {self._form.noun} {self.path} can't be used: {error}.")
        return StoreError(title, remedy=remedy, paths=[self.path])


class _Connection:
    """A thread's connection; goes with its thread, or when the database is closed."""

    def __init__(self, path: Path, busy_s: float) -> None:
        # mode=rw: a file that vanished while we run is an error, not a new, empty one
        name = f"file:{quote(os.fsencode(path))}?mode=rw"
        self.db = sqlite3.connect(
            name,
            uri=True,
            timeout=busy_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        self.db.execute("PRAGMA foreign_keys=ON")
        # macOS' fsync stops at the disk's own memory; elsewhere this changes nothing
        self.db.execute("PRAGMA fullfsync=ON")
        # what can take one of several parts back is a few pages: it needs no temporary file, which might not be had
        self.db.execute("PRAGMA temp_store=MEMORY")
        seals.teach(self.db)
        self._lasting: bool | None = None
        self.number = 0  # of the commit that is under way, if it is counted

    def begin(self, *, lasting: bool, counted: bool) -> None:
        """Begin a transaction of which the commit is synced if it is to be `lasting`; then it may be counted."""
        if lasting is not self._lasting:
            self._lasting = None
            self.db.execute(f"PRAGMA synchronous={'FULL' if lasting else 'NORMAL'}")
            self._lasting = lasting
        self.db.execute("BEGIN IMMEDIATE")
        self.number = 0
        if lasting and counted:
            try:
                ((self.number,),) = self.db.execute(_COUNT, (seals.COMMITS,)).fetchall()
            except BaseException:
                self.db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        self.db.close()

    def __del__(self) -> None:
        if hasattr(self, "db"):
            with contextlib.suppress(sqlite3.Error):  # of a damaged file, which was told of when it was used
                self.db.close()


def _reader(path: Path, busy_s: float, *, check_same_thread: bool = True) -> sqlite3.Connection:
    """Open a connection that can't write; the file is as it was when it is closed, and so is its log."""
    name = f"file:{quote(os.fsencode(path))}?mode=ro"
    db = sqlite3.connect(name, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=check_same_thread)
    seals.teach(db)
    return db


# In what reserves the name of a file of ours on a disk that has no better way.
_MARK = "vsortd's own file"


def _publish(temp: Path, path: Path) -> None:
    rename_noreplace(str(temp), str(path), None, None, mark=_MARK)


def _release(path: Path) -> None:
    """Remove what a process reserved the name with that was killed just then; a living one makes way for us."""
    if is_reservation(str(path), None, _MARK):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        (sync_as_can_be if path.is_dir() else sync)(descriptor)
    finally:
        os.close(descriptor)
