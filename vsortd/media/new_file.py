"""Writing a file that must not replace another: under a hidden name beside it, then named."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vsortd.core.system.atomic_file import sync_folder
from vsortd.core.system.fsync import sync
from vsortd.core.system.os_errors import explained
from vsortd.core.system.rename_noreplace import rename_noreplace
from vsortd.core.system.windows_files import for_system
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Yield a hidden name beside `target` (absolute), to be written in the block; then the file lasts and is named.

    Whatever goes wrong, nothing is left under either name. Raises UsageError where the target is there, also when
    somebody took the name meanwhile, or where its folder isn't; FilingError where it can't be named.
    """
    refuse_taken(target)
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {target.parent}.", remedy="Make it first.")
    temporary = target.with_name(f".vsortd-{secrets.token_hex(8)}.part")
    try:
        yield temporary
        with explained("Could not write", target):
            _name(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_taken(target: Path) -> None:
    """Raise UsageError where there is something under a name."""
    if os.path.lexists(for_system(target)):
        raise _taken(target)


def _taken(target: Path) -> UsageError:
    return UsageError(
        f"{target} exists already; nothing is overwritten.",
        remedy="Name another file, or remove that one first.",
        paths=[target],
    )


def _name(temporary: Path, target: Path) -> None:
    descriptor = os.open(for_system(temporary), os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
    try:
        rename_noreplace(for_system(temporary), for_system(target), None, None)
    except FileExistsError as error:
        raise _taken(target) from error
    sync_folder(target.parent)
