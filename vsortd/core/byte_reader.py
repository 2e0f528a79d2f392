"""Reading a file piece by piece that may be cut off at any byte, or get shorter meanwhile."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

Source = int | bytes | BinaryIO
"""What is read from: a file descriptor, bytes, or a seekable binary file (whose position is then anywhere)."""

# What is asked for lies close together in a header: one page is read at once.
_WINDOW_BYTES = 4096


class ShrunkError(Exception):
    """The file got shorter while it was read."""


class ByteReader:
    """Reads the bytes of one file of `size_bytes`, a page at a time; for one thread.

    All that reads raises OSError when bytes can't be read.
    """

    def __init__(self, source: Source, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._read_at = _read_from(source)
        self._window = b""
        self._window_at = 0

    def at(self, position: int, length: int) -> bytes:
        """Return exactly `length` bytes, all of them before the end. Raises ShrunkError when some are gone."""
        offset = position - self._window_at
        if offset < 0 or offset + length > len(self._window):
            self._window = self.read(position, max(length, _WINDOW_BYTES))
            self._window_at, offset = position, 0
        data = self._window[offset : offset + length]
        if len(data) < length:
            raise ShrunkError
        return data

    def upto(self, position: int, length: int) -> bytes:
        """Return `length` bytes as `at` does, fewer only where the file ends by its size."""
        return self.at(position, max(0, min(length, self.size_bytes - position)))

    def read(self, position: int, length: int) -> bytes:
        """Return up to `length` bytes, fewer only where the file ends; for more than a header's worth."""
        wanted, parts = min(length, self.size_bytes - position), []
        while wanted > 0 and (part := self._read_at(position, wanted)):
            parts.append(part)
            position, wanted = position + len(part), wanted - len(part)
        return b"".join(parts)


def _read_from(source: Source) -> Callable[[int, int], bytes]:
    """Return what reads up to so many bytes at a position of a source."""
    if isinstance(source, bytes):
        return lambda position, length: source[position : position + length]
    if not isinstance(source, int):
        return lambda position, length: _seek_and_read(source, position, length)
    if sys.platform != "win32":
        return lambda position, length: os.pread(source, length, position)
    return lambda position, length: _seek_and_read_descriptor(source, position, length)


def _seek_and_read(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)


def _seek_and_read_descriptor(descriptor: int, position: int, length: int) -> bytes:
    os.lseek(descriptor, position, os.SEEK_SET)
    return os.read(descriptor, length)
