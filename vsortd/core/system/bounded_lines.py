"""Reading what a program that isn't trusted prints, however long its lines are."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES = 1 << 16


def bounded_lines(pipe: IO[bytes], longest_bytes: int) -> Iterator[tuple[list[bytes], int]]:
    """Yield, piece by piece, the lines that ended in it without their ends, and how many bytes it has.

    A line is cut to its first `longest_bytes`; no more than that is ever kept of one. `pipe` must not be read
    otherwise: its descriptor is.
    """
    kept = bytearray()
    while chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
        lines = []
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            lines.append(bytes(kept + end[: longest_bytes - len(kept)]))
            kept.clear()
        kept += rest[: longest_bytes - len(kept)]
        yield lines, len(chunk)
    if kept:
        yield [bytes(kept)], 0
