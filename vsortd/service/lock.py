"""One daemon and one tray a state folder, each by a lock that the kernel gives back when its holder dies."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, ClassVar, Self

from vsortd.core.system.private_files import FILE_MODE, NO_FOLLOW, private_folder
from vsortd.errors import AlreadyRunningError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType


class _FolderLock:
    """An exclusive lock on a file of the state folder, which holds the owner's process id for people to read.

    Raises AlreadyRunningError when another process holds it, StoreError when the folder can't be written.
    """

    FILE: ClassVar[str]
    OWNER: ClassVar[str]
    REMEDY: ClassVar[str]

    def __init__(self, state_folder: Path) -> None:
        self.path = state_folder / self.FILE
        self._fd = -1
        self._release: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        try:
            private_folder(self.path.parent)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, FILE_MODE)
        except OSError as error:
            raise StoreError(
                f"The state folder {self.path.parent} can't be used: {error.strerror}.",
                remedy="Make it writable or choose another with VSORTD_STATE_DIR.",
                paths=[self.path.parent],
            ) from error
        self._release = _lock_soon(self.path, self._fd)
        if self._release is None:
            owner = os.read(self._fd, 32).decode(errors="replace").strip()
            os.close(self._fd)
            self._fd = -1
            raise AlreadyRunningError(
                f"{self.OWNER} already runs on {self.path.parent}" + (f" (process {owner})." if owner else "."),
                remedy=self.REMEDY,
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
        if self._release is not None:
            self._release()
            self._release = None


class DaemonLock(_FolderLock):
    """One daemon a state folder, by `<state>/daemon.lock`."""

    FILE = "daemon.lock"
    OWNER = "A daemon"
    REMEDY = "Stop it first, or give this one another state folder with VSORTD_STATE_DIR."


class TrayLock(_FolderLock):
    """One tray icon a state folder, by `<state>/tray.lock`."""

    FILE = "tray.lock"
    OWNER = "A tray icon"
    REMEDY = "Its menu has everything; `Quit tray` there ends it."


class HookLock(_FolderLock):
    """One process a state folder that does what is to be done after videos, by `<state>/after.lock`."""

    FILE = "after.lock"
    OWNER = "Another vsortd that does what is to be done after videos"
    REMEDY = "It does what waits; nothing is lost."


def _lock_soon(path: Path, fd: int) -> Callable[[], None] | None:
    """Try for a quarter of a second: somebody who asks `daemon_holds` takes the lock for an instant.

    Returns what gives the lock back, None where it can't be had.
    """
    for _ in range(5):
        release = _try_lock(path, fd)
        if release is not None:
            return release
        time.sleep(0.05)
    return None


if sys.platform == "win32":
    from vsortd.service import windows_mutex

    def _try_lock(path: Path, fd: int) -> Callable[[], None] | None:  # noqa: ARG001 - the same everywhere
        kernel = windows_mutex.Kernel32()
        handle = windows_mutex.take(windows_mutex.name_for(path), kernel)
        return None if handle is None else lambda: kernel.close(handle)

    def daemon_holds(state_folder: Path) -> bool:
        """Tell whether a living process holds the daemon's lock."""
        return windows_mutex.exists(windows_mutex.name_for(state_folder / DaemonLock.FILE), windows_mutex.Kernel32())

else:
    import fcntl

    def _try_lock(path: Path, fd: int) -> Callable[[], None] | None:  # noqa: ARG001 - the same everywhere
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return _nothing  # closing the descriptor gives it back

    def _nothing() -> None:
        pass

    def daemon_holds(state_folder: Path) -> bool:
        """Tell whether a living process holds the daemon's lock."""
        try:
            fd = os.open(state_folder / DaemonLock.FILE, os.O_RDWR | NO_FOLLOW)
        except OSError:
            return False
        try:
            return _try_lock(state_folder / DaemonLock.FILE, fd) is None
        finally:
            os.close(fd)
