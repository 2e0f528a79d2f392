"""The top-level box scan: whether the boxes of an MP4 or MOV add up to its size (ISO 14496-12, 4.2).

Nothing is decoded and next to nothing is read: one page per box, a few pages in all for most files. Where the boxes
don't add up, the header's tables of samples are read, too: what is left over or missing may be nothing that a sample
needs. What the scan can't see is left to decoding near the end: a hole inside `mdat`, and a file cut exactly between
two boxes after all that a player needs. Where there is room for such doubt, `ContainerScan.doubt` says so, and the file
has to stay quiet for longer.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from vsortd.core.byte_reader import ShrunkError
from vsortd.core.containers import ISO
from vsortd.core.isobmff import FIRST_KINDS, HEADER_BYTES, LARGE_HEADER_BYTES, BoxReader, IsoBox, is_kind
from vsortd.core.sample_tables import has_all_samples
from vsortd.core.units import about_size, missing_at_end
from vsortd.watch.container_scan import ContainerScan, ScanState, looks_like

# A fragmented recording has two to four boxes a second or so: seven hours at most. A hostile file of 8-byte
# boxes reaches this many in about 0.1 s.
MAX_BOXES = 100_000
# A `sidx` lists up to 65,535 segments; so many segments of a file are added up, in all.
MAX_SEGMENTS = 200_000
# Padding after the last box is looked through so far, at both of its ends.
_PADDING_BYTES = 1 << 20
_SIDX_REFERENCE_BYTES = 12
# A box's size of 4 zero bytes: what QuickTime writers put after the last atom.
_TERMINATOR_BYTES = 4

# Insta360 cameras append data of their own that is no box; the file then ends in this (ExifTool,
# QuickTimeStream).
_TRAILER_END = b"8db42d694ccc418790edff439fe026bf"
# After one of these a fragment must follow; a file that ends here was cut between two boxes.
_ANNOUNCING_KINDS = frozenset({b"styp", b"prft", b"moof"})


@dataclass(slots=True)
class _Seen:
    """What the walk has met so far."""

    moov: bool = False
    media: bool = False  # an mdat that isn't empty
    fragments: bool = False
    last_kind: bytes = b""
    segments: int = 0
    indexed_end: int = 0  # up to where the segment indexes say that the file reaches, bytes
    doubts: list[str] = field(default_factory=list)

    @property
    def playable(self) -> bool:
        """Whether all that a player needs has come by."""
        return self.moov and self.media


def scan_boxes(descriptor: int, size_bytes: int) -> ContainerScan:
    """Walk the top-level boxes of an open file of `size_bytes`.

    Reads at most one page a box, at most `MAX_BOXES` boxes, and where these don't add up, the header's tables. Raises
    OSError when the file can't be read.
    """
    if not size_bytes:
        return ContainerScan(ScanState.INCOMPLETE, "the file is empty")
    reader = BoxReader(descriptor, size_bytes, max_boxes=MAX_BOXES)
    try:
        head = reader.at(0, min(size_bytes, LARGE_HEADER_BYTES))
        refusal = _refuse_head(head)
        if refusal is not None:
            return refusal
        seen = _Seen()
        verdict = _walk(reader, seen)
        if verdict is not None and verdict.state is ScanState.INCOMPLETE:
            verdict = _doubted(verdict, BoxReader(descriptor, size_bytes))
    except ShrunkError:
        return ContainerScan(ScanState.INCOMPLETE, "the file became shorter while it was looked at")
    if verdict is not None:
        return verdict
    return _conclude(size_bytes, seen)


def _doubted(verdict: ContainerScan, reader: BoxReader) -> ContainerScan:
    """Let a file pass with doubt that lacks nothing but the end of a box, or has stray bytes behind its last one."""
    if not has_all_samples(reader):
        return verdict
    return ContainerScan(ScanState.COMPLETE, doubt=f"{verdict.reason}, though all its samples are there")


def _refuse_head(head: bytes) -> ContainerScan | None:
    if len(head) < HEADER_BYTES:
        return ContainerScan(ScanState.INCOMPLETE, f"the file has only {about_size(len(head))}")
    if not any(head):
        return ContainerScan(ScanState.INCOMPLETE, "the file begins with zeros: room set aside, not yet written")
    if head[4:8] in FIRST_KINDS:
        return None
    return looks_like(head, ISO)


def _walk(reader: BoxReader, seen: _Seen) -> ContainerScan | None:
    """Walk to the end of the file; return a verdict if it shows on the way, None if the boxes add up."""
    position = 0
    for box in reader.boxes():
        if box.missing:
            if not is_kind(box.kind) or (seen.playable and _ends_with(reader, _TRAILER_END)):
                break
            what = f"{missing_at_end(box.missing)} (in box {_show(box.kind)})"
            return ContainerScan(ScanState.INCOMPLETE, what)
        if box.open_ended:  # reaches to the end of the file, whatever its size is
            seen.doubts.append(f"its last box ({_show(box.kind)}) has no size of its own")
        _note(reader, seen, box)
        position = box.end
    if position == reader.size_bytes:
        return None
    if not reader.exhausted:
        return _tail(reader, seen, position)
    if not seen.playable:
        return ContainerScan(ScanState.OTHER, f"the first {MAX_BOXES} boxes hold no video")
    seen.doubts.append(f"only the first {MAX_BOXES} boxes were added up")
    return None


def _note(reader: BoxReader, seen: _Seen, box: IsoBox) -> None:
    """Note a whole box."""
    if box.kind == b"moov":
        seen.moov = True
    elif box.kind == b"mdat":
        seen.media = seen.media or box.end > box.payload
    elif box.kind == b"moof":
        seen.fragments = True
    elif box.kind == b"sidx":
        _add_index(reader, seen, box)
    seen.last_kind = box.kind


def _add_index(reader: BoxReader, seen: _Seen, box: IsoBox) -> None:
    """Note up to where a segment index (ISO 14496-12, 8.16.3) says that the file reaches."""
    head = reader.payload(box, 32)
    long = len(head) > 0 and head[0] == 1
    list_at = 32 if long else 24
    if len(head) < list_at:
        return
    first_offset = int.from_bytes(head[20:28] if long else head[16:20], "big")
    count = int.from_bytes(head[list_at - 2 : list_at], "big")
    seen.segments += count
    if box.payload + list_at + count * _SIDX_REFERENCE_BYTES > box.end or seen.segments > MAX_SEGMENTS:
        return
    fields = struct.unpack(f">{count * 3}I", reader.payload(box, count * _SIDX_REFERENCE_BYTES, list_at))
    length = sum(reference & 0x7FFFFFFF for reference in fields[::3])
    seen.indexed_end = max(seen.indexed_end, box.end + first_offset + length)


def _tail(reader: BoxReader, seen: _Seen, position: int) -> ContainerScan | None:
    """Judge bytes that are no box: padding of a whole file, or the sign of an unfinished one.

    A file that was cut off ends in a part of a genuine box, so what can't begin a box was appended to a whole
    file. Zeros may be room set aside for fragments still to come, and less than a header may be the beginning
    of one.
    """
    left = reader.size_bytes - position
    if not seen.playable:
        what = "without its index (moov)" if not seen.moov else "without media data (mdat)"
        return ContainerScan(ScanState.INCOMPLETE, f"after byte {position} nothing fits, and it is still {what}")
    zeros = _only_zeros(reader, position)
    if left < HEADER_BYTES and not (zeros and left >= _TERMINATOR_BYTES and not seen.fragments):
        return ContainerScan(ScanState.INCOMPLETE, f"it ends within the header of a box ({about_size(left)} of it)")
    if zeros and seen.fragments:
        return ContainerScan(ScanState.INCOMPLETE, f"only zeros follow its last fragment, from byte {position} on")
    header = reader.at(position, min(left, LARGE_HEADER_BYTES))
    # a 64-bit size that is cut off, or still zero
    if header.startswith(b"\x00\x00\x00\x01") and (left < LARGE_HEADER_BYTES or not any(header[8:])):
        return ContainerScan(ScanState.INCOMPLETE, f"it ends within the header of a box ({about_size(left)} of it)")
    return None


def _conclude(size_bytes: int, seen: _Seen) -> ContainerScan:
    """Judge a file whose boxes add up by what they are."""
    reason = ""
    if not seen.moov and seen.fragments:
        reason = "it is a fragment without the header (moov) it belongs to"
    elif not seen.moov:
        reason = "its index (moov) is missing: recording or copying has not ended"
    elif not seen.media:
        reason = "it has a header, but no media data"
    elif seen.last_kind in _ANNOUNCING_KINDS:
        reason = f"it ends after a box ({_show(seen.last_kind)}) that another must follow"
    elif seen.indexed_end > size_bytes:
        missing = seen.indexed_end - size_bytes
        reason = f"{missing_at_end(missing)}, by its own index of segments"
    if reason:
        return ContainerScan(ScanState.INCOMPLETE, reason)
    return ContainerScan(ScanState.COMPLETE, doubt="; ".join(seen.doubts))


def _show(kind: bytes) -> str:
    return kind.decode("ascii") if kind.isascii() and kind.decode("ascii").isprintable() else repr(kind)[2:-1]


def _only_zeros(reader: BoxReader, position: int) -> bool:
    """Tell whether nothing but zeros follows, as far as both ends of the rest show."""
    begin = reader.read(position, _PADDING_BYTES)
    end = reader.read(max(position, reader.size_bytes - _PADDING_BYTES), _PADDING_BYTES)
    return not any(begin) and not any(end)


def _ends_with(reader: BoxReader, ending: bytes) -> bool:
    """Tell whether the file's last bytes are these."""
    return reader.read(max(0, reader.size_bytes - len(ending)), len(ending)) == ending
