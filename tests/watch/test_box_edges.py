"""The box scan at its edges: the last byte of a header, of a trailer, of an index, of what it looks at."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pytest

from tests.watch.test_completeness import FTYP, MDAT, MOOF, MOOV, box, large_box, scan_file
from vsortd.core.units import about_size
from vsortd.watch.container_scan import ContainerScan, ScanState
from vsortd.watch.iso_completeness import MAX_BOXES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHOLE = FTYP + MDAT + MOOV
FRAGMENTS = FTYP + MOOV + MOOF + MDAT
COMPLETE = ContainerScan(ScanState.COMPLETE)
MEBIBYTE = 1 << 20


@pytest.fixture
def scan(tmp_path: Path) -> Callable[[bytes], ContainerScan]:
    def run(data: bytes) -> ContainerScan:
        path = tmp_path / "file.mp4"
        path.write_bytes(data)
        return scan_file(path)

    return run


def incomplete(reason: str) -> ContainerScan:
    return ContainerScan(ScanState.INCOMPLETE, reason)


def header(size: int, kind: bytes) -> bytes:
    return struct.pack(">I4s", size, kind)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"\0\0\0\x20fty", "the file has only 7 bytes"),
        (bytes(8), "the file begins with zeros: room set aside, not yet written"),
        (bytes(15), "the file begins with zeros: room set aside, not yet written"),
        (FTYP, "its index (moov) is missing: recording or copying has not ended"),
        (header(8, b"free"), "its index (moov) is missing: recording or copying has not ended"),
        (FTYP + MOOV, "it has a header, but no media data"),
        (FTYP + MOOV + box(b"mdat"), "it has a header, but no media data"),
        (MOOF + MDAT, "it is a fragment without the header (moov) it belongs to"),
        (FRAGMENTS + MOOF, "it ends after a box (moof) that another must follow"),
        (FRAGMENTS + box(b"prft"), "it ends after a box (prft) that another must follow"),
        (WHOLE[:-1], "1 byte is missing at its end (in box moov)"),
        (FTYP + MOOV + header(60, b"mdat"), "52 bytes are missing at its end (in box mdat)"),
        (FTYP + MOOV + header(60, b"a  ~"), "52 bytes are missing at its end (in box a  ~)"),
        (FTYP + MOOV + header(60, b"\xa9xyz"), r"52 bytes are missing at its end (in box \xa9xyz)"),
        (FTYP + MOOV + header(60, b"a\x1fbc"), "after byte 64 nothing fits, and it is still without media data (mdat)"),
        (FTYP + MDAT + header(7, b"abcd"), "after byte 114 nothing fits, and it is still without its index (moov)"),
        (FTYP + MDAT + b"\0", "after byte 114 nothing fits, and it is still without its index (moov)"),
    ],
)
def test_an_unfinished_file_says_exactly_what_is_missing(
    scan: Callable[[bytes], ContainerScan], data: bytes, reason: str
) -> None:
    assert incomplete(reason) == scan(data)


@pytest.mark.parametrize(
    ("tail", "found"),
    [
        (b"\0" * 3, "it ends within the header of a box (3 bytes of it)"),
        (b"\0" * 4, None),
        (b"\0" * 7, None),
        (b"\0" * 8, None),
        (b"\0" * 6 + b"x", "it ends within the header of a box (7 bytes of it)"),
        (b"x" + b"\0" * 6, "it ends within the header of a box (7 bytes of it)"),
        (header(7, b"abcd"), None),
        (header(9, b"abc\x1f"), None),  # longer than the file, but no box is called so
        (header(9, b"abc\x7f"), None),
        (header(9, b"abcd"), "1 byte is missing at its end (in box abcd)"),
        (header(8, b"abcd"), None),
        (header(1, b"free"), "it ends within the header of a box (8 bytes of it)"),
        (header(1, b"free") + b"\0" * 7, "it ends within the header of a box (15 bytes of it)"),
        (header(1, b"free") + b"\0" * 8, "it ends within the header of a box (16 bytes of it)"),
        (header(1, b"free") + b"\0" * 30, "it ends within the header of a box (38 bytes of it)"),
        (header(1, b"free") + struct.pack(">Q", 15), None),  # no 64-bit box is 15 bytes long
        (header(1, b"free") + struct.pack(">Q", 16), None),
        (header(1, b"free") + struct.pack(">Q", 17), "1 byte is missing at its end (in box free)"),
        (header(0, b"\0\0\0\0") + b"x" * 20, None),
        (b"\0\0\0\1\0\0\0\0" + b"\0" * 7 + b"\x05", None),
    ],
)
def test_what_follows_a_whole_file_is_padding_a_trailer_or_the_beginning_of_a_box(
    scan: Callable[[bytes], ContainerScan], tail: bytes, found: str | None
) -> None:
    assert (COMPLETE if found is None else incomplete(found)) == scan(WHOLE + tail)


@pytest.mark.parametrize(
    ("tail", "found"),
    [
        (b"\0" * 4, "it ends within the header of a box (4 bytes of it)"),
        (b"\0" * 8, "only zeros follow its last fragment, from byte 200 on"),
        (b"\0" * 8 + b"x", None),
    ],
)
def test_zeros_behind_a_fragment_may_be_room_for_the_next(
    scan: Callable[[bytes], ContainerScan], tail: bytes, found: str | None
) -> None:
    assert len(FRAGMENTS) == 200
    assert (COMPLETE if found is None else incomplete(found)) == scan(FRAGMENTS + tail)


@pytest.mark.parametrize(
    ("length", "at", "seen"),
    [
        (MEBIBYTE, MEBIBYTE - 1, True),
        (3 * MEBIBYTE, MEBIBYTE - 1, True),
        (3 * MEBIBYTE, MEBIBYTE, False),
        (3 * MEBIBYTE, 2 * MEBIBYTE - 1, False),
        (3 * MEBIBYTE, 2 * MEBIBYTE, True),
        (3 * MEBIBYTE, 3 * MEBIBYTE - 1, True),
    ],
)
def test_padding_is_looked_through_at_both_of_its_ends(
    scan: Callable[[bytes], ContainerScan],
    length: int,
    at: int,
    seen: bool,  # noqa: FBT001
) -> None:
    padding = bytearray(length)
    padding[at] = 1
    zeros = incomplete("only zeros follow its last fragment, from byte 200 on")
    assert (COMPLETE if seen else zeros) == scan(FRAGMENTS + padding)


@pytest.mark.parametrize("extra", [0, 1])
def test_a_hundred_thousand_boxes_are_added_up_and_no_more(scan: Callable[[bytes], ContainerScan], extra: int) -> None:
    boxes = MDAT + MOOV + header(8, b"free") * (MAX_BOXES - 2 + extra)
    doubt = f"only the first {MAX_BOXES} boxes were added up" if extra else ""
    assert 100_000 == MAX_BOXES
    assert ContainerScan(ScanState.COMPLETE, doubt=doubt) == scan(boxes)


def test_a_hundred_thousand_boxes_without_a_video_are_no_video(scan: Callable[[bytes], ContainerScan]) -> None:
    found = scan(MOOV + header(8, b"free") * MAX_BOXES)
    assert ContainerScan(ScanState.OTHER, "the first 100000 boxes hold no video") == found


@pytest.mark.parametrize(
    ("beginning", "what"),
    [
        (b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
        (b"RIFF", "an AVI or WAV file"),
        (b"#EXTM3U", "a playlist"),
        (b"FLV\x01", "a Flash video"),
        (b"\0\0\1\xba", "an MPEG programme stream"),
        (b"G@", "an MPEG transport stream"),
        (b"0&\xb2u", "a Windows Media file"),
        (b"ffconcat", "a concat script"),
        (b"<html", "a web page"),
        (b"PK\3\4", "a zip file"),
    ],
)
def test_every_other_kind_of_file_is_named(scan: Callable[[bytes], ContainerScan], beginning: bytes, what: str) -> None:
    told = f"the file is neither MP4 nor MOV but looks like {what}"
    assert ContainerScan(ScanState.OTHER, told) == scan(beginning + b"x" * 20)


def test_a_box_to_the_end_of_the_file_ends_it_and_leaves_doubt(scan: Callable[[bytes], ContainerScan]) -> None:
    doubt = "its last box (mdat) has no size of its own"
    assert ContainerScan(ScanState.COMPLETE, doubt=doubt) == scan(FTYP + MOOV + header(0, b"mdat") + MDAT)
    assert incomplete("it has a header, but no media data") == scan(FTYP + MOOV + header(0, b"mdat"))


def test_a_large_box_may_be_empty_or_the_last(scan: Callable[[bytes], ContainerScan]) -> None:
    assert COMPLETE == scan(FTYP + large_box(b"free") + MOOV + large_box(b"mdat", b"x"))
    assert incomplete("it has a header, but no media data") == scan(FTYP + MOOV + large_box(b"mdat"))
    assert incomplete("1 byte is missing at its end (in box mdat)") == scan(FTYP + MOOV + large_box(b"mdat", b"x")[:-1])


TRAILER = b"8db42d694ccc418790edff439fe026bf"


def test_a_cameras_own_trailer_is_no_missing_box_once_the_video_is_whole(
    scan: Callable[[bytes], ContainerScan],
) -> None:
    odd = header(9999, b"abcd") + b"x" * 40
    assert COMPLETE == scan(WHOLE + odd + TRAILER)
    assert ScanState.INCOMPLETE is scan(WHOLE + odd + TRAILER[:-1]).state
    assert ScanState.INCOMPLETE is scan(FTYP + MDAT + odd + TRAILER).state


def sidx(
    sizes: list[int], *, version: int = 0, offset: int = 0, count: int | None = None, mark: int = 0, reserved: int = 0
) -> bytes:
    """Return a segment index over segments of some sizes that begin `offset` bytes behind it."""
    head = struct.pack(">B3xII", version, 1, 1000) + struct.pack(">QQ" if version else ">II", 7, offset)
    references = b"".join(struct.pack(">III", size | mark, 1000, 0) for size in sizes)
    return box(b"sidx", head + struct.pack(">HH", reserved, len(sizes) if count is None else count) + references)


def missing(count: int) -> ContainerScan:
    return incomplete(
        f"{about_size(count)} {'is' if count == 1 else 'are'} missing at its end, by its own index of segments"
    )


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("offset", [0, 98])
def test_an_index_says_to_the_byte_how_far_the_file_reaches(
    scan: Callable[[bytes], ContainerScan], version: int, offset: int
) -> None:
    length = len(MOOF + MDAT) - offset
    for more, found in ((0, COMPLETE), (1, missing(1)), (5, missing(5)), (-1, COMPLETE)):
        index = sidx([10, length - 10 + more], version=version, offset=offset)
        assert found == scan(FTYP + MOOV + index + MOOF + MDAT)


def test_the_mark_of_an_index_of_indexes_is_no_size(scan: Callable[[bytes], ContainerScan]) -> None:
    length = len(MOOF + MDAT)
    assert COMPLETE == scan(FTYP + MOOV + sidx([length], mark=0x80000000) + MOOF + MDAT)
    assert missing(1) == scan(FTYP + MOOV + sidx([length + 1], mark=0x80000000) + MOOF + MDAT)


def test_of_several_indexes_the_farthest_counts(scan: Callable[[bytes], ContainerScan]) -> None:
    length = len(MOOF + MDAT)
    far, near = sidx([length + len(sidx([0])) + 7]), sidx([length])
    assert missing(7) == scan(FTYP + MOOV + far + near + MOOF + MDAT)
    assert missing(9) == scan(FTYP + MOOV + sidx([1]) + sidx([length + 9]) + MOOF + MDAT)


@pytest.mark.parametrize("version", [0, 1])
def test_an_index_that_is_cut_short_says_nothing(scan: Callable[[bytes], ContainerScan], version: int) -> None:
    assert COMPLETE == scan(FTYP + MOOV + sidx([10**9], version=version, count=2) + MOOF + MDAT)
    whole = sidx([], version=version)[8:]
    assert COMPLETE == scan(FTYP + MOOV + box(b"sidx", whole) + MOOF + MDAT)
    for cut in range(len(whole)):
        assert COMPLETE == scan(FTYP + MOOV + box(b"sidx", whole[:cut]) + MOOF + MDAT)


def test_so_many_segments_are_added_up_and_no_more(scan: Callable[[bytes], ContainerScan]) -> None:
    many = sidx([0] * 50_000)
    last = sidx([10**6])
    assert ScanState.INCOMPLETE is scan(FTYP + MOOV + many * 3 + sidx([0] * 49_999) + last + MOOF + MDAT).state
    assert COMPLETE == scan(FTYP + MOOV + many * 4 + last + MOOF + MDAT)


def test_a_file_that_becomes_shorter_under_the_scan_is_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    path.write_bytes(WHOLE)
    told = incomplete("the file became shorter while it was looked at")
    assert told == scan_file(path, size=len(WHOLE) + 1)
    path.write_bytes(b"\0\0\0")
    assert told == scan_file(path, size=4)


def test_a_hole_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "sparse.mp4"
    filled = FTYP + MOOV + header(8 + 3 * MEBIBYTE, b"mdat")
    path.write_bytes(filled)
    os.truncate(path, len(filled) + 3 * MEBIBYTE)
    if path.stat().st_blocks * 512 >= MEBIBYTE:
        pytest.skip("this filesystem makes no sparse files")
    found = scan_file(path)
    assert ScanState.COMPLETE is found.state
    assert found.doubt.startswith("nothing was ever written at byte ")
    assert 0 < int(found.doubt.rpartition(" ")[2]) <= 65_536


def test_a_64_bit_size_that_is_not_yet_written_reaches_nowhere(scan: Callable[[bytes], ContainerScan]) -> None:
    unwritten = header(1, b"mdat") + bytes(8) + b"d" * 50
    assert incomplete("after byte 64 nothing fits, and it is still without media data (mdat)") == scan(
        FTYP + MOOV + unwritten
    )
    assert incomplete("it ends within the header of a box (66 bytes of it)") == scan(WHOLE + unwritten)


def test_a_box_to_the_end_of_the_file_may_be_called_anything_but_zeros(scan: Callable[[bytes], ContainerScan]) -> None:
    doubt = r"its last box (\x00xyz) has no size of its own"
    assert ContainerScan(ScanState.COMPLETE, doubt=doubt) == scan(WHOLE + header(0, b"\0xyz") + b"d" * 9)


def test_a_large_size_is_read_to_its_first_byte(scan: Callable[[bytes], ContainerScan]) -> None:
    size = 1 << 56
    found = scan(FTYP + MOOV + header(1, b"mdat") + struct.pack(">Q", size))
    assert incomplete(f"{about_size(size - 16)} are missing at its end (in box mdat)") == found
    assert COMPLETE == scan(WHOLE + header(1, b"\0\0\0\0") + struct.pack(">Q", size)), "no box is called so"


@pytest.mark.parametrize(("version", "offset"), [(0, 1 << 24), (1, 1 << 56)])
def test_an_indexs_offset_is_read_to_its_first_byte(
    scan: Callable[[bytes], ContainerScan], version: int, offset: int
) -> None:
    found = scan(FTYP + MOOV + sidx([0], version=version, offset=offset) + MOOF + MDAT)
    assert missing(offset - len(MOOF + MDAT)) == found


def test_what_is_reserved_in_an_index_is_no_part_of_its_count(scan: Callable[[bytes], ContainerScan]) -> None:
    assert missing(1) == scan(FTYP + MOOV + sidx([len(MOOF + MDAT) + 1], reserved=0xFFFF) + MOOF + MDAT)


def test_a_short_index_at_the_end_of_a_file_is_nothing_odd(scan: Callable[[bytes], ContainerScan]) -> None:
    assert COMPLETE == scan(WHOLE + box(b"sidx", b"x" * 10))
    assert COMPLETE == scan(WHOLE + box(b"sidx"))


def test_the_shortest_of_files_may_lack_a_byte(scan: Callable[[bytes], ContainerScan]) -> None:
    found = scan(box(b"moov") + box(b"mdat", b"x") + header(9, b"abcd"))
    assert incomplete("1 byte is missing at its end (in box abcd)") == found
