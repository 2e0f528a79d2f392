"""The elements that Matroska and WebM files consist of (RFC 8794)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.core.byte_reader import ByteReader

_ID_BYTES, _SIZE_BYTES = 4, 8


@dataclass(frozen=True, slots=True)
class EbmlElement:
    """One element, by its id with the marker bits; `end` is None if its size is unknown."""

    kind: int
    payload: int
    end: int | None


class CutElementError(Exception):
    """The file, or what holds an element, ends within it; or what stands there is none."""


def element_at(reader: ByteReader, position: int) -> EbmlElement | None:
    """Return the element at a position, None for what can't begin one.

    Raises CutElementError at the end of the file, ShrunkError and OSError as its reader does.
    """
    raw = reader.upto(position, _ID_BYTES + _SIZE_BYTES)
    id_length = _length(raw[:1])
    if not 0 < id_length <= _ID_BYTES:
        return None
    length = _length(raw[id_length : id_length + 1])
    if length == 0 and len(raw) > id_length:
        return None
    head = id_length + length
    if not length or len(raw) < head:
        raise CutElementError
    bits = 7 * length
    size = int.from_bytes(raw[id_length:head], "big") & ((1 << bits) - 1)
    unknown = size == (1 << bits) - 1
    payload = position + head
    return EbmlElement(int.from_bytes(raw[:id_length], "big"), payload, None if unknown else payload + size)


def elements_in(reader: ByteReader, begin: int, end: int) -> Iterator[EbmlElement]:
    """Yield the elements of a range one after another, up to the first that has no size.

    Raises CutElementError where something else stands, or an element that doesn't fit in, and as `element_at`.
    """
    position = begin
    while position < end:
        element = element_at(reader, position)
        if element is None or (element.end is not None and element.end > end):
            raise CutElementError
        yield element
        if element.end is None:
            return
        position = element.end


def _length(first: bytes) -> int:
    """Return how many bytes a number has by its first one (RFC 8794, 4.1): 1 to 8, 0 for none."""
    return 9 - first[0].bit_length() if first and first[0] else 0
