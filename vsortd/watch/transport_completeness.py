"""Whether an MPEG transport stream ends with whole packets (ISO/IEC 13818-1, 2.4.3).

Such a stream is made to be joined at any moment and says nowhere how long it is. A file that is cut between two packets
is as whole as any other, so it always has to stay quiet for longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.containers import HEAD_BYTES, TS_SYNC, ts_packet
from vsortd.core.units import missing_at_end
from vsortd.watch.container_scan import ContainerScan, complete, incomplete

if TYPE_CHECKING:
    from vsortd.core.byte_reader import ByteReader

_PACKET_BYTES: Final = 188  # without the time that AVCHD writes before it
_LONG_PACKET_BYTES: Final = 204  # with the bytes behind it that mend errors
_LAST_PACKETS: Final = 8
# A preallocated file has zeros where the download has not come yet; so many places are looked at.
_LOOKS: Final = 64
_LOOK_BYTES: Final = 1024


def scan_transport(reader: ByteReader) -> ContainerScan:
    """Look at the packets of a file that begins with some. Raises ShrunkError and OSError as its reader does."""
    packet = ts_packet(reader.upto(0, HEAD_BYTES))
    if packet is None:
        return incomplete("it has too few packets to tell")
    length, first = packet
    after_sync = _LONG_PACKET_BYTES if length == _LONG_PACKET_BYTES else _PACKET_BYTES
    over = (reader.size_bytes - first - after_sync) % length
    in_step = _syncs_at_end(reader, length, after_sync)
    if not in_step and not any(reader.upto(max(0, reader.size_bytes - _LOOK_BYTES), _LOOK_BYTES)):
        return incomplete("it ends in zeros: room set aside, not yet written")
    if not in_step and over:
        return incomplete(f"{missing_at_end(length - over)} (of a packet)")
    if not in_step:
        return incomplete("it does not end with packets")
    hole = _hole(reader)
    if hole is not None:
        return incomplete(f"nothing but zeros stands at byte {hole}: room set aside, not yet written")
    return complete("a transport stream doesn't say where it ends, so it may go on")


def _syncs_at_end(reader: ByteReader, length: int, after_sync: int) -> bool:
    """Tell whether the file ends with whole packets, by the step that they have at its end: recordings slip."""
    places = [reader.size_bytes - after_sync - number * length for number in range(_LAST_PACKETS)]
    return all(reader.at(place, 1)[0] == TS_SYNC for place in places if place >= 0)


def _hole(reader: ByteReader) -> int | None:
    """Return a place where nothing but zeros stands, None if none of those that are looked at is such a one."""
    step = max(_LOOK_BYTES, reader.size_bytes // _LOOKS)
    for place in range(0, reader.size_bytes - _LOOK_BYTES, step):
        if not any(reader.at(place, _LOOK_BYTES)):
            return place
    return None
