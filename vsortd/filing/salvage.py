"""What can still be read of a damaged journal: rows whose checksums hold, whatever is wrong around them.

SQLite reads no file whose first page is damaged, and of a log nothing behind the first frame that is. So both are put
together into one file here, frame by frame, with a first page that is known to be right: what comes of that is no
database to trust, but each row tells by its checksum whether it is one that was written.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.system.damaged_files import SQLITE_ERRORS
from vsortd.filing import seals
from vsortd.filing.schema import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Row = tuple[Any, ...]

_PAGE: Final = 4096  # what SQLite takes since 2016
_LOG_HEADER, _FRAME_HEADER = 32, 24
# Of the file's header: where its size, its change counters and its list of free pages stand, and how it is journalled.
_FORMS, _CHANGES, _SIZE, _FREE, _VALID_FOR = 18, 24, 28, 32, 92
_MOST_GAP: Final = 1_000_000


@dataclass(slots=True)
class Salvaged:
    """Sound rows by table, without their checksums. `whole`: the tables of which certainly none is missing.

    `commits` is the highest number of commits that was found, `journal_id` the journal's own number, 0 if unknown.
    """

    rows: dict[str, list[Row]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    commits: int = 0
    journal_id: int = 0


def salvage(damaged: Path, models: Sequence[Path], image: Path) -> Salvaged:
    """Read what can be read of a damaged journal, put together anew in `image`, which is written over.

    `models` are sound journals: their first pages are tried in the place of its own. Raises OSError when a file can't
    be read or written.
    """
    found = Salvaged({table: [] for table in JOURNAL.sealed})
    if not damaged.exists() and not _log(damaged).exists():
        return found
    for first in (b"", *(model.read_bytes()[:_PAGE] for model in models)):
        _put_together(damaged, first, image)
        with contextlib.suppress(*SQLITE_ERRORS), contextlib.closing(_opened(image)) as db:
            _read(db, found)
    return found


def _put_together(damaged: Path, first: bytes, image: Path) -> None:
    """Write the file with the pages of its log, those of frames that are damaged too; `first` is another first page."""
    data = bytearray(damaged.read_bytes() if damaged.exists() else b"")
    for number, page in _frames(_log(damaged)):
        end = number * _PAGE
        data.extend(bytes(max(0, end - len(data))))
        data[end - _PAGE : end] = page
    data[: len(first)] = first
    data.extend(bytes(-len(data) % _PAGE))
    pages = len(data) // _PAGE
    data[_FORMS : _FORMS + 2] = b"\1\1"  # no log
    data[_SIZE : _SIZE + 4] = pages.to_bytes(4)
    data[_FREE : _FREE + 8] = bytes(8)
    data[_VALID_FOR : _VALID_FOR + 4] = data[_CHANGES : _CHANGES + 4]
    with contextlib.suppress(FileNotFoundError):
        image.unlink()
    descriptor = os.open(image, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _frames(log: Path) -> Iterator[tuple[int, bytes]]:
    """Yield page numbers and pages of the log's present round: frames of the round before have other salts."""
    try:
        data = log.read_bytes()
    except FileNotFoundError:
        return
    starts = range(_LOG_HEADER, len(data) - _FRAME_HEADER - _PAGE + 1, _FRAME_HEADER + _PAGE)
    salts = Counter(data[start + 8 : start + 16] for start in starts)
    wanted = {data[16:24]} if data[16:24] in salts else {salt for salt, _ in salts.most_common(1)}
    for start in starts:
        number = int.from_bytes(data[start : start + 4])
        if data[start + 8 : start + 16] in wanted and 0 < number <= (1 << 20):
            yield number, data[start + _FRAME_HEADER : start + _FRAME_HEADER + _PAGE]


def _log(journal: Path) -> Path:
    return journal.with_name(journal.name + "-wal")


def _opened(image: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{image.as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
    db.execute("PRAGMA writable_schema=ON")  # what it can't understand of the schema it passes over
    db.text_factory = lambda data: data.decode("utf-8", "surrogateescape")  # the checksum tells what was written
    return db


def _read(db: sqlite3.Connection, found: Salvaged) -> None:
    counters: list[Row] = []
    with contextlib.suppress(*SQLITE_ERRORS):
        counters.extend(db.execute("SELECT name, n, twin FROM counter"))
    counted = {name: n for name, n, twin in counters if isinstance(n, int) and twin == ~n}
    found.commits = max(found.commits, counted.get(seals.COMMITS, 0))
    found.journal_id = found.journal_id or counted.get(seals.JOURNAL_ID, 0)
    for table, columns in JOURNAL.sealed.items():
        rows = {row[:-1]: row[-1] for row in _rows(db, table, columns) if seals.row_sum(table, *row[:-1]) == row[-1]}
        if sum(rows.values()) & seals.MASK == counted.get(seals.total_name(table)):
            found.whole.add(table)
        found.rows[table] = list(dict.fromkeys([*found.rows[table], *rows]))


def _rows(db: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[Row]:
    """Yield a table's rows from both ends up to what can't be read, then one by one what lies between."""
    names = ", ".join((*columns, "sum"))
    ends, broken = [0, 0], False
    for turn, order in enumerate(("ASC", "DESC")):
        try:
            sql = f"SELECT {names} FROM {table} NOT INDEXED ORDER BY {columns[0]} {order}"  # noqa: S608 - constants
            for row in db.execute(sql):
                ends[turn] = row[0] if isinstance(row[0], int) else 0
                yield row
        except SQLITE_ERRORS:
            broken = True
    if not broken or columns[0] != "id" or not ends[1]:
        return
    for number in range(ends[0] + 1, min(ends[1], ends[0] + _MOST_GAP)):
        with contextlib.suppress(*SQLITE_ERRORS):
            yield from db.execute(f"SELECT {names} FROM {table} NOT INDEXED WHERE id = ?", (number,))  # noqa: S608 - constants
