"""One daemon a state folder, by a lock that the kernel gives back when its holder dies."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Self

from vsortd.errors import AlreadyRunningError, StoreError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class DaemonLock:
    """An exclusive lock on `<state>/daemon.lock`; the file holds the owner's process id for people to read.

    Raises AlreadyRunningError when another process holds it, StoreError when the folder can't be written.
    """

    def __init__(self, state_folder: Path) -> None:
        self.path = state_folder / "daemon.lock"
        self._fd = -1

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                f"The state folder {self.path.parent} can't be used: {error.strerror}.",
                remedy="Make it writable or choose another with VSORTD_STATE_DIR.",
                paths=[self.path.parent],
            ) from error
        if not _lock_soon(self._fd):
            owner = os.read(self._fd, 32).decode(errors="replace").strip()
            os.close(self._fd)
            self._fd = -1
            raise AlreadyRunningError(
                f"A daemon already runs on {self.path.parent}" + (f" (process {owner})." if owner else "."),
                remedy="Stop it first, or give this one another state folder with VSORTD_STATE_DIR.",
                paths=[self.path],
            )
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same, and the journal says the rest
            os.ftruncate(self._fd, 0)
            os.write(self._fd, f"{os.getpid()}\n".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd >= 0:
            os.close(self._fd)  # closing drops the lock; the file stays, so nobody locks an unlinked one
            self._fd = -1


def _lock_soon(fd: int) -> bool:
    """Try for a quarter of a second: somebody who asks `daemon_holds` takes the lock for an instant."""
    for _ in range(5):
        if _try_lock(fd):
            return True
        time.sleep(0.05)
    return False


def daemon_holds(state_folder: Path) -> bool:
    """Tell whether a living process holds the daemon's lock."""
    try:
        fd = os.open(state_folder / "daemon.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(fd)
    finally:
        os.close(fd)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        """Lock a byte far behind the text, so that others can still read who holds it."""
        os.lseek(fd, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(fd, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
