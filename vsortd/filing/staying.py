"""Filings that leave their source where it is: a copy, a hard link, or a copy that shares its blocks.

The journal's operations remember such a source: it is done, as long as its item is placed and the file is what it was.
What was put into the library is removed by an undo, but only while the source is there: never the last copy.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from vsortd.config.choices import PlaceMethod
from vsortd.core.identity import Identity
from vsortd.core.system.os_errors import explained
from vsortd.filing.file_bytes import same_bytes
from vsortd.filing.records import (
    OPERATION_COLUMNS,
    IdentityMatch,
    Operation,
    OperationKind,
    OperationState,
    Phase,
    from_blob,
    likeness,
    operation_of,
    to_blob,
    to_columns,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from vsortd.filing.open_folder import OpenFolder

VIDEO_KINDS: Final = {
    PlaceMethod.MOVE: OperationKind.MOVE,
    PlaceMethod.COPY: OperationKind.COPY,
    PlaceMethod.HARDLINK: OperationKind.HARDLINK,
    PlaceMethod.REFLINK: OperationKind.REFLINK,
}
SIDECAR_KINDS: Final = {
    PlaceMethod.MOVE: OperationKind.SIDECAR,
    PlaceMethod.COPY: OperationKind.COPY_SIDECAR,
    PlaceMethod.HARDLINK: OperationKind.HARDLINK_SIDECAR,
    PlaceMethod.REFLINK: OperationKind.REFLINK_SIDECAR,
}
PUT_VIDEO: Final = frozenset({*VIDEO_KINDS.values(), OperationKind.PUBLISH})
PUT_SIDECAR: Final = frozenset(SIDECAR_KINDS.values())
_BESIDE: Final = (PUT_VIDEO | PUT_SIDECAR) - {OperationKind.MOVE, OperationKind.SIDECAR, OperationKind.PUBLISH}
SHARING: Final = frozenset({OperationKind.REFLINK, OperationKind.REFLINK_SIDECAR})
LINKING: Final = frozenset({OperationKind.HARDLINK, OperationKind.HARDLINK_SIDECAR})
# What an undo removes from the library.
REMOVING: Final = frozenset({OperationKind.REMOVE_PLACED, OperationKind.REMOVE_PLACED_SIDECAR})
# The words of the partial indexes operation_stayed_*.
_STAYED: Final = "kind IN ('copy', 'hardlink', 'reflink', 'source_stays')"
_DONE: Final = "phase = 'place' AND operation.state = 'done' AND item.state IN ('filed', 'review')"
# In the details of an item: how its video got into the library, if it was not moved.
HOW: Final = "how"


class DoneSource(NamedTuple):
    """A source that is done: the number of its item, and where that put it."""

    item: int
    destination: Path


def find_done(db: sqlite3.Connection, path: Path, identity: Identity) -> DoneSource | None:
    """Return what put this very file into the library and let it stay, else None.

    The file is known by its path, or by its inode where it was renamed, as long as size and time are what they were;
    as another name of a file in the library whatever was written to it since.
    """
    device, inode, *_ = to_columns(identity)
    sql = (
        f"SELECT {OPERATION_COLUMNS}, item.destination, item.library FROM operation"  # noqa: S608 - constants
        f" JOIN item ON item.id = operation.item WHERE {{}} AND {_STAYED} AND {_DONE} ORDER BY operation.id DESC"
    )
    rows = db.execute(sql.format("operation.source = ?"), (to_blob(path),)).fetchall()
    rows += db.execute(sql.format("operation.inode = ?"), (inode,)).fetchall()
    for *columns, destination, library in rows:
        if library is not None and path.is_relative_to(from_blob(library)):
            continue  # the library's own name of a linked file
        one = operation_of(tuple(columns))
        here = one.source == path or to_columns(one.identity)[:2] == (device, inode)
        if (here and one.identity.same_content(identity)) or _is_other_name(db, one, identity):
            return DoneSource(one.item, from_blob(destination))
    return None


def is_linked(put: Operation) -> bool:
    """Tell whether what an operation put into the library is another name of its source."""
    return put.kind in LINKING and not put.copied


def _is_other_name(db: sqlite3.Connection, one: Operation, identity: Identity) -> bool:
    """Tell whether a file is the one that an operation linked into the library, also if it was filed on from there."""
    if not is_linked(one) or one.identity.inode != identity.inode:
        return False
    sql = " UNION ALL ".join(
        f"SELECT id, destination FROM item INDEXED BY {index} WHERE source = ?1 AND id > ?2 AND {state}"  # noqa: S608
        for index, state in (("item_placed", "state IN ('filed', 'review')"), ("item_aside", "state = 'aside'"))
    )
    sql += " ORDER BY 1 LIMIT 1"
    there, item = one.target, one.item
    with contextlib.suppress(OSError):
        while not _same_file(Identity.of(there), identity):
            row = db.execute(sql, (to_blob(there), item)).fetchone()
            if row is None:
                return False
            item, there = row[0], from_blob(row[1])
        return True
    return False


def _same_file(one: Identity | None, other: Identity | None) -> bool:
    return one is not None and other is not None and (one.device, one.inode) == (other.device, other.inode)


def leaves_source(one: Operation) -> bool:
    """Tell whether the source of an operation is where it was when all is done: it is copied or linked."""
    return one.kind in _BESIDE


class StayedSource(NamedTuple):
    """A source that stayed: where it is now, and as what."""

    path: Path
    identity: Identity


def source_of(operations: Sequence[Operation], put: Operation) -> Operation:
    """Return the operation whose source stayed when `put` was done: of a converted video the one of its original."""
    if put.kind is not OperationKind.PUBLISH:
        return put
    return next(one for one in operations if one.kind is OperationKind.STAYED)


def stayed(operations: Sequence[Operation], put: Operation) -> bool:
    """Tell whether what `put` brought into the library is also where it came from, as far as the journal knows."""
    if put.kind is OperationKind.PUBLISH:
        return any(one.kind is OperationKind.STAYED and one.state is OperationState.DONE for one in operations)
    return leaves_source(put)


def find_source(operations: Sequence[Operation], put: Operation, there: Identity) -> StayedSource | None:
    """Return where the source of what was put into the library is now, whole; None where it isn't.

    It is looked for under its old name, and under any in the same folder. `there` is what lies in the library. Raises
    FilingError.
    """
    one = source_of(operations, put)
    with explained("Could not look at", one.source):
        if _is_one_folder(one.source.parent, put.target.parent):
            return None  # a link or a mount leads to the library's own file by now
        return next((found for found in _candidates(one) if _is_source(one, put, found, there)), None)


def _is_one_folder(one: Path, other: Path) -> bool:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return one.samefile(other)
    return False


def _candidates(one: Operation) -> Iterator[StayedSource]:
    found = Identity.of(one.source)
    if found is not None:
        yield StayedSource(one.source, found)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(one.source.parent) as entries:
        for entry in entries:
            if entry.inode() == one.identity.inode and entry.path != os.fspath(one.source):
                found = Identity.of(Path(entry.path))
                if found is not None:
                    yield StayedSource(Path(entry.path), found)


def _is_source(one: Operation, put: Operation, source: StayedSource, there: Identity) -> bool:
    """Tell whether a file still is what was put into the library: by what the disk says of it, else by its bytes."""
    path, found = source
    if is_linked(put) and _same_file(there, found):
        return True
    like = likeness(one.identity, found)
    # a link may have become a copy, where the library went to another disk
    if (like is IdentityMatch.ALIKE and put.kind is not OperationKind.PUBLISH) or is_linked(put):
        return same_bytes(path, put.target)
    return like in {IdentityMatch.SAME, IdentityMatch.ALIKE}


def may_go(operations: Sequence[Operation], removal: Operation, folder: OpenFolder) -> bool:
    """Tell whether a file of the library may be removed by an undo: while its source is there, or when it has gone.

    `folder` is the file's. Raises FilingError.
    """
    if all(folder.status(name) is None for name in (removal.source.name, removal.aside_name)):
        return True
    for put in operations:
        there = put.phase is Phase.PLACE and put.state is OperationState.DONE and put.destination == removal.source
        if there and (leaves_source(put) or put.kind is OperationKind.PUBLISH):
            return find_source(operations, put, removal.identity) is not None
    return False


def fell_back_to_copy(one: Operation) -> bool:
    """Tell whether a video that was to be linked, or to share its blocks, was copied whole instead."""
    linking = one.kind is OperationKind.HARDLINK and one.copied
    sharing = one.kind is OperationKind.REFLINK and one.sha256 is not None
    return one.state is OperationState.DONE and (linking or sharing)


def method_of(put: Operation, operations: Sequence[Operation]) -> PlaceMethod:
    """Return how a video got into the library in the end: what could not be linked was copied."""
    if fell_back_to_copy(put) or (put.kind is OperationKind.PUBLISH and stayed(operations, put)):
        return PlaceMethod.COPY
    return next((method for method, kind in VIDEO_KINDS.items() if kind is put.kind), PlaceMethod.MOVE)
