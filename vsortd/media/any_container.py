"""Opening any file whose first bytes say what it is: the demuxer is named by them, libav guesses nothing.

Runs in the worker processes. As in `container`, the file is handed to libav as an object, so it reaches nothing but its
own bytes. MP4 and MOV are opened by `container`, and are refused for what they are refused for there.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from vsortd.core.containers import HEAD_BYTES, container_of
from vsortd.core.units import missing_at_end
from vsortd.errors import BrokenError, IncompleteError
from vsortd.media.boxes import NO_BOXES, read_layout
from vsortd.media.container import OpenVideo, open_movie, opened
from vsortd.media.given_files import GIVEN_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.container import InputContainer

KINDS_READ: Final = (
    "MP4, MOV, 3GP, Matroska, WebM, AVI, MPEG-TS, MPEG-PS, FLV, ASF/WMV, Ogg, MXF, "
    "FLAC, MP3, AAC, AC-3, WAV, AIFF, CAF, AMR, JPEG, PNG, GIF, still WebP, TIFF, BMP, HEIF and AVIF"
)
"""What is read here, for people."""
STILL_DEMUXERS: Final = frozenset(
    {"jpeg_pipe", "png_pipe", "apng", "gif", "webp_pipe", "tiff_pipe", "bmp_pipe", "heif"}
)
"""Those of pictures; some of them may move."""

# By what a file begins with, and where; the longer ones first.
_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (0, b"#!AMR", "amr"),
    (0, b"OggS", "ogg"),
    (0, b"\x06\x0e\x2b\x34", "mxf"),
    (0, b"fLaC", "flac"),
    (0, b"caff", "caf"),
    (0, b"GIF8", "gif"),
    (0, b"II*\0", "tiff_pipe"),
    (0, b"MM\0*", "tiff_pipe"),
    (0, b"\0\0\x01\xb3", "mpegvideo"),
    (0, b"\xff\xd8\xff", "jpeg_pipe"),
    (0, b"\x0b\x77", "ac3"),
)
# Containers that begin alike and say four bytes later what is in them.
_FORMS: Final = {
    (b"RIFF", b"WAVE"): "wav",
    (b"RF64", b"WAVE"): "wav",
    (b"RIFF", b"WEBP"): "webp_pipe",
    (b"FORM", b"AIFF"): "aiff",
    (b"FORM", b"AIFC"): "aiff",
}
# Brands of pictures in ISO boxes (ISO/IEC 23008-12, AV1 image format); those of sequences have a header as films do.
_STILL_BRANDS: Final = frozenset({"heic", "heix", "heim", "heis", "mif1", "avif"})


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file, the demuxer that its first bytes named, and of boxes the brand."""

    demuxer: str
    video: OpenVideo  # of other kinds than MP4 and MOV its boxes say nothing
    brand: str = ""

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        return self.video.size_bytes

    @property
    def container(self) -> InputContainer:
        """Libav's view of it."""
        return self.video.container

    @property
    def encrypted(self) -> Mapping[int, str]:
        """The encrypted streams, by their ids, with their schemes."""
        return self.video.layout.encrypted


@contextmanager
def open_any(path: str) -> Iterator[OpenFile]:
    """Open a file that came with the request (`path`: absolute, surrogate-escaped) and close it afterwards.

    Raises ChangedError if it is gone, BrokenError if it can't be read or is of no kind that is read here,
    IncompleteError if it is empty, or an MP4 or MOV that ends too early.
    """
    with GIVEN_FILES.open(path) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        demuxer = demuxer_of(file)
        if not size_bytes:
            raise IncompleteError("the file is empty")
        if demuxer is None:
            raise BrokenError(f"its first bytes are of no kind that is read here ({KINDS_READ})")
        brand = _still_brand(file, size_bytes) if demuxer == "mov" else ""
    with ExitStack() as stack:
        if demuxer == "mov" and not brand:
            video = stack.enter_context(open_movie(path))
            yield OpenFile(demuxer, video, video.layout.brand)
            return
        file = stack.enter_context(GIVEN_FILES.open(path))
        container = stack.enter_context(opened(file, demuxer))
        yield OpenFile(
            "heif" if brand else demuxer, OpenVideo(file, size_bytes, (), NO_BOXES, container, demuxer), brand
        )


def demuxer_of(file: BinaryIO) -> str | None:
    """Return the demuxer that a file's first bytes name, None if they are of no kind that is read here.

    The file's position is then anywhere.
    """
    head = _read(file, 0)
    container = container_of(head)
    if container is not None:
        return container.demuxer
    if head[:3] == b"ID3":  # of its length four bytes tell seven bits each (ID3v2, 3.1)
        length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
        return _of_bytes(_read(file, 10 + length)) or "mp3"
    found = _of_bytes(head)
    return "apng" if found == "png_pipe" and b"acTL" in head else found


def _read(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(HEAD_BYTES)


def _of_bytes(head: bytes) -> str | None:
    for place, magic, demuxer in _SIGNATURES:
        if head[place : place + len(magic)] == magic:
            return demuxer
    form = _FORMS.get((head[:4], head[8:12]))
    if form is not None:
        return None if form == "webp_pipe" and _moves(head) else form
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # two reserved fields of zeros
        return "bmp_pipe"
    return _of_sound_frame(head)


def _moves(head: bytes) -> bool:
    """Tell whether a WebP says that it moves (RFC 9649, 2.7.1.1); FFmpeg reads nothing of one that does."""
    return head[12:16] == b"VP8X" and bool(int.from_bytes(head[20:21], "big") & 2)


def _of_sound_frame(head: bytes) -> str | None:
    """Recognise a frame's header of AAC (ADTS, layer 0) or of MP3 and MP2 (layers 1 and 2 of the field)."""
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - eleven bits of one
        return None
    layer, bitrate, rate = head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if layer == 0 and head[1] & 0xF0 == 0xF0:  # noqa: PLR2004 - twelve bits of one
        return "aac"
    known = layer in {1, 2} and bitrate not in {0, 15} and rate != 3  # noqa: PLR2004 - 3 is reserved
    return "mp3" if known else None


def _still_brand(file: BinaryIO, size_bytes: int) -> str:
    """Return the brand of a picture in ISO boxes, "" for a film. Raises IncompleteError if it ends too early."""
    layout = read_layout(file, size_bytes)
    if layout.has_moov or layout.brand not in _STILL_BRANDS:
        return ""
    if layout.missing_bytes:
        raise IncompleteError(missing_at_end(layout.missing_bytes))
    return layout.brand
