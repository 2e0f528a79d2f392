"""Small files of ours, written whole or not at all, and lasting through a power cut."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from vsortd.core.system.fsync import sync, sync_as_can_be
from vsortd.core.system.rename_noreplace import rename_noreplace

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_PREFIX: Final = 60  # characters: a name of 255 bytes leaves no room for what is put around it


def write_whole(path: Path, text: str) -> None:
    """Put a UTF-8 text in the place of a file, readable by its owner only. Raises OSError; the file is as it was."""
    with beside(path, text.encode()) as temporary:
        temporary.replace(path)
    sync_folder(path.parent)


@contextmanager
def whole_file(path: Path, *, replace: bool, lasting: bool = True) -> Iterator[BinaryIO]:
    """Yield what to write into; at the end it becomes the file, whole and lasting, readable by its owner only.

    What isn't to be `lasting` (it can be made again) is not waited for until the disk has it. If something is raised
    meanwhile nothing is left of it. Raises OSError; FileExistsError where a file is that is not to be replaced, also
    one that came while this was written.
    """
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    with _written_beside(path) as (temporary, file):
        yield file
        file.flush()
        if lasting:
            sync(file.fileno())
        file.close()
        if replace:
            temporary.replace(path)
        else:
            rename_noreplace(str(temporary), str(path), None, None)
        if lasting:
            sync_folder(path.parent)


@contextmanager
def beside(path: Path, data: bytes) -> Iterator[Path]:
    """Write a file beside another (mode 0600), synced, and remove it at the end unless it was renamed."""
    with _written_beside(path) as (temporary, file):
        file.write(data)
        file.flush()
        sync(file.fileno())
        file.close()
        yield temporary


@contextmanager
def _written_beside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    import tempfile  # with all archives' modules, for commands that write nothing

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:_LONGEST_PREFIX]}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield temporary, file
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
