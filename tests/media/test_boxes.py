"""What the boxes of a file say: that it is read right, no file makes it long or wrong, and readiness agrees."""

from __future__ import annotations

import io
import os
import struct
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import harness, troubles
from tests.support.mp4_boxes import FIRST_BOXES, box, in_front, large_box
from vsortd.core.containers import ISO
from vsortd.core.isobmff import FIRST_KINDS
from vsortd.errors import ChangedError
from vsortd.media.boxes import Layout, read_layout
from vsortd.media.preprocess import Preprocess, ResizeMode
from vsortd.watch.completeness import scan_container
from vsortd.watch.container_scan import ContainerScan, ScanState

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.media.pool import MediaPool

PREPROCESS = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SHORTEST)


def layout_of(data: bytes) -> Layout:
    return read_layout(data, len(data))


def protected_track(track: int, scheme: bytes) -> bytes:
    sinf = box(b"sinf", box(b"frma", b"avc1") + box(b"schm", bytes(4) + scheme + bytes(4)))
    stsd = box(b"stsd", bytes(4) + struct.pack(">I", 1) + box(b"encv", bytes(78) + sinf))
    tkhd = box(b"tkhd", bytes(12) + struct.pack(">I", track) + bytes(8))
    return box(b"trak", tkhd + box(b"mdia", box(b"minf", box(b"stbl", stsd))))


def test_brand_header_and_fragments_are_seen() -> None:
    data = box(b"ftyp", b"qt  ") + box(b"moov", box(b"mvex")) + box(b"moof")
    layout = layout_of(data)
    assert ("qt", True, True, True) == (
        layout.brand,
        layout.has_moov,
        layout.has_fragments,
        layout.fragmented,
    )
    assert layout.recognised


def test_a_box_beyond_the_end_counts_the_missing_bytes() -> None:
    data = box(b"ftyp", b"isom") + box(b"mdat", b"12345", size=1000)
    assert 1000 - 13 == layout_of(data).missing_bytes


def test_a_64_bit_size_is_read() -> None:
    data = box(b"ftyp", b"isom") + large_box(b"mdat", b"1234567") + box(b"moov")
    layout = layout_of(data)
    assert (True, 0) == (layout.has_moov, layout.missing_bytes)


def test_a_size_of_zero_reaches_to_the_end() -> None:
    data = box(b"moov") + box(b"mdat", b"123", size=0)
    assert 0 == layout_of(data).missing_bytes


def test_the_encrypted_track_is_named_with_its_scheme() -> None:
    data = box(b"ftyp", b"isom") + box(b"moov", protected_track(7, b"cbcs"))
    assert {7: "cbcs"} == layout_of(data).encrypted


def test_text_is_not_recognised() -> None:
    assert not layout_of(b"#EXTM3U\nfile:///etc/hostname\n").recognised


def test_a_track_whose_data_lies_in_another_file_is_told() -> None:
    def track(number: int, *entries: bytes) -> bytes:
        tkhd = box(b"tkhd", bytes([1, 0, 0, 0]) + bytes(16) + struct.pack(">I", number) + bytes(8))
        dref = box(b"dref", bytes(4) + struct.pack(">I", len(entries)) + b"".join(entries))
        return box(b"trak", tkhd + box(b"mdia", box(b"minf", box(b"dinf", dref))))

    here, elsewhere = box(b"url ", b"\0\0\0\1"), box(b"alis", bytes(4) + b"x" * 20)
    data = box(b"moov", track(1, here) + track(2, here, elsewhere) + track(3) + track(4, elsewhere))
    assert {2, 4} == layout_of(data).elsewhere


def test_a_file_that_became_shorter_is_changed() -> None:
    data = box(b"ftyp", b"isom") + box(b"moov")
    with pytest.raises(ChangedError, match="shorter"):
        read_layout(io.BytesIO(data), len(data) + 20)


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


# Files that begin with what is rare


def readiness_of(path: Path) -> ContainerScan:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return scan_container(descriptor, path.stat().st_size, ISO)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("kind", sorted(FIRST_KINDS), ids=bytes.decode)
def test_a_file_may_begin_with_any_first_kind(kind: bytes) -> None:
    assert layout_of(box(kind, b"x" * 24) + box(b"mdat") + box(b"moov")).recognised


@settings(deadline=None)
@given(st.sampled_from(sorted(FIRST_KINDS)) | st.binary(min_size=4, max_size=4), st.binary(max_size=40))
def test_readiness_refuses_as_no_video_what_is_not_recognised_here(kind: bytes, more: bytes) -> None:
    data = box(kind, more) + box(b"mdat", b"d") + box(b"moov")
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(data)
        state = scan_container(file.fileno(), len(data), ISO).state
    assert layout_of(data).recognised is (state is not ScanState.OTHER)


@pytest.mark.parametrize("first", FIRST_BOXES)
@pytest.mark.parametrize(
    "recipe", [{}, {"options": {"movflags": "faststart"}}, {"format": "mov"}], ids=["mp4", "moov first", "mov"]
)
def test_a_clip_that_begins_with_a_rare_box_is_ready_and_read(
    clip_file: Callable[..., Path], pool: MediaPool, recipe: dict[str, object], first: str
) -> None:
    path = clip_file("clip." + str(recipe.get("format", "mp4")), **recipe)
    plain = pool.probe(path)
    expected = pool.sample(path, plain, range(4), 4, PREPROCESS)
    path.write_bytes(in_front(FIRST_BOXES[first], path.read_bytes()))
    assert ContainerScan(ScanState.COMPLETE) == readiness_of(path)
    found = pool.probe(path)
    assert plain == found
    frames = pool.sample(path, found, range(4), 4, PREPROCESS)
    assert (expected.times_ms.tolist(), expected.pixels.tolist()) == (frames.times_ms.tolist(), frames.pixels.tolist())


@pytest.mark.timeout(240)
def test_clips_that_begin_with_rare_boxes_are_sorted_by_the_real_command(tmp_path: Path) -> None:
    home = harness.Home.make(tmp_path / "home", more=troubles.QUICK, rules=troubles.ONE_RULE)
    for number, (first, boxes) in enumerate(FIRST_BOXES.items()):
        path = troubles.make_clip(home.inbox / f"{first}.{'mov' if first == 'PICT' else 'mp4'}", number=number)
        path.write_bytes(in_front(boxes, path.read_bytes()))
    items = home.json("sort", home.inbox)["items"]
    assert {Path(item["source"]).stem: item["state"] for item in items} == dict.fromkeys(FIRST_BOXES, "filed"), items
    assert {f"{first}.mp4" for first in FIRST_BOXES} == {Path(item["destination"]).name for item in items}
