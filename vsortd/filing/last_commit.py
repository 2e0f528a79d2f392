"""The number of the last commit, kept beside the journal: what tells that its newest entries are gone.

SQLite takes the end of its log for the end of what was written: a bit that flips in the log, or a log that is removed,
gives an older history that is whole in itself. The number is written here after each commit that lasts, so it is
never ahead of a sound journal, whenever the process is killed or the power goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX: Final = "-last"
_NUMBER_BYTES: Final = 8
_FLAGS: Final = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class LastCommit:
    """The file `<journal>-last`; thread-safe. One that is missing or can't be read tells nothing."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + SUFFIX)
        self._lock = threading.Lock()
        self._descriptor = -1

    def read(self) -> int:
        """Return the number, 0 where there is none."""
        try:
            data = self.path.read_bytes()
        except OSError:
            return 0
        number = data[:_NUMBER_BYTES]
        return int.from_bytes(number) if data == number + _check(number) else 0

    def note(self, number: int) -> None:
        """Write the number of a commit that lasts; what can't be written makes this weaker, and stops nothing."""
        data = number.to_bytes(_NUMBER_BYTES)
        with self._lock, contextlib.suppress(OSError):
            if self._descriptor < 0:
                self._descriptor = os.open(self.path, _FLAGS | os.O_CREAT, 0o600)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, data + _check(data))

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                with contextlib.suppress(OSError):  # what was written is with the kernel
                    os.close(descriptor)


def _check(number: bytes) -> bytes:
    return hashlib.blake2b(number, digest_size=8).digest()
