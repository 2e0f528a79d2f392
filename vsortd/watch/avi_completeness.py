"""Whether the chunks of an AVI add up to its size, and its indexes point at nothing that is missing.

An AVI says in its first bytes how long it is; programs write that last. Longer ones are a chain of several such parts
(OpenDML AVI File Format Extensions 1.02), of which an index in the header names every one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vsortd.core.units import about_size, missing_at_end
from vsortd.watch.container_scan import ContainerScan, complete, incomplete

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.core.byte_reader import ByteReader

MAX_CHUNKS: Final = 100_000
"""So many are walked. What an AVI's parts hold is a handful; the pictures themselves are not walked."""

_HEAD_BYTES, _FORM_BYTES = 8, 12
_UNWRITTEN: Final = frozenset({0, 0xFFFFFFFF})  # the sizes that stand there while a program still writes
_HAS_INDEX: Final = 0x10  # AVIF_HASINDEX, of the main header's flags
_FLAGS_AT: Final = 12
_SUPER_INDEX: Final = 0  # AVI_INDEX_OF_INDEXES
_INDEX_HEAD_BYTES, _INDEX_ENTRY_BYTES = 24, 16
_MAX_INDEX_ENTRIES: Final = 4096


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk, or a list of chunks with its `form`; `end` is where its data ends, without what pads it."""

    kind: bytes
    form: bytes
    payload: int
    end: int

    @property
    def following(self) -> int:
        """Where the next chunk begins: chunks have an even length."""
        return self.end + (self.end - self.payload) % 2


@dataclass(slots=True)
class _Seen:
    """What the walk has met so far."""

    left: int = MAX_CHUNKS
    header: bool = False
    media: bool = False
    promises_index: bool = False
    index: bool = False
    indexed_end: int = 0
    doubts: list[str] = field(default_factory=list)


def scan_avi(reader: ByteReader) -> ContainerScan:
    """Walk the chunks of a file that begins as an AVI. Raises ShrunkError and OSError as its reader does."""
    seen = _Seen()
    position = 0
    while position < reader.size_bytes:
        chunk = _chunk(reader, position, reader.size_bytes)
        if chunk is None or chunk.kind != b"RIFF" or not seen.left:
            if not (seen.header and seen.media):
                return incomplete(f"after byte {position} nothing fits")
            if b"RIFF".startswith(reader.upto(position, 4)):
                return incomplete("it ends within the head of a part")
            seen.doubts.append(f"{about_size(reader.size_bytes - position)} lie behind its end")
            break
        verdict = _refuse_part(reader, chunk) or _walk(reader, chunk, seen)
        if verdict is not None:
            return verdict
        position = chunk.following
    return _conclude(reader, seen)


def _refuse_part(reader: ByteReader, part: _Chunk) -> ContainerScan | None:
    if part.end - part.payload + 4 in _UNWRITTEN or part.end <= part.payload:
        return incomplete("its size is not yet written: recording or copying has not ended")
    if part.end > reader.size_bytes:
        return incomplete(missing_at_end(part.end - reader.size_bytes))
    return None


def _walk(reader: ByteReader, part: _Chunk, seen: _Seen) -> ContainerScan | None:
    """Walk the chunks of one part."""
    for chunk in _children(reader, part, seen):
        if chunk.end > part.end:
            what = (chunk.form or chunk.kind).decode("latin-1")
            if chunk.form == b"movi" and chunk.end - chunk.payload + 4 in _UNWRITTEN:
                return incomplete("the size of its pictures (movi) is not yet written")
            return incomplete(f"its chunk {what!a} is longer than the part that holds it")
        if chunk.form == b"hdrl":
            seen.header = True
            _read_header(reader, chunk, seen)
        elif chunk.form == b"movi":
            seen.media = seen.media or chunk.end > chunk.payload
        elif chunk.kind == b"idx1":
            seen.index = True
            if chunk.end > chunk.payload and not any(reader.upto(chunk.end - _INDEX_ENTRY_BYTES, _INDEX_ENTRY_BYTES)):
                return incomplete("its index (idx1) is not yet written")
    return None


def _read_header(reader: ByteReader, header: _Chunk, seen: _Seen) -> None:
    """Note whether an index is promised, and up to where the indexes of longer files say that the file reaches."""
    for chunk in _children(reader, header, seen):
        if chunk.kind == b"avih":
            flags = reader.upto(chunk.payload + _FLAGS_AT, 4)
            seen.promises_index = bool(int.from_bytes(flags, "little") & _HAS_INDEX)
        elif chunk.form == b"strl" and chunk.end <= header.end:
            for inner in _children(reader, chunk, seen):
                if inner.kind == b"indx" and inner.end <= chunk.end:
                    seen.indexed_end = max(seen.indexed_end, _indexed_end(reader, inner, seen))


def _indexed_end(reader: ByteReader, index: _Chunk, seen: _Seen) -> int:
    """Return where the last of the indexes ends that an index of indexes names, 0 where it names none."""
    head = reader.upto(index.payload, _INDEX_HEAD_BYTES)
    if len(head) < _INDEX_HEAD_BYTES or head[3] != _SUPER_INDEX:
        return 0
    seen.index = True
    count = min(int.from_bytes(head[4:8], "little"), _MAX_INDEX_ENTRIES)
    count = min(count, (index.end - index.payload - _INDEX_HEAD_BYTES) // _INDEX_ENTRY_BYTES)
    raw = reader.upto(index.payload + _INDEX_HEAD_BYTES, count * _INDEX_ENTRY_BYTES)
    entries = [raw[at : at + _INDEX_ENTRY_BYTES] for at in range(0, len(raw), _INDEX_ENTRY_BYTES)]
    ends = [int.from_bytes(one[:8], "little") + int.from_bytes(one[8:12], "little") for one in entries]
    return max(ends, default=0)


def _conclude(reader: ByteReader, seen: _Seen) -> ContainerScan:
    """Judge a file whose chunks add up by what they are."""
    if not seen.header:
        return incomplete("its header (hdrl) is missing")
    if not seen.media:
        return incomplete("it has a header, but no pictures (movi)")
    if seen.indexed_end > reader.size_bytes:
        return incomplete(f"{missing_at_end(seen.indexed_end - reader.size_bytes)}, by its own index")
    if seen.promises_index and not seen.index:
        return incomplete("its index (idx1) is missing, which its header promises")
    if not seen.left:
        seen.doubts.append(f"only its first {MAX_CHUNKS} chunks were added up")
    return complete(*seen.doubts)


def _children(reader: ByteReader, parent: _Chunk, seen: _Seen) -> Iterator[_Chunk]:
    position = parent.payload
    while position + _HEAD_BYTES <= parent.end and seen.left:
        seen.left -= 1
        chunk = _chunk(reader, position, parent.end)
        if chunk is None:
            return
        yield chunk
        position = chunk.following


def _chunk(reader: ByteReader, position: int, end: int) -> _Chunk | None:
    """Return the chunk at a position, None where not even its head fits."""
    raw = reader.upto(position, min(_FORM_BYTES, end - position))
    if len(raw) < _HEAD_BYTES:
        return None
    kind, size = raw[:4], int.from_bytes(raw[4:8], "little")
    if kind not in {b"RIFF", b"LIST"}:
        return _Chunk(kind, b"", position + _HEAD_BYTES, position + _HEAD_BYTES + size)
    if len(raw) < _FORM_BYTES:
        return None
    return _Chunk(kind, raw[8:12], position + _FORM_BYTES, position + _HEAD_BYTES + size)
