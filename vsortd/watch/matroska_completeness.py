"""Whether the elements of a Matroska or WebM file add up to its size (RFC 8794, RFC 9559).

A segment with a size says to the byte how far the file reaches. One without, as programs write it while they record and
browsers for good, ends where the file does: then only its elements are added up, and the file has to stay quiet for
longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vsortd.core.ebml import CutElementError, EbmlElement, element_at
from vsortd.core.units import about_size, missing_at_end
from vsortd.watch.container_scan import ContainerScan, complete, incomplete

if TYPE_CHECKING:
    from vsortd.core.byte_reader import ByteReader

MAX_ELEMENTS: Final = 100_000
"""So many are walked, from the beginning and once more from the last cluster. A cluster lasts for seconds."""

_EBML, _SEGMENT, _TRACKS, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0x1F43B675
_FILLERS: Final = frozenset({0xEC, 0xBF})  # Void, CRC-32
_NAMES: Final = {
    _EBML: "EBML header",
    _SEGMENT: "Segment",
    _TRACKS: "Tracks",
    _CLUSTER: "Cluster",
    0x114D9B74: "SeekHead",
    0x1549A966: "Info",
    0x1C53BB6B: "Cues",
    0x1941A469: "Attachments",
    0x1254C367: "Tags",
    0x1043A770: "Chapters",
    0xA0: "BlockGroup",
    0xA3: "SimpleBlock",
    0xEC: "Void",
}
_CLUSTER_BYTES: Final = _CLUSTER.to_bytes(4, "big")
# The last cluster is looked for so far from the end: browsers make one every few seconds.
_TAIL_BYTES: Final = 1 << 23


@dataclass(slots=True)
class _Seen:
    """What the walk has met so far."""

    left: int = MAX_ELEMENTS
    resumed: bool = False  # the walk has gone on from the last cluster
    tracks: bool = False
    clusters: bool = False
    segments: int = 0
    doubts: list[str] = field(default_factory=list)


def scan_matroska(reader: ByteReader) -> ContainerScan:
    """Walk the elements of a file that begins as EBML. Raises ShrunkError and OSError as its reader does."""
    seen = _Seen()
    position = 0
    try:
        while position < reader.size_bytes and seen.left:
            seen.left -= 1
            element = _top_element(reader, position, seen)
            if element is None:
                return _conclude(seen, _behind(reader, position)) if seen.segments else _nothing_fits(reader, position)
            verdict = _refuse_end(reader, element, reader.size_bytes)
            if verdict is None and element.kind == _SEGMENT:
                seen.segments += 1
                verdict = _walk(reader, element, seen)
            if verdict is not None:
                return verdict
            position = reader.size_bytes if element.end is None else element.end
    except CutElementError:
        return incomplete("it ends within the head of an element")
    return _conclude(seen)


def _top_element(reader: ByteReader, position: int, seen: _Seen) -> EbmlElement | None:
    """Return the element at the top level, None for none of those that may stand there; behind a segment a cut one."""
    try:
        element = element_at(reader, position)
    except CutElementError:
        if seen.segments:
            return None
        raise
    return element if element is not None and element.kind in {_EBML, _SEGMENT, *_FILLERS} else None


def _walk(reader: ByteReader, segment: EbmlElement, seen: _Seen) -> ContainerScan | None:
    """Walk what a segment holds; a cluster without a size is entered, and its blocks are walked in the same way."""
    end = segment.end
    if end is None:
        seen.doubts.append("its segment has no size of its own, so it may go on")
        end = reader.size_bytes
    position = segment.payload
    while position < end:
        if not seen.left:
            last = -1 if seen.resumed else _last_cluster(reader, end)
            if last <= position:
                seen.doubts.append("only its first elements were added up")
                return None
            position, seen.resumed, seen.left = last, True, MAX_ELEMENTS
        seen.left -= 1
        element = element_at(reader, position)
        if element is None:
            return _nothing_fits(reader, position)
        verdict = _refuse_end(reader, element, end)
        if verdict is not None:
            return verdict
        seen.tracks = seen.tracks or element.kind == _TRACKS
        seen.clusters = seen.clusters or (element.kind == _CLUSTER and element.end != element.payload)
        position = element.payload if element.end is None else element.end
    return None


def _refuse_end(reader: ByteReader, element: EbmlElement, end: int) -> ContainerScan | None:
    """Refuse an element that reaches beyond what holds it, or has no size though it needs one."""
    name = _NAMES.get(element.kind, f"0x{element.kind:X}")
    if element.end is None:
        return None if element.kind in {_SEGMENT, _CLUSTER} else incomplete(f"the size of its {name} is missing")
    if element.end > reader.size_bytes:
        return incomplete(f"{missing_at_end(element.end - reader.size_bytes)} (in its {name})")
    if element.end > end:
        return incomplete(f"its {name} is longer than the segment that holds it")
    return None


def _conclude(seen: _Seen, *doubts: str) -> ContainerScan:
    """Judge a file whose elements add up by what they are."""
    if not seen.segments:
        return incomplete("it has only the header of a file, no segment")
    if not seen.tracks:
        return incomplete("its list of tracks is missing")
    if not seen.clusters:
        return incomplete("it has a header, but no media data (Cluster)")
    return complete(*seen.doubts, *doubts)


def _behind(reader: ByteReader, position: int) -> str:
    return f"{about_size(reader.size_bytes - position)} lie behind its end"


def _nothing_fits(reader: ByteReader, position: int) -> ContainerScan:
    if not any(reader.upto(position, 64)):
        return incomplete(f"only zeros follow from byte {position} on: room set aside, not yet written")
    return incomplete(f"after byte {position} nothing fits")


def _last_cluster(reader: ByteReader, end: int) -> int:
    """Return where the last cluster begins that can be found near the end, -1 without one."""
    begin = max(0, end - _TAIL_BYTES)
    place = reader.read(begin, end - begin).rfind(_CLUSTER_BYTES)
    return begin + place if place >= 0 else -1
