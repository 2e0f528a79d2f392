"""Whether a file is complete, by the structure of its own container; nothing is decoded and little is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from vsortd.core.byte_reader import ByteReader, ShrunkError
from vsortd.core.containers import (
    AVI,
    ENDINGS,
    FLASH,
    HEAD_BYTES,
    ISO,
    MATROSKA,
    PROGRAM_STREAM,
    TRANSPORT_STREAM,
    WINDOWS_MEDIA,
    Container,
    container_of,
)
from vsortd.core.units import about_size
from vsortd.watch.avi_completeness import scan_avi
from vsortd.watch.container_scan import ContainerScan, ScanState, complete, incomplete, looks_like
from vsortd.watch.flash_completeness import scan_flash
from vsortd.watch.iso_completeness import scan_boxes
from vsortd.watch.matroska_completeness import scan_matroska
from vsortd.watch.program_completeness import scan_program
from vsortd.watch.transport_completeness import scan_transport
from vsortd.watch.windows_media_completeness import scan_windows_media

if TYPE_CHECKING:
    from collections.abc import Callable

# A file that is shorter has not even the first bytes of its container; MPEG-TS needs several packets.
_LEAST_BYTES: Final = {TRANSPORT_STREAM.demuxer: HEAD_BYTES}
_LEAST_OF_OTHERS: Final = 16

_SCANS: Final[dict[str, Callable[[ByteReader], ContainerScan]]] = {
    MATROSKA.demuxer: scan_matroska,
    AVI.demuxer: scan_avi,
    TRANSPORT_STREAM.demuxer: scan_transport,
    PROGRAM_STREAM.demuxer: scan_program,
    FLASH.demuxer: scan_flash,
    WINDOWS_MEDIA.demuxer: scan_windows_media,
}


def promised_container(name: str) -> Container | None:
    """Return the container that a file's name promises by its ending, None if it promises none of the table."""
    return ENDINGS.get(name.rpartition(".")[2].lower())


def scan_container(descriptor: int, size_bytes: int, promised: Container | None) -> ContainerScan:
    """Judge an open file of `size_bytes` by its container's structure.

    A file that is not of the `promised` container is OTHER; None promises nothing, so that its first bytes tell. Reads
    a few pages of most files, of any no more than each judge's bounds allow. Raises OSError when it can't be read.
    """
    if not size_bytes:
        return incomplete("the file is empty")
    reader = ByteReader(descriptor, size_bytes)
    try:
        head = reader.upto(0, HEAD_BYTES)
        expected = promised or container_of(head) or ISO
        found = scan_boxes(descriptor, size_bytes) if expected is ISO else _scan(reader, head, expected)
    except ShrunkError:
        return incomplete("the file became shorter while it was looked at")
    hole = _first_hole(descriptor, size_bytes) if found.state is ScanState.COMPLETE else None
    return found if hole is None else complete(found.doubt, f"nothing was ever written at byte {hole}")


def _scan(reader: ByteReader, head: bytes, expected: Container) -> ContainerScan:
    found = container_of(head)
    if found is expected:
        return _SCANS[expected.demuxer](reader)
    if not any(head):
        return incomplete("the file begins with zeros: room set aside, not yet written")
    if found is None and len(head) < _LEAST_BYTES.get(expected.demuxer, _LEAST_OF_OTHERS):
        return incomplete(f"the file has only {about_size(len(head))}")
    return looks_like(head, expected)


def _first_hole(descriptor: int, size_bytes: int) -> int | None:
    """Return where a sparse file has its first hole (never written, or set aside), None without one."""
    seek_hole = getattr(os, "SEEK_HOLE", None)
    if seek_hole is None:
        return None
    try:
        position = os.lseek(descriptor, 0, seek_hole)
    except OSError:  # this filesystem doesn't say
        return None
    return position if position < size_bytes else None
