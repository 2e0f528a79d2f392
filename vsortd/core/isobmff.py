"""The boxes of MP4 and MOV files: the one reader of them (ISO/IEC 14496-12, 4.2; QuickTime File Format, "Atoms").

A box is a size (32 bits, of them 0: up to the end of what holds it, 1: a 64-bit size follows), a kind of four bytes
(`uuid`: its 16 bytes follow), and its payload, which may be boxes again. A file can claim anything, so no box reaches
beyond what holds it, boxes are counted, nesting has an end, and only what is asked for is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.byte_reader import ByteReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.core.byte_reader import Source

FIRST_KINDS = frozenset(
    {
        b"ftyp",
        b"styp",
        b"moov",
        b"mdat",
        b"moof",
        b"sidx",
        b"free",
        b"skip",
        b"wide",
        b"junk",
        b"pnot",
        b"PICT",
        b"udta",
        b"uuid",
        b"meta",
        b"pdin",
        b"prft",
        b"emsg",
    }
)
"""What real files begin with. QuickTime's old ones have no `ftyp`; the media, a preview or filler may come first."""

# A real file has a few hundred top-level boxes (fragments: thousands); this many take about a second to walk.
MAX_BOXES = 200_000
# moov / trak / mdia / minf / stbl / stsd / entry / sinf / schm is nine deep.
MAX_DEPTH = 12

HEADER_BYTES = 8
LARGE_HEADER_BYTES = 16
USERTYPE_BYTES = 16
VISUAL_ENTRY_BYTES = 78
"""What a video sample entry (14496-12, 12.1.3) holds before its child boxes."""

_MAX_HEADER_BYTES = LARGE_HEADER_BYTES + USERTYPE_BYTES
# Where these have their children: after version, flags, and how many there are.
_CHILDREN_AT = {b"dref": 8, b"stsd": 8}


@dataclass(frozen=True, slots=True)
class IsoBox:
    """One box. Places are bytes from the beginning of the file; it lies within what holds it, whatever it claims."""

    kind: bytes
    start: int
    size: int  # with its header, as far as it lies within what holds it
    header: int  # 8, or 8 more with a 64-bit size, and 16 more with a `usertype`
    depth: int = 0  # 0 at the top level
    missing: int = 0  # how many bytes more it claims than what holds it has left
    open_ended: bool = False  # it has no size of its own, and reaches to the end of what holds it
    usertype: bytes = b""  # of a `uuid` box

    @property
    def payload(self) -> int:
        """Where its payload begins."""
        return self.start + self.header

    @property
    def end(self) -> int:
        """Where it ends: the place of the first byte after it."""
        return self.start + self.size


def is_kind(kind: bytes) -> bool:
    """Tell whether four bytes can name a box: printable ASCII, or Apple's (c) sign."""
    return all(32 <= byte < 127 or byte == 0xA9 for byte in kind)  # noqa: PLR2004 - printable ASCII


class BoxReader(ByteReader):
    """Reads the boxes of one file, a page at a time; for one thread.

    It yields `max_boxes` boxes in all, whichever way they are asked for, and is `exhausted` when there were more. All
    that reads raises ShrunkError when bytes are gone that the file had, and OSError when they can't be read.
    """

    def __init__(self, source: Source, size_bytes: int, *, max_boxes: int = MAX_BOXES) -> None:
        super().__init__(source, size_bytes)
        self.exhausted = False
        self._boxes_left = max_boxes

    def boxes(self) -> Iterator[IsoBox]:
        """Yield the top-level boxes. Behind the last one's end there may be bytes that can't begin a box."""
        return self._walk(0, self.size_bytes, 0)

    def children(self, parent: IsoBox, skip: int | None = None) -> Iterator[IsoBox]:
        """Yield what lies in a box, `skip` bytes after its header (None: where boxes of this kind have it).

        It ends where nothing more can be a box, as at QuickTime's terminator (4 zero bytes), and is empty below
        `MAX_DEPTH`.
        """
        if parent.depth >= MAX_DEPTH:
            return iter(())
        start = parent.payload + (_CHILDREN_AT.get(parent.kind, 0) if skip is None else skip)
        return self._walk(start, parent.end, parent.depth + 1)

    def find(self, parent: IsoBox, kind: bytes, *further: bytes) -> Iterator[IsoBox]:
        """Yield every box that a path of kinds leads to: `find(trak, b"mdia", b"minf")`."""
        for box in self.children(parent):
            if box.kind == kind:
                if further:
                    yield from self.find(box, *further)
                else:
                    yield box

    def payload(self, box: IsoBox, length: int, skip: int = 0) -> bytes:
        """Return `length` bytes of a box's payload from its byte `skip` on, fewer where the box ends."""
        start = min(box.payload + skip, box.end)
        return self.at(start, min(length, box.end - start))

    def _walk(self, position: int, end: int, depth: int) -> Iterator[IsoBox]:
        while position < end:
            if self._boxes_left <= 0:
                self.exhausted = True
                return
            box = _parse(self.at(position, min(_MAX_HEADER_BYTES, end - position)), position, end, depth)
            if box is None:
                return
            self._boxes_left -= 1
            yield box
            position = box.end


def _parse(header: bytes, position: int, end: int, depth: int) -> IsoBox | None:
    """Return the box that a header begins, None for what can't be one: too short, or claims less than itself."""
    claimed, kind, length = int.from_bytes(header[:4], "big"), header[4:8], HEADER_BYTES
    if claimed == 1:
        claimed, length = int.from_bytes(header[8:16], "big"), LARGE_HEADER_BYTES
    open_ended = claimed == 0 and length == HEADER_BYTES and any(kind)  # all zeros are a terminator, or padding
    if open_ended:
        claimed = end - position
    if len(header) < length or claimed < length:
        return None
    size = min(claimed, end - position)
    usertype = b""
    if kind == b"uuid" and size >= length + USERTYPE_BYTES:
        usertype = header[length : length + USERTYPE_BYTES]
        length += USERTYPE_BYTES
    return IsoBox(kind, position, size, length, depth, claimed - size, open_ended, usertype)
