"""Files that are known and not to be sorted: held, refused, done, or in work; and letting them go."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from vsortd.core.outcomes import ItemState
from vsortd.filing.item_ids import LARGEST_ID
from vsortd.filing.records import ITEM_COLUMNS, from_blob, item_of, to_blob, to_columns, utc
from vsortd.filing.schema import HOLD
from vsortd.filing.seals import check_row
from vsortd.filing.staying import find_done

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.database import Database

_HOLD = ", ".join((*HOLD, "sum"))
# The words of the partial index item_refused.
REFUSED = "standing AND state IN ('rejected', 'failed', 'set_aside', 'unclear')"


class Why(StrEnum):
    """Why a file is left alone."""

    HELD = "held"  # undone, until released or changed
    REJECTED = "rejected"
    FAILED = "failed"
    DONE = "done"  # in the library already: it was copied or linked, and stays
    WORKING = "working"  # in hand, here or in another process


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the journal says of a file as it is now; `item` is 0 while there is none, `owner` who works on it."""

    why: Why
    reason: str
    item: int = 0
    owner: str = ""


def known(db: Database, path: Path, identity: Identity) -> KnownFile | None:
    """Return why a file is not to be sorted as it is now, or None. A changed file is a new one."""
    with db.read() as connection:
        hold = find_hold(connection, path, identity)
        if hold is not None:
            return KnownFile(Why.HELD, "it was undone and is on hold", hold)
        refused = find_refusal(connection, path, identity)
        if refused is not None:
            number, state, reason = refused
            return KnownFile(Why.REJECTED if state is ItemState.REJECTED else Why.FAILED, reason, number)
        done = find_done(connection, path, identity)
        if done is not None:
            return KnownFile(Why.DONE, f"it was filed already, as {done.destination}, and stays", done.item)
        working = connection.execute(
            "SELECT owner FROM attempt WHERE path = ? AND owner IS NOT NULL UNION ALL"
            " SELECT owner FROM item WHERE owner IS NOT NULL AND source = ?",
            (to_blob(path), to_blob(path)),
        ).fetchone()
    return KnownFile(Why.WORKING, "it is in work", owner=working[0]) if working else None


def find_hold(db: sqlite3.Connection, path: Path, identity: Identity) -> int | None:
    """Return the item whose undoing holds this file: by its path, or by inode where it was renamed; else None."""
    device, inode, size, mtime = to_columns(identity)
    found = db.execute(
        f"SELECT {_HOLD} FROM hold WHERE path = ? UNION SELECT {_HOLD} FROM hold WHERE inode = ?",  # noqa: S608 - constants
        (to_blob(path), inode),
    ).fetchall()
    for *row, checksum in found:  # compared here: SQL would pass over one that is not what was written
        check_row("hold", row, checksum)
    for _, item, at, *columns, _, _ in found:
        if columns[2:] == [size, mtime] and (at == to_blob(path) or columns[:2] == [device, inode]):
            return int(item)
    return None


def find_refusal(db: sqlite3.Connection, path: Path, identity: Identity) -> tuple[int, ItemState, str] | None:
    """Return number, state and reason of the standing refusal of this very file, or None."""
    rows = db.execute(
        f"SELECT {ITEM_COLUMNS} FROM item WHERE source = ? AND {REFUSED} ORDER BY id DESC",  # noqa: S608 - constants
        (to_blob(path),),
    )
    for item in map(item_of, rows.fetchall()):
        if item.identity.same_content(identity) and item.identity.inode == identity.inode:
            return item.id, item.item_state, item.reason
    return None


def add(db: sqlite3.Connection, item: int, path: Path, identity: Identity) -> None:
    """Hold a file for an undone item."""
    db.execute(
        "INSERT INTO hold (item, path, device, inode, size_bytes, mtime_ns, since) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (item, to_blob(path), *to_columns(identity), utc()),
    )


def refresh(db: sqlite3.Connection, item: int, identity: Identity) -> None:
    """Give an item's hold the identity that the file has now that it is back."""
    db.execute(
        "UPDATE hold SET device = ?, inode = ?, size_bytes = ?, mtime_ns = ? WHERE item = ?",
        (*to_columns(identity), item),
    )


def forget_outdated(db: sqlite3.Connection, path: Path, identity: Identity) -> None:
    """Drop what no longer describes the file at `path`, which is about to be filed: holds of former files, attempts."""
    db.execute(
        "DELETE FROM hold WHERE path = ? AND (size_bytes, mtime_ns) <> (?, ?)",
        (to_blob(path), identity.size_bytes, identity.mtime_ns),
    )
    db.execute("DELETE FROM attempt WHERE path = ?", (to_blob(path),))


def forget(db: sqlite3.Connection, path: Path, identity: Identity, *, before: int) -> bool:
    """Drop what is known of a file that was filed as item `before`; returns whether it was held until then.

    Its holds go, and its refusals of earlier items stand no longer (they stay in the history).
    """
    device, inode, size, mtime = to_columns(identity)
    held = db.execute(
        "DELETE FROM hold WHERE size_bytes = ? AND mtime_ns = ? AND (path = ? OR (inode = ? AND device = ?))",
        (size, mtime, to_blob(path), inode, device),
    )
    supersede(db, path, before=before)
    return held.rowcount > 0


def supersede(db: sqlite3.Connection, path: Path, *, before: int = LARGEST_ID) -> None:
    """Let the refusals of whatever was at `path` stand no longer; only those of items earlier than `before`."""
    where = f"source = ? AND {REFUSED} AND id < ?"
    db.execute(f"UPDATE item SET standing = 0 WHERE {where}", (to_blob(path), before))  # noqa: S608 - constants


def release(database: Database, *, ids: Collection[int], paths: Collection[Path], everything: bool) -> list[Path]:
    """Lift holds and return their paths."""
    freed: list[bytes] = []
    with database.write() as db:
        for where, value in _conditions("item", "path", ids, paths, everything=everything):
            freed += [path for (path,) in db.execute(f"SELECT path FROM hold WHERE {where}", value)]  # noqa: S608 - constants
            db.execute(f"DELETE FROM hold WHERE {where}", value)  # noqa: S608 - constants
    return [from_blob(path) for path in freed]


def retry(database: Database, *, ids: Collection[int], paths: Collection[Path], everything: bool) -> list[Path]:
    """Let refusals stand no longer and return their paths."""
    freed: list[bytes] = []
    with database.write() as db:
        for where, value in _conditions("id", "source", ids, paths, everything=everything):
            which = f"{REFUSED} AND ({where})"
            freed += [path for (path,) in db.execute(f"SELECT source FROM item WHERE {which}", value)]  # noqa: S608 - constants
            db.execute(f"UPDATE item SET standing = 0 WHERE {which}", value)  # noqa: S608 - constants
        for path in freed:
            db.execute("DELETE FROM attempt WHERE path = ? AND owner IS NULL", (path,))
    return [from_blob(path) for path in dict.fromkeys(freed)]


def let_alone(database: Database, *, refused: bool) -> list[Path]:
    """Return the paths of the files that are held, or of those whose refusals stand."""
    sql = f"SELECT source FROM item WHERE {REFUSED}" if refused else "SELECT path FROM hold"  # noqa: S608 - constants
    with database.read() as db:
        return [from_blob(path) for (path,) in db.execute(sql)]


def _conditions(
    number: str, path: str, ids: Collection[int], paths: Collection[Path], *, everything: bool
) -> list[tuple[str, tuple[Any, ...]]]:
    if everything:
        return [("1", ())]
    return [(f"{number} = ?", (one,)) for one in ids] + [(f"{path} = ?", (to_blob(one),)) for one in paths]


# A file that takes the process down twice is set aside.
DEATHS = 2


def begin_work(database: Database, owner: str, path: Path, identity: Identity, *, at_risk: bool = True) -> str:
    """Note that a file is in work; returns the reason to set it aside instead, or "".

    A death of the process counts for the files that are `at_risk`; the others only wait, see `risk`. The note lasts
    through a kill; it needs no power cut, which is not the video's fault.
    """
    size, mtime = identity.size_bytes, identity.mtime_ns
    with database.write(lasting=False) as db:
        refused = find_refusal(db, path, identity)
        if refused is not None and refused[1] == "set_aside":
            return refused[2]
        db.execute(
            "INSERT INTO attempt (path, device, inode, size_bytes, mtime_ns, owner, at_risk, deaths)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (path) DO UPDATE SET"
            " deaths = CASE WHEN size_bytes = ? AND mtime_ns = ? THEN deaths ELSE 0 END,"
            " device = excluded.device, inode = excluded.inode, size_bytes = excluded.size_bytes,"
            " mtime_ns = excluded.mtime_ns, owner = excluded.owner, at_risk = excluded.at_risk",
            (to_blob(path), *to_columns(identity), owner, at_risk, size, mtime),
        )
    return ""


def risk(database: Database, owner: str, path: Path) -> None:
    """Note that the wait of a file in work is over; does nothing for one that isn't noted (a dry run)."""
    with database.read() as db:
        waits = "SELECT 1 FROM attempt WHERE path = ? AND owner = ? AND NOT at_risk"
        there = db.execute(waits, (to_blob(path), owner)).fetchone()
    if there:
        with database.write(lasting=False) as db:
            db.execute("UPDATE attempt SET at_risk = 1 WHERE path = ? AND owner = ?", (to_blob(path), owner))


def suspect(database: Database, path: Path, identity: Identity) -> bool:
    """Return whether a process died while it worked on this file as it is now."""
    with database.read() as db:
        row = db.execute(
            "SELECT 1 FROM attempt WHERE path = ? AND size_bytes = ? AND mtime_ns = ? AND deaths > 0",
            (to_blob(path), identity.size_bytes, identity.mtime_ns),
        ).fetchone()
    return row is not None


def end_work(database: Database, owner: str, path: Path) -> None:
    """Note that work on a file ended without taking the process down."""
    with database.read() as db:
        there = db.execute("SELECT 1 FROM attempt WHERE path = ? AND owner = ?", (to_blob(path), owner)).fetchone()
    if there:
        with database.write(lasting=False) as db:
            db.execute("DELETE FROM attempt WHERE path = ? AND owner = ?", (to_blob(path), owner))
