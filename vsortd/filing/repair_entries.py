"""Entries whose own row is lost, made again of their operations: where a video came from and went, not why."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from vsortd.config.choices import PlaceMethod
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.filing.journal import insert_item, insert_operation
from vsortd.filing.open_folder import HIDDEN
from vsortd.filing.records import (
    ANCHORS,
    WAS_HELD,
    Item,
    Operation,
    OperationKind,
    OperationState,
    from_blob,
    to_blob,
    to_columns,
)
from vsortd.filing.staging import ASIDE
from vsortd.filing.staying import HOW, PUT_VIDEO, method_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# The operations that name the video as it came.
_CAME = (PUT_VIDEO - {OperationKind.PUBLISH}) | {OperationKind.KEEP, OperationKind.STAYED}
_REASON = "made again by a repair of the journal: why it was filed there is not known"
_HELD = "made again by a repair of the journal: it was undone and is on hold, and where it had been filed is not known"


class Rebuilt(NamedTuple):
    """How many entries were made again, and the rows of holds, each with the number that its item has now."""

    entries: int
    holds: list[tuple[Any, ...]]


def rebuild(db: sqlite3.Connection, operations: Sequence[Operation], held: Sequence[tuple[Any, ...]]) -> Rebuilt:
    """Insert entries for operations and holds that have none; of operations as far as these were carried out.

    `held` are sound rows of holds. A file that was on hold stays so, whatever became of its entry.
    """
    there = {number for (number,) in db.execute("SELECT id FROM item")}  # as it was: new entries get free numbers
    numbers: dict[int, Item] = {}
    by_item = sorted(operations, key=lambda one: (one.item, one.number, one.id))
    for number, group in groupby(by_item, key=lambda one: one.item):
        parts = list(group)
        item = None if number in there else _item_of(parts)
        if item is None:
            continue
        if item.outcome is ItemState.ASIDE and _was_undone_to(db, item):
            item = replace(item, detail={**item.detail, WAS_HELD: True})  # it may have been: `vsortd release` lifts it
        numbers[number] = insert_item(db, item)
        for one in parts:
            _insert(db, replace(one, item=numbers[number].id))
    for number, path, identity, since in _files_of(held):
        if number not in there | numbers.keys():
            numbers[number] = insert_item(db, _item_on_hold(path, identity, since))
    back = {number: item.id for number, item in numbers.items() if item.item_state is ItemState.UNDONE}
    holds = [(row[0], back.get(row[1], row[1]), *row[2:]) for row in held if row[1] in there or row[1] in back]
    return Rebuilt(len(numbers), holds)


def _was_undone_to(db: sqlite3.Connection, item: Item) -> bool:
    """Tell whether an item found its video where another one's undo had brought it."""
    identity = item.identity
    found = db.execute(
        "SELECT 1 FROM item WHERE state = 'undone' AND source = ? AND (size_bytes, mtime_ns) = (?, ?)",
        (to_blob(item.source), identity.size_bytes, identity.mtime_ns),
    )
    return found.fetchone() is not None


def _files_of(held: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Path, Identity, str]]:
    for _, number, path, *columns, since in held:
        yield number, from_blob(path), Identity.of_columns(columns), since


def _item_on_hold(path: Path, identity: Identity, since: str) -> Item:
    """Return the entry of a file of which nothing is known but that it is on hold."""
    return Item(
        id=0,
        batch="",
        time=since,
        item_state=ItemState.UNDONE,
        outcome=ItemState.FILED,
        source=path,
        destination=None,
        rule="",
        score=0.0,
        margin=0.0,
        converted=ConversionKind.NONE,
        reason=_HELD,
        identity=identity,
    )


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
