"""Reading the journal: counts, and what the filing itself has to look up; the history is in history_query.py."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vsortd.core.names import nfc
from vsortd.core.outcomes import UNDOABLE, ItemState
from vsortd.core.paths import below
from vsortd.core.text import storable
from vsortd.filing import seals
from vsortd.filing.history_query import SHOWN, has_tag, like_pattern, tag_condition
from vsortd.filing.holds import REFUSED
from vsortd.filing.item_ids import LARGEST_ID, is_possible_id
from vsortd.filing.records import (
    EARLIER_PLACES,
    FOUND,
    ITEM_COLUMNS,
    OPERATION_COLUMNS,
    Item,
    Operation,
    from_blob,
    item_of,
    operation_of,
    to_blob,
    to_columns,
    utc,
)
from vsortd.filing.sidecar_paths import SIDECAR_COLUMN, item_with_sidecar, with_sidecars

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.database import Database

__all__ = ["Item", "counts", "item_by_id", "operations_of", "placed_at", "select_placed"]

# The words of the partial indexes; the planner uses an index only if the query says the same.
_PLACED = "state IN ('filed', 'review')"
_IN_REVIEW = f"{_PLACED} AND state = 'review' AND standing"
_ASIDE = "state = 'aside'"
_UNDOABLE = "state IN ('filed', 'review', 'aside')"  # of no index: it is looked through by number
_AT_ONCE: Final = 500  # values of one statement
# So many items are looked at where a path or a name is that of many.
MOST_FOUND: Final = 1000


def shown_items(db: Database) -> Iterator[Item]:
    """Yield the items that people see, oldest first, as they are at one moment, in memory one at a time."""
    with db.read() as connection:
        sql = f"SELECT {ITEM_COLUMNS}, {SIDECAR_COLUMN} FROM item WHERE {SHOWN} ORDER BY id"  # noqa: S608 - constants
        yield from map(item_with_sidecar, connection.execute(sql))


def shown_count(db: Database) -> int:
    """Return how many items people see."""
    with db.read() as connection:
        return int(connection.execute(f"SELECT count(*) FROM item WHERE {SHOWN}").fetchone()[0])  # noqa: S608 - constants


def tagged(db: Database, tag: str) -> frozenset[Path]:
    """Return where the videos in the library lie that have a tag."""
    condition, values = tag_condition(db, tag)
    found = _items(db, f"{_PLACED} AND standing AND {condition}", values)
    return frozenset(item.destination for item in found if item.destination is not None and has_tag(item, tag))


def names_under_way(db: Database, folder: Path, *, but: int = 0) -> frozenset[str]:
    """Return the names that what is being filed will have in a folder; those of the item `but` are left out."""
    with db.read() as connection:
        rows = connection.execute(
            "SELECT operation.destination FROM item JOIN operation ON operation.item = item.id"
            " WHERE item.owner IS NOT NULL AND item.id <> ? AND operation.destination IS NOT NULL",
            (but,),
        ).fetchall()
    paths = (from_blob(blob) for (blob,) in rows)
    return frozenset(path.name for path in paths if path.parent == folder)


class StandingVideo(NamedTuple):
    """What an item says of a video that lies in the library; for reading very many, so nothing else is read.

    `found`: a repair of the journal made the item, and where the video came from is not known.
    """

    item: int
    state: ItemState
    path: Path
    rule: str
    reason: str
    found: bool = False


def standing_videos(db: Database, library: Path) -> tuple[list[StandingVideo], int]:
    """Return the videos that lie in a library, in the order in which they were placed; and how many do elsewhere."""
    where = f"{_PLACED} AND standing AND destination IS NOT NULL"
    sql = f"SELECT id, state, destination, rule, reason, json_extract(detail, '$.{FOUND}') FROM item WHERE"  # noqa: S608 - constants
    with db.read() as connection:
        found = [
            StandingVideo(row[0], ItemState(row[1]), from_blob(row[2]), row[3], row[4], bool(row[5]))
            for row in connection.execute(
                f"{sql} {where} AND destination >= ? AND destination < ? ORDER BY id", below(library)
            )
        ]
        (count,) = connection.execute(f"SELECT count(*) FROM item WHERE {where}").fetchone()  # noqa: S608 - constants
    return found, count - len(found)


def rule_counts(db: Database) -> dict[tuple[str, ItemState], int]:
    """Return how many videos lie where they were put, by the key of their rule and what was decided of them."""
    sql = f"SELECT rule, state, count(*) FROM item WHERE {_PLACED} AND standing GROUP BY rule, state"  # noqa: S608
    with db.read() as connection:
        return {(rule, ItemState(state)): count for rule, state, count in connection.execute(sql)}


def _limit(last: int | None) -> int:
    """Return how many rows SQLite is to give; -1 is all."""
    return -1 if last is None else min(last, LARGEST_ID)


def counts(db: Database) -> dict[str, int]:
    """Return how many videos are filed, in review, rejected, failed, held and aside now."""
    with db.read() as connection:
        found = seals.counters(connection)
    found["failed"] = sum(found.get(name, 0) for name in ("failed", "set_aside", "unclear"))
    return {name: found.get(name, 0) for name in ("filed", "review", "rejected", "failed", "held", "aside")}


def refused(db: Database) -> list[Item]:
    """Return the items whose refusal stands: rejected, failed or set aside."""
    return _items(db, REFUSED, ())


def standing_failures(db: Database, *, without: Collection[int] = (), most: int) -> tuple[list[Item], int]:
    """Return the newest `most` items that failed, and stand so, `without` some; and how many such there are in all."""
    where = f"{REFUSED} AND state <> 'rejected' AND id NOT IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants
    without_ids = json.dumps(sorted(without))
    with db.read() as connection:
        sql = f"SELECT count(*) FROM item INDEXED BY item_refused WHERE {where}"  # noqa: S608 - constants
        (count,) = connection.execute(sql, (without_ids,)).fetchone()
    return _items(db, f"{where} ORDER BY id DESC LIMIT ?", (without_ids, most), index="item_refused"), int(count)


def item_by_id(db: Database, number: int) -> Item | None:
    """Return an item, whatever its state; None for a number that none has."""
    if not is_possible_id(number):
        return None
    found = with_sidecars(db, _items(db, "id = ?", (number,)))
    return found[0] if found else None


def items_after(db: Database, number: int, *, most: int) -> list[Item]:
    """Return the items behind a number, whatever their state, in the order in which they began; `most` at most."""
    return _items(db, "id > ? ORDER BY id LIMIT ?", (number, most))


def newest_item(db: Database) -> int:
    """Return the number of the item that began last, 0 where there is none."""
    with db.read() as connection:
        (number,) = connection.execute("SELECT COALESCE(MAX(id), 0) FROM item").fetchone()
    return int(number)


def placed_at(db: Database, path: Path) -> Item | None:
    """Return the newest item whose video was put at `path` and not taken back, or None."""
    found = _items(db, f"destination = ? AND {_PLACED} ORDER BY id DESC LIMIT 1", (to_blob(path),))
    return found[0] if found else None


def placed_from(db: Database, path: Path, content: Identity | None = None, *, after: int = 0) -> Item | None:
    """Return the newest item whose video came from `path` and was not taken back, or None.

    With `content` only a video of that size and time counts, and only an item younger than `after`.
    """
    which, values = "source = ? AND id > ?", list[Any]([to_blob(path), after])
    if content is not None:
        which, values = f"{which} AND (size_bytes, mtime_ns) = (?, ?)", [*values, *to_columns(content)[2:]]
    newest = "ORDER BY id DESC LIMIT 1"
    found = _items(db, f"{which} AND {_PLACED} {newest}", values, index="item_placed")
    found += _items(db, f"{which} AND {_ASIDE} {newest}", values, index="item_aside")
    return max(found, key=lambda item: item.id, default=None)


def placed_from_any(db: Database, paths: Sequence[Path]) -> dict[Path, Item]:
    """Return for each of some paths the newest item whose video came from there and was not taken back, if any."""
    found: dict[Path, Item] = {}
    for begin in range(0, len(paths), _AT_ONCE):
        some = paths[begin : begin + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        for item in _items(db, f"source IN ({marks}) AND {_PLACED} ORDER BY id", [to_blob(path) for path in some]):
            found[item.source] = item
    return found


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
    there = {*UNDOABLE, ItemState.EXPIRING}
    return frozenset(item.id for item, mark in known if item.transaction_id == mark and item.item_state not in there)


def in_review(db: Database) -> list[Item]:
    """Return the items that wait for a person in the review folder, oldest first."""
    return _items(db, f"{_IN_REVIEW} ORDER BY id", ())


def review_places(db: Database) -> dict[int, Path]:
    """Return where the videos were put that wait for a person in the review folder, by item, oldest first.

    Whether they are still there is not looked at, nor the rows' checksums: there may be thousands.
    """
    with db.read() as connection:
        rows = connection.execute(f"SELECT id, destination FROM item WHERE {_IN_REVIEW} ORDER BY id")  # noqa: S608 - constants
        return {number: from_blob(place) for number, place in rows if place is not None}


def item_in_review(db: Database, number: int) -> Item | None:
    """Return an item that waits for a person in the review folder, None for any other number."""
    if not is_possible_id(number):
        return None
    found = _items(db, f"{_IN_REVIEW} AND id = ?", (number,))
    return found[0] if found else None


def items_at(db: Database, paths: Collection[Path], *, most: int = MOST_FOUND) -> list[Item]:
    """Return the items, newest first, whose video came from one of some paths, or is where one of them is."""
    marks = ", ".join("?" * len(paths))
    where = f"{SHOWN} AND (source IN ({marks}) OR destination IN ({marks})) ORDER BY id DESC LIMIT ?"
    return _items(db, where, (*map(to_blob, paths), *map(to_blob, paths), most))


def items_once_at(db: Database, paths: Collection[Path], *, most: int = MOST_FOUND) -> list[Item]:
    """Return the items, newest first, whose video lay at one of some paths before a person moved it."""
    where = f"{SHOWN} AND ({' OR '.join(['instr(detail, ?)'] * len(paths))}) ORDER BY id DESC LIMIT ?"
    found = _items(db, where, (*(json.dumps(os.fspath(path)) for path in paths), most))
    return [item for item in found if any(path in paths for path, _ in item.earlier_places)]


def items_named(db: Database, name: str, *, most: int = MOST_FOUND) -> list[Item]:
    """Return the items, newest first, whose video is, or was, called so where it came from or went to.

    The name is given with its ending or without; where none is spelled just so, one in other case is taken.
    """
    wanted = nfc(name)
    pattern = like_pattern(wanted)
    likes = [f"CAST({column} AS TEXT) LIKE ? ESCAPE '\\'" for column in ("source", "destination") for _ in range(2)]
    values = [f"%{like_pattern(os.sep)}{pattern}", f"%{like_pattern(os.sep)}{pattern}.%"] * 2
    where = f"{SHOWN} AND ({' OR '.join(likes)} OR instr(detail, '{EARLIER_PLACES}')) ORDER BY id DESC"
    exact: list[Item] = []
    alike: list[Item] = []
    with db.read() as connection:
        sql = f"SELECT {ITEM_COLUMNS} FROM item WHERE {where}"  # noqa: S608 - constants
        for row in connection.execute(sql, values):
            item = item_of(row)
            names = {nfc(one) for path in item.places for one in (path.name, path.stem)}
            if wanted in names:
                exact.append(item)
            elif wanted.lower() in {one.lower() for one in names}:
                alike.append(item)
            if len(exact) == most:
                break
    return exact or alike[:most]


def names_like(db: Database, text: str, *, newest: int) -> list[str]:
    """Return the names of videos in which a text stands, newest first, then those of the newest items."""
    pattern = f"%{like_pattern(nfc(text))}%"
    where = f"{SHOWN} AND (CAST(source AS TEXT) LIKE ? ESCAPE '\\' OR CAST(destination AS TEXT) LIKE ? ESCAPE '\\')"
    found = _items(db, f"{where} ORDER BY id DESC LIMIT ?", (pattern, pattern, newest))
    names = [path.name for item in found for path in item.places if nfc(text).lower() in nfc(path.name).lower()]
    names += [path.name for item in _items(db, f"{SHOWN} ORDER BY id DESC LIMIT ?", (newest,)) for path in item.places]
    return list(dict.fromkeys(names))


def held_paths(db: Database, item: int) -> list[Path]:
    """Return the paths that are on hold for an undone item."""
    with db.read() as connection:
        return [from_blob(path) for (path,) in connection.execute("SELECT path FROM hold WHERE item = ?", (item,))]


def select_placed(
    db: Database, *, last: int | None = None, since: float | None = None, batch: str | None = None
) -> list[int]:
    """Return the numbers of placed items, and of those aside, that fit every condition given, newest first."""
    where, values, index = [_UNDOABLE], list[Any](), ""
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
