"""The journal: what is about to be done is written before it is done, what was done after.

One transaction of SQLite for each step of the books; the effects themselves happen elsewhere (`fsops`).
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from vsortd.config.choices import PlaceMethod
from vsortd.core.outcomes import UNDOABLE, ItemState
from vsortd.core.text import storable
from vsortd.errors import StoreError
from vsortd.filing import holds, queries
from vsortd.filing.database import BUSY_S, Database
from vsortd.filing.history_query import EVERYTHING, HistoryQuery, history
from vsortd.filing.owners import OwnerLock
from vsortd.filing.passed_time import note_time
from vsortd.filing.records import (
    KEEPING,
    UNFINISHED,
    WAS_HELD,
    Item,
    Operation,
    OperationState,
    Phase,
    to_blob,
    to_columns,
    utc,
)
from vsortd.filing.staying import HOW, fell_back_to_copy
from vsortd.filing.transaction_errors import BusyError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from vsortd.core.identity import Identity


def new_transaction_id() -> str:
    """Return what names an item's temporary files: unique over all journals that may share a library."""
    return os.urandom(6).hex()  # as secrets would, which takes longer to import


class Journal:
    """The book of all filings, in one file of the state folder; for many threads and processes at once.

    Every method raises StoreError when the file can't be read or written.
    """

    def __init__(self, db: Database) -> None:
        self.db = db
        self.owners = db.path.parent / "owners"
        self.recovering = threading.Lock()
        self._lock = threading.Lock()
        self._owner: OwnerLock | None = None
        self._active: set[str] = set()

    @classmethod
    def open(cls, path: Path, *, busy_s: float = BUSY_S, thorough: bool = False) -> Self:
        """Open the journal, made first where there is none, and see that it is sound; `thorough`: every row of it.

        Raises StoreError when the file is no journal, locked, or written by a newer vsortd, DamagedError when it is not
        what was written.
        """
        return cls(Database(path, busy_s=busy_s, thorough=thorough))

    def close(self) -> None:
        """Close the file and let go of what this process owns; what passed since it filed is written down."""
        with self._lock:
            owner, self._owner = self._owner, None
        try:
            if owner is not None:
                with self.db.write(lasting=False) as db:
                    db.execute("UPDATE attempt SET owner = NULL WHERE owner = ?", (owner.id,))
                    db.execute(
                        "DELETE FROM owner WHERE id = ? AND NOT EXISTS (SELECT 1 FROM staging WHERE owner = owner.id)",
                        (owner.id,),
                    )
                note_time(self.db)
        finally:
            if owner is not None:
                owner.release(remove=True)
            self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Who is at work

    @property
    def owner(self) -> str:
        """This process's name in the journal; its lock file is held from the first call to `close`."""
        with self._lock:
            if self._owner is None:
                try:
                    lock = OwnerLock.fresh(self.owners)
                except OSError as error:
                    raise StoreError(
                        f"Can't write into {self.owners}: {error.strerror}.",
                        remedy="See to the state folder ($VSORTD_STATE_DIR): its rights and its free space.",
                        paths=[self.owners],
                    ) from error
                with self.db.write(lasting=False) as db:
                    db.execute("INSERT INTO owner (id, since) VALUES (?, ?)", (lock.id, utc()))
                self._owner = lock
            return self._owner.id

    def is_mine(self, owner: str) -> bool:
        """Tell whether `owner` is this process."""
        with self._lock:
            return self._owner is not None and self._owner.id == owner

    @contextmanager
    def at_work(self, transaction_id: str) -> Iterator[None]:
        """Keep recovery's hands off an item for as long as the context lasts."""
        with self._lock:
            self._active.add(transaction_id)
        try:
            yield
        finally:
            with self._lock:
                self._active.discard(transaction_id)

    def active(self) -> frozenset[str]:
        """Return the transaction ids of the items that threads of this process are at work on."""
        with self._lock:
            return frozenset(self._active)

    # Writing

    def begin(self, item: Item, operations: Sequence[Operation]) -> tuple[Item, list[Operation]]:
        """Write the intents of a new item; returns both with their numbers.

        Forgets attempts on the source, and holds that no longer describe it; those that do stand until it is filed,
        see `finish`. Raises BusyError when another item of the same file is under way, in whatever process.
        """
        assert all(one.state is OperationState.DONE for one in operations if one.stays)
        owner = self.owner
        with self.db.write() as db:
            busy = db.execute(
                "SELECT 1 FROM item WHERE owner IS NOT NULL AND (source = ? OR (inode = ? AND device = ?))",
                (to_blob(item.source), *reversed(to_columns(item.identity)[:2])),
            ).fetchone()
            if busy:
                raise BusyError("this file is being filed or undone already")
            holds.forget_outdated(db, item.source, item.identity)
            item = insert_item(db, replace(item, owner=owner))
            return item, [insert_operation(db, replace(one, item=item.id)) for one in operations]

    def redirect(self, item: Item, operations: Sequence[Operation], *, hold: Path | None = None) -> None:
        """Write other destinations for intents whose effects were taken back; `hold` is where an undone file goes."""
        with self.db.write() as db:
            if hold is not None:
                db.execute("UPDATE hold SET path = ? WHERE item = ?", (to_blob(hold), item.id))
            db.execute("UPDATE item SET destination = ? WHERE id = ?", (to_blob(item.destination), item.id))
            for one in operations:
                db.execute(
                    "UPDATE operation SET destination = ?, copied = 0,"
                    " sha256 = CASE WHEN copied THEN NULL ELSE sha256 END,"
                    " put_device = NULL, put_inode = NULL, put_size_bytes = NULL, put_mtime_ns = NULL WHERE id = ?",
                    (to_blob(one.destination), one.id),
                )

    def copied(self, operation: Operation) -> None:
        """Write that a whole copy lies under the temporary name, before it gets its own: its inode tells it later."""
        with self.db.write() as db:
            _update(db, operation)

    def claim(
        self,
        item: Item,
        state: ItemState,
        operations: Sequence[Operation],
        hold: tuple[Path, Identity] | None = None,
    ) -> list[Operation] | None:
        """Write the intents of undoing or expiring an item; None if it can no longer be undone, or is in other hands.

        `hold` is the path and identity that the undone file will have: from now on it is not to be sorted.
        """
        owner = self.owner
        with self.db.write() as db:
            taken = db.execute(
                "UPDATE item SET state = ?, owner = ? WHERE id = ? AND owner IS NULL"
                " AND state IN ('filed', 'review', 'aside')",
                (state, owner, item.id),
            )
            if taken.rowcount != 1:
                return None
            if hold is not None:
                holds.add(db, item.id, *hold)
            return [insert_operation(db, replace(one, item=item.id)) for one in operations]

    def finish(
        self,
        item: Item,
        state: ItemState,
        operations: Sequence[Operation] = (),
        *,
        reason: str | None = None,
        held: Identity | None = None,
    ) -> Item:
        """Write what became of every operation, and the item's end; it is in nobody's hands afterwards.

        An undo that was taken back loses its hold; `held` is the identity of the file that came back. An item whose
        video lay in the library already takes the place of the one that had put it there, as long as it stands. What
        was filed is neither held nor refused any longer.
        """
        assert state not in UNFINISHED
        placing = item.item_state is ItemState.PLACING
        item = replace(item, item_state=state, owner=None, reason=item.reason if reason is None else storable(reason))
        fell_back = any(map(fell_back_to_copy, operations))
        with self.db.write() as db:
            for one in operations:
                _update(db, one)
            db.execute(
                "UPDATE item SET state = ?, owner = NULL, reason = ?, destination = ?, sha256 = ? WHERE id = ?",
                (state, item.reason, to_blob(item.destination), item.sha256, item.id),
            )
            if fell_back:
                item = _with_detail(db, item, HOW, PlaceMethod.COPY.value)
            if state is ItemState.UNDONE:
                db.execute(
                    "UPDATE operation SET state = ? WHERE item = ? AND kind IN (?, ?) AND state = ?",
                    (OperationState.ROLLED_BACK, item.id, *sorted(KEEPING), OperationState.DONE),
                )
            _hand_on(db, item)
            if placing and state in UNDOABLE:
                held_before = holds.forget(db, item.source, item.identity, before=item.id)
                if held_before and state is ItemState.ASIDE:
                    item = _with_detail(db, item, WAS_HELD, True)
            elif placing and state is ItemState.UNCLEAR:
                holds.supersede(db, item.source, before=item.id)
            if held is not None:
                holds.refresh(db, item.id, held)
            elif state is not ItemState.UNDONE:
                db.execute("DELETE FROM hold WHERE item = ?", (item.id,))
        return item

    def expired(self, item: Item, kept: Operation, removal: Operation) -> None:
        """Write that the kept original of an item was removed after its time."""
        with self.db.write() as db:
            _update(db, removal)
            db.execute("UPDATE operation SET state = ? WHERE id = ?", (OperationState.EXPIRED, kept.id))
            db.execute("UPDATE item SET state = outcome, owner = NULL WHERE id = ?", (item.id,))

    # Reading, and letting go: see the modules of these names

    def history(self, query: HistoryQuery = EVERYTHING) -> list[Item]:
        """Return the items that people see and that fit, newest first."""
        return list(history(self.db, query))

    def history_items(self, query: HistoryQuery = EVERYTHING) -> Iterator[Item]:
        """Yield what `history` returns, in memory one at a time."""
        return history(self.db, query)

    def shown_items(self) -> Iterator[Item]:
        """Yield the items that people see, oldest first, as they are at one moment, in memory one at a time."""
        return queries.shown_items(self.db)

    def shown_count(self) -> int:
        """Return how many items people see."""
        return queries.shown_count(self.db)

    def refused(self) -> list[Item]:
        """Return the items whose refusal stands: rejected, failed or set aside."""
        return queries.refused(self.db)

    def standing_failures(self, *, without: Collection[int] = (), most: int) -> tuple[list[Item], int]:
        """Return the newest `most` items that failed, and stand so, `without` some; and how many such there are."""
        return queries.standing_failures(self.db, without=without, most=most)

    def counts(self) -> dict[str, int]:
        """Return how many videos are filed, in review, rejected, failed, held and aside now."""
        return queries.counts(self.db)

    def item(self, number: int) -> Item | None:
        """Return an item by its number."""
        return queries.item_by_id(self.db, number)

    def items_after(self, number: int, *, most: int) -> list[Item]:
        """Return the items behind a number, whatever their state, oldest first; `most` at most."""
        return queries.items_after(self.db, number, most=most)

    def newest_item(self) -> int:
        """Return the number of the item that began last, 0 where there is none."""
        return queries.newest_item(self.db)

    def operations(self, item: int) -> list[Operation]:
        """Return an item's operations in their order."""
        return queries.operations_of(self.db, item)

    def has_batch(self, batch: str) -> bool:
        """Tell whether any item is of this batch."""
        with self.db.read() as db:
            return db.execute("SELECT 1 FROM item WHERE batch = ? LIMIT 1", (storable(batch),)).fetchone() is not None

    def placed_at(self, path: Path) -> Item | None:
        """Return the newest item whose video was put at `path` and not taken back, or None."""
        return queries.placed_at(self.db, path)

    def placed_from(self, path: Path) -> Item | None:
        """Return the newest item whose video came from `path` and was not taken back, or None."""
        return queries.placed_from(self.db, path)

    def release(
        self, *, ids: Collection[int] = (), paths: Collection[Path] = (), everything: bool = False
    ) -> list[Path]:
        """Lift holds, by item number, by path, or all; returns the paths that may be sorted again."""
        return holds.release(self.db, ids=ids, paths=paths, everything=everything)

    def let_alone(self, *, refused: bool) -> list[Path]:
        """Return the paths of the files that are held, or of those that were refused."""
        return holds.let_alone(self.db, refused=refused)

    def retry(self, *, ids: Collection[int] = (), paths: Collection[Path] = (), everything: bool = False) -> list[Path]:
        """Forget refusals (failed, rejected), by item number, by path, or all; returns the paths to try again."""
        return holds.retry(self.db, ids=ids, paths=paths, everything=everything)


def insert_item(db: sqlite3.Connection, item: Item) -> Item:
    """Insert an item and return it with its number."""
    cursor = db.execute(
        "INSERT INTO item (batch, time, state, outcome, source, destination, rule, score, margin, converted, reason,"
        " detail, device, inode, size_bytes, mtime_ns, sha256, library, mark, owner)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            item.batch,
            item.time,
            item.item_state,
            item.outcome,
            to_blob(item.source),
            to_blob(item.destination),
            item.rule,
            item.score,
            item.margin,
            item.converted,
            storable(item.reason),
            _to_json(item.detail),
            *to_columns(item.identity),
            item.sha256,
            to_blob(item.library),
            item.transaction_id,
            item.owner,
        ),
    )
    assert cursor.lastrowid is not None
    return replace(item, id=cursor.lastrowid)


def insert_operation(db: sqlite3.Connection, one: Operation) -> Operation:
    """Insert an operation and return it with its number."""
    cursor = db.execute(
        "INSERT INTO operation (item, number, phase, kind, source, destination, mark, device, inode, size_bytes,"
        " mtime_ns, sha256, state, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.item,
            one.number,
            one.phase,
            one.kind,
            to_blob(one.source),
            to_blob(one.destination),
            one.temp_prefix,
            *to_columns(one.identity),
            one.sha256,
            one.state,
            utc(),
        ),
    )
    assert cursor.lastrowid is not None
    return replace(one, id=cursor.lastrowid)


def _update(db: sqlite3.Connection, one: Operation) -> None:
    db.execute(
        "UPDATE operation SET state = ?, put_device = ?, put_inode = ?, put_size_bytes = ?, put_mtime_ns = ?,"
        " copied = ?, sha256 = ?, time = ? WHERE id = ?",
        (one.state, *to_columns(one.destination_identity), one.copied, one.sha256, utc(), one.id),
    )


def _with_detail(db: sqlite3.Connection, item: Item, name: str, value: object) -> Item:
    """Add to an item's details, and return it with them."""
    item = replace(item, detail={**item.detail, name: value})
    db.execute("UPDATE item SET detail = ? WHERE id = ?", (_to_json(item.detail), item.id))
    return item


def _hand_on(db: sqlite3.Connection, item: Item) -> None:
    """Let the item that had put this one's video where it was taken from count no longer, or again after an undo."""
    if item.item_state not in {*UNDOABLE, ItemState.UNDONE}:
        return
    db.execute(
        "UPDATE item SET standing = ? WHERE id = (SELECT id FROM item WHERE destination = ?"
        " AND state IN ('filed', 'review') AND id < ? ORDER BY id DESC LIMIT 1)",
        (item.item_state is ItemState.UNDONE, to_blob(item.source), item.id),
    )


def _to_json(detail: Mapping[str, object]) -> str:
    return json.dumps(dict(detail), ensure_ascii=True, default=str)


def numbered(operations: Sequence[Operation], transaction_id: str, phase: Phase, first: int) -> list[Operation]:
    """Return operations numbered from `first` on, with prefixes of their temporary files' names."""
    return [
        replace(one, number=first + offset, phase=phase, temp_prefix=f".vsortd-{transaction_id}-{first + offset}")
        for offset, one in enumerate(operations)
    ]
