"""Bringing a SQLite file of ours forward to the format that this program writes: whole, or not at all."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from vsortd.core.system.fault_points import Point, reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def format_of(db: sqlite3.Connection) -> int:
    """Return the number of a file's format, 0 for an empty file."""
    (number,) = db.execute("PRAGMA user_version").fetchone()
    return int(number)


def bring_forward(db: sqlite3.Connection, steps: Sequence[str], *, application_id: int = 0) -> None:
    """Bring a file to format `len(steps)`: every step that it lacks, and their record, in one transaction.

    Step N, counted from 1, is the SQL that makes format N of format N - 1. `application_id` is what tells the file
    from those of other programs, 0 for nothing. Where another process was first, or the file is of a newer format, it
    is left as it is. The connection leaves transactions to its caller (`isolation_level` None). Raises sqlite3.Error;
    the file is as it was then.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        number = format_of(db)
        for step in steps[number:]:
            for statement in _statements(step):
                db.execute(statement)
            reach(Point.MIGRATE_STEP)
        if number < len(steps):
            db.execute(f"PRAGMA application_id={application_id}")
            db.execute(f"PRAGMA user_version={len(steps)}")
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    reach(Point.MIGRATE_AFTER)


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements: `executescript` would commit the transaction that is open."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
