"""The boxes of a file that claims anything: every reader of them ends soon, and raises nothing but what it declares."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from typing import TYPE_CHECKING

from tests.fuzz.driver import Target
from tests.support.mp4_boxes import META, box, large_box
from vsortd.core.byte_reader import ShrunkError
from vsortd.core.containers import ISO
from vsortd.core.isobmff import MAX_BOXES, MAX_DEPTH, BoxReader, IsoBox
from vsortd.core.sample_tables import has_all_samples
from vsortd.errors import ChangedError
from vsortd.media.boxes import read_layout
from vsortd.media.track_headers import read_track_headers
from vsortd.media.user_data import keyed_tags, unread_user_data
from vsortd.watch.completeness import scan_container
from vsortd.watch.container_scan import ScanState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# How many boxes are looked into for this: all of any input that isn't nested for the sake of it.
_MOST_LOOKED_INTO = 2000


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Target]:
    """Yield the target, with a file in `folder` for what reads descriptors."""
    descriptor = os.open(folder / "file", os.O_RDWR | os.O_CREAT, 0o600)
    kinds = (
        b"moov trak mdia minf stbl stsd stsz stz2 stsc stco co64 dinf dref mvex moof mdat ftyp uuid free sidx meta keys"
    )
    words = [
        *kinds.split(),
        *b"ilst udta tkhd sinf schm encv mebx lpcm twos ima4 raw  hdlr mdta url ".split(),
        b"\xa9nam",
    ]
    words += [struct.pack(">I", number) for number in (0, 1, 8, 16, 1 << 31, (1 << 32) - 1)] + [b"\xff" * 8, bytes(16)]
    try:
        yield Target("boxes", lambda data: attempt(data, descriptor), tuple(_seeds()), tuple(words), max_bytes=8192)
    finally:
        os.close(descriptor)


def _seeds() -> Iterator[bytes]:
    brand = box(b"ftyp", b"isom\0\0\2\0isom")
    media = box(b"mdat", bytes(40))
    yield brand + media + _header([len(brand) + 8], [10, 10, 20])
    yield brand + media + _header([len(brand) + 8, len(brand) + 28], 10, entry=_sound(b"twos"))
    yield brand + media + _header([len(brand) + 8], 1, entry=_sound(b"ima4"), wide=True)
    yield brand + box(b"moov", box(b"mvex") + META) + box(b"moof") + media
    yield brand + large_box(b"mdat", bytes(8)) + box(b"free") + box(b"uuid", bytes(range(16)))
    yield brand + box(b"sidx", bytes(12) + struct.pack(">IHH3I", 0, 0, 1, 40, 0, 0)) + media + b"\r\n"
    keys = box(b"keys", struct.pack(">II", 0, 1) + box(b"mdta", b"com.apple.x"))
    listed = box(b"ilst", box(b"\0\0\0\1", box(b"data", struct.pack(">II", 1, 0) + b"told")))
    yield brand + box(b"moov", box(b"udta", box(b"meta", keys + listed) + box(b"\xa9nam", b"\0\4\0\0name")))


def _header(places: list[int], sizes: int | list[int], *, entry: bytes | None = None, wide: bool = False) -> bytes:
    """Return a header of one track: where its chunks lie, and one size for all samples or that of each."""
    count = 4 if isinstance(sizes, int) else len(sizes)
    each = b"" if isinstance(sizes, int) else struct.pack(f">{count}I", *sizes)
    stsz = box(b"stsz", struct.pack(">III", 0, sizes if isinstance(sizes, int) else 0, count) + each)
    stsc = box(b"stsc", struct.pack(">II3I", 0, 1, 1, -(-count // len(places)), 1))
    stco = box(
        b"co64" if wide else b"stco", struct.pack(f">II{len(places)}{'Q' if wide else 'I'}", 0, len(places), *places)
    )
    stsd = box(b"stsd", struct.pack(">II", 0, 1) + (entry or box(b"avc1", bytes(78))))
    stbl = box(b"stbl", stsd + stsz + stsc + stco)
    dref = box(b"dref", struct.pack(">II", 0, 1) + box(b"url ", b"\0\0\0\1"))
    media = box(b"mdia", box(b"hdlr", bytes(8) + b"vide") + box(b"minf", box(b"dinf", dref) + stbl))
    return box(b"moov", box(b"trak", box(b"tkhd", struct.pack(">III", 1, 0, 0) + struct.pack(">I", 1)) + media))


def _sound(kind: bytes) -> bytes:
    """Return a QuickTime sound sample description of version 1: stereo, 16 bits."""
    return box(kind, bytes(8) + struct.pack(">HHIHH", 1, 0, 0, 2, 16) + bytes(8) + struct.pack(">4I", 64, 34, 68, 2))


def attempt(data: bytes, descriptor: int) -> None:
    """Read a file of these bytes in every way, whole and with an end that it lost meanwhile."""
    for size_bytes in (len(data), len(data) + 100):
        with contextlib.suppress(ShrunkError):
            _look_into(BoxReader(data, size_bytes))
        with contextlib.suppress(ShrunkError):
            has_all_samples(BoxReader(io.BytesIO(data), size_bytes))
        with contextlib.suppress(ChangedError):
            read_layout(data, size_bytes)
        with contextlib.suppress(ChangedError):
            read_track_headers(data, size_bytes)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
    found = scan_container(descriptor, len(data), ISO)
    if (found.state is ScanState.COMPLETE) == bool(found.reason):
        raise AssertionError("a verdict without its reason, or with one that it can't have")


def _look_into(reader: BoxReader) -> None:
    work = list(reader.boxes())
    looked = 0
    while work and looked < _MOST_LOOKED_INTO:
        one = work.pop()
        looked += 1
        _lies_inside(one, reader.size_bytes)
        reader.payload(one, 16)
        list(unread_user_data(reader, one, {"title": "told"}))
        keyed_tags(reader, one)
        work += reader.children(one)
    if len(work) > MAX_BOXES:
        raise AssertionError("more boxes than are to be read")


def _lies_inside(one: IsoBox, size_bytes: int) -> None:
    inside = 0 <= one.start < one.payload <= one.end <= size_bytes
    if not inside or one.missing < 0 or one.depth > MAX_DEPTH:
        raise AssertionError(f"a box that lies nowhere: {one}")
