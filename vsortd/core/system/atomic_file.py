"""Small files of ours, written whole or not at all, and lasting through a power cut."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.system.fsync import sync, sync_as_can_be

if TYPE_CHECKING:
    from collections.abc import Iterator


def write_whole(path: Path, text: str) -> None:
    """Put a UTF-8 text in the place of a file, readable by its owner only. Raises OSError; the file is as it was."""
    with beside(path, text.encode()) as temporary:
        temporary.replace(path)
    sync_folder(path.parent)


@contextmanager
def beside(path: Path, data: bytes) -> Iterator[Path]:
    """Write a file beside another (mode 0600), synced, and remove it at the end unless it was renamed."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            sync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Make the bytes of a file last."""
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last; on Windows a folder can't be synced."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync_as_can_be(descriptor)
    finally:
        os.close(descriptor)
