"""When a track is shown, by its edit list and its tables of times (ISO 14496-12, 8.6). Worker processes only.

Read from the boxes, because libav shows edits only as what it makes of them, and because neither a sample's payload nor
a decoder is needed: the header alone says what a viewer gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vsortd.errors import BrokenError

if TYPE_CHECKING:
    from vsortd.core.isobmff import BoxReader, IsoBox

# 200 hours of film at 60 frames a second; a table of more is a bomb.
_MAX_SAMPLES = 50_000_000
_MAX_EDITS = 100_000
# One for each picture, 8 bytes: ten million of them.
_MAX_TABLE_BYTES = 80_000_000

_Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EditEntry:
    """One entry of an edit list: its length in the movie's ticks, where it begins in the track's, -1 for a gap."""

    length: int
    begins: int
    rate: float


@dataclass(frozen=True, slots=True)
class TrackTiming:
    """What is shown of a track; see TrackFacts for units."""

    samples: int
    ticks: int
    edits: int
    paced: bool
    hidden: int
    hidden_s: float
    start_s: float
    shown_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class _Media:
    """A track's own times, in its ticks: how many samples, how long all together, and of pictures each one's times."""

    scale: int
    length: int
    samples: int
    begins: _Times  # when each picture appears, in the order of showing; empty for all else
    last_length: int  # how long the picture that appears last lasts by itself


def timing_of(reader: BoxReader, trak: IsoBox, movie_scale: int, *, pictures: bool) -> TrackTiming:
    """Return a track's timing; with `pictures` each sample is looked at. Raises BrokenError for absurd tables."""
    media = _media_of(reader, trak, pictures=pictures)
    edits = _edits_of(reader, trak)
    gap = 0
    while edits and edits[0].begins < 0:
        gap += edits.pop(0).length
    start_s = gap / movie_scale if movie_scale else 0.0
    while edits and edits[-1].begins < 0:
        edits.pop()  # nothing at the end shows nothing
    paced = any(edit.begins >= 0 and edit.rate != 1.0 for edit in edits)
    if not edits:
        length_s = media.length / media.scale if media.length and media.scale else -1.0
        return TrackTiming(media.samples, media.scale, 1, paced, 0, 0.0, start_s, length_s, 0.0)
    shown_s = _shown_s(edits, media, movie_scale)
    hidden, hidden_s, last_s = _hidden(edits[0], media, shown_s, 1 / movie_scale if movie_scale else 0.0)
    if len(edits) > 1:
        hidden = last_s = 0  # which of them are hidden is beside the point
    return TrackTiming(media.samples, media.scale, len(edits), paced, int(hidden), hidden_s, start_s, shown_s, last_s)


def _shown_s(edits: list[EditEntry], media: _Media, movie_scale: int) -> float:
    """Return for how long the track is shown; without a length of its own an edit goes to the end of the media."""
    if len(edits) == 1 and not edits[0].length:
        if not media.length:
            return -1.0
        return max(0, media.length - max(0, edits[0].begins)) / media.scale
    return sum(edit.length for edit in edits) / movie_scale if movie_scale else -1.0


def _hidden(edit: EditEntry, media: _Media, shown_s: float, tick_s: float) -> tuple[int, float, float]:
    """Return how many pictures an edit doesn't show whole, how much time it hides, how long the last one is shown."""
    if shown_s < 0 or not media.scale:
        return 0, 0.0, 0.0
    begin, end = edit.begins, edit.begins + shown_s * media.scale
    hidden_s = (max(0.0, float(begin)) + max(0.0, media.length - end)) / media.scale
    if not len(media.begins):
        return 0, hidden_s, 0.0
    # an edit's length is rounded to the movie's ticks, which may be coarser than the track's
    slack = tick_s * media.scale + 1
    before = int((media.begins < begin).sum())
    after = int((media.begins >= end - min(slack, media.last_length / 2)).sum())
    last_s = (end - float(media.begins[-1])) / media.scale if not after else 0.0
    return before + after, hidden_s, max(0.0, last_s)


def _media_of(reader: BoxReader, trak: IsoBox, *, pictures: bool) -> _Media:
    scale, length = 0, 0
    for mdhd in reader.find(trak, b"mdia", b"mdhd"):
        scale, length = scale_and_length(reader, mdhd)
    stbl = next(reader.find(trak, b"mdia", b"minf", b"stbl"), None)
    counts, lengths = _runs(reader, stbl, b"stts")
    samples = int(counts.sum())
    total = int((counts * lengths).sum())
    begins, last = np.empty(0, np.int64), 0
    if pictures and samples:
        if samples > _MAX_SAMPLES:
            raise BrokenError(f"a track claims {samples} pictures")
        each = np.repeat(lengths, counts)
        times = np.cumsum(each) - each
        offset_counts, offsets = _runs(reader, stbl, b"ctts")
        if len(offsets):
            shifts = np.repeat(offsets, _up_to(offset_counts, samples))
            times[: len(shifts)] += shifts
        order = np.argsort(times, kind="stable")
        begins, last = times[order], int(each[order[-1]])
    return _Media(scale, length or total, samples, begins, last)


def _up_to(counts: _Times, most: int) -> _Times:
    """Return the lengths of runs, cut off where they are `most` all together: a table may claim any number."""
    at_most = np.minimum(counts, most)
    ends: _Times = np.minimum(np.cumsum(at_most), most)
    return np.diff(ends, prepend=0)


def _runs(reader: BoxReader, stbl: IsoBox | None, kind: bytes) -> tuple[_Times, _Times]:
    """Return a table of runs (stts, ctts): how many samples, and the value that each of them has."""
    nothing = np.empty(0, np.int64)
    box = None if stbl is None else next((box for box in reader.children(stbl) if box.kind == kind), None)
    if box is None:
        return nothing, nothing
    count = int.from_bytes(reader.payload(box, 4, 4), "big")
    length = min(8 * count, box.end - box.payload - 8)
    if length > _MAX_TABLE_BYTES:
        raise BrokenError(f"a table of times has {length} bytes")
    raw = reader.read(box.payload + 8, length - length % 8)
    # signed: QuickTime writes negative offsets into tables that ISO calls unsigned
    table = np.frombuffer(raw, ">i4").astype(np.int64).reshape(-1, 2)
    counts = table[:, 0] & 0xFFFFFFFF
    lengths = table[:, 1] & 0xFFFFFFFF if kind == b"stts" else table[:, 1]
    return counts, lengths


def _edits_of(reader: BoxReader, trak: IsoBox) -> list[EditEntry]:
    elst = next(reader.find(trak, b"edts", b"elst"), None)
    if elst is None:
        return []
    large = reader.payload(elst, 1) == b"\x01"
    width = 8 if large else 4
    size = 2 * width + 4
    count = min(int.from_bytes(reader.payload(elst, 4, 4), "big"), (elst.end - elst.payload - 8) // size)
    if count > _MAX_EDITS:
        raise BrokenError(f"an edit list has {count} entries")
    edits = []
    for number in range(count):
        raw = reader.payload(elst, size, 8 + number * size)
        length = int.from_bytes(raw[:width], "big")
        begins = int.from_bytes(raw[width : 2 * width], "big", signed=True)
        edits.append(EditEntry(length, begins, int.from_bytes(raw[2 * width :], "big", signed=True) / 65536))
    return edits


def scale_and_length(reader: BoxReader, header: IsoBox) -> tuple[int, int]:
    """Return the ticks a second and the length in ticks of a movie or media header (mvhd, mdhd)."""
    large = reader.payload(header, 1) == b"\x01"
    raw = reader.payload(header, 32)
    if large:
        return int.from_bytes(raw[20:24], "big"), int.from_bytes(raw[24:32], "big")
    length = int.from_bytes(raw[16:20], "big")
    return int.from_bytes(raw[12:16], "big"), 0 if length == 0xFFFFFFFF else length  # noqa: PLR2004 - "unknown"
