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

from vsortd.core.system.private_files import FILE_MODE, NO_FOLLOW

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX: Final = "-last"
# What may lie beside a journal; left alone, it tells that there was one.
SUFFIXES: Final = ("-wal", "-shm", SUFFIX)
_NUMBER_BYTES: Final = 8
_FLAGS: Final[int] = os.O_RDWR | NO_FOLLOW | getattr(os, "O_BINARY", 0)


class LastCommit:
    """The file `<journal>-last`; thread-safe. One that is missing or can't be read tells nothing.

    `journal_id` is the journal's own number, which goes with each other one.
    """

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(journal.name + SUFFIX)
        self.journal_id = 0
        self._lock = threading.Lock()
        self._descriptor = -1

    def read(self) -> tuple[int, int]:
        """Return the number, and the journal's own; 0 and 0 where there is none."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | NO_FOLLOW | getattr(os, "O_BINARY", 0))
            try:
                data = os.read(descriptor, 4 * _NUMBER_BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            return 0, 0
        said, check = data[: 2 * _NUMBER_BYTES], data[2 * _NUMBER_BYTES :]
        if len(said) < 2 * _NUMBER_BYTES or check != _check(said):
            return 0, 0
        return int.from_bytes(said[:_NUMBER_BYTES]), int.from_bytes(said[_NUMBER_BYTES:])

    def note(self, number: int) -> None:
        """Write the number of a commit that lasts; what can't be written makes this weaker, and stops nothing."""
        data = number.to_bytes(_NUMBER_BYTES) + self.journal_id.to_bytes(_NUMBER_BYTES)
        with self._lock, contextlib.suppress(OSError):
            if self._descriptor < 0:
                self._descriptor = os.open(self.path, _FLAGS | os.O_CREAT, FILE_MODE)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, data + _check(data))

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                with contextlib.suppress(OSError):  # what was written is with the kernel
                    os.close(descriptor)


def leftovers(journal: Path) -> list[Path]:
    """Return what lies beside a journal, whether it is there or not. Raises OSError."""
    beside = [journal.with_name(journal.name + suffix) for suffix in SUFFIXES]
    return [path for path in beside if os.path.lexists(path)]


def _check(said: bytes) -> bytes:
    return hashlib.blake2b(said, digest_size=8).digest()
