"""Copies of the journal: made by SQLite's own means while work goes on, verified before they count, three kept."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from vsortd.core.system.atomic_file import sync_file, sync_folder
from vsortd.core.system.damaged_files import SQLITE_ERRORS
from vsortd.core.system.private_files import private_file, private_folder
from vsortd.errors import DamagedError, StoreError
from vsortd.filing import seals
from vsortd.filing.schema import JOURNAL, SEALS
from vsortd.filing.verified_state import Verified, VerifiedState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KEPT: Final = 3
# Of each step a writer waits for at most: some milliseconds.
_PAGES: Final = 256
_PAUSE_S: Final = 0.002
_NAME: Final = re.compile(r"journal-([0-9a-f]{15})-(\d+)-(\d{8}T\d{6}Z)\.sqlite3")


@dataclass(frozen=True, slots=True)
class JournalCopy:
    """A copy by its name: of which journal, after how many commits; whether it is sound is seen when it is opened."""

    path: Path
    journal_id: int
    commits: int


def copies_folder(state: Path) -> Path:
    """Return where copies of the journal lie in the state folder `state`."""
    return state / "backups"


def copies_in(folders: Iterable[Path]) -> list[JournalCopy]:
    """Return the copies that lie in some folders, the newest first; a folder that is away has none."""
    found = []
    for folder in folders:
        with contextlib.suppress(OSError):
            names = [(path, match) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
            found += [JournalCopy(path, int(match[1], 16), int(match[2])) for path, match in names]
    return sorted(found, key=lambda copy: (copy.commits, copy.path.name), reverse=True)


def make_copy(journal: Path, folder: Path, between: Callable[[], None] = lambda: None) -> JournalCopy:
    """Copy the journal as it is now into a folder, and let older copies of it go but three.

    A folder elsewhere has to be there: made in the place of a disk that isn't mounted, it would not be that disk's.
    `between` is called after each step, and may raise to end it. A sound copy shows that the journal is whole, see
    `verified_state`. Raises DamagedError when the copy, and so the journal, is not what was written, StoreError when
    it can't be made; then the older copies stay.
    """
    try:
        if folder == copies_folder(journal.parent):
            private_folder(folder)
        folder.stat()
        temp = folder / f".journal-{os.getpid()}-{time.monotonic_ns()}.tmp"
        try:
            private_file(temp, create=True)
            state, begun_s = VerifiedState(journal), time.time()
            known = state.now()
            _copy(journal, temp, between)
            counted = _counters(temp)
            looked = state.look()
            if known is not None and state.now() == known:  # nobody else has written since
                state.note(Verified(begun_s, every_row=True), looked=looked)
            sync_file(temp)
            name = f"journal-{counted[seals.JOURNAL_ID]:015x}-{counted[seals.COMMITS]}-{_now()}.sqlite3"
            temp.replace(folder / name)
            sync_folder(folder)
        finally:
            for suffix in ("", "-journal"):
                Path(f"{temp}{suffix}").unlink(missing_ok=True)
    except (seals.UnsoundError, UnicodeDecodeError) as error:
        VerifiedState(journal).forget()
        raise DamagedError(
            f"The journal {journal} is damaged: {error}.",
            remedy=f"The older copies stay. Stop the daemon (vsortd stop), then: {JOURNAL.repair}",
            paths=[journal],
        ) from error
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"The journal can't be copied into {folder}: {error}.",
            remedy="See to that folder: its rights and its free space, and that its disk is mounted.",
            paths=[folder],
        ) from error
    made = JournalCopy(folder / name, counted[seals.JOURNAL_ID], counted[seals.COMMITS])
    _let_go(folder, made.journal_id)
    return made


def is_sound(copy: Path) -> bool:
    """Tell whether a copy is what was written."""
    try:
        _counters(copy)
    except (*SQLITE_ERRORS, OSError, LookupError):
        return False
    return True


def _copy(journal: Path, temp: Path, between: Callable[[], None]) -> None:
    def step(*_: int) -> None:
        between()
        time.sleep(_PAUSE_S)

    name = f"file:{quote(os.fsencode(journal))}?mode=ro"
    with (
        contextlib.closing(sqlite3.connect(name, uri=True, isolation_level=None)) as source,
        contextlib.closing(sqlite3.connect(temp, isolation_level=None)) as target,
    ):
        source.execute("BEGIN")  # one moment: else each commit meanwhile would begin it anew
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(target, pages=_PAGES, progress=step)
        target.execute("PRAGMA journal_mode=DELETE")  # all of it in the one file


def _counters(copy: Path) -> dict[str, int]:
    """Verify all of a copy; returns its counters. Raises UnsoundError, sqlite3.Error, OSError."""
    copy.stat()
    name = f"file:{quote(os.fsencode(copy))}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(name, uri=True, isolation_level=None)) as db:
        seals.teach(db)
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if not SEALS <= version <= JOURNAL.version:
            raise seals.UnsoundError(f"it is of format {version}")
        seals.check_pages(db)
        return seals.verify(db, JOURNAL.sealed_in(version), JOURNAL.counted_in(version), thorough=True)


def _let_go(folder: Path, journal_id: int) -> None:
    for old in [copy for copy in copies_in([folder]) if copy.journal_id == journal_id][KEPT:]:
        with contextlib.suppress(OSError):
            old.path.unlink()


def _now() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
