"""Whether the objects of a Windows Media file add up to the size that its header names (Advanced Systems Format 1.20).

The header says how large the file is and how large its packets are. A broadcast says neither: then only whole packets
are asked for, and the file has to stay quiet for longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.units import about_size, missing_at_end
from vsortd.watch.container_scan import ContainerScan, complete, incomplete

if TYPE_CHECKING:
    from vsortd.core.byte_reader import ByteReader

MAX_OBJECTS: Final = 10_000
"""So many are walked. The header of a real file has about ten, and a few stand behind the packets."""

_HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_PROPERTIES: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_DATA: Final = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_INDEX: Final = bytes.fromhex("90080033b1e5cf1189f400a0c90349cb")
# A keyframe is listed in six bytes for each second of a film or so.
_TAIL_BYTES: Final = 1 << 20
_END_CHUNK_BYTES: Final = 12  # ffmpeg ends a broadcast with one, even in a file
_HEAD_BYTES, _HEADER_BYTES, _DATA_HEAD_BYTES, _PROPERTIES_BYTES = 24, 30, 50, 104
_BROADCAST: Final = 1


@dataclass(frozen=True, slots=True)
class _Properties:
    """What the header says: the file's size, whether it is a broadcast, the length of a packet (0: they differ)."""

    size_bytes: int = 0
    broadcast: bool = False
    packet_bytes: int = 0


def scan_windows_media(reader: ByteReader) -> ContainerScan:
    """Walk the objects of a file that begins as ASF. Raises ShrunkError and OSError as its reader does."""
    size = reader.size_bytes
    if size < _HEADER_BYTES:
        return incomplete("it ends within its header")
    header_end = _size_at(reader, 0)
    if header_end > size:
        return incomplete(f"{missing_at_end(header_end - size)} (within its header)")
    properties = _properties(reader, header_end)
    if properties is None:
        return incomplete("its header does not say how large it is")
    if properties.broadcast:
        return _broadcast(reader, header_end, properties)
    if not properties.size_bytes:
        return incomplete("its size is not yet written: recording or copying has not ended")
    missing = properties.size_bytes - size
    return incomplete(missing_at_end(missing)) if missing > 0 else _walk(reader, header_end, properties.size_bytes)


def _properties(reader: ByteReader, end: int) -> _Properties | None:
    """Return what the header says of the file, None if it says nothing."""
    position = _HEADER_BYTES
    for _ in range(MAX_OBJECTS):
        if position + _HEAD_BYTES > end:
            return None
        length = _size_at(reader, position)
        if reader.at(position, 16) == _PROPERTIES and length >= _PROPERTIES_BYTES and position + length <= end:
            raw = reader.at(position, _PROPERTIES_BYTES)
            size, flags, least, most = (
                int.from_bytes(raw[at : at + width], "little") for at, width in ((40, 8), (88, 4), (92, 4), (96, 4))
            )
            return _Properties(size, bool(flags & _BROADCAST), least if least == most else 0)
        if length < _HEAD_BYTES:
            return None
        position += length
    return None


def _walk(reader: ByteReader, position: int, named: int) -> ContainerScan:
    """Walk the objects behind the header: the packets, and their indexes, up to the size that the header names."""
    size, media = reader.size_bytes, False
    for _ in range(MAX_OBJECTS):
        if position == size:
            break
        length = _size_at(reader, position) if position + _HEAD_BYTES <= size else 0
        behind = position >= named and any(reader.upto(position, _HEAD_BYTES))
        if behind and media and reader.upto(position, len(_INDEX)) != _INDEX:
            return complete(f"{about_size(size - position)} lie behind its end")
        if length < _HEAD_BYTES:
            zeros = not any(reader.upto(position, _HEAD_BYTES))
            return incomplete(f"{'only zeros follow' if zeros else 'nothing fits'} from byte {position} on")
        if position + length > size:
            return incomplete(missing_at_end(position + length - size))
        media = media or (reader.at(position, 16) == _DATA and length > _DATA_HEAD_BYTES)
        position += length
    return complete() if media else incomplete("it has a header, but no media data")


def _broadcast(reader: ByteReader, position: int, properties: _Properties) -> ContainerScan:
    """Judge a file that says that it doesn't know its size: it is to consist of whole packets."""
    size = reader.size_bytes
    if position + _DATA_HEAD_BYTES > size or reader.at(position, 16) != _DATA:
        return incomplete("it has a header, but no media data")
    length = _size_at(reader, position)
    if length > _DATA_HEAD_BYTES:  # a recorded broadcast may have got its size after all
        found = _walk(reader, position, position + length)
        return found if found.reason else complete(found.doubt, "its header calls it a broadcast")
    media_bytes = size - position - _DATA_HEAD_BYTES
    if not media_bytes:
        return incomplete("it has a header, but no media data")
    over = media_bytes % properties.packet_bytes if properties.packet_bytes else 0
    if over and not _ends_with_index(reader):
        return incomplete(f"{missing_at_end(properties.packet_bytes - over)} (of a packet)")
    return complete("its header calls it a broadcast, which may go on")


def _ends_with_index(reader: ByteReader) -> bool:
    """Tell whether an index ends the file: it lists keyframes, and is written when a recording ends."""
    begin = max(0, reader.size_bytes - _TAIL_BYTES)
    tail = reader.read(begin, reader.size_bytes - begin)
    place = tail.rfind(_INDEX)
    end = place + int.from_bytes(tail[place + 16 : place + 24], "little")
    return place >= 0 and len(tail) - end in {0, _END_CHUNK_BYTES}


def _size_at(reader: ByteReader, position: int) -> int:
    return int.from_bytes(reader.at(position + 16, 8), "little")
