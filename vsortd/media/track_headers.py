"""What the headers of the tracks say that libav doesn't tell: sample entries by name, and what metadata tracks hold.

Runs in the worker processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.byte_reader import ShrunkError
from vsortd.core.isobmff import BoxReader, IsoBox
from vsortd.errors import ChangedError
from vsortd.media.boxes import track_id
from vsortd.media.protocol import MAX_METADATA_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.core.byte_reader import Source

# A sample entry's reserved bytes and data reference (ISO 14496-12, 8.5.2), before a metadata entry's boxes.
_ENTRY_BYTES = 8
_MAX_KEY_BYTES = 256


@dataclass(frozen=True, slots=True)
class TrackHeader:
    """What is said of one track: the four characters of its first sample entry, and a `mebx` track's keys."""

    codec_tag: str
    metadata_keys: tuple[str, ...] = ()


def read_track_headers(source: Source, size_bytes: int) -> dict[int, TrackHeader]:
    """Read them from an open file of `size_bytes`, by track id; the file's position is then anywhere.

    Raises ChangedError if the file got shorter meanwhile.
    """
    reader = BoxReader(source, size_bytes)
    try:
        moov = next((box for box in reader.boxes() if box.kind == b"moov"), None)
        tracks = [box for box in reader.children(moov) if box.kind == b"trak"] if moov is not None else []
        return {track_id(reader, trak): header_of(reader, trak) for trak in tracks}
    except ShrunkError as error:
        raise ChangedError("the file became shorter while it was looked at") from error


def header_of(reader: BoxReader, trak: IsoBox) -> TrackHeader:
    """Return what is said of a track."""
    for stsd in reader.find(trak, b"mdia", b"minf", b"stbl", b"stsd"):
        for entry in reader.children(stsd):
            keys = tuple(_keys_of(reader, entry)) if entry.kind == b"mebx" else ()
            return TrackHeader(_text(entry.kind), keys[:MAX_METADATA_KEYS])
    return TrackHeader("")


def _keys_of(reader: BoxReader, entry: IsoBox) -> Iterator[str]:
    """Yield a metadata entry's keys: `keys` holds a box for each, and in it `keyd` a namespace and the key."""
    for table in reader.children(entry, _ENTRY_BYTES):
        if table.kind == b"keys":
            for key in reader.children(table):
                for keyd in reader.find(key, b"keyd"):
                    yield _text(reader.payload(keyd, _MAX_KEY_BYTES, 4))


def _text(raw: bytes) -> str:
    return "".join(letter for letter in raw.decode("latin-1") if letter.isprintable()).strip()
