"""A picture as iPhones write them: one HEVC frame in a HEIF file, made box by box (ISO/IEC 23008-12)."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24), *parts)


def write_heif(path: Path, colour: tuple[int, int, int], side_px: int = 64) -> Path:
    """Write a square of one colour (RGB)."""
    setup, frame = _encoded(np.full((side_px, side_px, 3), colour, np.uint8))
    properties = _box(
        b"iprp",
        _box(b"ipco", _box(b"hvcC", setup), _full(b"ispe", struct.pack(">II", side_px, side_px))),
        _full(b"ipma", struct.pack(">IHBBB", 1, 1, 2, 0x81, 2)),
    )
    entry = _full(b"infe", struct.pack(">HH", 1, 0), b"hvc1", b"\0", version=2)

    def meta(position: int) -> bytes:
        return _full(
            b"meta",
            _full(b"hdlr", b"\0\0\0\0pict", bytes(13)),
            _full(b"pitm", struct.pack(">H", 1)),
            _full(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, position, len(frame))),
            _full(b"iinf", struct.pack(">H", 1), entry),
            properties,
        )

    head = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    position = len(head) + len(meta(0)) + 8
    path.write_bytes(head + meta(position) + _box(b"mdat", frame))
    return path


def _encoded(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> tuple[bytes, bytes]:
    """Return the decoder's setup (hvcC) and one frame."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx265", rate=1, options={"x265-params": "log-level=none"})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.codec_tag = "hvc1"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as made:
        setup = bytes(made.streams.video[0].codec_context.extradata or b"")
        return setup, bytes(next(packet for packet in made.demux(video=0) if packet.size))
