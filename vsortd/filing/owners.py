"""Which process is at work on what: a lock file each, which the kernel frees however the process ends."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from typing import TYPE_CHECKING

from vsortd.core.system.private_files import FILE_MODE, NO_FOLLOW, private_folder

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _still_named(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


class OwnerLock:
    """A held lock file `<state>/owners/<id>`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.id = path.name
        self._path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def fresh(cls, folder: Path) -> OwnerLock:
        """Take the lock of a new owner. Raises OSError."""
        lock = cls.take(folder, uuid.uuid4().hex)
        assert lock is not None, "nobody knows this name yet"
        return lock

    @classmethod
    def take(cls, folder: Path, owner: str) -> OwnerLock | None:
        """Take an owner's lock; None while the owner lives (or is being recovered by another). Raises OSError."""
        private_folder(folder)
        path = folder / owner
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, FILE_MODE)
            keep = False
            try:
                if not _lock(descriptor):
                    return None
                keep = _still_named(path, descriptor)  # else its holder removed it while we waited to open it
                if keep:
                    return cls(path, descriptor)
            finally:
                if not keep:
                    os.close(descriptor)

    def release(self, *, remove: bool) -> None:
        """Let go; with `remove` the file goes, too (nothing refers to this owner any more)."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if remove and sys.platform != "win32":
            self._unlink()
        with contextlib.suppress(OSError):  # the kernel frees it all the same
            os.close(descriptor)
        if remove and sys.platform == "win32":
            self._unlink()

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):  # an empty file that nothing refers to may stay
            self._path.unlink()
