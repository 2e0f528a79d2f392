"""What the boxes of an MP4/MOV file say before libav sees it: sizes, brand, fragments, encryption.

No sample is read. Runs in the worker processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.byte_reader import ShrunkError
from vsortd.core.isobmff import FIRST_KINDS, VISUAL_ENTRY_BYTES, BoxReader, IsoBox
from vsortd.errors import ChangedError

if TYPE_CHECKING:
    from vsortd.core.byte_reader import Source

_TKHD_ID_OFFSET = {0: 12, 1: 20}  # by version: after version, flags and two times
_PROTECTED_ENTRIES = {b"encv", b"drmi"}


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


NO_BOXES: Final = Layout(
    recognised=False,
    brand="",
    has_moov=False,
    has_fragments=False,
    fragmented=False,
    missing_bytes=0,
    encrypted={},
    elsewhere=frozenset(),
)
"""What the boxes say of a file that has none."""


def read_layout(source: Source, size_bytes: int) -> Layout:
    """Walk the top level and the header of an open file of `size_bytes`.

    Raises ChangedError if it got shorter meanwhile.
    """
    try:
        return _read_layout(BoxReader(source, size_bytes))
    except ShrunkError as error:
        raise ChangedError("the file became shorter while it was looked at") from error


def _read_layout(reader: BoxReader) -> Layout:
    top = list(reader.boxes())
    kinds = {box.kind for box in top}
    moov = next((box for box in top if box.kind == b"moov"), None)
    inside = list(reader.children(moov)) if moov is not None else []
    tracks = [box for box in inside if box.kind == b"trak"]
    schemes = [(trak, _scheme(reader, trak)) for trak in tracks]
    return Layout(
        recognised=bool(top) and top[0].kind in FIRST_KINDS,
        brand=_brand(reader, top),
        has_moov=moov is not None,
        has_fragments=b"moof" in kinds,
        fragmented=b"moof" in kinds or any(box.kind == b"mvex" for box in inside),
        missing_bytes=top[-1].missing if top else 0,
        encrypted={track_id(reader, trak): scheme for trak, scheme in schemes if scheme is not None},
        elsewhere=frozenset(track_id(reader, trak) for trak in tracks if _lies_elsewhere(reader, trak)),
    )


def _brand(reader: BoxReader, top: list[IsoBox]) -> str:
    ftyp = next((box for box in top[:4] if box.kind == b"ftyp"), None)
    if ftyp is None:
        return ""
    text = reader.payload(ftyp, 4).decode("ascii", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()


def _lies_elsewhere(reader: BoxReader, trak: IsoBox) -> bool:
    """Tell whether a data reference of a track lacks the flag that says "in this very file"."""
    for dref in reader.find(trak, b"mdia", b"minf", b"dinf", b"dref"):
        for entry in reader.children(dref):
            version_and_flags = reader.payload(entry, 4)
            if version_and_flags and not version_and_flags[-1] & 1:
                return True
    return False


def track_id(reader: BoxReader, trak: IsoBox) -> int:
    """Return the id that a track has in its file, 0 if it has none."""
    for tkhd in reader.find(trak, b"tkhd"):
        body = reader.payload(tkhd, 24)
        offset = _TKHD_ID_OFFSET.get(body[0] if body else 0, 12)
        return int.from_bytes(body[offset : offset + 4], "big")
    return 0


def _scheme(reader: BoxReader, trak: IsoBox) -> str | None:
    """Return the protection scheme of a track: None if it is in the clear, "" if the scheme is not named."""
    for stsd in reader.find(trak, b"mdia", b"minf", b"stbl", b"stsd"):
        for entry in reader.children(stsd):
            scheme = _scheme_of_entry(reader, entry)
            if scheme is not None:
                return scheme
    return None


def _scheme_of_entry(reader: BoxReader, entry: IsoBox) -> str | None:
    # only video entries have their children at a known place; `encv` alone says enough
    for sinf in reader.children(entry, VISUAL_ENTRY_BYTES):
        if sinf.kind == b"sinf":
            schemes = [reader.payload(schm, 4, 4) for schm in reader.find(sinf, b"schm")]
            return schemes[0].decode("ascii", "replace") if schemes else ""
    return "" if entry.kind in _PROTECTED_ENTRIES else None
