"""The reader of boxes: every shape of them is read, and no bytes lead it astray or make it read without end."""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.mp4_boxes import box, large_box
from vsortd.core.byte_reader import ShrunkError
from vsortd.core.isobmff import MAX_DEPTH, VISUAL_ENTRY_BYTES, BoxReader, IsoBox, is_kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USERTYPE = bytes(range(16))
PAGE_BYTES = 4096
QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def top(data: bytes) -> list[IsoBox]:
    return list(BoxReader(data, len(data)).boxes())


def inside(data: bytes) -> list[IsoBox]:
    """Return what lies in the first box."""
    reader = BoxReader(data, len(data))
    return list(reader.children(next(reader.boxes())))


# Single boxes


def test_a_32_bit_size() -> None:
    assert [IsoBox(b"ftyp", 0, 12, 8), IsoBox(b"free", 12, 8, 8)] == top(box(b"ftyp", b"isom") + box(b"free"))


def test_a_64_bit_size() -> None:
    (found, after) = top(large_box(b"mdat", b"1234567") + box(b"moov"))
    assert IsoBox(b"mdat", 0, 23, 16) == found
    assert (16, 23, 23) == (found.payload, found.end, after.start)


def test_a_size_of_zero_reaches_to_the_end_of_what_holds_the_box() -> None:
    assert IsoBox(b"mdat", 8, 11, 8, open_ended=True) == top(box(b"moov") + box(b"mdat", b"123", size=0))[1]
    data = box(b"moov", box(b"trak") + box(b"udta", b"12", size=0)) + box(b"mdat")
    assert IsoBox(b"udta", 16, 10, 8, depth=1, open_ended=True) == inside(data)[1]


@pytest.mark.parametrize(("make", "header"), [(box, 24), (large_box, 32)])
def test_a_uuid_box_has_its_usertype(make: type[box], header: int) -> None:
    (found,) = top(make(b"uuid", USERTYPE + b"12345"))
    assert IsoBox(b"uuid", 0, header + 5, header, usertype=USERTYPE) == found


def test_a_uuid_box_too_short_for_a_usertype_has_none() -> None:
    data = box(b"uuid", b"123456789012345") + box(b"free", USERTYPE)
    assert [IsoBox(b"uuid", 0, 23, 8), IsoBox(b"free", 23, 24, 8)] == top(data)


def test_a_box_never_reaches_beyond_what_holds_it() -> None:
    assert [IsoBox(b"mdat", 0, 13, 8, missing=987)] == top(box(b"mdat", b"12345", size=1000))
    data = box(b"moov", box(b"trak", b"12", size=500)) + box(b"mdat", b"d" * 900)
    assert [IsoBox(b"trak", 8, 10, 8, depth=1, missing=490)] == inside(data)
    huge = struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1)
    assert [IsoBox(b"mdat", 0, 16, 16, missing=2**64 - 17)] == top(huge)


@pytest.mark.parametrize(
    "rest",
    [
        bytes(4),  # QuickTime's terminator
        bytes(8),
        bytes(1000),
        b"\0\0\0",
        b"\0\0\1\0fre",  # a part of a header
        box(b"free", b"x" * 20, size=7),  # less than its own header
        struct.pack(">I4sI", 1, b"free", 0),  # a 64-bit size that is cut off
        struct.pack(">I4sQ", 1, b"free", 0),  # ... that was never written: only 32 bits of 0 mean "to the end"
        struct.pack(">I4sQ", 1, b"free", 15),
    ],
)
def test_what_can_be_no_box_ends_the_walk_there(rest: bytes) -> None:
    data = box(b"moov") + rest
    assert [IsoBox(b"moov", 0, 8, 8)] == top(data)
    assert [IsoBox(b"trak", 8, 8, 8, depth=1)] == inside(box(b"moov", box(b"trak") + rest))


@pytest.mark.parametrize(("kind", "can"), [(b"moov", True), (b"\xa9nam", True), (b"    ", True), (b"\0oov", False)])
def test_what_can_name_a_box(kind: bytes, *, can: bool) -> None:
    assert can is is_kind(kind)


# Boxes in boxes


def test_the_way_to_a_box_is_found_through_each_that_matches() -> None:
    stsd = box(b"stsd", bytes(8) + box(b"avc1", bytes(VISUAL_ENTRY_BYTES) + box(b"colr", b"nclx")) + box(b"hvc1"))
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"free") + box(b"stbl", stsd) + box(b"stbl", stsd))))
    data = box(b"moov", track + box(b"udta") + track)
    reader = BoxReader(data, len(data))
    found = list(reader.find(next(reader.boxes()), b"trak", b"mdia", b"minf", b"stbl", b"stsd"))
    assert 4 == len(found)
    entries = list(reader.children(found[-1]))
    assert [b"avc1", b"hvc1"] == [entry.kind for entry in entries]
    (colour,) = reader.children(entries[0], VISUAL_ENTRY_BYTES)
    assert (b"colr", b"nclx") == (colour.kind, reader.payload(colour, 100))


def test_a_payload_is_read_only_as_far_as_its_box_goes() -> None:
    data = box(b"ftyp", b"isom0000") + box(b"mdat", b"d" * 5000)
    reader = BoxReader(data, len(data))
    ftyp, mdat = reader.boxes()
    assert (b"isom", b"0000", b"om00") == (
        reader.payload(ftyp, 4),
        reader.payload(ftyp, 100, 4),
        reader.payload(ftyp, 4, 2),
    )
    assert (b"", b"") == (reader.payload(ftyp, 4, 8), reader.payload(ftyp, 4, 1000))
    assert b"d" * 5000 == reader.payload(mdat, 6000)


def test_nesting_has_an_end() -> None:
    data = b""
    for _ in range(MAX_DEPTH + 20):
        data = box(b"trak", data)
    reader = BoxReader(data, len(data))
    depth, level = 0, list(reader.boxes())
    while level:
        assert depth == level[0].depth
        depth, level = depth + 1, list(reader.children(level[0]))
    assert MAX_DEPTH + 1 == depth


def test_boxes_are_counted_whichever_way_they_are_asked_for() -> None:
    data = box(b"moov", box(b"trak") * 6) + box(b"free") * 3
    reader = BoxReader(data, len(data), max_boxes=10)
    moov, *free = reader.boxes()
    assert (3, False) == (len(free), reader.exhausted)
    assert 6 == len(list(reader.children(moov)))
    assert not reader.exhausted
    assert [] == list(reader.boxes())
    assert reader.exhausted


def test_exactly_as_many_boxes_as_may_be_exhaust_nothing() -> None:
    data = box(b"free") * 5
    reader = BoxReader(data, len(data), max_boxes=5)
    assert 5 == len(list(reader.boxes()))
    assert not reader.exhausted


# Sources


class Counting(io.BytesIO):
    """A file that notes how much is read at once."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.read_bytes: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        self.read_bytes.append(-1 if size is None else size)
        return super().read(size)


class Dripping(io.BytesIO):
    """A file that gives fewer bytes than it is asked for, as some filesystems do."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(3, size or 0))


def test_a_file_that_became_shorter_is_told(tmp_path: Path) -> None:
    data = box(b"ftyp", b"isom") + box(b"moov", box(b"trak"))
    path = tmp_path / "file.mp4"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.truncate(path, 12)
        reader = BoxReader(descriptor, len(data))
        with pytest.raises(ShrunkError):
            next(reader.boxes())
        with pytest.raises(ShrunkError):
            reader.payload(IsoBox(b"moov", 12, 16, 8), 4)
        assert data[:12] == reader.read(0, 100)
    finally:
        os.close(descriptor)


def test_a_file_that_gives_little_at_a_time_is_read_whole() -> None:
    data = box(b"ftyp", b"isom") + box(b"moov", box(b"trak"))
    assert top(data) == list(BoxReader(Dripping(data), len(data)).boxes())


def test_many_small_boxes_are_read_a_page_at_a_time() -> None:
    file = Counting(box(b"free") * 10_000)
    assert 10_000 == len(list(BoxReader(file, 80_000).boxes()))
    assert len(file.read_bytes) < 25
    assert sum(file.read_bytes) < 90_000


def test_the_media_is_passed_over() -> None:
    file = Counting(box(b"mdat", bytes(5_000_000)) + box(b"moov"))
    assert 2 == len(list(BoxReader(file, len(file.getvalue())).boxes()))
    assert sum(file.read_bytes) <= 2 * PAGE_BYTES


# Properties


@dataclass(frozen=True)
class Node:
    """A box to be written: its children if it has any, else its payload, and how its size is to be written."""

    kind: bytes
    payload: bytes
    children: tuple[Node, ...] = ()
    large: bool = False
    usertype: bytes = b""
    terminated: bool = False  # 4 zero bytes after its last child

    def written(self) -> bytes:
        """Return it as bytes."""
        content = b"".join(child.written() for child in self.children) + bytes(4 * self.terminated)
        return (large_box if self.large else box)(self.kind, self.usertype + (content or self.payload))


KINDS = st.sampled_from([b"moov", b"trak", b"free", b"mdat", b"\xa9nam", b"    ", b"\0\0\0\1", b"\xff\xff\xff\xff"])
LEAVES = st.builds(Node, KINDS, st.binary(max_size=40), large=st.booleans()) | st.builds(
    Node, st.just(b"uuid"), st.binary(max_size=40), large=st.booleans(), usertype=st.binary(min_size=16, max_size=16)
)


def parents(of: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    children = st.lists(of, min_size=1, max_size=4).map(tuple)
    return st.builds(Node, KINDS, st.just(b""), children, st.booleans(), terminated=st.booleans())


TREES = st.lists(st.recursive(LEAVES, parents, max_leaves=12), max_size=5)


def rebuilt(reader: BoxReader, found: Iterator[IsoBox], written: tuple[Node, ...]) -> tuple[Node, ...]:
    """Read back what was written; where to look for children the writer knows."""
    nodes = []
    for one, node in zip(found, written, strict=True):
        children = rebuilt(reader, reader.children(one), node.children) if node.children else ()
        payload = b"" if children else reader.payload(one, one.size)
        large = one.header - len(one.usertype) == 16
        nodes.append(Node(one.kind, payload, children, large, one.usertype, terminated=node.terminated))
    return tuple(nodes)


@settings(deadline=None)
@given(trees=TREES, open_ended=st.booleans())
def test_whatever_is_written_is_read_back(trees: list[Node], *, open_ended: bool) -> None:
    data = b"".join(tree.written() for tree in trees)
    last = box(b"mdat", b"to the end", size=0 if open_ended else None)
    reader = BoxReader(data + last, len(data + last))
    written = (*trees, Node(b"mdat", b"to the end"))
    assert written == rebuilt(reader, reader.boxes(), written)
    assert open_ended is list(reader.boxes())[-1].open_ended


ANY_BYTES = st.binary(max_size=200) | st.lists(
    st.sampled_from([bytes(4), b"\0\0\0\1", b"\0\0\0\x08", b"\0\0\0\x14", b"moov", b"uuid", b"stsd", b"\xff" * 4]),
    max_size=40,
).map(b"".join)


def walk_all(reader: BoxReader, found: Iterator[IsoBox]) -> Iterator[IsoBox]:
    """Yield boxes and all that may lie in them."""
    for one in found:
        yield one
        yield from walk_all(reader, reader.children(one))


@settings(deadline=None, max_examples=300)
@given(ANY_BYTES, st.integers(1, 50))
def test_any_bytes_give_boxes_that_lie_within_one_another(data: bytes, most: int) -> None:
    file = Counting(data)
    reader = BoxReader(file, len(data), max_boxes=most)
    holders: list[IsoBox] = []
    ends: dict[int, int] = {}  # by depth: where the last box there ended
    count = 0
    for one in walk_all(reader, reader.boxes()):
        count += 1
        holders = [*holders[: one.depth], one]
        begin, end = (holders[-2].payload, holders[-2].end) if one.depth else (0, len(data))
        assert begin <= one.start <= one.payload <= one.end <= end
        assert ends.get(one.depth, 0) <= one.start
        assert one.missing >= 0
        ends[one.depth] = one.end
        assert one.end - one.payload == len(reader.payload(one, len(data)))
    assert count <= most
    assert all(0 < length <= PAGE_BYTES for length in file.read_bytes)
    assert len(file.read_bytes) <= 2 * most + 1


@QUIET
@given(ANY_BYTES, st.integers(0, 300))
def test_every_source_gives_the_same_boxes_or_says_that_bytes_are_gone(
    tmp_path: Path, data: bytes, size_bytes: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with path.open("rb", buffering=0) as file:
            sources = (descriptor, file, data, io.BytesIO(data))
            found = [_boxes_or_shrunk(BoxReader(source, size_bytes)) for source in sources]
    finally:
        os.close(descriptor)
    assert all(one == found[0] for one in found)
    if size_bytes <= len(data):
        assert found[0] is not None


def _boxes_or_shrunk(reader: BoxReader) -> list[IsoBox] | None:
    try:
        return list(walk_all(reader, reader.boxes()))
    except ShrunkError:
        return None
