"""The daemon's log file: whole lines, only its owner may read them, a bounded number of old files beside it.

loguru's own file sink prints a traceback for each line that a full disk refuses; this one says it once and goes on,
and writes again as soon as it can.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from typing import TYPE_CHECKING

from vsortd.core.system.private_files import FILE_MODE, NO_FOLLOW, private_folder
from vsortd.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class LogFile:
    """Appends lines to `path`; at `size_bytes` it becomes `.1`, the older ones move up, `keep` of them stay.

    `say` is told once when writing begins to fail, and once when it works again. Thread-safe.
    """

    def __init__(self, path: Path, *, size_bytes: int, keep: int, say: Callable[[str], None]) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.keep = keep
        self._say = say
        self._lock = threading.Lock()
        self._descriptor = -1
        self._failed = False
        self._torn = False  # the last line was not written whole

    def write(self, line: str) -> None:
        """Write a line and its end; what can't be written is lost."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            try:
                self._open(len(data))
                self._append(data)
            except OSError as error:
                self._close()
                if not self._failed:
                    self._say(f"The log file {self.path} can't be written ({error.strerror or error}); going on.")
                self._failed = True
                return
            if self._failed:
                self._say(f"The log file {self.path} can be written again.")
            self._failed = False

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with self._lock:
            self._close()

    def _append(self, data: bytes) -> None:
        if self._torn:
            data = b"\n" + data
        written = os.write(self._descriptor, data)
        self._torn = written < len(data)
        if self._torn:
            raise OSError(28, "No space left on device")

    def _open(self, more_bytes: int) -> None:
        """Open the file, anew where it was moved or removed, after putting a full one aside."""
        if self._descriptor >= 0:
            status = os.fstat(self._descriptor)
            if status.st_nlink and status.st_size + more_bytes <= self.size_bytes and self._is_there(status):
                return
            self._close()
        self._close_to_others()
        with contextlib.suppress(FileNotFoundError):
            size = self.path.stat().st_size
            if size and size + more_bytes > self.size_bytes:
                self._rotate()
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | NO_FOLLOW, FILE_MODE)

    def _close_to_others(self) -> None:
        """Make the folder in the state folder, or close those of an older vsortd. Raises OSError."""
        try:
            private_folder(self.path.parent.parent)
            private_folder(self.path.parent)
        except StoreError as error:
            raise OSError(errno.EACCES, error.title) from error

    def _is_there(self, status: os.stat_result) -> bool:
        try:
            return os.path.samestat(status, self.path.stat())
        except OSError:
            return False

    def _rotate(self) -> None:
        """Put the full file aside, moving the older ones up; the oldest goes."""
        for path in old_logs(self.path):
            if number_of(path) >= max(self.keep, 1):
                path.unlink(missing_ok=True)
        if self.keep == 0:
            self.path.unlink(missing_ok=True)
            return
        for path in reversed(old_logs(self.path)):
            path.replace(self.path.with_name(f"{self.path.name}.{number_of(path) + 1}"))
        self.path.replace(self.path.with_name(f"{self.path.name}.1"))

    def _close(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1


def old_logs(path: Path) -> list[Path]:
    """Return the files that `path` became, the newest first."""
    try:
        found = [one for one in path.parent.iterdir() if one.name.startswith(f"{path.name}.")]
    except OSError:
        return []
    return sorted((one for one in found if number_of(one) > 0), key=number_of)


def number_of(path: Path) -> int:
    """Return the number at the end of an old file's name, 0 where there is none."""
    number = path.name.rpartition(".")[2]
    return int(number) if number.isascii() and number.isdigit() else 0
