"""The walk over boxes: what it reads, and that no file makes it long or wrong."""

from __future__ import annotations

import io
import struct
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from vsortd.media.boxes import read_layout


def box(kind: bytes, payload: bytes = b"", *, size: int | None = None) -> bytes:
    return struct.pack(">I4s", len(payload) + 8 if size is None else size, kind) + payload


def layout_of(data: bytes) -> object:
    return read_layout(io.BytesIO(data), len(data))


def protected_track(track: int, scheme: bytes) -> bytes:
    sinf = box(b"sinf", box(b"frma", b"avc1") + box(b"schm", bytes(4) + scheme + bytes(4)))
    stsd = box(b"stsd", bytes(4) + struct.pack(">I", 1) + box(b"encv", bytes(78) + sinf))
    tkhd = box(b"tkhd", bytes(12) + struct.pack(">I", track) + bytes(8))
    return box(b"trak", tkhd + box(b"mdia", box(b"minf", box(b"stbl", stsd))))


def test_brand_header_and_fragments_are_seen() -> None:
    data = box(b"ftyp", b"qt  ") + box(b"moov", box(b"mvex")) + box(b"moof")
    layout = read_layout(io.BytesIO(data), len(data))
    assert ("qt", True, True, True) == (
        layout.brand,
        layout.has_moov,
        layout.has_fragments,
        layout.fragmented,
    )
    assert layout.recognised


def test_a_box_beyond_the_end_counts_the_missing_bytes() -> None:
    data = box(b"ftyp", b"isom") + box(b"mdat", b"12345", size=1000)
    assert 1000 - 13 == read_layout(io.BytesIO(data), len(data)).missing_bytes


def test_a_64_bit_size_is_read() -> None:
    data = box(b"ftyp", b"isom") + struct.pack(">I4sQ", 1, b"mdat", 16 + 7) + b"1234567" + box(b"moov")
    layout = read_layout(io.BytesIO(data), len(data))
    assert (True, 0) == (layout.has_moov, layout.missing_bytes)


def test_a_size_of_zero_reaches_to_the_end() -> None:
    data = box(b"moov") + box(b"mdat", b"123", size=0)
    assert 0 == read_layout(io.BytesIO(data), len(data)).missing_bytes


def test_the_encrypted_track_is_named_with_its_scheme() -> None:
    data = box(b"ftyp", b"isom") + box(b"moov", protected_track(7, b"cbcs"))
    assert {7: "cbcs"} == read_layout(io.BytesIO(data), len(data)).encrypted


def test_text_is_not_recognised() -> None:
    assert not read_layout(io.BytesIO(b"#EXTM3U\nfile:///etc/hostname\n"), 30).recognised


def test_boxes_nested_without_end_are_walked_in_bounded_time() -> None:
    """A moov of a hundred thousand traks, each as deep as it goes, ends by the budget."""
    inner = b""
    for _ in range(200):
        inner = box(b"trak", inner)
    data = box(b"moov", inner * 400 + box(b"trak") * 100_000)
    started = time.process_time()
    layout_of(data)
    assert time.process_time() - started < 20  # quadratic or endless would take minutes


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_walk(data: bytes) -> None:
    layout_of(data)
    layout_of(box(b"ftyp", b"isom") + box(b"moov", data))
    layout_of(box(b"moov", box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", box(b"stsd", data)))))))
