"""Files made of videos that can be made again, in a folder with a size limit; the one used longest ago goes first.

    <key>.<bytes>-<crc>.jpg       whole by what its own name says of it; `bytes` and `crc` (CRC-32) in hexadecimal
    .<16 hex digits>.mp4          being written, as is `.<name as above, its first 60 characters>.<8 characters>`:
                                  nobody's if the process that wrote it is gone

The folder is listed once, by the first call; from then on what lies there is known. One process at a time may use it.
Nothing is waited for until the disk has it: what a power cut leaves in pieces is told by its name, and made again.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import threading
import time
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.system.atomic_file import whole_file
from vsortd.core.system.private_files import private_folder, refuse_link
from vsortd.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME: Final = re.compile(r"([0-9a-z-]{1,64})\.([0-9a-f]{1,16})-([0-9a-f]{8})\.([a-z0-9]{2,5})")
# What is being written: by `new_file`, and by `put` (see `whole_file`, which takes 60 characters of the name at most).
_BEING_WRITTEN: Final = re.compile(
    rf"\.[0-9a-f]{{16}}\.[a-z0-9]{{2,5}}|\.(?:[0-9a-z.-]{{60}}|{_NAME.pattern})\.[a-z0-9_]{{8}}"
)
# Larger files are known by their size alone: they are read in pieces, and were looked through when they were made.
_CHECKED_BYTES: Final = 1 << 20
_PIECE_BYTES: Final = 1 << 20
# The time of a file tells after a restart when it was used last; so often it is written down.
_NOTED_S: Final = 86_400.0
_HIDDEN: Final = "."


@dataclass(slots=True)
class _Entry:
    """A file: its name, its size, and when its use was noted last (Unix seconds)."""

    name: str
    size_bytes: int
    noted_s: float


class PreviewCache:
    """The files of one folder, at most `limit_bytes` together; thread-safe.

    A key is of lower-case letters, digits and hyphens, at most 64. Everything raises StoreError where the folder can't
    be used.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._folder = folder
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] | None = None  # the one used longest ago comes first
        self._total_bytes = 0

    @property
    def total_bytes(self) -> int:
        """How large all files are together."""
        with self._lock, self._told():
            self._known()
            return self._total_bytes

    def find(self, key: str) -> Path | None:
        """Return the file of a key, as used now; None where there is none, or not as it was written."""
        with self._lock, self._told():
            entry = self._known().get(key)
            if entry is None:
                return None
            path = self._folder / entry.name
            if not _is_whole(path):
                self._drop(key)
                return None
            self._use(key, entry)
            return path

    def put(self, key: str, ending: str, data: bytes) -> Path:
        """Keep a file's bytes (mode 0600), in the place of what had the key; returns its path."""
        name = _name(key, ending, len(data), zlib.crc32(data))
        with self._lock, self._told():
            entries = self._known()
            with whole_file(self._folder / name, replace=True, lasting=False) as file:
                file.write(data)
            self._enter(entries, key, _Entry(name, len(data), time.time()))
        return self._folder / name

    @contextlib.contextmanager
    def new_file(self, key: str, ending: str) -> Iterator[Path]:
        """Yield a path to write a large file to, which becomes the one of a key at the end of the block.

        Whatever is raised in the block, nothing is left; nor if the process dies, by the next one's first call.
        """
        with self._lock, self._told():
            self._known()
        temporary = self._folder / f"{_HIDDEN}{secrets.token_hex(8)}.{ending}"
        try:
            yield temporary
            with self._told():
                size_bytes, checksum = _summed(temporary)
                name = _name(key, ending, size_bytes, checksum)
                with self._lock:
                    temporary.replace(self._folder / name)
                    self._enter(self._known(), key, _Entry(name, size_bytes, time.time()))
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Return how much room its disk has."""
        with self._lock, self._told():
            self._known()
            return shutil.disk_usage(self._folder).free

    def _enter(self, entries: OrderedDict[str, _Entry], key: str, entry: _Entry) -> None:
        before = entries.pop(key, None)
        if before is not None:
            self._total_bytes -= before.size_bytes
            if before.name != entry.name:
                self._unlink(before.name)
        entries[key] = entry
        self._total_bytes += entry.size_bytes
        self._make_room(entries, key)

    def _make_room(self, entries: OrderedDict[str, _Entry], kept: str) -> None:
        """Remove the files used longest ago until the rest fits the limit; the newest stays in any case."""
        for key in list(entries) if self._total_bytes > self.limit_bytes else ():
            if self._total_bytes <= self.limit_bytes:
                break
            if key != kept:
                self._drop(key)

    def _drop(self, key: str) -> None:
        entry = self._known().pop(key)
        self._total_bytes -= entry.size_bytes
        self._unlink(entry.name)

    def _unlink(self, name: str) -> None:
        with contextlib.suppress(OSError):  # in use on Windows: the next process's first call counts it again
            (self._folder / name).unlink(missing_ok=True)

    def _use(self, key: str, entry: _Entry) -> None:
        self._known().move_to_end(key)
        now_s = time.time()
        if not 0 <= now_s - entry.noted_s < _NOTED_S:
            entry.noted_s = now_s
            with contextlib.suppress(OSError):
                os.utime(self._folder / entry.name)

    def _known(self) -> OrderedDict[str, _Entry]:
        """Return the files by their keys; the first time the folder is made where it is missing, and listed."""
        if self._entries is None or not self._folder.is_dir():
            for folder in (self._folder.parent, self._folder):  # what a link leads to isn't ours to empty
                refuse_link(folder)
            private_folder(self._folder)
            found = sorted(self._listed(), key=lambda one: one[1].noted_s)
            self._entries = OrderedDict()
            for key, entry in found:
                if (before := self._entries.pop(key, None)) is not None:
                    self._unlink(before.name)
                self._entries[key] = entry
            self._total_bytes = sum(entry.size_bytes for entry in self._entries.values())
            self._make_room(self._entries, "")
        return self._entries

    def _listed(self) -> Iterator[tuple[str, _Entry]]:
        """Yield what lies in the folder; of ours what isn't whole is removed."""
        with os.scandir(self._folder) as listing:
            for one in listing:
                match = _NAME.fullmatch(one.name)
                status = one.stat(follow_symlinks=False)
                if match is not None and one.is_file(follow_symlinks=False) and status.st_size == int(match[2], 16):
                    yield match[1], _Entry(one.name, status.st_size, status.st_mtime)
                elif match is not None or _BEING_WRITTEN.fullmatch(one.name) is not None:
                    self._unlink(one.name)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"Pictures can't be kept in {self._folder}: {error.strerror or error}.",
                remedy="Make room on its disk, or choose another state folder with VSORTD_STATE_DIR.",
                paths=[self._folder],
            ) from error


def _name(key: str, ending: str, size_bytes: int, checksum: int) -> str:
    name = f"{key}.{size_bytes:x}-{checksum:08x}.{ending}"
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"no name for a file of the cache: {name!r}")
    return name


def _is_whole(path: Path) -> bool:
    """Tell whether a file is as its name says; of a large one only the size is looked at. No link is followed."""
    match = _NAME.fullmatch(path.name)
    assert match is not None
    size_bytes = int(match[2], 16)
    try:
        if path.is_symlink() or path.stat().st_size != size_bytes:
            return False
        return size_bytes > _CHECKED_BYTES or zlib.crc32(path.read_bytes()) == int(match[3], 16)
    except OSError:
        return False


def _summed(path: Path) -> tuple[int, int]:
    """Return a file's size in bytes and its CRC-32. Raises OSError."""
    size_bytes = checksum = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            size_bytes += len(piece)
            checksum = zlib.crc32(piece, checksum)
    return size_bytes, checksum
