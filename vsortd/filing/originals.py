"""The originals store: a converted video's original is kept for undo, and goes when its time is over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vsortd.core.outcomes import ItemState
from vsortd.core.system.fault_points import Point
from vsortd.core.text import storable
from vsortd.errors import ChangedError, FilingError, VsortdError, named
from vsortd.filing import queries
from vsortd.filing.journal import numbered
from vsortd.filing.open_folder import HIDDEN, Folders, identity_of, is_folder
from vsortd.filing.passed_time import passed_s
from vsortd.filing.records import (
    OPERATION_COLUMNS,
    IdentityMatch,
    Item,
    Operation,
    OperationKind,
    OperationState,
    Phase,
    likeness,
    operation_of,
    utc,
)
from vsortd.filing.staging import remove_empty_stores
from vsortd.filing.transaction_errors import StuckError
from vsortd.filing.transfer import Conflict, Transfer, reach_quietly
from vsortd.filing.unexpected import log_unexpected

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.filing.journal import Journal


def expire_originals(
    journal: Journal, library: Path, keep_original_s: float | None, *, kind: str = "", now_s: float | None = None
) -> list[str]:
    """Remove the originals in `library` that were kept for longer than `keep_original_s`; None keeps them forever.

    With a `kind` ("remux", "transcode") only those of conversions of that kind. An original goes only while its
    converted file is still there as it was put: the last copy is never removed. It goes when the wall clock says so
    (`now_s`, Unix seconds) and as much time certainly passed, see passed_time.py: a clock that jumped removes nothing.
    Returns a sentence for each one removed or kept in spite of its age.
    Raises StoreError.
    """
    if keep_original_s is None:
        return []
    try:
        if not is_folder(library / HIDDEN):
            return []
    except FilingError as error:
        return [storable(error)]
    cutoff = utc((time.time() if now_s is None else now_s) - keep_original_s)
    sql = (
        f"SELECT {OPERATION_COLUMNS} FROM operation WHERE kind = 'keep_original' AND state = 'done'"  # noqa: S608 - constants
        " AND time <= ? ORDER BY time"
    )
    with journal.db.read() as db:
        due = [operation_of(row) for row in db.execute(sql, (cutoff,))]
    due = [kept for kept in due if passed_s(journal.db, kept.item, keep_original_s) >= keep_original_s]
    lines = [_try_to_expire(journal, kept, kind) for kept in due if kept.target.is_relative_to(library)]
    return [storable(line) for line in lines if line]


def _try_to_expire(journal: Journal, kept: Operation, kind: str) -> str:
    """Remove one original if its time is over; what goes wrong keeps this one, and no other."""
    try:
        return _expire(journal, kept, kind)
    except FilingError as error:
        return f"{kept.target} is kept: {error}"
    except VsortdError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the others' time is over all the same
        log_unexpected(f"{kept.target} could not be removed", error)
        return f"{kept.target} is kept: {named(error)}"


def _expire(journal: Journal, kept: Operation, kind: str) -> str:
    item = journal.item(kept.item)
    if item is None or item.item_state not in {ItemState.FILED, ItemState.REVIEW} or kind not in {"", item.converted}:
        return ""
    try:
        holder, converted = _converted(journal, item)
        if converted is None or not _as_put(converted):
            there = holder.destination if converted is None else converted.target
            return f"{kept.target} is kept: {there} is no longer what was made of it"
    except FilingError as error:
        return f"{kept.target} is kept: {error}"
    if holder.item_state is ItemState.ASIDE:
        return ""  # as long as it is aside
    with journal.at_work(item.transaction_id), Folders(item.library) as folders:
        return _remove(journal, item, kept, converted, Transfer(journal, folders))


def _converted(journal: Journal, item: Item) -> tuple[Item, Operation | None]:
    """Return the item and the operation that put the converted file where it is to lie now, None where none did.

    It may have gone on from where it was published, by other items: each takes up the very file that one before it put.
    """
    put = _done(journal, item, OperationKind.PUBLISH)
    while put is not None and put.destination_identity is not None and not _as_put(put):
        later = queries.placed_from(journal.db, put.target, put.destination_identity, after=item.id)
        if later is None:
            break
        item, put = later, _done(journal, later, OperationKind.MOVE)
    return item, put


def _done(journal: Journal, item: Item, kind: OperationKind) -> Operation | None:
    done = (one for one in journal.operations(item.id) if one.kind is kind and one.state is OperationState.DONE)
    return next(done, None)


def _as_put(one: Operation) -> bool:
    return (
        one.destination_identity is not None
        and likeness(one.destination_identity, identity_of(one.target)) is IdentityMatch.SAME
    )


def _remove(journal: Journal, item: Item, kept: Operation, converted: Operation, transfer: Transfer) -> str:
    number = 1 + max(one.number for one in journal.operations(item.id))
    removal = Operation(
        OperationKind.EXPIRE, Phase.EXPIRE, kept.target, None, kept.destination_identity or kept.identity
    )
    claimed = journal.claim(item, ItemState.EXPIRING, numbered([removal], item.transaction_id, Phase.EXPIRE, number))
    if claimed is None:
        return ""
    reach_quietly(Point.EXPIRE_AFTER_INTENT)
    try:
        if not _as_put(converted):  # the last look before the last copy could go
            journal.finish(item, item.outcome, [one.taken_back() for one in claimed])
            return f"{kept.target} is kept: {converted.target} changed just now"
        done = transfer.carry_out(claimed, Conflict.ROLL_BACK)
    except (ChangedError, FilingError) as error:
        if not isinstance(error, StuckError):
            journal.finish(item, item.outcome, [one.taken_back() for one in claimed])
        return f"{kept.target} is kept: {error}"
    if done[0].state is not OperationState.DONE:
        journal.finish(item, item.outcome, done)
        return f"{kept.target} is kept: {'; '.join(transfer.notes)}"
    reach_quietly(Point.EXPIRE_BEFORE_DONE)
    journal.expired(item, kept, done[0])
    remove_empty_stores(done)
    return f"{kept.target} was removed: its time is over"
