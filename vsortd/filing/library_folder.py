"""The library's own folder: made where it belongs, and waited for where its disk is not there."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from vsortd.core.logs.lazy_logger import logger
from vsortd.core.system.mount_points import why_not_made
from vsortd.core.system.os_errors import explained
from vsortd.errors import FilingError
from vsortd.filing.moved_library import follow_library
from vsortd.filing.open_folder import HIDDEN, Folders, is_folder
from vsortd.filing.records import to_blob

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.filing.journal import Journal


def ensure_library(journal: Journal, library: Path) -> Path:
    """Make the library and its hidden folder where they are missing; returns the hidden folder.

    A library that was there and is gone, or has lost the hidden folder, is not made again: its disk may just not be
    mounted, and what is filed into the mount point disappears when it is. For the same reason of one that was never
    seen only the last folder is made. Raises FilingError.
    """
    hidden = library / HIDDEN
    # In this order: a folder is made before it is known, so one that another thread makes now is not taken for lost.
    known = is_known(journal, library)
    with explained("Could not look at", hidden):
        there = hidden.is_dir() and not hidden.is_symlink()
    if there and known:
        return hidden
    if known:
        raise _gone(library)
    if not there:
        why = _not_made(library)
        if why is not None:
            raise why
        _make(library)
    for line in follow_library(journal, library):
        logger.warning("{}", line)
    return hidden


def is_known(journal: Journal, library: Path) -> bool:
    """Tell whether anything was ever filed there."""
    with journal.db.read() as db:
        return db.execute("SELECT 1 FROM library WHERE path = ?", (to_blob(library),)).fetchone() is not None


def waits(journal: Journal | None, library: Path) -> FilingError | None:
    """Return why nothing can be filed into the library now, with what to type; None if it is there, or will be made."""
    try:
        if is_folder(library / HIDDEN):
            return None
        if journal is not None and is_known(journal, library):
            return _gone(library)
        return _not_made(library)
    except FilingError as error:
        return error


def _not_made(library: Path) -> FilingError | None:
    """Return why a library that was never seen is not made: no folder is above it, or no disk. Raises FilingError."""
    with explained("Could not look at", library):
        why = why_not_made(library)
    if not why:
        return None
    return FilingError(
        f"The library {library} is waited for: {why}.",
        remedy=f"Mount its disk; or, if it is to lie there as it is: mkdir -p {quote(str(library / HIDDEN))}",
        paths=[library],
    )


def _gone(library: Path) -> FilingError:
    what = f"has no folder {HIDDEN} any more" if is_folder(library) else "is gone"
    return FilingError(
        f"The library {library} {what}: its disk may not be mounted.",
        remedy=f"Mount it; or, if you removed or emptied the library: mkdir -p {quote(str(library / HIDDEN))}",
        paths=[library],
    )


def _make(library: Path) -> None:
    with explained("Could not make the library", library / HIDDEN):
        if not library.is_dir():
            with Folders(None) as folders:
                folders.get(library, create=True)
            logger.info("made the folder {} for the library", library)
        with Folders(library) as folders:
            folders.get(library / HIDDEN, create=True)
