"""Whole videos with something odd at their end, as upload forms, cameras and careless writers leave them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def stray(tail: bytes) -> Callable[[bytes], bytes]:
    """Return what appends bytes to a file."""
    return lambda data: data + tail


def claiming(more: int) -> Callable[[bytes], bytes]:
    """Return what lets the `mdat` box that ends a file claim `more` bytes than there are."""

    def enlarge(data: bytes) -> bytes:
        at = data.index(b"mdat") - 4
        (size,) = struct.unpack_from(">I", data, at)
        assert at + size == len(data), "mdat must come last"
        return data[:at] + struct.pack(">I", size + more) + data[at + 4 :]

    return enlarge


STRAY = {
    "CRLF": stray(b"\r\n"),
    "one byte": stray(b"\0"),
    "seven bytes": stray(b"1234567"),
    "a boundary": stray(b"\r\n--------------------------6d3fd0b0c8f4bb53--\r\n"),
    "a camera's text": stray(b"GPS 51.5334N 0.1255W 2023-05-09 11:48:30 " * 200),
    "a header that fits nothing": stray(struct.pack(">I4s", 1 << 30, b"skip") + b"x" * 40),
    "an unprintable header": stray(struct.pack(">I4s", 1 << 30, b"\x01\x02\x03\x04") + b"x" * 40),
    "a large header": stray(struct.pack(">I4sQ", 1, b"free", 1 << 40)),
    "a large header cut off": stray(struct.pack(">I4sI", 1, b"free", 0)),
}
"""What may stand behind the last box, by a name for it."""
CLAIMS = {"claims 3 more": claiming(3), "claims 5000 more": claiming(5000)}
"""What an `mdat` at the end may claim, by a name for it."""
