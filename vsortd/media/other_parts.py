"""What AVI, MPEG-TS and Flash video hold beside what libav reads. Worker processes only.

As with Matroska (`matroska_parts`), what is known to be kept or to be worth nothing is listed, and all else is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.core.byte_reader import ByteReader, ShrunkError
from vsortd.core.containers import (
    AVI,
    FLASH,
    HEAD_BYTES,
    MATROSKA,
    PROGRAM_STREAM,
    TRANSPORT_STREAM,
    TS_SYNC,
    ts_packet,
)
from vsortd.errors import ChangedError
from vsortd.media.matroska_parts import matroska_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

_MAX_PARTS: Final = 5_000_000

# AVI: by the list that holds them ("" is the file); indexes, fillers, and what libav reads.
_KEPT_CHUNKS: Final = {
    b"": {b"AVI ", b"AVIX"},
    b"AVI ": {b"hdrl", b"movi", b"idx1", b"JUNK", b"INFO", b"IDIT", b"ISMP"},
    b"AVIX": {b"movi", b"idx1", b"JUNK"},
    b"hdrl": {b"avih", b"strl", b"odml", b"JUNK", b"INFO", b"IDIT", b"ISMP", b"vprp"},
    b"strl": {b"strh", b"strf", b"strn", b"indx", b"vprp", b"JUNK"},
}
_LISTS: Final = frozenset({b"RIFF", b"LIST"})
_CHUNK_HEAD, _LIST_HEAD = 8, 12

# MPEG-TS: so much of a file is looked through for tables that recur every few seconds at most.
_TS_BYTES: Final = 16 << 20
_TS_PACKET: Final = 188
_TS_BLOCK_PACKETS: Final = 1 << 16
# Tables that say how to receive the file: PAT, CAT, TSDT, NIT, SDT (read apart), TDT, SIT, and null packets.
_TS_TABLES: Final = frozenset({0x00, 0x01, 0x02, 0x10, 0x11, 0x14, 0x1F, 0x1FFF})
_EIT, _SDT = 0x12, 0x11
_SERVICE_DESCRIPTOR: Final = 0x48
_NAMELESS: Final = frozenset({"", "Service01"})  # the latter is ffmpeg's, where nobody named one

# Flash: what players and servers exchange, and the metadata that libav reads.
_SCRIPT_TAG, _TAG_KIND = 18, 0x1F
_KEPT_SCRIPTS: Final = frozenset({b"onMetaData", b"|RtmpSampleAccess", b"onLastSecond"})
_MEDIA_TAGS: Final = frozenset({8, 9})
_FLASH_HEAD, _BACK = 11, 4

# MPEG-PS: start codes; system headers, maps of the stream, padding and directories are no tracks.
_PES_HEAD, _PACK, _END, _FIRST_PES = 6, 0xBA, 0xB9, 0xBB
_NO_TRACKS: Final = frozenset({0xBB, 0xBC, 0xBE, 0xFF})
_START_CODES, _PRIVATE, _NAVIGATION, _FIRST_INNER = 0x100, 0x1BD, 0x1BF, 0x20


def unread_parts(file: BinaryIO, size_bytes: int, demuxer: str, stream_ids: Sequence[int]) -> list[str]:
    """Name what a file of a demuxer holds that would be lost, in words; `stream_ids` are those that libav knows.

    The file's position is where it was. Raises ChangedError if the file got shorter.
    """
    before = file.tell()
    try:
        found = _READERS[demuxer](ByteReader(file, size_bytes), stream_ids) if demuxer in _READERS else [_UNKNOWN]
        return list(dict.fromkeys(found))
    except ShrunkError as error:
        raise ChangedError("the file became shorter while it was looked at") from error
    finally:
        file.seek(before)


_UNKNOWN: Final = "parts that can't be read"


def _avi(reader: ByteReader, _stream_ids: Sequence[int]) -> Iterator[str]:
    pending = [(b"", 0, reader.size_bytes)]
    left = _MAX_PARTS
    while pending:
        parent, position, end = pending.pop()
        while position + _CHUNK_HEAD <= end and left:
            left -= 1
            head = reader.upto(position, _LIST_HEAD)
            size = int.from_bytes(head[4:8], "little")
            name = head[8:12] if head[:4] in _LISTS else head[:4]
            if name not in _KEPT_CHUNKS[parent]:
                yield "what lies behind its end" if not parent else f"AVI chunk {name.decode('latin-1')!a}"
                if not parent:
                    break
            elif name in _KEPT_CHUNKS:
                pending.append((name, position + _LIST_HEAD, min(end, position + _CHUNK_HEAD + size)))
            position += _CHUNK_HEAD + size + size % 2


def _transport_stream(reader: ByteReader, stream_ids: Sequence[int]) -> Iterator[str]:
    layout = ts_packet(reader.read(0, HEAD_BYTES))
    if layout is None:
        yield _UNKNOWN
        return
    tables = _TransportTables(reader.read(0, _TS_BYTES), *layout)
    pids, whole = _pids(reader, *layout)
    if not whole:
        yield _UNKNOWN
    if len(tables.programmes) > 1:
        yield f"{len(tables.programmes)} programmes"
    known = {*_TS_TABLES, *tables.programmes.values(), *stream_ids}
    for pid in sorted(pids - known):
        yield "programme information (EIT)" if pid == _EIT else f"an unknown stream (0x{pid:X})"
    names = [name for name in tables.names if name not in _NAMELESS]
    if names:
        yield f"a channel's name ({', '.join(names)})"


def _pids(reader: ByteReader, length: int, first: int) -> tuple[set[int], bool]:
    """Return the PIDs of all packets with a payload, and whether each packet stands where it should.

    A stream may begin anywhere, and libav says nothing of one that it did not know when it began to read. Packets
    without a payload don't count: a PID of its own may carry nothing but clock times.
    """
    found: set[int] = set()
    whole, position, block = True, first, _TS_BLOCK_PACKETS * length
    while position + _TS_PACKET <= reader.size_bytes:
        data = np.frombuffer(reader.read(position, block), np.uint8)
        data = np.pad(data, (0, -len(data) % length))
        packets = data.reshape(-1, length)
        last = min(len(packets), (reader.size_bytes - position - _TS_PACKET) // length + 1)
        packets = packets[:last]
        whole = whole and bool((packets[:, 0] == TS_SYNC).all())
        numbers = (packets[:, 1].astype(np.int64) & 0x1F) << 8 | packets[:, 2]
        found.update(np.unique(numbers[(packets[:, 3] & 0x10) != 0]).tolist())
        position += block
    return found, whole


class _TransportTables:
    """What the beginning of a transport stream says: tables of programmes by number, and channels' names."""

    def __init__(self, data: bytes, length: int, first: int) -> None:
        self.programmes: dict[int, int] = {}
        self.names: list[str] = []
        for at in range(first, len(data) - 187, length):
            pid = int.from_bytes(data[at + 1 : at + 3], "big") & 0x1FFF
            control = data[at + 3] >> 4 & 3
            if not control & 1:
                continue
            if pid in {0, _SDT} and data[at + 1] & 0x40:
                skipped = 5 + data[at + 4] if control & 2 else 4
                self._table(pid, data[at + skipped : at + 188])

    def _table(self, pid: int, payload: bytes) -> None:
        """Read a section of the table of programmes, or of that of channels, which begins in this packet."""
        section = payload[1 + payload[0] :] if payload else b""
        body = section[8 : 3 + (int.from_bytes(section[1:3], "big") & 0xFFF) - 4]
        if pid == 0:
            for at in range(0, len(body) - 3, 4):
                number = int.from_bytes(body[at : at + 2], "big")
                if number:  # 0 is the network's own table
                    self.programmes[number] = int.from_bytes(body[at + 2 : at + 4], "big") & 0x1FFF
        elif section[:1] == b"\x42":
            self.names += [name for name in _channel_names(body[3:]) if name not in self.names]


def _channel_names(services: bytes) -> Iterator[str]:
    """Yield the names in a table of channels (ETSI EN 300 468, 5.2.3 and 6.2.33)."""
    while len(services) >= 5:  # noqa: PLR2004 - the head of a channel
        length = int.from_bytes(services[3:5], "big") & 0xFFF
        descriptors, services = services[5 : 5 + length], services[5 + length :]
        while len(descriptors) >= 2:  # noqa: PLR2004 - the head of a descriptor
            tag, size = descriptors[0], descriptors[1]
            raw, descriptors = descriptors[2 : 2 + size], descriptors[2 + size :]
            if tag == _SERVICE_DESCRIPTOR and len(raw) > 2:  # noqa: PLR2004 - kind and a length
                name = raw[3 + raw[1] :] if len(raw) > 2 + raw[1] else b""
                yield "".join(one for one in name.decode("utf-8", "replace") if one.isprintable())


def _program_stream(reader: ByteReader, stream_ids: Sequence[int]) -> Iterator[str]:
    """Walk the packs of a program stream (ISO 13818-1, 2.5.3): a track of it may begin anywhere."""
    found: set[int] = set()
    position, left = 0, _MAX_PARTS
    while position < reader.size_bytes:
        left -= 1
        head = reader.upto(position, _PES_HEAD)
        code = head[3] if head[:3] == b"\0\0\1" and len(head) > 3 and left else 0  # noqa: PLR2004 - the start code
        if code == _PACK:
            mpeg_2 = len(head) > 4 and head[4] >> 6 == 1  # noqa: PLR2004 - behind the start code
            stuffing = int.from_bytes(reader.upto(position + 13, 1), "big") & 7
            position += 14 + stuffing if mpeg_2 else 12
        elif code == _END:
            position += 4
        elif code < _FIRST_PES:
            yield _UNKNOWN
            break
        else:
            if code not in _NO_TRACKS:
                found.add(_track_in(reader, position, code))
            position += _PES_HEAD + int.from_bytes(head[4:6], "big")
    for track in sorted(found - set(stream_ids)):
        yield "menus" if track == _NAVIGATION else f"an unknown stream (0x{track:X})"


def _track_in(reader: ByteReader, position: int, code: int) -> int:
    """Return the number by which libav knows the track of a packet: of a DVD's sound and subtitles the inner one."""
    if _START_CODES + code != _PRIVATE:
        return _START_CODES + code
    raw = reader.upto(position, _PES_HEAD + 3 + 256 + 1)
    inner = _PES_HEAD + 3 + raw[8] if len(raw) > 8 else len(raw)  # noqa: PLR2004 - how long the head is
    number = raw[inner] if inner < len(raw) else 0
    return number if number >= _FIRST_INNER else _PRIVATE


def _flash(reader: ByteReader, stream_ids: Sequence[int]) -> Iterator[str]:
    position, left = int.from_bytes(reader.upto(5, 4), "big") + _BACK, _MAX_PARTS
    media: set[int] = set()
    while position + _FLASH_HEAD <= reader.size_bytes and left:
        left -= 1
        head = reader.upto(position, _FLASH_HEAD)
        length = int.from_bytes(head[1:4], "big")
        media |= {head[0] & _TAG_KIND} & _MEDIA_TAGS
        if head[0] & _TAG_KIND == _SCRIPT_TAG:
            raw = reader.upto(position + _FLASH_HEAD, length)
            name = raw[3 : 3 + int.from_bytes(raw[1:3], "big")]
            if name not in _KEPT_SCRIPTS:
                yield f"script data ({name.decode('latin-1')!a})"
            elif b"cuePoints" in raw:
                yield "cue points"
        position += _FLASH_HEAD + length + _BACK
    if len(media) > len(stream_ids):
        yield "a track that begins late"


_READERS: Final[dict[str, Callable[[ByteReader, Sequence[int]], Iterator[str] | list[str]]]] = {
    MATROSKA.demuxer: lambda reader, _: matroska_parts(reader),
    AVI.demuxer: _avi,
    TRANSPORT_STREAM.demuxer: _transport_stream,
    PROGRAM_STREAM.demuxer: _program_stream,
    FLASH.demuxer: _flash,
}
