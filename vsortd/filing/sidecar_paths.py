"""What the journal's operations say of XMP sidecars that were made: where they lie, and which were left."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.outcomes import PLACED
from vsortd.filing.records import Item, Operation, OperationKind, OperationState, from_blob, item_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.filing.database import Database

ENDING: Final = ".xmp"
# Behind ITEM_COLUMNS: where the sidecar of an item's video lies, NULL for none.
SIDECAR_COLUMN: Final = (
    "(SELECT operation.destination FROM operation WHERE operation.item = item.id AND kind = 'publish_sidecar'"
    " AND operation.state = 'done' AND item.state IN ('filed', 'review'))"
)


def sidecar_beside(video: Path) -> Path:
    """Return the path of a sidecar that is made for a video: `Film.mp4.xmp`, so that two of one stem share none."""
    return video.with_name(video.name + ENDING)


def item_with_sidecar(row: tuple[Any, ...]) -> Item:
    """Return the item of a row of ITEM_COLUMNS and SIDECAR_COLUMN. Raises UnsoundError when it is not sound."""
    item = item_of(row[:-1])
    return item if row[-1] is None else replace(item, sidecar=from_blob(row[-1]))


def with_sidecars(db: Database, items: Sequence[Item]) -> list[Item]:
    """Return items with the sidecars that were made for them, as long as their videos are placed. Raises StoreError."""
    placed = [item.id for item in items if item.item_state in PLACED]
    if not placed:
        return list(items)
    with db.read() as connection:
        rows = connection.execute(
            "SELECT item, destination FROM operation WHERE kind = ? AND state = 'done'"
            " AND item IN (SELECT value FROM json_each(?))",
            (OperationKind.PUBLISH_SIDECAR, json.dumps(placed)),
        )
        found = {number: from_blob(destination) for number, destination in rows}
    return [replace(item, sidecar=found.get(item.id)) for item in items] if found else list(items)


def lies_with_what_was_left(one: Operation, operations: Sequence[Operation]) -> bool:
    """Tell whether a sidecar stays where it lies because the amended one could not be put into the library."""
    return one.kind is OperationKind.KEEP_SIDECAR and any(
        other.kind is OperationKind.PUBLISH_SIDECAR and other.state is OperationState.ROLLED_BACK
        for other in operations
    )
