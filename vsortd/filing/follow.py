"""The user's own moves: a filed video that now lies elsewhere in the library is followed, so that undo finds it.

The effect is the user's and has happened; there is nothing to carry out and nothing to take back. One transaction
writes where the file is, only as long as nobody is at work on its item. Undo looks at the file itself as ever.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from vsortd.core.outcomes import ItemState
from vsortd.core.text import storable
from vsortd.filing.records import (
    EARLIER_PLACES,
    ITEM_COLUMNS,
    IdentityMatch,
    Item,
    from_blob,
    from_columns,
    item_of,
    likeness,
    to_blob,
    to_columns,
    utc,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.journal import Journal

_PUT = "put_device, put_inode, put_size_bytes, put_mtime_ns"
_File = tuple[int, int, int]
_MOVED = (
    "phase = 'place' AND kind IN ('move', 'publish_converted', 'copy', 'hardlink', 'reflink')"
    " AND operation.state = 'done'"
)


def standing_at(journal: Journal, path: Path) -> tuple[Item, Identity] | None:
    """Return the newest item that has its video at `path`, with what was put there; None if there is none."""
    with journal.db.read() as db:
        row = db.execute(
            f"SELECT {ITEM_COLUMNS} FROM item WHERE destination = ? AND state IN ('filed', 'review') AND standing"  # noqa: S608 - constants
            " ORDER BY id DESC LIMIT 1",
            (to_blob(path),),
        ).fetchone()
        if row is None:
            return None
        item = item_of(row)
        columns = db.execute(
            f"SELECT {_PUT} FROM operation WHERE item = ? AND {_MOVED} AND destination = ?",  # noqa: S608 - constants
            (item.id, to_blob(path)),
        ).fetchone()
    identity = from_columns(*columns) if columns else None
    return None if identity is None else (item, identity)


def is_known(journal: Journal, path: Path, identity: Identity) -> bool:
    """Tell whether a file is what an item put where it lies; asked of every file of a library, so in one query."""
    with journal.db.read() as db:
        columns = db.execute(
            f"SELECT {_PUT} FROM item JOIN operation ON operation.item = item.id AND {_MOVED}"  # noqa: S608 - constants
            " AND operation.destination = item.destination WHERE item.destination = ?"
            " AND item.state IN ('filed', 'review') AND standing ORDER BY item.id DESC LIMIT 1",
            (to_blob(path),),
        ).fetchone()
    meant = from_columns(*columns) if columns else None
    return meant is not None and likeness(meant, identity) in {
        IdentityMatch.SAME,
        IdentityMatch.ALIKE,
        IdentityMatch.EDITED,
    }


class PutFiles:
    """Where the journal put which file, known by the file: read once for each size, and then only what is new of it.

    It is a hint, for as long as one look at a library takes: what stands at a place now, `standing_at` says.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._read: dict[int, int] = {}  # by size: up to which item all were read
        self._places: dict[_File, dict[Path, None]] = {}

    def places(self, identity: Identity) -> list[Path]:
        """Return where items put this very file, the oldest item first."""
        size_bytes = identity.size_bytes
        with self._journal.db.read() as db:
            (working,) = db.execute("SELECT min(id) FROM item WHERE owner IS NOT NULL").fetchone()
            rows = db.execute(
                f"SELECT item.id, item.destination, {_PUT} FROM item JOIN operation ON operation.item = item.id"  # noqa: S608 - constants
                f" AND {_MOVED} AND operation.destination = item.destination WHERE item.size_bytes = ? AND item.id > ?"
                " AND item.state IN ('filed', 'review') ORDER BY item.id",
                (size_bytes, self._read.get(size_bytes, 0)),
            ).fetchall()
        for number, place, *columns in rows:
            if working is None or number < working:  # what is in work may be placed by then, and is read again
                self._read[size_bytes] = number
            if (put := from_columns(*columns)) is not None:
                self.note(put, from_blob(place))
        return list(self._places.get(_file_of(identity), ()))

    def note(self, identity: Identity, path: Path) -> None:
        """Note that a file was put, or followed, to a place."""
        self._places.setdefault(_file_of(identity), {})[path] = None


def _file_of(identity: Identity) -> _File:
    return identity.inode, identity.size_bytes, identity.mtime_ns  # devices change, see `likeness`


def is_busy(journal: Journal, path: Path, identity: Identity | None = None) -> bool:
    """Tell whether some process is at work on a file that comes from `path` or goes there, or has this identity.

    A file that is being placed has its new name before the journal says so, and the user may give it another one.
    """
    file = (None, None, None) if identity is None else to_columns(identity)[1:]  # devices change, see `likeness`
    with journal.db.read() as db:
        row = db.execute(
            "SELECT 1 FROM item WHERE owner IS NOT NULL AND (source = ?1 OR destination = ?1"
            " OR (inode, size_bytes, mtime_ns) = (?2, ?3, ?4) OR EXISTS (SELECT 1 FROM operation WHERE item = item.id"
            " AND (put_inode, put_size_bytes, put_mtime_ns) = (?2, ?3, ?4)))",
            (to_blob(path), *file),
        ).fetchone()
    return row is not None


class MovedSidecar(NamedTuple):
    """A sidecar that went along: its operation, and where it is now."""

    operation: int
    path: Path
    identity: Identity


def follow(  # noqa: PLR0917 - one row's worth of facts
    journal: Journal,
    item: Item,
    path: Path,
    identity: Identity,
    rule: str | None,
    note: str,
    *,
    decided: bool,
    sidecars: Sequence[MovedSidecar] = (),
) -> bool:
    """Write that the user moved an item's video to `path`, where it has this identity; False if that is no longer so.

    `rule` is the key of the rule whose folder that is, if any; `note` goes into the item's reason. `decided`: what
    waited in the review folder waits no longer, it counts as filed.
    """
    reason = storable("; ".join(filter(None, (item.reason, note))))
    state = ItemState.FILED if decided else item.outcome
    with journal.db.write() as db:
        taken = db.execute(
            "UPDATE item SET destination = ?, reason = ?, rule = coalesce(?, rule), state = ?, outcome = ?, detail = ?"
            " WHERE id = ? AND destination = ? AND state IN ('filed', 'review') AND owner IS NULL",
            (
                to_blob(path),
                reason,
                rule,
                state,
                state,
                _with_place(db, item),
                item.id,
                to_blob(item.destination),
            ),
        )
        if taken.rowcount != 1:
            return False
        db.execute(
            f"UPDATE operation SET destination = ?, ({_PUT}) = (?, ?, ?, ?) WHERE item = ? AND {_MOVED}",  # noqa: S608 - constants
            (to_blob(path), *to_columns(identity), item.id),
        )
        for one in sidecars:
            db.execute(
                f"UPDATE operation SET destination = ?, ({_PUT}) = (?, ?, ?, ?) WHERE id = ? AND item = ?",  # noqa: S608 - constants
                (to_blob(one.path), *to_columns(one.identity), one.operation, item.id),
            )
    return True


def _with_place(db: sqlite3.Connection, item: Item) -> str:
    """Return an item's details, as they are now, with the place that its video leaves."""
    (text,) = db.execute("SELECT detail FROM item WHERE id = ?", (item.id,)).fetchone() or ("{}",)
    detail = json.loads(text)
    left = {"path": os.fspath(item.destination or item.source), "until": utc()}
    return json.dumps({**detail, EARLIER_PLACES: [*detail.get(EARLIER_PLACES, ()), left]}, ensure_ascii=True)


def has_items(journal: Journal, rule: str) -> bool:
    """Tell whether any filed item that stands is of a rule."""
    with journal.db.read() as db:
        found = db.execute("SELECT 1 FROM item WHERE rule = ? AND state = 'filed' AND standing LIMIT 1", (rule,))
        return found.fetchone() is not None


def adopt(
    journal: Journal, library: Path, rules: Collection[str], rule_of: Callable[[Sequence[str]], str | None]
) -> dict[str, set[str]]:
    """Give filed items whose rule is no more the rule in whose folder they lie. Raises StoreError.

    `rules` are the keys of the present rules, and `rule_of` says whose the folder with some names below the library
    is. Returns each rule that is no more, with those whose names its items have now.
    """
    keys = json.dumps(sorted(rules))
    with journal.db.read() as db:
        rows = db.execute(
            f"SELECT {ITEM_COLUMNS} FROM item WHERE state = 'filed' AND standing AND rule <> ''"  # noqa: S608 - constants
            " AND rule NOT IN (SELECT value FROM json_each(?))",
            (keys,),
        ).fetchall()
    found = []
    for item in map(item_of, rows):
        if item.destination is not None and item.destination.is_relative_to(library):
            rule = rule_of(item.destination.parent.relative_to(library).parts)
            if rule is not None:
                found.append((rule, item.id, item.rule))
    if found:
        with journal.db.write() as db:
            db.executemany("UPDATE item SET rule = ? WHERE id = ? AND rule = ? AND owner IS NULL", found)
    names: dict[str, set[str]] = {}
    for rule, _, before in found:
        names.setdefault(before, set()).add(rule)
    return names
