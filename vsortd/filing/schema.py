"""The journal's tables and how older ones become them: all steps in one transaction with their record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vsortd.filing import seals

if TYPE_CHECKING:
    from collections.abc import Mapping


# The version that brought the seals, in every form.
SEALS = 2


@dataclass(frozen=True, slots=True)
class Form:
    """What kind of SQLite file a `Database` is.

    `noun` is what people call it, `loss` what an empty one would not know. `application_id` tells it from any other
    SQLite file, `table` is there in every version. Step N of `steps` brings version N - 1 to version N; steps are only
    ever added. `sealed` are the tables (with their columns) whose rows have checksums, `since` the version that brought
    one of them if it is not that of the seals themselves, or one of their columns (`table.column`), `counted` the
    counters that are always there. `repair` is the command that mends it, if there is one.
    """

    noun: str
    loss: str
    application_id: int
    table: str
    steps: tuple[str, ...]
    sealed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    since: Mapping[str, int] = field(default_factory=dict)
    counted: tuple[str, ...] = ()
    repair: str = ""

    @property
    def version(self) -> int:
        """The format that this program writes."""
        return len(self.steps)

    def sealed_in(self, version: int) -> dict[str, tuple[str, ...]]:
        """Return the sealed tables, with their columns, that a file of this version has."""
        return {
            table: tuple(one for one in columns if self.since.get(f"{table}.{one}", SEALS) <= version)
            for table, columns in self.sealed.items()
            if self.since.get(table, SEALS) <= version
        }

    def counted_in(self, version: int) -> tuple[str, ...]:
        """Return the counters that a file of this version has."""
        missing = {seals.total_name(table) for table in self.sealed.keys() - self.sealed_in(version).keys()}
        missing |= {name for name in self.counted if self.since.get(f"counter.{name}", SEALS) > version}
        return tuple(name for name in self.counted if name not in missing)


_FIRST = """
CREATE TABLE item (                        -- one video's transaction and its history entry
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order of events, also when the clock jumps
    batch TEXT NOT NULL,
    time TEXT NOT NULL,                    -- UTC, ISO 8601 with milliseconds
    state TEXT NOT NULL,
    outcome TEXT NOT NULL,                 -- filed or review, for what was or is to be placed
    source BLOB NOT NULL,                  -- paths are the system's bytes
    destination BLOB,
    rule TEXT NOT NULL, score REAL NOT NULL, margin REAL NOT NULL,
    converted TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    sha256 TEXT,
    library BLOB,
    mark TEXT NOT NULL,                    -- names its temporary files and its folder of originals
    owner TEXT,                            -- the process at work on it; only while unfinished
    standing INTEGER NOT NULL DEFAULT 1    -- 0: superseded; in the history, not in the counts
);
CREATE INDEX item_shown ON item (id) WHERE state NOT IN ('placing', 'rolled_back');
CREATE INDEX item_placed ON item (id) WHERE state IN ('filed', 'review');
CREATE INDEX item_time ON item (time);
CREATE INDEX item_batch ON item (batch);
CREATE INDEX item_unfinished ON item (owner) WHERE owner IS NOT NULL;
CREATE INDEX item_refused ON item (source) WHERE standing AND state IN ('rejected', 'failed', 'set_aside', 'unclear');
CREATE INDEX item_size ON item (size_bytes) WHERE state IN ('filed', 'review');
CREATE INDEX item_destination ON item (destination) WHERE state IN ('filed', 'review');

CREATE TABLE operation (                   -- one effect: intent, then done or rolled back
    id INTEGER PRIMARY KEY,
    item INTEGER NOT NULL REFERENCES item,
    number INTEGER NOT NULL,
    phase TEXT NOT NULL, kind TEXT NOT NULL,
    source BLOB NOT NULL, destination BLOB,
    mark TEXT NOT NULL,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    put_device INTEGER, put_inode INTEGER, put_size_bytes INTEGER, put_mtime_ns INTEGER,
    copied INTEGER NOT NULL DEFAULT 0,     -- a whole copy lies in the destination folder
    sha256 TEXT,
    state TEXT NOT NULL, time TEXT NOT NULL
);
CREATE INDEX operation_item ON operation (item);
CREATE INDEX operation_kept ON operation (time) WHERE kind = 'keep_original' AND state = 'done';

CREATE TABLE hold (                        -- undone files that are not to be sorted again
    id INTEGER PRIMARY KEY,
    item INTEGER NOT NULL REFERENCES item,
    path BLOB NOT NULL,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    since TEXT NOT NULL
);
CREATE INDEX hold_path ON hold (path);
CREATE INDEX hold_inode ON hold (inode);
CREATE INDEX hold_item ON hold (item);

CREATE TABLE attempt (                     -- files in work, and how often the process died on them
    path BLOB PRIMARY KEY,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    owner TEXT,
    at_risk INTEGER NOT NULL,              -- work has begun; it does not only wait for the model
    deaths INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX attempt_owner ON attempt (owner) WHERE owner IS NOT NULL;

CREATE TABLE owner (                       -- processes that file; a lock file says whether one lives
    id TEXT PRIMARY KEY,
    since TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE staging (                     -- folders of half-made files, by the process that makes them
    owner TEXT NOT NULL,
    path BLOB NOT NULL,
    PRIMARY KEY (owner, path)
) WITHOUT ROWID;

CREATE TABLE library (path BLOB PRIMARY KEY) WITHOUT ROWID;  -- made once; a vanished one is not made again

CREATE TABLE counter (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER item_added AFTER INSERT ON item WHEN NEW.standing BEGIN
    INSERT INTO counter VALUES (NEW.state, 1) ON CONFLICT (name) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER item_changed AFTER UPDATE OF state, standing ON item BEGIN
    UPDATE counter SET n = n - 1 WHERE OLD.standing AND name = OLD.state;
    INSERT INTO counter SELECT NEW.state, 1 WHERE NEW.standing ON CONFLICT (name) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER hold_added AFTER INSERT ON hold BEGIN
    INSERT INTO counter VALUES ('held', 1) ON CONFLICT (name) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER hold_removed AFTER DELETE ON hold BEGIN
    UPDATE counter SET n = n - 1 WHERE name = 'held';
END;
"""

ITEM = (
    "id", "batch", "time", "state", "outcome", "source", "destination", "rule", "score", "margin", "converted",
    "reason", "device", "inode", "size_bytes", "mtime_ns", "library", "mark", "owner", "sha256", "detail", "standing",
)  # fmt: skip
OPERATION = (
    "id", "item", "number", "phase", "kind", "source", "destination", "mark", "device", "inode", "size_bytes",
    "mtime_ns", "put_device", "put_inode", "put_size_bytes", "put_mtime_ns", "copied", "sha256", "state", "time",
)  # fmt: skip
HOLD = ("id", "item", "path", "device", "inode", "size_bytes", "mtime_ns", "since")
_SEALED = {
    "item": ITEM,
    "operation": OPERATION,
    "hold": HOLD,
    "attempt": ("path", "device", "inode", "size_bytes", "mtime_ns", "owner", "at_risk", "deaths"),
    "owner": ("id", "since"),
    "staging": ("owner", "path"),
    "library": ("path",),
    "place": ("path", "mark", "left_for"),
    "clock": ("one", "boot", "boot_ms", "wall_ms", "high_ms", "behind_ms", "item", "note"),
    "passed": ("id", "item", "ran_ms", "gap_ms"),
}
_SINCE = {"place": 3, "clock": 3, "passed": 3}
_ASIDE = "aside"
_KEYS = {"staging": ("owner", "path")}  # of the others the first column
_STATES = (
    "working", "placing", "rolled_back", "filed", "review", "rejected", "failed", "set_aside", "unclear", "undoing",
    "undone", "expiring", "held",
)  # fmt: skip
_UP, _DOWN = "n = n + 1, twin = ~(n + 1)", "n = n - 1, twin = ~(n - 1)"

# Format 2: nothing that the disk did to a row goes unnoticed. See seals.py.
_SECOND = "".join(
    (
        *(f"DROP TRIGGER {name};\n" for name in ("item_added", "item_changed", "hold_added", "hold_removed")),
        "ALTER TABLE counter ADD COLUMN twin INTEGER NOT NULL DEFAULT 0;  -- ~n\n",
        *(f"INSERT OR IGNORE INTO counter VALUES ('{name}', 0, 0);\n" for name in _STATES),  # noqa: S608 - constants
        "UPDATE counter SET twin = ~n;\n",
        seals.COUNTERS,
        *(
            seals.triggers(table, columns, _KEYS.get(table, columns[:1]))
            for table, columns in _SEALED.items()
            if table not in _SINCE
        ),
        f"""
CREATE TRIGGER item_added AFTER INSERT ON item WHEN NEW.standing BEGIN
    UPDATE counter SET {_UP} WHERE name = NEW.state;
END;
CREATE TRIGGER item_changed AFTER UPDATE OF state, standing ON item BEGIN
    UPDATE counter SET {_DOWN} WHERE OLD.standing AND name = OLD.state;
    UPDATE counter SET {_UP} WHERE NEW.standing AND name = NEW.state;
END;
CREATE TRIGGER hold_added AFTER INSERT ON hold BEGIN
    UPDATE counter SET {_UP} WHERE name = 'held';
END;
CREATE TRIGGER hold_removed AFTER DELETE ON hold BEGIN
    UPDATE counter SET {_DOWN} WHERE name = 'held';
END;
""",  # noqa: S608 - constants
    )
)

# Format 3: libraries are known wherever they lie (moved_library.py); time is what certainly passed (passed_time.py).
_THIRD = """
CREATE TABLE place (                       -- where libraries lie, or lay
    path BLOB PRIMARY KEY,
    mark TEXT NOT NULL,                    -- the name of a folder in its hidden one, which goes with it
    left_for BLOB                          -- where it went from here; NULL while it is here
) WITHOUT ROWID;

CREATE TABLE clock (                       -- one row: when it was last looked at the clocks
    one INTEGER PRIMARY KEY CHECK (one = 1),
    boot TEXT NOT NULL, boot_ms INTEGER NOT NULL,  -- a clock that nobody sets; which one, and what it said
    wall_ms INTEGER NOT NULL,              -- what the wall clock said
    high_ms INTEGER NOT NULL,              -- what it should not say less than
    behind_ms INTEGER NOT NULL,            -- for how long it has said less
    item INTEGER NOT NULL,                 -- the newest item then
    note TEXT NOT NULL                     -- the last jump, for people
);

CREATE TABLE passed (                      -- the time that passed since then, about a row a day
    id INTEGER PRIMARY KEY,
    item INTEGER NOT NULL,                 -- the newest item when it began
    ran_ms INTEGER NOT NULL,               -- certain
    gap_ms INTEGER NOT NULL                -- by the wall clock only: vsortd did not run, or the clock jumped
);
CREATE INDEX passed_item ON passed (item);
""" + "".join(seals.triggers(table, _SEALED[table], _SEALED[table][:1]) for table in _SINCE)

# Format 4: sources that stay where they are (staying.py) are found by their path and by their inode.
_FOURTH = "".join(
    f"CREATE INDEX operation_stayed_{column} ON operation ({column})"
    " WHERE kind IN ('copy', 'hardlink', 'reflink', 'source_stays');\n"
    for column in ("source", "inode")
)

# Format 5: videos that a person set aside are counted, and found by where they lay (set_aside.py).
_FIFTH = f"""
INSERT INTO counter VALUES ('{_ASIDE}', 0, ~0);
CREATE INDEX item_aside ON item (source) WHERE state = '{_ASIDE}';
"""  # noqa: S608 - constants

JOURNAL = Form(  # "vsrt"
    "journal",
    "filed",
    0x76737274,
    "counter",
    (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH),
    sealed=_SEALED,
    since={**_SINCE, f"counter.{_ASIDE}": 5},
    counted=(*_STATES, _ASIDE, seals.COMMITS, seals.JOURNAL_ID, *map(seals.total_name, _SEALED)),
    repair="vsortd doctor --repair",
)
