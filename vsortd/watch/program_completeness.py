"""Whether an MPEG programme stream ends with a whole packet, or with the code that ends it (ISO/IEC 13818-1, 2.5).

It says nowhere how long it is, but each packet says how long it is itself. Without the code at its end, which few
programs write, a file that is cut between two packets is as whole as any other, and has to stay quiet for longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.units import missing_at_end
from vsortd.watch.container_scan import ContainerScan, complete, incomplete

if TYPE_CHECKING:
    from vsortd.core.byte_reader import ByteReader

_START, _PACK, _END = b"\0\0\x01", b"\0\0\x01\xba", b"\0\0\x01\xb9"
_SYSTEM_BYTES: Final = 4
_LENGTH_BYTES: Final = 6  # a packet's start code and its length
_FIRST_PACKET_CODE: Final = 0xBB  # below it: codes of what is in the packets, of packs and the end
# Packs may lie 0.7 s apart (2.5.2.2).
_TAIL_BYTES: Final = 1 << 20
_MAX_PACKS_TRIED: Final = 8
_MAX_PACKETS: Final = 10_000  # of each pack that is tried; real ones have a kilobyte or two
_FIRST_CODES: Final = 64
# Encoders fill frames up with zeros, but not the last one by so many bytes.
_ZEROS_AT_END: Final = 512
_LOOKS: Final = 64
_LOOK_BYTES: Final = 4096


def scan_program(reader: ByteReader) -> ContainerScan:
    """Look at the packets of a file that begins with a pack. Raises ShrunkError and OSError as its reader does."""
    begin = max(0, reader.size_bytes - _TAIL_BYTES)
    tail = reader.read(begin, reader.size_bytes - begin)
    written = tail.rstrip(b"\0")
    if not written or (len(tail) - len(written) >= _ZEROS_AT_END and not written.endswith(_END)):
        return incomplete("it ends in zeros: room set aside, not yet written")
    if begin == 0 and not _has_media(tail):
        return incomplete("it has the head of a pack, but no media data")
    hole = _hole(reader)
    if hole is not None:
        return incomplete(f"nothing but zeros stands at byte {hole}: room set aside, not yet written")
    if written.endswith(_END):
        return complete()
    return _judge_tail(tail)


def _judge_tail(tail: bytes) -> ContainerScan:
    """Judge the end of a file by the last pack from which packets lead to it."""
    place, verdict = len(tail), incomplete("it does not end with packets")
    for _ in range(_MAX_PACKS_TRIED):
        place = tail.rfind(_PACK, 0, place)
        if place < 0:
            return verdict
        end = _end_of_packets(tail, place)
        if end is None:  # no pack, but bytes that look like the head of one
            continue
        if end <= len(tail):
            return complete("it has no code that ends it, so it may go on")
        return incomplete(f"{missing_at_end(end - len(tail))} (of a packet)")
    return verdict


def _end_of_packets(tail: bytes, position: int) -> int | None:
    """Return where the packets end that follow a pack, beyond the tail if the last is cut; None for what is none.

    Only zeros may stand behind the last one.
    """
    for _ in range(_MAX_PACKETS):
        if position >= len(tail):
            return position
        if tail[position : position + 3] != _START[: len(tail) - position]:
            return None if tail[position:].strip(b"\0") else len(tail)
        length = _packet_length(tail, position)
        if length is None:
            return None
        position += length
    return None


def _packet_length(tail: bytes, position: int) -> int | None:
    """Return the length of a pack's head or of a packet, at least what is needed to tell; None for another code."""
    head = tail[position : position + 14]
    if len(head) < _SYSTEM_BYTES:
        return _LENGTH_BYTES
    if head.startswith(_END):
        return _SYSTEM_BYTES
    if head.startswith(_PACK):
        return _pack_length(head)
    if head[3] < _FIRST_PACKET_CODE:
        return None
    return _LENGTH_BYTES + int.from_bytes(head[4:6], "big") if len(head) >= _LENGTH_BYTES else _LENGTH_BYTES


def _pack_length(head: bytes) -> int | None:
    """Return the length of a pack's head: of MPEG-2 (marked 01) with what pads it, or of MPEG-1 (marked 0010)."""
    if len(head) < 14:  # noqa: PLR2004 - the longer head
        mpeg1 = len(head) > 4 and head[4] >> 4 == 2  # noqa: PLR2004 - its mark
        return 12 if mpeg1 else 14
    if head[4] >> 6 == 1:
        return 14 + (head[13] & 7)
    return 12 if head[4] >> 4 == 2 else None  # noqa: PLR2004 - MPEG-1's mark


def _has_media(tail: bytes) -> bool:
    """Tell whether one of the first packets carries pictures or sound."""
    place = 0
    for _ in range(_FIRST_CODES):
        place = tail.find(_START, place)
        if place < 0 or place + 3 >= len(tail):
            return False
        if tail[place + 3] == 0xBD or 0xC0 <= tail[place + 3] <= 0xEF:  # noqa: PLR2004 - private, sound, pictures
            return True
        place += 3
    return False


def _hole(reader: ByteReader) -> int | None:
    """Return a place where nothing but zeros stands, None if none of those that are looked at is such a one."""
    step = max(_LOOK_BYTES, reader.size_bytes // _LOOKS)
    for place in range(0, reader.size_bytes - _LOOK_BYTES, step):
        if not any(reader.at(place, _LOOK_BYTES)):
            return place
    return None
