"""Whether the tags of a Flash video form a whole chain (Adobe Flash Video File Format Specification 10.1, annex E).

Behind each tag stands how long it was, so the chain can be followed from the end: a file that is cut within a tag ends
in something else. One that is cut between two tags is only told by the size that its metadata may name; without that
the file has to stay quiet for longer.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

from vsortd.core.units import missing_at_end
from vsortd.watch.container_scan import ContainerScan, complete, incomplete

if TYPE_CHECKING:
    from vsortd.core.byte_reader import ByteReader

MAX_TAGS: Final = 100_000
"""So many tags are walked from the beginning, where the chain from the end says nothing."""

_FILE_HEAD_BYTES, _TAG_HEAD_BYTES, _BACK_BYTES = 9, 11, 4
_KINDS: Final = frozenset({8, 9, 18})  # sound, pictures, metadata
_KIND_MASK: Final = 0x1F  # the upper bits: reserved, and encrypted
_MEDIA: Final = frozenset({8, 9})
_LAST_TAGS: Final = 64
_METADATA_BYTES: Final = 1 << 16
_NUMBER: Final = b"\0"  # AMF's mark of one: eight bytes follow


def scan_flash(reader: ByteReader) -> ContainerScan:
    """Follow the tags of a file that begins as FLV. Raises ShrunkError and OSError as its reader does."""
    begin = int.from_bytes(reader.upto(5, 4), "big") + _BACK_BYTES
    if begin >= reader.size_bytes:
        return incomplete("it has only the header of a file")
    if begin < _FILE_HEAD_BYTES + _BACK_BYTES:
        return incomplete("its header names a length that is too short")
    named = _named_size(reader, begin)
    if named > reader.size_bytes:
        return incomplete(f"{missing_at_end(named - reader.size_bytes)}, by its own metadata")
    verdict = None if _chained_back(reader, begin) else _walk(reader, begin)
    return verdict or _conclude(reader, begin, named)


def _conclude(reader: ByteReader, begin: int, named: int) -> ContainerScan:
    """Judge a file whose tags are a chain by what they are; `named` is the size that its metadata name."""
    if not any(reader.at(place, 1)[0] & _KIND_MASK in _MEDIA for place in _first_tags(reader, begin)):
        return incomplete("it has a header, but neither pictures nor sound")
    return complete("" if named == reader.size_bytes else "it doesn't say how long it is, so it may go on")


def _chained_back(reader: ByteReader, begin: int) -> bool:
    """Tell whether the last tags are a chain, each as long as the number behind it says."""
    end = reader.size_bytes
    for _ in range(_LAST_TAGS):
        if end == begin:
            return True
        start = end - _BACK_BYTES - int.from_bytes(reader.at(end - _BACK_BYTES, _BACK_BYTES), "big")
        if not begin <= start <= end - _BACK_BYTES - _TAG_HEAD_BYTES or _tag_end(reader, start) != end:
            return False
        end = start
    return True


def _walk(reader: ByteReader, begin: int) -> ContainerScan | None:
    """Walk the tags from the beginning: some programs write wrong numbers behind them."""
    position = begin
    for _ in range(MAX_TAGS):
        if position == reader.size_bytes:
            return None
        end = _tag_end(reader, position)
        if end is None:
            zeros = not any(reader.upto(position, 64))
            return incomplete(f"{'only zeros follow' if zeros else 'nothing fits'} from byte {position} on")
        if end > reader.size_bytes:
            return incomplete(missing_at_end(end - reader.size_bytes))
        position = end
    return incomplete("its last tags are no chain")


def _tag_end(reader: ByteReader, position: int) -> int | None:
    """Return where a tag with the number behind it ends, beyond the file if it is cut; None for what is no tag."""
    head = reader.upto(position, _TAG_HEAD_BYTES)
    if head and head[0] & _KIND_MASK not in _KINDS:
        return None
    if len(head) < _TAG_HEAD_BYTES:
        return position + _TAG_HEAD_BYTES + _BACK_BYTES
    return position + _TAG_HEAD_BYTES + int.from_bytes(head[1:4], "big") + _BACK_BYTES


def _first_tags(reader: ByteReader, begin: int) -> list[int]:
    """Return where the first tags begin that are whole."""
    found: list[int] = []
    position = begin
    while len(found) < _LAST_TAGS and position < reader.size_bytes:
        end = _tag_end(reader, position)
        if end is None or end > reader.size_bytes:
            break
        found.append(position)
        position = end
    return found


def _named_size(reader: ByteReader, begin: int) -> int:
    """Return the size in bytes that the metadata name (`filesize` of onMetaData), 0 where they name none."""
    head = reader.upto(begin, _TAG_HEAD_BYTES)
    if len(head) < _TAG_HEAD_BYTES or head[0] & _KIND_MASK != 18:  # noqa: PLR2004 - metadata
        return 0
    length = min(int.from_bytes(head[1:4], "big"), _METADATA_BYTES)
    raw = reader.upto(begin + _TAG_HEAD_BYTES, length)
    place = raw.find(b"\0\x08filesize" + _NUMBER)
    value = raw[place + 11 : place + 19] if place >= 0 else b""
    number = struct.unpack(">d", value)[0] if len(value) == 8 else 0.0  # noqa: PLR2004 - a double
    return int(number) if math.isfinite(number) and 0 < number < 2**63 else 0
