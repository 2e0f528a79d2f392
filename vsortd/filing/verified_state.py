"""Since when a journal is known to be whole: what spares commands from reading all of it before they say a word.

A check of the whole file takes seconds where a million videos were filed. What it found is kept in
`<journal>-verified`, beside how the file and its log looked to the system then: their inodes, sizes and times. As long
as they look so, nobody wrote into them. A commit of ours that finds them so writes down how they look after it, which
hands the finding on: what is written passes through the seals. Whoever else writes changes a time, and the next one to
open the journal reads all of it again; so it is after a start of the machine, and a day after the last such check,
since disks may forget what they took and change what they hold without a word.

Times of files move in steps of milliseconds. So that no later change falls into the step of the last one, the files get
a time to the nanosecond here; where the filesystem doesn't keep it, nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from vsortd.core.system.machine_start import boot_name
from vsortd.core.system.private_files import FILE_MODE, NO_FOLLOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX: Final = "-verified"
HOLDS_FOR_S: Final = 86400.0
_MOST_BYTES: Final = 1024
_STEP_NS: Final = 100  # of the finest times that NTFS keeps
_COARSE_NS: Final = 1_000_000
_FLAGS: Final[int] = os.O_RDWR | os.O_CREAT | NO_FOLLOW | getattr(os, "O_BINARY", 0)

# Of the file and its log: device, inode, size, time of content, and of the file time of change; all 0 without a log.
Look: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
_NOTHING: Final = (0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of the whole file found sound: when (Unix seconds), and whether it read every row."""

    checked_s: float
    every_row: bool


class VerifiedState:
    """The file `<journal>-verified`; thread-safe. One that is missing or can't be read tells nothing."""

    def __init__(self, journal: Path) -> None:
        self._journal = os.fspath(journal)
        self._log = f"{self._journal}-wal"
        self._path = f"{self._journal}{SUFFIX}"
        self._lock = threading.Lock()

    def look(self) -> Look:
        """Return how the file and its log look now. Raises OSError for a file that is away."""
        return _look(self._journal), _look_if_any(self._log)

    def now(self) -> Verified | None:
        """Return what is known of the files as they are now, or None."""
        try:
            with open(self._path, "rb", buffering=0, opener=_open_no_link) as file:
                data = file.read(_MOST_BYTES).partition(b"\n")[0]
            check, _, said = data.partition(b" ")
            if check != _check(said):
                return None
            known = json.loads(said)
            if known["boot"] != boot_name() or known["files"] != [list(one) for one in self.look()]:
                return None
            found = Verified(float(known["checked_s"]), bool(known["every_row"]))
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return found if 0 <= time.time() - found.checked_s < HOLDS_FOR_S else None

    def note(self, found: Verified, *, looked: Look | None = None) -> None:
        """Write down that the files are sound as they are now; not if they no longer look as they `looked`.

        What can't be written costs another check later, and stops nothing.
        """
        with self._lock, contextlib.suppress(OSError):
            if looked is not None and self.look() != looked:
                return
            if not (_give_time(self._journal) and _give_time(self._log)):
                return
            known = {
                "boot": boot_name(),
                "checked_s": found.checked_s,
                "every_row": found.every_row,
                "files": self.look(),
            }
            said = json.dumps(known).encode("ascii")
            descriptor = os.open(self._path, _FLAGS, FILE_MODE)
            try:
                os.write(descriptor, _check(said) + b" " + said + b"\n")
            finally:
                os.close(descriptor)

    def forget(self) -> None:
        """Let the next one to open the journal read all of it."""
        with self._lock, contextlib.suppress(OSError):
            os.unlink(self._path)  # noqa: PTH108 - as SQLite names it

    @contextlib.contextmanager
    def handed_on(self) -> Iterator[None]:
        """Let what is known of the files hold of what they are after the context, in which only vsortd writes."""
        known = self.now()
        before = None if known is None else self.look()
        yield
        if known is not None:
            with contextlib.suppress(OSError):
                if self.look() != before:
                    self.note(known)


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | NO_FOLLOW)


def _look(path: str) -> tuple[int, ...]:
    status = os.stat(path)  # noqa: PTH116 - as SQLite names it
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _look_if_any(path: str) -> tuple[int, ...]:
    try:
        found = _look(path)
    except FileNotFoundError:
        return _NOTHING
    # its last one SQLite itself changes for root whenever it opens the log; a log has checksums of its own
    return (*found[:-1], 0) if found[2] else _NOTHING


def _give_time(path: str) -> bool:
    """Give a file that isn't empty a time of content that no write gives it; tell whether it has one, or needs none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - as SQLite names it
    except FileNotFoundError:
        return True
    if not status.st_size:
        return True
    now_ns = time.time_ns() // _STEP_NS * _STEP_NS
    if not now_ns % _COARSE_NS:
        now_ns += _STEP_NS
    os.utime(path, ns=(status.st_atime_ns, now_ns))
    return os.stat(path).st_mtime_ns == now_ns  # noqa: PTH116 - as SQLite names it


def _check(said: bytes) -> bytes:
    return hashlib.blake2b(said, digest_size=8).hexdigest().encode("ascii")
