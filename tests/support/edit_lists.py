"""Edit lists of QuickTime files, written anew: what is trimmed, shown twice, or played at another speed."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def write_edits(source: Path, target: Path, edits: Sequence[tuple[float, float]], *, rate: float = 1.0) -> Path:
    """Copy a .mov whose header stands last, and let every track show these parts: (begin, length) in seconds."""
    data = bytearray(source.read_bytes())
    moov = next(_find(data, 0, len(data), b"moov"))
    mvhd = next(_find(data, moov + 8, _end(data, moov), b"mvhd"))
    scale = _number(data, mvhd + 20)
    for trak in reversed(list(_find(data, moov + 8, _end(data, moov), b"trak"))):
        mdia = next(_find(data, trak + 8, _end(data, trak), b"mdia"))
        ticks = _number(data, next(_find(data, mdia + 8, _end(data, mdia), b"mdhd")) + 20)
        edts = next(_find(data, trak + 8, _end(data, trak), b"edts"))
        elst = next(_find(data, edts + 8, _end(data, edts), b"elst"))
        base = struct.unpack_from(">i", data, elst + 20)[0]  # the delay of B-frames, an encoder's first samples
        entries = b"".join(
            struct.pack(">Iii", int(length * scale), int(begin * ticks) + base, int(rate * 65536))
            for begin, length in edits
        )
        new = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
        grown = len(new) - (_end(data, elst) - elst)
        tkhd = next(_find(data, trak + 8, _end(data, trak), b"tkhd"))
        struct.pack_into(">I", data, tkhd + 28, int(sum(length for _, length in edits) * scale))
        data[elst : _end(data, elst)] = new
        for box in (edts, trak, moov):
            struct.pack_into(">I", data, box, _number(data, box) + grown)
    struct.pack_into(">I", data, mvhd + 24, int(sum(length for _, length in edits) * scale))
    target.write_bytes(data)
    return target


def _find(data: bytearray, start: int, end: int, kind: bytes) -> Iterator[int]:
    """Yield where the boxes of a kind begin among those that lie side by side."""
    while start + 8 <= end:
        if data[start + 4 : start + 8] == kind:
            yield start
        start += _number(data, start)


def _end(data: bytearray, box: int) -> int:
    return box + _number(data, box)


def _number(data: bytearray, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "big")
