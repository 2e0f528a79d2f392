"""The headers of tracks: the sample entries' names and the keys of timed metadata."""

from __future__ import annotations

import io
import struct

import pytest

from tests.support.mp4_boxes import box
from vsortd.errors import ChangedError
from vsortd.media.track_headers import TrackHeader, read_track_headers

STILL = "com.apple.quicktime.still-image-time"


def track(number: int, entry: bytes) -> bytes:
    header = box(b"tkhd", bytes(12) + struct.pack(">I", number) + bytes(8))
    table = box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1) + entry))
    return box(b"trak", header + box(b"mdia", box(b"minf", table)))


def metadata_entry(*keys: str) -> bytes:
    """Return a `mebx` sample entry as phones write it."""
    listed = (
        box(struct.pack(">I", number), box(b"keyd", b"mdta" + key.encode()) + box(b"dtyp", bytes(8)))
        for number, key in enumerate(keys, 1)
    )
    return box(b"mebx", bytes(8) + box(b"keys", b"".join(listed)))


def read(data: bytes, size: int | None = None) -> dict[int, TrackHeader]:
    return read_track_headers(io.BytesIO(data), len(data) if size is None else size)


def test_sample_entries_and_keys_are_told_by_track() -> None:
    tracks = track(1, box(b"avc1", bytes(78))) + track(7, metadata_entry(STILL, "other")) + track(3, b"")
    expected = {1: TrackHeader("avc1"), 7: TrackHeader("mebx", (STILL, "other")), 3: TrackHeader("")}
    assert expected == read(box(b"ftyp", b"qt  ") + box(b"moov", tracks))


def test_nothing_is_told_of_a_file_without_a_header() -> None:
    assert {} == read(box(b"ftyp", b"qt  ") + box(b"mdat", bytes(99)))


def test_keys_without_end_are_told_up_to_a_limit() -> None:
    (header,) = read(box(b"moov", track(1, metadata_entry(*(str(n) for n in range(500)))))).values()
    assert 64 == len(header.metadata_keys)


def test_a_file_that_shrinks_meanwhile_has_changed() -> None:
    data = box(b"moov", track(1, box(b"avc1", bytes(78))))
    with pytest.raises(ChangedError):
        read(data[:40], len(data))
