"""What is still to be done after videos, in a file of its own: nothing of it is lost when the process is killed.

The journal is the truth about videos; this file says up to which of its items was looked, and which deliveries wait.
So it stays small, and what happened while nobody looked is found in the journal. A commit lasts through a kill. After
a power cut the last ones may be missing, and what they were about is done once more.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from vsortd.core.logs.lazy_logger import logger
from vsortd.core.system.damaged_files import set_aside
from vsortd.errors import DamagedError, StoreError
from vsortd.filing.database import Database
from vsortd.filing.schema import Form

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_FIRST: Final = """
CREATE TABLE looked (                      -- one row: how far the journal was looked through
    one INTEGER PRIMARY KEY CHECK (one = 1),
    journal INTEGER NOT NULL,              -- which journal
    item INTEGER NOT NULL                  -- the last item that was looked at
);
CREATE TABLE unfinished (item INTEGER PRIMARY KEY);  -- items before that which had no end yet
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item INTEGER NOT NULL,
    kind TEXT NOT NULL,                    -- run or post
    bundle INTEGER,                        -- what is delivered together; NULL while a batch is gathered
    begun INTEGER NOT NULL DEFAULT 0,      -- how often it was tried
    failed INTEGER NOT NULL DEFAULT 0,     -- how often that went wrong
    UNIQUE (item, kind)
);
"""
FORM: Final = Form("list of what is to be done after videos", "filed", 0x76736166, "delivery", (_FIRST,))  # "vsaf"


class DeliveryKind(StrEnum):
    """How an outcome is handed on; the values are the options of `after`."""

    RUN = "run"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One outcome that is to be handed on; those of one `bundle` together, None while its batch is gathered.

    `begun` counts the tries, `failed` those that went wrong: others ended with the process.
    """

    id: int
    item: int
    kind: DeliveryKind
    bundle: int | None
    begun: int
    failed: int


def deliveries_path(state_folder: Path) -> Path:
    """Return where the deliveries lie."""
    return state_folder / "after.sqlite3"


def waiting_deliveries(state_folder: Path) -> int:
    """Return how many deliveries wait where no daemon runs; 0 where that can't be read."""
    path = deliveries_path(state_folder)
    if not path.exists():
        return 0
    with contextlib.suppress(StoreError), contextlib.closing(Database(path, FORM)) as db, db.read() as connection:
        (waiting,) = connection.execute("SELECT COUNT(*) FROM delivery").fetchone()
        return int(waiting)
    return 0


class DeliveryStore:
    """The deliveries that wait; for several threads. Every method raises StoreError when the file can't be used."""

    def __init__(self, path: Path) -> None:
        """Open the file, made first where there is none; a damaged one is set aside and told of."""
        try:
            self._db = Database(path, FORM)
        except DamagedError as error:
            aside = set_aside(path)
            logger.warning("{} What waited there is not done; the file is now {}.", error.title, aside)
            self._db = Database(path, FORM)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def looked(self, journal: int) -> int | None:
        """Return the last item of a journal that was looked at, None where it was never looked through."""
        with self._db.read() as db:
            row = db.execute("SELECT item FROM looked WHERE journal = ?", (journal,)).fetchone()
        return None if row is None else int(row[0])

    def begin_at(self, journal: int, item: int) -> None:
        """Look at what comes behind an item from now on; of another journal, or of its lost end, nothing waits then."""
        with self._db.write() as db:
            db.execute("DELETE FROM unfinished")
            same = "SELECT 1 FROM looked WHERE journal = ?"
            db.execute(f"DELETE FROM delivery WHERE item > ? OR NOT EXISTS ({same})", (item, journal))  # noqa: S608 - constants
            db.execute("INSERT OR REPLACE INTO looked VALUES (1, ?, ?)", (journal, item))

    def forget(self) -> int:
        """Forget everything; return how many deliveries waited."""
        with self._db.write() as db:
            (waiting,) = db.execute("SELECT COUNT(*) FROM delivery").fetchone()
            for table in ("looked", "unfinished", "delivery"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
        return int(waiting)

    def unfinished(self) -> list[int]:
        """Return the items that had no end when they were looked at."""
        with self._db.read() as db:
            return [item for (item,) in db.execute("SELECT item FROM unfinished ORDER BY item")]

    def take(
        self,
        wanted: Iterable[tuple[int, DeliveryKind, bool]],
        *,
        unfinished: Sequence[int],
        ended: Sequence[int],
        item: int,
    ) -> None:
        """Note what was found up to an item, all or nothing: deliveries (and whether alone), open items, ended ones.

        What is known already stays as it is.
        """
        with self._db.write(lasting=False) as db:
            db.executemany("INSERT OR IGNORE INTO unfinished VALUES (?)", [(one,) for one in unfinished])
            db.executemany("DELETE FROM unfinished WHERE item = ?", [(one,) for one in ended])
            for number, kind, alone in wanted:
                cursor = db.execute("INSERT OR IGNORE INTO delivery (item, kind) VALUES (?, ?)", (number, kind))
                if alone and cursor.rowcount:
                    db.execute("UPDATE delivery SET bundle = id WHERE id = ?", (cursor.lastrowid,))
            db.execute("UPDATE looked SET item = MAX(item, ?)", (item,))

    def waiting(self, kind: DeliveryKind | None = None) -> list[Delivery]:
        """Return what waits, of one kind or all, in the order in which it came."""
        sql = "SELECT id, item, kind, bundle, begun, failed FROM delivery WHERE ? IN (kind, '') ORDER BY id"
        with self._db.read() as db:
            rows = db.execute(sql, (kind or "",)).fetchall()
        return [Delivery(row[0], row[1], DeliveryKind(row[2]), *row[3:]) for row in rows]

    def count(self) -> int:
        """Return how many deliveries wait."""
        with self._db.read() as db:
            (waiting,) = db.execute("SELECT COUNT(*) FROM delivery").fetchone()
        return int(waiting)

    def bundle(self, deliveries: Sequence[Delivery]) -> int:
        """Make some deliveries one, for good; return its number."""
        number = deliveries[0].id
        with self._db.write(lasting=False) as db:
            db.executemany("UPDATE delivery SET bundle = ? WHERE id = ?", [(number, one.id) for one in deliveries])
        return number

    def begin(self, bundle: int) -> None:
        """Note that a bundle is tried."""
        with self._db.write(lasting=False) as db:
            db.execute("UPDATE delivery SET begun = begun + 1 WHERE bundle = ?", (bundle,))

    def failed(self, bundle: int) -> None:
        """Note that it went wrong."""
        with self._db.write(lasting=False) as db:
            db.execute("UPDATE delivery SET failed = failed + 1 WHERE bundle = ?", (bundle,))

    def done(self, bundle: int) -> None:
        """Note that nothing more is to be done about a bundle."""
        with self._db.write(lasting=False) as db:
            db.execute("DELETE FROM delivery WHERE bundle = ?", (bundle,))
