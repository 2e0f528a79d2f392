"""The process's three streams, made sound before anything else: open, patient, and never the cause of a traceback.

A descriptor that the caller closed (`>&-`) would go to the next file that is opened, and what a library prints would go
into that file, be it a video. So it is held by the null device. What stdout refuses (a full disk) becomes an error of
ours, told on stderr; what stderr refuses can be told nowhere, and is dropped.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD: Final = 3  # stdin, stdout, stderr


class UnwritableOutputError(VsortdError):
    """Stdout can't be written; `reader_gone`: whoever read it has had enough (`vsortd history | head`)."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"What was to be printed can't be written: {error.strerror or error}.")
        self.reader_gone = error.errno == errno.EPIPE


class _Output(io.FileIO):
    """A descriptor that is written whole even if it does not block, and not at all once it has refused."""

    def __init__(self, descriptor: int, *, raises: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._raises = raises
        self._lost = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some of it, and return how many bytes. Raises UnwritableOutputError, once."""
        size = memoryview(data).nbytes
        if self._lost:
            return size
        try:
            return self._write_some(data)
        except OSError as error:
            self._lost = True  # what is left in the buffers goes nowhere, or the interpreter's own end would fail
            if self._raises:
                raise UnwritableOutputError(error) from error
            return size

    def _write_some(self, data: ReadableBuffer) -> int:
        while (written := super().write(data)) is None:  # it does not block: another program made the terminal so
            import select

            select.select([], [self], [])
        return written


def secure_standard_streams() -> None:
    """Open what was closed, and guard stdout and stderr. Call it first in the process."""
    _hold_closed_descriptors()
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - for the whole life of it
    sys.stdout = _guarded(sys.stdout, raises=True)
    sys.stderr = _guarded(sys.stderr, raises=False)


def _hold_closed_descriptors() -> None:
    """Put the null device at each standard descriptor that is closed; children inherit it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < _STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _guarded(stream: TextIO | None, *, raises: bool) -> TextIO:
    """Return a stream that writes where `stream` did, and to nowhere if it was closed."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - no path of anybody's
    assert isinstance(stream, io.TextIOWrapper)
    raw = getattr(stream.buffer, "raw", stream.buffer)  # PYTHONUNBUFFERED leaves the buffer out
    if type(raw) is not io.FileIO:  # Windows' console has a way of its own
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(raw.fileno(), raises=raises)),
        encoding=stream.encoding,
        errors="backslashreplace",  # names that the encoding lacks come out escaped, never as a crash
        line_buffering=stream.line_buffering or stream.write_through,
    )
