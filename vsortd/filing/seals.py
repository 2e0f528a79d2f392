"""What tells that the journal says what was written: a checksum in each row, and a sum of them over each table.

SQLite has no checksums: a bit that flips on the disk gives another history, and nobody notices. Triggers keep the sums,
so that no statement can forget them; before a row is changed, its own is verified, so that damage is never sealed in.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Sums of a few rows fit into SQLite's signed 64 bits, and so does a sum of halves over any table.
_BITS: Final = 60
MASK: Final = (1 << _BITS) - 1
_HALF: Final = 30
# What the trigger says that refuses to change a row whose checksum fails.
REFUSAL: Final = "an entry is not what was written"
FUNCTION: Final = "row_sum"
_UNREAD: Final = re.compile(r"error code=(\d+)")
_INTERRUPTED: Final = threading.Event()
COMMITS: Final = "commits"
JOURNAL_ID: Final = "journal"


# What numbers the commits, and the file itself.
COUNTERS: Final = f"""
INSERT OR IGNORE INTO counter (name, n, twin) VALUES ('{COMMITS}', 0, ~0);
INSERT OR IGNORE INTO counter (name, n, twin) VALUES ('{JOURNAL_ID}', random() & {MASK}, 0);
UPDATE counter SET twin = ~n WHERE name = '{JOURNAL_ID}';
"""  # noqa: S608 - constants


class UnsoundError(sqlite3.DatabaseError):
    """A row, or a table, is not what was written."""


def row_sum(*values: object) -> int:
    """Return the checksum of a row: the table's name, then all its values but the checksum itself."""
    # ascii() writes every value that SQLite can hold in one way, whatever the version of Python and of Unicode
    digest = hashlib.blake2b(ascii(values).encode("ascii"), digest_size=8).digest()
    return int.from_bytes(digest) & MASK


def teach(db: sqlite3.Connection) -> None:
    """Let a connection compute checksums: without that it can't write into sealed tables."""
    db.create_function(FUNCTION, -1, _interruptible_sum, deterministic=True)
    db.execute("PRAGMA trusted_schema=ON")  # else triggers may not call it


def _interruptible_sum(*values: object) -> int:
    try:
        return row_sum(*values)
    except KeyboardInterrupt:  # SQLite makes an error of its own of it
        _INTERRUPTED.set()
        raise


def was_interrupted() -> bool:
    """Tell whether the error that SQLite has just raised was Ctrl-C within a checksum; it is told once."""
    was = _INTERRUPTED.is_set() and threading.current_thread() is threading.main_thread()  # who alone hears of it
    if was:
        _INTERRUPTED.clear()
    return was


def check_row(table: str, values: Sequence[Any], found: object) -> None:
    """Raise UnsoundError unless a row's checksum is right; the first value names the row."""
    if row_sum(table, *values) != found:
        name = f"#{values[0]}" if isinstance(values[0], int) else repr(values[0])
        raise UnsoundError(f"{table} {name} is not what was written")


def check_pages(db: sqlite3.Connection) -> None:
    """Have SQLite check every page, and tables against indexes. Raises UnsoundError, OperationalError if it can't."""
    found = db.execute("PRAGMA integrity_check(1)").fetchall()
    if found == [("ok",)]:
        return
    said = " ".join(str(found[0][0]).split())
    code = _UNREAD.search(said)
    if code is not None and int(code[1]) & 0xFF == sqlite3.SQLITE_IOERR:  # which says nothing of what is in it
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error
    raise UnsoundError(said)


def total_name(table: str) -> str:
    """Return under which name the counters hold a table's sum."""
    return f"sum of {table}"


def counters(db: sqlite3.Connection) -> dict[str, int]:
    """Return every counter. Raises UnsoundError when one is not what was written."""
    found = {}
    for name, n, twin in db.execute("SELECT name, n, twin FROM counter"):
        if not isinstance(n, int) or twin != ~n:
            raise UnsoundError(f"the counter {name!r} is not what was written")
        found[name] = n
    return found


def verify(
    db: sqlite3.Connection, tables: Mapping[str, tuple[str, ...]], names: Sequence[str], *, thorough: bool
) -> dict[str, int]:
    """See that no table has lost a row, or has one of another time; returns the counters. Raises UnsoundError.

    `tables` are their columns by name. Every row of the small ones is verified, with `thorough` of all; of those that
    grow each is verified anyway when it is read.
    """
    found = counters(db)
    missing = [name for name in names if name not in found]
    if missing:
        raise UnsoundError(f"the counter {missing[0]!r} is missing")
    for table, columns in tables.items():
        if thorough or table not in GROWING:
            for row in rows(db, table, columns):
                check_row(table, row[:-1], row[-1])
        low, high = db.execute(
            f"SELECT coalesce(sum(sum & {(1 << _HALF) - 1}), 0), coalesce(sum(sum >> {_HALF}), 0) FROM {table}"  # noqa: S608 - constants
        ).fetchone()
        if (low + (high << _HALF)) & MASK != found[total_name(table)]:
            raise UnsoundError(f"entries of the table {table!r} are missing, or are of another time")
    return found


# They grow with the history.
GROWING: Final = frozenset({"item", "operation", "passed", "example"})


def rows(db: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield a table's rows, each with its checksum behind it."""
    return iter(db.execute(f"SELECT {', '.join(columns)}, sum FROM {table}"))  # noqa: S608 - constants


def triggers(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """Return the SQL that seals a table: what is there now, and whatever is written from now on."""
    return f"""
ALTER TABLE {table} ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
{_seal(table, columns, key)}"""


def widened(table: str, before: Sequence[str], added: Mapping[str, str], key: Sequence[str]) -> str:
    """Return the SQL that gives a sealed table more columns, by their names with their types, and seals it anew.

    Each row is verified first, by the seals that it has: damage is never sealed in.
    """
    dropped = "".join(f"DROP TRIGGER {table}_{name};\n" for name in _TRIGGERS)
    columns = "".join(f"ALTER TABLE {table} ADD COLUMN {name} {kind};\n" for name, kind in added.items())
    return f"""
UPDATE {table} SET {key[0]} = {key[0]};
{dropped}{columns}{_seal(table, (*before, *added), key)}"""  # noqa: S608 - constants


_TRIGGERS: Final = ("sealed", "resealed", "unsealed", "change_verified", "removal_verified")


def _seal(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """Return the SQL that gives every row of a table its checksum, and makes the triggers that keep them."""
    names = ", ".join(columns)
    new, old = (f"{FUNCTION}('{table}', {', '.join(f'{side}.{one}' for one in columns)})" for side in ("NEW", "OLD"))
    here = " AND ".join(f"{one} = NEW.{one}" for one in key)
    total = f"name = '{total_name(table)}'"
    written = f"(SELECT sum FROM {table} WHERE {here})"  # noqa: S608 - constants
    sound = f"OLD.sum IS NOT {old} BEGIN SELECT RAISE(ABORT, '{REFUSAL}')"
    return f"""
UPDATE {table} SET sum = {FUNCTION}('{table}', {names});
INSERT OR REPLACE INTO counter (name, n, twin) SELECT '{total_name(table)}', s, ~s FROM (
    SELECT (coalesce(sum(sum & {(1 << _HALF) - 1}), 0) + (coalesce(sum(sum >> {_HALF}), 0) << {_HALF})) & {MASK} AS s
    FROM {table}
);
CREATE TRIGGER {table}_sealed AFTER INSERT ON {table} BEGIN
    UPDATE {table} SET sum = {new} WHERE {here};
    UPDATE counter SET n = (n + {written}) & {MASK}, twin = ~((n + {written}) & {MASK}) WHERE {total};
END;
CREATE TRIGGER {table}_resealed AFTER UPDATE OF {names} ON {table} BEGIN
    UPDATE {table} SET sum = {new} WHERE {here};
    UPDATE counter SET n = (n - OLD.sum + {written}) & {MASK},
        twin = ~((n - OLD.sum + {written}) & {MASK}) WHERE {total};
END;
CREATE TRIGGER {table}_unsealed AFTER DELETE ON {table} BEGIN
    UPDATE counter SET n = (n - OLD.sum) & {MASK}, twin = ~((n - OLD.sum) & {MASK}) WHERE {total};
END;
CREATE TRIGGER {table}_change_verified BEFORE UPDATE OF {names} ON {table} WHEN {sound}; END;
CREATE TRIGGER {table}_removal_verified BEFORE DELETE ON {table} WHEN {sound}; END;
"""  # noqa: S608 - constants
