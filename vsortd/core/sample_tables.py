"""Where the samples of a video lie, by the tables in its header (ISO/IEC 14496-12, 8.7; QuickTime File Format).

They tell a whole file with something odd behind it (stray bytes of an upload form, a camera's own data, a box that
claims a little too much) from one whose end is missing. Where a header leaves doubt (fragments, data in other files,
sound whose samples have no size), nothing is claimed.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vsortd.core.byte_reader import ShrunkError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.core.isobmff import BoxReader, IsoBox

# The tables of 20 hours of film with sound take about this much; what claims more is not looked through.
MAX_TABLE_BYTES = 32 << 20
# Bytes of one channel's sample of uncompressed sound (QuickTime File Format, "Sound Sample Descriptions"). Of some
# kinds the sample entry tells the bits, of others it always says 16.
_PCM_BYTES_TOLD = {b"raw ": 1, b"NONE": 1, b"twos": 2, b"sowt": 2, b"lpcm": 8, b"ipcm": 4, b"fpcm": 8}
_PCM_BYTES_FIXED = {b"ulaw": 1, b"alaw": 1, b"in24": 3, b"in32": 4, b"fl32": 4, b"fl64": 8}
_SOUND_ENTRY_BYTES = 64
_WIDEST_BITS = 64

# No file reaches so far, and the sum of two such numbers still fits 64 bits.
_FARTHEST = 1 << 62

_Numbers = npt.NDArray[np.int64]


class _UntoldError(Exception):
    """The header doesn't say where the samples lie."""


def has_all_samples(reader: BoxReader) -> bool:
    """Tell whether a whole header lists samples, and all of them lie inside the file; False in doubt.

    Raises ShrunkError and OSError like the reader, which must not have been used up.
    """
    top = list(reader.boxes())
    moov = next((box for box in top if box.kind == b"moov"), None)
    if moov is None or moov.missing or any(box.kind == b"moof" for box in top):
        return False
    if any(box.kind == b"mvex" for box in reader.children(moov)):
        return False
    try:
        ends = list(_ends_of_tracks(reader, moov))
    except _UntoldError:
        return False
    return not reader.exhausted and any(ends) and max(ends) <= reader.size_bytes


def _ends_of_tracks(reader: BoxReader, moov: IsoBox) -> Iterator[int]:
    """Yield for each track the place after its last sample, 0 for one without samples."""
    budget = MAX_TABLE_BYTES
    for trak in reader.find(moov, b"trak"):
        references = reader.find(trak, b"mdia", b"minf", b"dinf", b"dref")
        if any(not _is_this_file(reader, entry) for dref in references for entry in reader.children(dref)):
            raise _UntoldError
        tables = {}
        for stbl in reader.find(trak, b"mdia", b"minf", b"stbl"):
            tables = {box.kind: box for box in reader.children(stbl)}
        budget -= sum(tables[kind].size for kind in (b"stsz", b"stz2", b"stsc", b"stco", b"co64") if kind in tables)
        if budget < 0:
            raise _UntoldError
        yield _end_of_track(reader, tables)


def _is_this_file(reader: BoxReader, entry: IsoBox) -> bool:
    version_and_flags = reader.payload(entry, 4)
    return bool(version_and_flags) and bool(version_and_flags[-1] & 1)


def _end_of_track(reader: BoxReader, tables: dict[bytes, IsoBox]) -> int:
    places = _chunk_places(reader, tables)
    count, unit, sizes = _sizes(reader, tables)
    if not count:
        return 0
    per_chunk = _samples_per_chunk(reader, tables, len(places))
    after = np.minimum(np.cumsum(per_chunk), count)
    if not len(after) or after[-1] < count:
        raise _UntoldError
    before = np.concatenate(([0], after[:-1]))
    if sizes is not None:
        sums = np.concatenate(([0], np.cumsum(sizes)))
        lengths = sums[after] - sums[before]
    else:
        unit_bytes, unit_samples = unit
        if count * unit_bytes > _FARTHEST:
            raise _UntoldError
        lengths = -((before - after) // unit_samples) * unit_bytes  # rounded up to whole units
    return int((places + lengths)[after > before].max())


def _chunk_places(reader: BoxReader, tables: dict[bytes, IsoBox]) -> _Numbers:
    for kind, item in ((b"stco", ">u4"), (b"co64", ">u8")):
        if kind in tables:
            places = _items(reader, tables[kind], 4, item)
            if len(places) and places.max() > _FARTHEST:
                raise _UntoldError
            return places.astype(np.int64)
    return np.empty(0, np.int64)


def _samples_per_chunk(reader: BoxReader, tables: dict[bytes, IsoBox], chunks: int) -> _Numbers:
    """Return how many samples each of the chunks has; `stsc` says it for runs of chunks."""
    if b"stsc" not in tables:
        raise _UntoldError
    runs = _items(reader, tables[b"stsc"], 4, ">3u4").astype(np.int64)
    first, samples = runs[:, 0] - 1, runs[:, 1]
    lengths = np.diff(first, append=chunks)
    if not len(runs) or first[0] or (lengths < 0).any():
        raise _UntoldError
    return np.repeat(samples, lengths)


def _sizes(reader: BoxReader, tables: dict[bytes, IsoBox]) -> tuple[int, tuple[int, int], _Numbers | None]:
    """Return how many samples there are, and their sizes: of each, or None and (bytes, samples) of a unit."""
    if b"stz2" in tables:
        raise _UntoldError  # nobody writes it for films
    if b"stsz" not in tables:
        return 0, (0, 1), None
    size, count = struct.unpack(">II", reader.payload(tables[b"stsz"], 8, 4).ljust(8, b"\0"))
    if size:
        return count, _unit(reader, tables, size), None
    sizes = _items(reader, tables[b"stsz"], 8, ">u4").astype(np.int64)
    return len(sizes), (0, 1), sizes


def _unit(reader: BoxReader, tables: dict[bytes, IsoBox], size: int) -> tuple[int, int]:
    """Return (bytes, samples) of the smallest unit of a track whose samples are all of `size`.

    Of sound that size is often 1, whatever it is in truth; the sample entry tells.
    """
    units = (
        {_unit_of_entry(reader, entry) for entry in reader.children(tables[b"stsd"])} if b"stsd" in tables else set()
    )
    if len(units) != 1:
        raise _UntoldError
    told = units.pop()
    if told is None:
        if size == 1:
            raise _UntoldError
        return size, 1
    unit_bytes, unit_samples = told
    return (max(unit_bytes, size), 1) if unit_samples == 1 else told


def _unit_of_entry(reader: BoxReader, entry: IsoBox) -> tuple[int, int] | None:
    fields = reader.payload(entry, _SOUND_ENTRY_BYTES).ljust(_SOUND_ENTRY_BYTES, b"\0")
    version, channels, bits = struct.unpack_from(">H6xHH", fields, 8)
    if entry.kind in _PCM_BYTES_FIXED:
        return max(1, channels) * _PCM_BYTES_FIXED[entry.kind], 1
    if entry.kind == b"lpcm" and version == 2:  # noqa: PLR2004 - the version with fields of its own
        unit_bytes, unit_samples = struct.unpack_from(">II", fields, 56)
        return (unit_bytes, unit_samples) if unit_bytes and unit_samples else None
    if entry.kind in _PCM_BYTES_TOLD:
        width = (bits + 7) // 8 if 0 < bits <= _WIDEST_BITS else _PCM_BYTES_TOLD[entry.kind]
        return max(1, channels) * width, 1
    if version == 1 and entry.kind == b"ima4":
        samples_per_packet, _, bytes_per_frame = struct.unpack_from(">III", fields, 28)
        return (bytes_per_frame, samples_per_packet) if bytes_per_frame and samples_per_packet else None
    return None


def _items(reader: BoxReader, table: IsoBox, skip: int, item: str) -> npt.NDArray[np.uint64]:
    """Return the items of a table, whose count stands after `skip` bytes. Raises _UntoldError if it is cut off."""
    kind = np.dtype(item)
    (count,) = struct.unpack(">I", reader.payload(table, 4, skip).ljust(4, b"\0"))
    length = count * kind.itemsize
    if table.payload + skip + 4 + length > table.end:
        raise _UntoldError
    data = reader.read(table.payload + skip + 4, length)
    if len(data) < length:
        raise ShrunkError
    return np.frombuffer(data, kind)
