"""vsortd's own folder in the library, `.vsortd`: half-made files of living processes, kept originals, what is aside."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from vsortd.core.names import cut, portable
from vsortd.core.system.fault_points import Point, reach
from vsortd.core.system.os_errors import explained
from vsortd.errors import FilingError
from vsortd.filing import fsops
from vsortd.filing.file_names import component
from vsortd.filing.library_folder import ensure_library
from vsortd.filing.open_folder import HIDDEN, Folders, is_folder
from vsortd.filing.records import Operation, to_blob

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.filing.journal import Journal

STAGING = "staging"
ORIGINALS = "originals"
ASIDE = "aside"  # what people set aside: one folder a video, by its transaction; nothing is ever removed from it
# Room for the rest of the name within 255 bytes.
STEM_BYTES = 100


class Staging:
    """This process's folder for files in the making, `.vsortd/staging/<owner>`; gone when the process is."""

    def __init__(self, journal: Journal, library: Path) -> None:
        self.hidden = library / HIDDEN
        self._journal = journal
        self._library = library
        self._folder: Path | None = None
        self._lock = threading.Lock()

    def path_for(self, source: Path, suffix: str = ".mp4") -> Path:
        """Return a fresh name for a file made of `source`, an MP4 or one with another suffix. Raises FilingError."""
        with self._lock:
            if self._folder is None or not is_folder(self._folder):
                self._folder = self._make()
        stem = cut(portable(component(source.stem, "video")), STEM_BYTES)  # nobody sees it: fits every disk
        return self._folder / f"{stem}-{os.urandom(4).hex()}{suffix}"

    def discard(self, path: Path) -> None:
        """Remove a file of ours from the staging folder; what can't be removed is left to `close` or recovery."""
        try:
            with Folders(self._library) as folders, explained("Could not remove", path):
                reach(Point.STAGING_REMOVE)
                fsops.discard(folders.get(path.parent), path.name)
        except (FilingError, FileNotFoundError):
            return

    def close(self) -> None:
        """Remove the folder with what is left in it; what can't be removed is left to recovery.

        So is all of it while a filing of this process is neither finished nor put back: it may need what lies there.
        """
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is None:
            return
        with self._journal.db.read() as db:
            if db.execute("SELECT 1 FROM item WHERE owner = ? LIMIT 1", (self._journal.owner,)).fetchone():
                return
        try:
            remove_staging(folder, self._library)
        except FilingError:
            return
        with self._journal.db.write(lasting=False) as db:
            db.execute("DELETE FROM staging WHERE path = ?", (to_blob(folder),))

    def _make(self) -> Path:
        owner = self._journal.owner
        folder = ensure_library(self._journal, self._library) / STAGING / owner
        with self._journal.db.write() as db:
            db.execute("INSERT OR IGNORE INTO staging (owner, path) VALUES (?, ?)", (owner, to_blob(folder)))
        with explained("Could not make the folder", folder), Folders(self._library) as folders:
            folders.get(folder, create=True)
        return folder


def remove_staging(folder: Path, library: Path) -> None:
    """Remove a staging folder of a process that is done, and the files directly in it. Raises FilingError."""
    with Folders(library) as folders, explained("Could not remove", folder):
        try:
            inside = folders.get(folder)
        except FileNotFoundError:
            return
        reach(Point.STAGING_REMOVE)
        for child in list(folder.iterdir()):
            fsops.discard(inside, child.name)
        folders.forget(folder)
        folder.rmdir()


def remove_empty_stores(operations: Sequence[Operation]) -> None:
    """Remove the folders of originals, and of what is aside, that are empty after these operations; others stay."""
    for one in operations:
        for path in (one.source, one.destination):
            if path is not None and path.parent.parent.name in {ORIGINALS, ASIDE} and path.parts[-4:-3] == (HIDDEN,):
                with contextlib.suppress(OSError):  # not empty, or gone: nothing hangs on it
                    path.parent.rmdir()
