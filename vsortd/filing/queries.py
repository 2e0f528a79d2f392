"""Reading the journal: the history as people see it, counts, and what the filing itself has to look up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vsortd.core.names import nfc
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.text import storable
from vsortd.filing import seals
from vsortd.filing.holds import REFUSED
from vsortd.filing.item_ids import LARGEST_ID, is_possible_id
from vsortd.filing.records import ITEM_COLUMNS, OPERATION_COLUMNS, Item, Operation, item_of, operation_of, to_blob, utc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.filing.database import Database

__all__ = ["Item", "counts", "history", "item_by_id", "operations_of", "placed_at", "select_placed"]

# The words of the partial indexes; the planner uses an index only if the query says the same.
_SHOWN = "state NOT IN ('placing', 'rolled_back')"
_PLACED = "state IN ('filed', 'review')"


def history(db: Database, *, last: int | None = None, since: float | None = None, tag: str | None = None) -> list[Item]:
    """Return the items that people see, newest first: the last N, since a time (Unix seconds), with a tag, or all."""
    limit = _limit(None if tag is not None else last)
    if since is None:
        found = _items(db, f"{_SHOWN} ORDER BY id DESC LIMIT ?", (limit,))
    else:
        where = f"time >= ? AND {_SHOWN} ORDER BY time DESC, id DESC LIMIT ?"
        found = _items(db, where, (utc(since), limit), index="item_time")
    # not by SQL, which would leave out an item whose tags are not what was written
    if tag is None:
        return found
    return [item for item in found if nfc(storable(tag)) in map(nfc, item.tags)][:last]


def _limit(last: int | None) -> int:
    """Return how many rows SQLite is to give; -1 is all."""
    return -1 if last is None else min(last, LARGEST_ID)


def counts(db: Database) -> dict[str, int]:
    """Return how many videos are filed, in review, rejected, failed and held now."""
    with db.read() as connection:
        found = seals.counters(connection)
    found["failed"] = sum(found.get(name, 0) for name in ("failed", "set_aside", "unclear"))
    return {name: found.get(name, 0) for name in ("filed", "review", "rejected", "failed", "held")}


def refused(db: Database) -> list[Item]:
    """Return the items whose refusal stands: rejected, failed or set aside."""
    return _items(db, REFUSED, ())


def item_by_id(db: Database, number: int) -> Item | None:
    """Return an item, whatever its state; None for a number that none has."""
    if not is_possible_id(number):
        return None
    found = _items(db, "id = ?", (number,))
    return found[0] if found else None


def placed_at(db: Database, path: Path) -> Item | None:
    """Return the newest item whose video was put at `path` and not taken back, or None."""
    found = _items(db, f"destination = ? AND {_PLACED} ORDER BY id DESC LIMIT 1", (to_blob(path),))
    return found[0] if found else None


def placed_from(db: Database, path: Path) -> Item | None:
    """Return the newest item whose video came from `path` and was not taken back, or None."""
    found = _items(db, f"source = ? AND {_PLACED} ORDER BY id DESC LIMIT 1", (to_blob(path),), index="item_placed")
    return found[0] if found else None


def decided_at(db: Database, path: Path, *, after: int) -> list[int]:
    """Return the items, younger than the item `after`, by which a video at `path` stays there; the newest first."""
    where = f"destination = ? AND source = destination AND id > ? AND {_PLACED} ORDER BY id DESC"
    return [item.id for item in _items(db, where, (to_blob(path), after), index="item_destination")]


def placed_with_size(db: Database, size_bytes: int) -> list[Item]:
    """Return the items in the library whose video had this many bytes when it came."""
    return _items(db, f"size_bytes = ? AND {_PLACED} ORDER BY id", (size_bytes,))


def withdrawn(db: Database, items: Sequence[tuple[int, str]]) -> frozenset[int]:
    """Return those of some items (number and transaction id) whose video is not, or not yet, where it was put.

    An item that this journal doesn't know is not among them.
    """
    if not items:
        return frozenset()
    with db.read() as connection:
        asked = connection.execute(
            f"SELECT {ITEM_COLUMNS}, json_extract(asked.value, '$[1]') FROM json_each(?) AS asked"  # noqa: S608 - constants
            " JOIN item ON item.id = json_extract(asked.value, '$[0]')",
            (json.dumps(items),),
        )
        known = [(item_of(row[:-1]), row[-1]) for row in asked]
    there = {*PLACED, ItemState.EXPIRING}
    return frozenset(item.id for item, mark in known if item.transaction_id == mark and item.item_state not in there)


def in_review(db: Database) -> list[Item]:
    """Return the items that wait for a person in the review folder, oldest first."""
    return _items(db, f"{_PLACED} AND state = 'review' AND standing ORDER BY id", ())


def select_placed(
    db: Database, *, last: int | None = None, since: float | None = None, batch: str | None = None
) -> list[int]:
    """Return the numbers of placed items that fit every condition given, newest first."""
    where, values, index = [_PLACED], list[Any](), ""
    if since is not None:
        where, values, index = [*where, "time >= ?"], [*values, utc(since)], "INDEXED BY item_time"
    if batch is not None:
        where, values = [*where, "batch = ?"], [*values, storable(batch)]
    sql = f"SELECT id FROM item {index} WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants
    with db.read() as connection:
        return [number for (number,) in connection.execute(sql, (*values, _limit(last)))]


def operations_of(db: Database, item: int) -> list[Operation]:
    """Return an item's operations in their order."""
    sql = f"SELECT {OPERATION_COLUMNS} FROM operation WHERE item = ? ORDER BY number, id"  # noqa: S608 - constants
    with db.read() as connection:
        return [operation_of(row) for row in connection.execute(sql, (item,))]


def unfinished(db: Database) -> list[Item]:
    """Return every item that some process is at work on, or was when it died."""
    return _items(db, "owner IS NOT NULL ORDER BY id", ())


def _items(db: Database, where: str, values: Sequence[Any], *, index: str = "") -> list[Item]:
    # without statistics the planner would walk all numbers to save itself sorting a few times
    by = f"INDEXED BY {index}" if index else ""
    with db.read() as connection:
        sql = f"SELECT {ITEM_COLUMNS} FROM item {by} WHERE {where}"  # noqa: S608 - constants
        return [item_of(row) for row in connection.execute(sql, values)]
