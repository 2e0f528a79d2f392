"""SQLite files that are damaged: how that is told from other trouble, and putting aside what can be made again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

# A statement of ours that SQLite does not understand means that the tables are not those that we made.
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
_UNDECODABLE: Final = "Could not decode"


# What SQLite and its module raise of a file that is damaged, among other things: also of a message with damaged names.
SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)


def is_damage(error: BaseException) -> bool:
    """Tell whether an error says that the file is damaged, and not that it is locked, forbidden or on a full disk."""
    if isinstance(error, UnicodeDecodeError):
        return True
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # Python's own: a text that is no UTF-8
        return isinstance(error, sqlite3.OperationalError) and str(error).startswith(_UNDECODABLE)
    return code & 0xFF in _DAMAGE


def remedy_of(error: BaseException) -> str:
    """Say what to do about trouble that is no damage, "" where the error does not tell."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return "Another program holds it: find it with `fuser` and let it end, then try again."
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return "Free some space on the disk of the state folder, and look at the system's log."
    return ""


def set_aside(path: Path) -> Path:
    """Give a damaged SQLite file another name, in the place of one that had it before; return that name.

    What lies in its log goes with it. Raises OSError.
    """
    aside = Path(f"{path}.damaged")
    for suffix in ("-shm", "-wal", ""):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{aside}{suffix}")  # noqa: PTH105 - as SQLite names them
    return aside
