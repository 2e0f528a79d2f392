"""The top-level box scan: whether the boxes of an MP4 or MOV add up to its size (ISO 14496-12, 4.2).

Nothing is decoded and next to nothing is read: one page per box, a few pages in all for most files. What the
scan can't see is left to decoding near the end: a hole inside `mdat`, and a file cut exactly between two
boxes after all that a player needs. Where there is room for such doubt, `BoxScan.doubt` says so, and the file
has to stay quiet for longer.
"""

from __future__ import annotations

import os
import struct
import sys
from dataclasses import dataclass, field
from enum import Enum

# A fragmented recording has two to four boxes a second or so: seven hours at most. A hostile file of 8-byte
# boxes reaches this many in about 0.1 s.
MAX_BOXES = 100_000
# A `sidx` lists up to 65,535 segments; so many segments of a file are added up, in all.
MAX_SEGMENTS = 200_000
_WINDOW_BYTES = 4096
# Padding after the last box is looked through so far, at both of its ends.
_PADDING_BYTES = 1 << 20
_HEADER_BYTES = 8
_LARGE_HEADER_BYTES = 16
_SIDX_REFERENCE_BYTES = 12
# A box's size of 4 zero bytes: what QuickTime writers put after the last atom.
_TERMINATOR_BYTES = 4

# What real files begin with. QuickTime's old ones have no `ftyp`; the media or filler may come first.
_FIRST_KINDS = frozenset(
    {
        b"ftyp",
        b"styp",
        b"moov",
        b"mdat",
        b"moof",
        b"sidx",
        b"free",
        b"skip",
        b"wide",
        b"junk",
        b"pnot",
        b"PICT",
        b"udta",
        b"uuid",
        b"meta",
        b"pdin",
        b"prft",
        b"emsg",
    }
)
# Insta360 cameras append data of their own that is no box; the file then ends in this (ExifTool,
# QuickTimeStream).
_TRAILER_END = b"8db42d694ccc418790edff439fe026bf"
# After one of these a fragment must follow; a file that ends here was cut between two boxes.
_ANNOUNCING_KINDS = frozenset({b"styp", b"prft", b"moof"})
# What else people give the name of a video, by the first bytes.
_OTHER_KINDS = (
    (b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
    (b"RIFF", "an AVI or WAV file"),
    (b"#EXTM3U", "a playlist"),
    (b"FLV\x01", "a Flash video"),
    (b"\x00\x00\x01\xba", "an MPEG programme stream"),
    (b"G@", "an MPEG transport stream"),
    (b"0&\xb2u", "a Windows Media file"),
    (b"ffconcat", "a concat script"),
    (b"<", "a web page"),
    (b"PK\x03\x04", "a zip file"),
)


class BoxState(Enum):
    """What the top-level boxes say about a file."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"  # cut off, or not yet written to its end
    NOT_MP4 = "not mp4"  # neither MP4 nor MOV, whatever is appended


@dataclass(frozen=True, slots=True)
class BoxScan:
    """The result: `reason` is a sentence unless COMPLETE; `doubt` what COMPLETE can't vouch for, or ""."""

    state: BoxState
    reason: str = ""
    doubt: str = ""


@dataclass(slots=True)
class _Seen:
    """What the walk has met so far."""

    boxes: int = 0
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


class _Shrunk(Exception):  # noqa: N818 - a signal within this module
    """The file got shorter while it was read."""


def scan_boxes(descriptor: int, size_bytes: int) -> BoxScan:
    """Walk the top-level boxes of an open file of `size_bytes`.

    Reads at most one page a box, at most `MAX_BOXES` boxes. Raises OSError when the file can't be read.
    """
    if not size_bytes:
        return BoxScan(BoxState.INCOMPLETE, "the file is empty")
    reader = _Reader(descriptor, size_bytes)
    try:
        head = reader.at(0, min(size_bytes, _LARGE_HEADER_BYTES))
        refusal = _refuse_head(head)
        if refusal is not None:
            return refusal
        seen = _Seen()
        verdict = _walk(reader, seen)
    except _Shrunk:
        return BoxScan(BoxState.INCOMPLETE, "the file became shorter while it was looked at")
    if verdict is not None:
        return verdict
    return _conclude(reader, seen)


def _refuse_head(head: bytes) -> BoxScan | None:
    if len(head) < _HEADER_BYTES:
        return BoxScan(BoxState.INCOMPLETE, f"the file has only {len(head)} bytes")
    if not any(head):
        return BoxScan(BoxState.INCOMPLETE, "the file begins with zeros: room set aside, not yet written")
    if head[4:8] in _FIRST_KINDS:
        return None
    for beginning, what in _OTHER_KINDS:
        if head.startswith(beginning):
            return BoxScan(BoxState.NOT_MP4, f"the file is neither MP4 nor MOV but looks like {what}")
    return BoxScan(BoxState.NOT_MP4, "the file is neither MP4 nor MOV")


def _walk(reader: _Reader, seen: _Seen) -> BoxScan | None:
    """Walk to the end of the file; return a verdict if it shows on the way, None if the boxes add up."""
    position, end = 0, reader.size_bytes
    while position < end:
        seen.boxes += 1
        if seen.boxes > MAX_BOXES:
            if not seen.playable:
                return BoxScan(BoxState.NOT_MP4, f"the first {MAX_BOXES} boxes hold no video")
            seen.doubts.append(f"only the first {MAX_BOXES} boxes were added up")
            return None
        header = reader.at(position, min(_LARGE_HEADER_BYTES, end - position))
        size, payload, kind = _parse_header(header)
        # reaches to the end of the file, whatever its size is; a 64-bit size of zero is one that is not yet written
        if size == 0 and payload == _HEADER_BYTES and any(kind):
            seen.doubts.append(f"its last box ({_show(kind)}) has no size of its own")
            size = end - position
        if size < payload:
            return _tail(reader, seen, position)
        if position + size > end:
            if not _is_kind(kind) or (seen.playable and reader.ends_with(_TRAILER_END)):
                return _tail(reader, seen, position)
            missing = position + size - end
            return BoxScan(BoxState.INCOMPLETE, f"{missing} bytes are missing at its end (in box {_show(kind)})")
        _note(reader, seen, kind, (position + payload, position + size))
        position += size
    return None


def _parse_header(header: bytes) -> tuple[int, int, bytes]:
    """Return a box's size, its header's size, and its kind; a size of -1 for what can't be a header."""
    if len(header) < _HEADER_BYTES:
        return -1, _HEADER_BYTES, b""
    size, kind = struct.unpack_from(">I4s", header)
    if size != 1:
        return size, _HEADER_BYTES, kind
    if len(header) < _LARGE_HEADER_BYTES:
        return -1, _LARGE_HEADER_BYTES, b""
    return int.from_bytes(header[8:16], "big"), _LARGE_HEADER_BYTES, kind


def _note(reader: _Reader, seen: _Seen, kind: bytes, payload: tuple[int, int]) -> None:
    """Note a whole box; `payload` is where its payload starts and ends in the file."""
    start, end = payload
    if kind == b"moov":
        seen.moov = True
    elif kind == b"mdat":
        seen.media = seen.media or end > start
    elif kind == b"moof":
        seen.fragments = True
    elif kind == b"sidx":
        _add_index(reader, seen, start, end)
    seen.last_kind = kind


def _add_index(reader: _Reader, seen: _Seen, start: int, end: int) -> None:
    """Note up to where a segment index (ISO 14496-12, 8.16.3) says that the file reaches."""
    head = reader.at(start, min(32, end - start))
    long = len(head) > 0 and head[0] == 1
    list_at = 32 if long else 24
    if len(head) < list_at:
        return
    first_offset = int.from_bytes(head[20:28] if long else head[16:20], "big")
    count = int.from_bytes(head[list_at - 2 : list_at], "big")
    seen.segments += count
    if start + list_at + count * _SIDX_REFERENCE_BYTES > end or seen.segments > MAX_SEGMENTS:
        return
    fields = struct.unpack(f">{count * 3}I", reader.at(start + list_at, count * _SIDX_REFERENCE_BYTES))
    length = sum(reference & 0x7FFFFFFF for reference in fields[::3])
    seen.indexed_end = max(seen.indexed_end, end + first_offset + length)


def _tail(reader: _Reader, seen: _Seen, position: int) -> BoxScan | None:
    """Judge bytes that are no box: padding of a whole file, or the sign of an unfinished one.

    A file that was cut off ends in a part of a genuine box, so what can't begin a box was appended to a whole
    file. Zeros may be room set aside for fragments still to come, and less than a header may be the beginning
    of one.
    """
    left = reader.size_bytes - position
    if not seen.playable:
        what = "without its index (moov)" if not seen.moov else "without media data (mdat)"
        return BoxScan(BoxState.INCOMPLETE, f"after byte {position} nothing fits, and it is still {what}")
    zeros = reader.only_zeros(position)
    if left < _HEADER_BYTES and not (zeros and left >= _TERMINATOR_BYTES and not seen.fragments):
        return BoxScan(BoxState.INCOMPLETE, f"it ends within the header of a box ({left} bytes of it)")
    if zeros and seen.fragments:
        return BoxScan(BoxState.INCOMPLETE, f"only zeros follow its last fragment, from byte {position} on")
    header = reader.at(position, min(left, _LARGE_HEADER_BYTES))
    # a 64-bit size that is cut off, or still zero
    if header.startswith(b"\x00\x00\x00\x01") and (left < _LARGE_HEADER_BYTES or not any(header[8:])):
        return BoxScan(BoxState.INCOMPLETE, f"it ends within the header of a box ({left} bytes of it)")
    return None


def _conclude(reader: _Reader, seen: _Seen) -> BoxScan:
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
    elif seen.indexed_end > reader.size_bytes:
        missing = seen.indexed_end - reader.size_bytes
        reason = f"{missing} bytes are missing at its end, by its own index of segments"
    if reason:
        return BoxScan(BoxState.INCOMPLETE, reason)
    hole = reader.first_hole()
    if hole is not None:
        seen.doubts.append(f"nothing was ever written at byte {hole}")
    return BoxScan(BoxState.COMPLETE, doubt="; ".join(seen.doubts))


def _is_kind(kind: bytes) -> bool:
    """Tell whether four bytes can name a box: printable ASCII, or Apple's (c) sign."""
    return all(32 <= byte < 127 or byte == 0xA9 for byte in kind)  # noqa: PLR2004 - printable ASCII


def _show(kind: bytes) -> str:
    return kind.decode("ascii") if kind.isascii() and kind.decode("ascii").isprintable() else repr(kind)[2:-1]


class _Reader:
    """Reads single places of a file through a small window."""

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._descriptor = descriptor
        self._start = 0
        self._window = b""

    def at(self, position: int, length: int) -> bytes:
        """Return exactly `length` bytes, all of them before the end. Raises _Shrunk when they are gone."""
        offset = position - self._start
        if offset < 0 or offset + length > len(self._window):
            self._window = self._read(position, max(length, _WINDOW_BYTES))
            self._start, offset = position, 0
        data = self._window[offset : offset + length]
        if len(data) < length:
            raise _Shrunk
        return data

    def only_zeros(self, position: int) -> bool:
        """Tell whether nothing but zeros follows, as far as both ends of the rest show."""
        begin = self._read(position, min(_PADDING_BYTES, self.size_bytes - position))
        end = self._read(max(position, self.size_bytes - _PADDING_BYTES), _PADDING_BYTES)
        return not any(begin) and not any(end)

    def ends_with(self, ending: bytes) -> bool:
        """Tell whether the file's last bytes are these."""
        return self._read(max(0, self.size_bytes - len(ending)), len(ending)) == ending

    def first_hole(self) -> int | None:
        """Return where a sparse file has its first hole (never written, or set aside), None without one."""
        seek_hole = getattr(os, "SEEK_HOLE", None)
        if seek_hole is None:
            return None
        try:
            position = os.lseek(self._descriptor, 0, seek_hole)
        except OSError:  # this filesystem doesn't say
            return None
        return position if position < self.size_bytes else None

    def _read(self, position: int, length: int) -> bytes:
        if sys.platform != "win32":
            return os.pread(self._descriptor, length, position)
        os.lseek(self._descriptor, position, os.SEEK_SET)
        return os.read(self._descriptor, length)
