"""The bytes of files: their hash, and whether two hold the same. Nothing is changed here."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from vsortd.core.system.os_errors import explained, filing_error
from vsortd.errors import Cancelled
from vsortd.filing.open_folder import close_reading

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vsortd.filing.open_folder import OpenFolder

# Large enough that system calls don't matter, small enough that a cancelled copy ends at once.
CHUNK_BYTES = 4 * 1024 * 1024


def sha256_of(folder: OpenFolder, name: str, cancel: threading.Event | None = None) -> str:
    """Return the SHA-256 of a file's bytes. Raises FilingError, Cancelled."""
    with explained("Could not read", folder.path / name):
        descriptor = folder.open_file(name)
        try:
            digest = hashlib.sha256()
            while chunk := os.read(descriptor, CHUNK_BYTES):
                digest.update(chunk)
                if cancel is not None and cancel.is_set():
                    raise Cancelled
        finally:
            close_reading(descriptor)
    return digest.hexdigest()


def same_bytes(one: Path, other: Path, cancel: threading.Event | None = None) -> bool:
    """Compare two files byte by byte; False when either is gone or no regular file. Raises FilingError, Cancelled."""
    try:
        with one.open("rb") as left, other.open("rb") as right:
            ends = (os.fstat(left.fileno()), os.fstat(right.fileno()))
            if not all(stat.S_ISREG(end.st_mode) for end in ends) or ends[0].st_size != ends[1].st_size:
                return False
            while True:
                if cancel is not None and cancel.is_set():
                    raise Cancelled
                chunk = left.read(CHUNK_BYTES)
                if chunk != right.read(CHUNK_BYTES):
                    return False
                if not chunk:
                    return True
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError as error:
        raise filing_error(error, "Could not compare with", other) from error
