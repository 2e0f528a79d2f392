"""One sync for many commits: writers that wait for their turn join the transaction of the one before them.

Each writes a part of it, whole or not at all, and goes on only once the one commit of all parts has been synced.

The other way to share a sync, to commit each on its own unsynced and then to sync the log once for all, is not sound
where that sync fails: what was committed is in the log and seen by everybody, whoever commits next writes behind it,
and after a power cut SQLite reads the log only up to the first frame that did not reach the disk. As the kernel may
have dropped what it failed to write, no later sync, and no later commit with `synchronous=FULL`, would prove anything
of what lies behind. Here SQLite syncs before anybody sees the commit, and takes back what could not be synced.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from vsortd.core.system.fault_points import Point, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Longer than any commit on a disk that is well: only an interrupt (Ctrl-C) can keep the last in line from committing.
PATIENCE_S = 1.0


class Lender(Protocol):
    """Keeps a connection open for as long as it is referred to."""

    db: sqlite3.Connection


class _Group:
    """A transaction and those who wait for its end."""

    def __init__(self, lender: Lender, *, shared: bool) -> None:
        self.lender = lender
        self.db = lender.db
        self.shared = shared
        self.parts = 0
        self.ended = threading.Event()
        self.error: Exception | None = None  # why nothing of it was written


class Writers:
    """The threads that write into one database: one at a time, those that meet in one transaction."""

    def __init__(self, begin: Callable[[bool], Lender], committed: Callable[[Lender], None]) -> None:
        """Take what begins a transaction on the calling thread's connection, lasting or not, and what hears of its end.

        `committed` is called when a transaction has been committed, before anybody is told.
        """
        self._begin = begin
        self._committed = committed
        self._turn = threading.RLock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._group: _Group | None = None
        self._local = threading.local()

    @property
    def lent(self) -> sqlite3.Connection | None:
        """The connection that this thread is writing with, or None."""
        lent: sqlite3.Connection | None = getattr(self._local, "lent", None)
        return lent

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Keep everybody from writing for as long as the context lasts; what is open is committed first."""
        with self._turn:
            if self._group is not None:
                self._commit(self._group)
            yield

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Wait until nobody else writes or commits; while it waits, a transaction is kept open for it."""
        self._count(1)
        waits = True
        try:
            with self._turn:
                self._count(-1)
                waits = False
                yield
        finally:
            if waits:
                self._count(-1)

    @contextmanager
    def write(self, *, lasting: bool) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a transaction, which has been committed at the end unless something is raised.

        Raises what the commit raised, in each thread that had a part in it: then nothing of any part was written.
        """
        within = self.lent
        if within is not None:  # part of what this thread is writing already, and committed with it
            with _savepoint(within):
                yield within
            return
        with self._in_turn():
            group = self._group or self._open(lasting=lasting)
            try:
                with self._part(group):
                    yield group.db
            except BaseException:
                with contextlib.suppress(Exception):  # the others are told, and this one has its own error
                    self._commit_if_last(group)
                raise
            self._commit_if_last(group)
        self._wait(group)

    def _count(self, more: int) -> None:
        with self._counting:
            self._waiting += more

    def _open(self, *, lasting: bool) -> _Group:
        # whoever joins one that isn't lasting would have to be lasting no more than it
        self._group = _Group(self._begin(lasting), shared=lasting)
        return self._group

    @contextmanager
    def _part(self, group: _Group) -> Iterator[None]:
        """Take back one part if something is raised; where SQLite took back everything, that is told to all."""
        self._local.lent = group.db
        try:
            # the first part needs no savepoint: while it is written, it is all there is
            with _savepoint(group.db) if group.parts else contextlib.nullcontext():
                yield
        except BaseException as error:
            if not group.parts or not group.db.in_transaction:
                self._end(group, error)
            raise
        finally:
            self._local.lent = None
        group.parts += 1

    def _commit_if_last(self, group: _Group) -> None:
        """Commit, unless it has ended, or somebody waits who will join it and then see to that."""
        if self._group is group and not (group.shared and self._waiting):
            self._commit(group)

    def _commit(self, group: _Group) -> None:
        try:
            reach(Point.COMMIT_BEFORE)
            group.db.execute("COMMIT")
            self._committed(group.lender)
        except BaseException as error:
            self._end(group, error)
            raise
        self._end(group, None)

    def _end(self, group: _Group, error: BaseException | None) -> None:
        if error is not None:
            # a commit that failed may have closed the transaction itself
            with contextlib.suppress(sqlite3.Error):
                group.db.execute("ROLLBACK")
            if isinstance(error, (sqlite3.Error, OSError)):
                group.error = error
            else:  # what one part raised besides is none of the others' business, an interrupt least of all
                group.error = sqlite3.OperationalError("a transaction of several threads was given up")
        self._group = None
        group.ended.set()

    def _wait(self, group: _Group) -> None:
        while not group.ended.wait(PATIENCE_S):
            with self._turn:
                if self._group is group:  # whoever was to commit it has gone
                    self._commit(group)
        if group.error is not None:
            raise group.error


@contextmanager
def _savepoint(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("SAVEPOINT part")
    try:
        yield
        db.execute("RELEASE part")
    except BaseException:
        try:
            db.execute("ROLLBACK TO part")
            db.execute("RELEASE part")
        except sqlite3.Error:  # on a full or failing disk SQLite takes back everything, so there is no such part
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
        raise
