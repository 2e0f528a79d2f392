"""A walk over the boxes of an MP4/MOV file (ISO 14496-12): sizes, brand, fragments, encryption.

No sample is read. Runs in the worker processes. A file can claim anything, so the walk is bounded in depth
and in boxes, and a box never reaches beyond its parent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

# A real file has a few hundred top-level boxes (fragments: thousands); this many take about a second to walk.
MAX_BOXES = 200_000
# moov / trak / mdia / minf / stbl / stsd / entry / sinf / schm is nine deep.
MAX_DEPTH = 12

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"sinf", b"schi", b"mvex"}
# Header bytes before the child boxes of a video sample entry (ISO 14496-12, 12.1.3), after the box header.
_VISUAL_ENTRY_BYTES = 78
_TKHD_ID_OFFSET = {0: 12, 1: 20}  # by version: after version, flags and two times
# What may stand first in a file; QuickTime's old files have no ftyp.
_FIRST_BOXES = {
    b"ftyp",
    b"moov",
    b"mdat",
    b"free",
    b"skip",
    b"wide",
    b"pnot",
    b"styp",
    b"moof",
    b"sidx",
    b"uuid",
    b"udta",
}


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its type, where it starts, where its payload starts, and where it claims to end (bytes)."""

    kind: bytes
    start: int
    payload: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """What the boxes say.

    `encrypted` maps track ids to the scheme ("cenc", "cbcs", … or ""); the tracks of `elsewhere` say that their data
    lies in another file (QuickTime's reference movies).
    """

    recognised: bool  # the file begins like an MP4 or MOV
    brand: str
    has_moov: bool
    has_fragments: bool
    fragmented: bool  # the header announces fragments, or there are some
    missing_bytes: int  # how far the boxes reach beyond the end of the file
    encrypted: dict[int, str]
    elsewhere: frozenset[int]


class _Budget:
    """Counts boxes down, so that a hostile file can't make the walk endless."""

    def __init__(self) -> None:
        self.left = MAX_BOXES

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0


def read_layout(file: BinaryIO, size_bytes: int) -> Layout:
    """Walk the top level and the header of an open file of `size_bytes`; leaves the position anywhere."""
    budget = _Budget()
    top = list(_boxes(file, 0, size_bytes, budget))
    kinds = {box.kind for box in top}
    moov = next((box for box in top if box.kind == b"moov"), None)
    encrypted: dict[int, str] = {}
    elsewhere: frozenset[int] = frozenset()
    announces = False
    if moov is not None:
        inner = Box(moov.kind, moov.start, moov.payload, min(moov.end, size_bytes))
        announces = any(child.kind == b"mvex" for child in _children(file, inner, budget))
        encrypted = _encrypted_tracks(file, inner, budget)
        tracks = [box for box in _children(file, inner, budget) if box.kind == b"trak"]
        elsewhere = frozenset(_track_id(file, trak, budget) for trak in tracks if _lies_elsewhere(file, trak, budget))
    return Layout(
        recognised=bool(top) and top[0].kind in _FIRST_BOXES,
        brand=_brand(file, top),
        has_moov=moov is not None,
        has_fragments=b"moof" in kinds,
        fragmented=announces or b"moof" in kinds,
        missing_bytes=max(0, top[-1].end - size_bytes) if top else 0,
        encrypted=encrypted,
        elsewhere=elsewhere,
    )


def _boxes(file: BinaryIO, start: int, end: int, budget: _Budget) -> Iterator[Box]:
    """Yield the boxes between two offsets; the last one may claim to end beyond `end`."""
    position = start
    while position + 8 <= end and budget.spend():
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:  # noqa: PLR2004 - a box header is 8 bytes
            return
        size = int.from_bytes(header[:4], "big")
        payload = position + 8
        if size == 1:  # a 64-bit size follows
            size = int.from_bytes(header[8:16], "big")
            payload += 8
        elif size == 0:  # up to the end
            size = end - position
        if size < payload - position:
            return
        yield Box(header[4:8], position, payload, position + size)
        position += size


def _children(file: BinaryIO, parent: Box, budget: _Budget) -> Iterator[Box]:
    for box in _boxes(file, parent.payload, parent.end, budget):
        yield Box(box.kind, box.start, box.payload, min(box.end, parent.end))


def _brand(file: BinaryIO, top: list[Box]) -> str:
    ftyp = next((box for box in top[:4] if box.kind == b"ftyp"), None)
    if ftyp is None:
        return ""
    file.seek(ftyp.payload)
    text = file.read(4).decode("ascii", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _encrypted_tracks(file: BinaryIO, moov: Box, budget: _Budget) -> dict[int, str]:
    found: dict[int, str] = {}
    for trak in _children(file, moov, budget):
        if trak.kind != b"trak":
            continue
        scheme = _scheme(file, trak, budget, 0)
        if scheme is not None:
            found[_track_id(file, trak, budget)] = scheme
    return found


def _lies_elsewhere(file: BinaryIO, parent: Box, budget: _Budget) -> bool:
    """Tell whether a data reference of a track lacks the flag that says "in this very file"."""
    for box in _children(file, parent, budget):
        if box.kind in {b"mdia", b"minf", b"dinf"} and _lies_elsewhere(file, box, budget):
            return True
        if box.kind == b"dref":
            for entry in _children(file, Box(box.kind, box.start, box.payload + 8, box.end), budget):
                file.seek(entry.payload)
                if not int.from_bytes(file.read(4), "big") & 1:
                    return True
    return False


def _track_id(file: BinaryIO, trak: Box, budget: _Budget) -> int:
    for box in _children(file, trak, budget):
        if box.kind == b"tkhd":
            file.seek(box.payload)
            body = file.read(24)
            offset = _TKHD_ID_OFFSET.get(body[0] if body else 0, 12)
            return int.from_bytes(body[offset : offset + 4], "big")
    return 0


def _scheme(file: BinaryIO, parent: Box, budget: _Budget, depth: int) -> str | None:
    """Return the protection scheme of a track: None if it is in the clear, "" if the scheme is not named."""
    if depth > MAX_DEPTH:
        return None
    for box in _children(file, parent, budget):
        scheme: str | None = None
        if box.kind == b"schm":
            file.seek(box.payload + 4)
            return file.read(4).decode("ascii", "replace")
        if box.kind == b"sinf":
            scheme = _scheme(file, box, budget, depth + 1) or ""
        elif box.kind == b"stsd":
            scheme = _scheme_of_entries(file, box, budget, depth + 1)
        elif box.kind in _CONTAINERS:
            scheme = _scheme(file, box, budget, depth + 1)
        if scheme is not None:
            return scheme
    return None


def _scheme_of_entries(file: BinaryIO, stsd: Box, budget: _Budget, depth: int) -> str | None:
    entries = Box(stsd.kind, stsd.start, stsd.payload + 8, stsd.end)
    for entry in _children(file, entries, budget):
        # only video entries have their children at a known place; `encv` alone says enough
        inner = Box(entry.kind, entry.start, entry.payload + _VISUAL_ENTRY_BYTES, entry.end)
        scheme = _scheme(file, inner, budget, depth + 1)
        if scheme is not None:
            return scheme
        if entry.kind in {b"encv", b"drmi"}:
            return ""
    return None
