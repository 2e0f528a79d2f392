"""Entries whose own row is lost, made again of their operations: where a video came from and went, not why."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from vsortd.config.choices import PlaceMethod
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.filing.journal import insert_item, insert_operation
from vsortd.filing.open_folder import HIDDEN
from vsortd.filing.records import ANCHORS, Item, Operation, OperationKind, OperationState, to_columns
from vsortd.filing.staging import ASIDE
from vsortd.filing.staying import HOW, PUT_VIDEO, method_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

# The operations that name the video as it came.
_CAME = (PUT_VIDEO - {OperationKind.PUBLISH}) | {OperationKind.KEEP, OperationKind.STAYED}
_REASON = "made again by a repair of the journal: why it was filed there is not known"


def rebuild(db: sqlite3.Connection, operations: Sequence[Operation]) -> int:
    """Insert entries for operations that have none, as far as these were carried out; return how many."""
    made = 0
    by_item = sorted(operations, key=lambda one: (one.item, one.number, one.id))
    for number, group in groupby(by_item, key=lambda one: one.item):
        if db.execute("SELECT 1 FROM item WHERE id = ?", (number,)).fetchone():
            continue
        parts = list(group)
        item = _item_of(parts)
        if item is None:
            continue
        entered = insert_item(db, item)
        for one in parts:
            _insert(db, replace(one, item=entered.id))
        made += 1
    return made


def _item_of(parts: list[Operation]) -> Item | None:
    """Return the entry that operations belong to, or None where they don't say what became of the video."""
    done = [one for one in parts if one.state is OperationState.DONE]
    put = next((one for one in done if one.kind in PUT_VIDEO), None)
    came = next((one for one in parts if one.kind in _CAME), None)
    if put is None or put.destination is None or came is None:
        return None
    undone = any(one.kind in {OperationKind.RESTORE, OperationKind.REMOVE_PLACED} for one in done)
    method = method_of(put, parts)
    outcome = ItemState.ASIDE if put.destination.parts[-4:-2] == (HIDDEN, ASIDE) else ItemState.FILED
    return Item(
        id=0,
        batch="",
        time=put.time,
        item_state=ItemState.UNDONE if undone else outcome,
        outcome=outcome,
        source=came.source,
        destination=put.destination,
        rule="",
        score=0.0,
        margin=0.0,
        converted=ConversionKind.REMUX if put.kind is OperationKind.PUBLISH else ConversionKind.NONE,
        reason=_REASON,
        identity=came.identity,
        library=_library_of(parts),
        detail={} if method is PlaceMethod.MOVE else {HOW: method.value},
        transaction_id=came.temp_prefix.removeprefix(".vsortd-").rpartition("-")[0],
    )


def _library_of(parts: list[Operation]) -> Path | None:
    """Return the library that files went to: the folder whose hidden one lies above."""
    anchors = [one for one in parts if one.kind in ANCHORS | PUT_VIDEO and one.destination is not None]
    for one in anchors:
        for folder in one.target.parents:
            if (folder / HIDDEN).is_dir():
                return folder
    return None


def _insert(db: sqlite3.Connection, one: Operation) -> None:
    inserted = insert_operation(db, one)
    db.execute(
        "UPDATE operation SET put_device = ?, put_inode = ?, put_size_bytes = ?, put_mtime_ns = ?, copied = ?, time = ?"
        " WHERE id = ?",
        (*to_columns(one.destination_identity), one.copied, one.time, inserted.id),
    )
