"""What a video file is called in HTTP, by its first bytes alone: a stranger's name promises nothing.

Only videos have a type here. What begins like a page, a script or a picture has none, whatever it is called, so that no
browser is ever handed something that it would run.
"""

from __future__ import annotations

from typing import Final

from vsortd.core.byte_reader import ByteReader, ShrunkError
from vsortd.core.containers import (
    AVI,
    FLASH,
    HEAD_BYTES,
    ISO,
    MATROSKA,
    PROGRAM_STREAM,
    TRANSPORT_STREAM,
    WINDOWS_MEDIA,
    container_of,
)
from vsortd.core.ebml import CutElementError, element_at, elements_in

MP4: Final = "video/mp4"
QUICKTIME: Final = "video/quicktime"
WEBM: Final = "video/webm"
MATROSKA_TYPE: Final = "video/x-matroska"

_TYPES: Final = {
    AVI: "video/x-msvideo",
    TRANSPORT_STREAM: "video/mp2t",
    PROGRAM_STREAM: "video/mpeg",
    FLASH: "video/x-flv",
    WINDOWS_MEDIA: "video/x-ms-wmv",
}
_DOC_TYPE: Final = 0x4282  # the element of an EBML header that says what the file is (RFC 8794, 11.2.4)
_FTYP: Final = b"ftyp"
# The sizes of a box that say something else: up to the end of the file, and 64 bits that follow.
_SIZES_APART: Final = frozenset({0, 1})
_BOX_HEADER_BYTES: Final = 8
# Brands of pictures in boxes (ISO/IEC 23008-12, and AVIF).
_PICTURE_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
)


def media_type_of(descriptor: int, size_bytes: int) -> str | None:
    """Return the media type of an open video file, None for what is no video of a container that is sorted.

    Raises OSError where it can't be read.
    """
    reader = ByteReader(descriptor, size_bytes)
    try:
        head = reader.upto(0, HEAD_BYTES)
    except ShrunkError:
        return None
    container = container_of(head)
    if container is None:
        return None
    if container == ISO:
        return _of_boxes(head, size_bytes)
    if container == MATROSKA:
        return WEBM if _doc_type(reader) == b"webm" else MATROSKA_TYPE
    return _TYPES[container]


def _of_boxes(head: bytes, size_bytes: int) -> str | None:
    """Tell MP4 from QuickTime by the brand, which old QuickTime files lack; text may look like a box of some GB."""
    claimed = int.from_bytes(head[:4], "big")
    if claimed not in _SIZES_APART and not _BOX_HEADER_BYTES <= claimed <= size_bytes:
        return None
    if head[4:8] != _FTYP:
        return QUICKTIME
    brand = head[8:12]
    if brand in _PICTURE_BRANDS:
        return None
    return QUICKTIME if brand == b"qt  " else MP4


def _doc_type(reader: ByteReader) -> bytes:
    try:
        header = element_at(reader, 0)
        if header is None or header.end is None:
            return b""
        for element in elements_in(reader, header.payload, header.end):
            if element.kind == _DOC_TYPE and element.end is not None:
                return reader.upto(element.payload, min(16, element.end - element.payload)).rstrip(b"\0")
    except (CutElementError, ShrunkError):
        return b""
    return b""
