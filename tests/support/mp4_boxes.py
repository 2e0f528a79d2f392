"""Boxes of MP4 files, written by hand: what tests put together, and put in front of real clips."""

from __future__ import annotations

import struct


def box(kind: bytes, payload: bytes = b"", *, size: int | None = None) -> bytes:
    """Return one box with a 32-bit size: its own, or the one that it is to claim."""
    return struct.pack(">I4s", 8 + len(payload) if size is None else size, kind) + payload


def large_box(kind: bytes, payload: bytes = b"") -> bytes:
    """Return one box with a 64-bit size."""
    return struct.pack(">I4sQ", 1, kind, 16 + len(payload)) + payload


def in_front(boxes: bytes, clip: bytes) -> bytes:
    """Put boxes in front of a clip that isn't fragmented; where its samples lie (`stco`) is told anew."""
    data = bytearray(boxes + clip)
    table = -1
    while (table := data.find(b"stco", table + 1)) >= 0:
        (count,) = struct.unpack_from(">I", data, table + 8)
        places = struct.unpack_from(f">{count}I", data, table + 12)
        struct.pack_into(f">{count}I", data, table + 12, *(place + len(boxes) for place in places))
    return bytes(data)


META = box(b"meta", bytes(4) + box(b"hdlr", bytes(8) + b"mdir" + b"appl" + bytes(9)) + box(b"ilst"))
"""Metadata as iTunes writes it."""
FIRST_BOXES = {
    "junk": box(b"junk", b"left over from an editor"),
    "PICT": box(b"PICT", bytes(512) + b"\x00\x11\x02\xff" + bytes(40)),
    "meta": META,
}
"""Rare boxes that real files begin with."""
