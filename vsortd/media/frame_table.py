"""The table of a film's frames, by which frames are chosen and found: what the file lists, or what reading it shows.

MP4 and MOV list every frame in their index, and so may AVI. Others list keyframes at best, so they are read to
their end (read, not decoded); where that would take long, the keyframes at many places are enough. Workers only.
"""

from __future__ import annotations

import time
from array import array
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
import numpy.typing as npt
from av.stream import Discard

from vsortd.core.containers import AVI, ISO
from vsortd.errors import BrokenError, LimitError
from vsortd.media.container import MPEG, OpenVideo, packets, read_only, rewind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.video.stream import VideoStream

LARGE_BYTES: Final = 1 << 29
"""From so large a file on, keyframes are enough: half a gigabyte takes seconds to read."""

_DISCARDED = 0x2  # AVINDEX_DISCARD_FRAME: cut away by the edit list
_KEYFRAME = 0x1  # AVINDEX_KEYFRAME
# Fewer keyframes are no choice of moments.
_LEAST_KEYFRAMES: Final = 16
# Keyframes are looked for at so many places of a large file, from each so many packets far.
_PLACES: Final = 96
PACKETS_EACH: Final = 2000
"""So many packets of the film are looked at for a keyframe: a minute or more."""
# Nobody leaves a camera's clock alone for so long within one recording; B-frames make steps of a second at most.
_MOST_GAP_S: Final = 60.0
# Second fields of a picture have no time of their own; with fewer times than this, it's that the file tells none.
_LEAST_TIMED: Final = 1 / 4


@dataclass(frozen=True, slots=True)
class Table:
    """The samples of the film in decoding order: times (in its time base), keyframes, places (-1: unknown).

    Times are of decoding (`by_decoding`) where the file lists its samples, else of showing where it tells those.
    `shown` are the samples that are pictures of their own, not cut away by an edit list. `whole` says that no sample is
    left out (else see `go_to` for the places), `counts` how many packets each stream has, by its index, where the whole
    file was read.
    """

    times: npt.NDArray[np.int64]
    keys: npt.NDArray[np.bool_]
    shown: npt.NDArray[np.bool_]
    positions: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    whole: bool = True
    counts: Mapping[int, int] = field(default_factory=dict)
    by_decoding: bool = False

    def __len__(self) -> int:
        return len(self.times)


def read_table(
    video: OpenVideo, film: VideoStream, *, deadline: float | None = None, large_bytes: int = LARGE_BYTES
) -> Table:
    """Return the film's samples; a file of `large_bytes` without a list of them gives some of its keyframes.

    The table read last is kept: a later look at a film of two hours would spend most of its time in reading it again.
    Raises LimitError when `deadline` (time.monotonic()) passes.
    """
    key = (*video.identity, film.index)
    if not video.layout.fragmented and (known := _last_table.get(key)) is not None:
        return known
    if video.demuxer == ISO.demuxer:
        table = _read_index(video, film)
    else:
        table = _read_other(video, film, deadline, large=video.size_bytes >= large_bytes)
    _last_table.clear()
    _last_table[key] = table
    return table


# One table, by the identity of its file and the index of its film.
_last_table: dict[tuple[int, ...], Table] = {}


def _read_index(video: OpenVideo, film: VideoStream) -> Table:
    """Return what an MP4's or MOV's header lists; a fragmented one is walked to its end for it."""
    if video.layout.fragmented:
        for _ in packets(video.container, film):
            pass
    return _listed(film)


def _listed(film: VideoStream) -> Table:
    entries = film.index_entries
    count = len(entries)
    times = np.empty(count, np.int64)
    flags = np.empty(count, np.int64)
    positions = np.empty(count, np.int64)
    sizes = np.empty(count, np.int64)
    for number in range(count):
        entry = entries[number]
        times[number], flags[number] = entry.timestamp, entry.flags
        positions[number], sizes[number] = entry.pos, entry.size
    return Table(times, (flags & _KEYFRAME) != 0, (flags & _DISCARDED) == 0, positions, sizes, by_decoding=True)


def _read_other(video: OpenVideo, film: VideoStream, deadline: float | None, *, large: bool) -> Table:
    if large and video.demuxer == AVI.demuxer and len(film.index_entries):
        return _listed(film)
    if large:
        table = _some_keyframes(video, film, deadline)
        if len(table) >= _LEAST_KEYFRAMES:
            return table
        if not rewind(video, film):
            raise BrokenError("there is no way back to its beginning, which choosing pictures needs")
    return _walk(video, film, deadline)


@dataclass(slots=True)
class _Rows:
    """The samples of a film as their packets go by."""

    pts: array[int] = field(default_factory=lambda: array("q"))
    dts: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("b"))
    positions: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))

    def add(self, packet: av.Packet[Any], place: int | None) -> None:
        self.pts.append(NO_TIME if packet.pts is None else packet.pts)
        self.dts.append(NO_TIME if packet.dts is None else packet.dts)
        self.keys.append(packet.is_keyframe)
        self.positions.append(-1 if place is None else place)
        self.sizes.append(packet.size)

    def table(self, *, whole: bool, counts: Mapping[int, int]) -> Table:
        """Return the samples; one without a time is no picture of its own."""
        pts, dts = np.array(self.pts, np.int64), np.array(self.dts, np.int64)
        timed = pts != NO_TIME
        times = pts if len(pts) and timed.mean() >= _LEAST_TIMED else dts
        keys = np.array(self.keys, np.bool_)
        positions, sizes = np.array(self.positions, np.int64), np.array(self.sizes, np.int64)
        return Table(times, keys, times != NO_TIME, positions, sizes, whole, counts)


NO_TIME: Final = -(2**63)
"""The time of a sample that has none."""


def _walk(video: OpenVideo, film: VideoStream, deadline: float | None) -> Table:
    """Read every packet once."""
    rows, counts = _Rows(), dict.fromkeys((stream.index for stream in video.container.streams), 0)
    for stream in video.container.streams:
        stream.discard = Discard.none
    for packet in packets(video.container):
        _insist(deadline, "reading the whole file takes too long; it has no list of its frames")
        if packet.stream_index in counts:  # else a stream that appears late, which MPEG streams may do
            counts[packet.stream_index] += 1
        if packet.stream_index == film.index:
            rows.add(packet, packet.pos)
    read_only(video.container, film)
    table = rows.table(whole=True, counts=counts)
    if video.demuxer in MPEG:
        _even(table, most=_MOST_GAP_S / float(film.time_base or 1))
    return table


def _even(table: Table, *, most: float) -> None:
    """Take the jumps out of the times of streams that were joined, each of which has a clock of its own.

    Otherwise a film of a minute would last for a day, and be looked at only near the jump.
    """
    times = table.times[table.shown].astype(np.float64)
    steps = np.diff(times)
    jumps = (steps > most) | (steps < -most)
    if jumps.any():
        steps[jumps] = np.median(np.abs(steps[~jumps])) if not jumps.all() else 0.0
        table.times[table.shown] = times[0] + np.concatenate(([0.0], np.cumsum(steps)))


def _some_keyframes(video: OpenVideo, film: VideoStream, deadline: float | None) -> Table:
    """Go to many places of a large file, and note the keyframe that comes next at each; what lies between is left out.

    The table's places are those that were gone to: from there the same keyframe comes next again.
    """
    rows, begin, length = _Rows(), 0, video.size_bytes
    if video.demuxer not in MPEG:
        begin, length = film.start_time or 0, _length(video, film)
    seen: set[int] = set()
    for place in range(begin, begin + length, max(1, length // _PLACES)):
        _insist(deadline, "looking for keyframes takes too long")
        with suppress(av.error.FFmpegError):
            go_to(video, film, place)
            for packet in islice(packets(video.container, film), PACKETS_EACH):
                if packet.is_keyframe and packet.pts is not None:
                    if packet.pts not in seen:
                        rows.add(packet, place)
                    seen.add(packet.pts)
                    break
    return rows.table(whole=False, counts={})


def go_to(video: OpenVideo, film: VideoStream, place: int) -> None:
    """Go to a place of a table that is not whole: a byte of an MPEG stream, else a time of the film."""
    if video.demuxer in MPEG:
        video.container.seek(place, unsupported_byte_offset=True)
    else:
        video.container.seek(place, stream=film, backward=True)


def _length(video: OpenVideo, film: VideoStream) -> int:
    """Return how long the file says that it lasts, in the film's time base, 0 where it doesn't."""
    seconds = max(0, video.container.duration or 0) / av.time_base
    return int(seconds / float(film.time_base)) if film.time_base else 0


def _insist(deadline: float | None, why: str) -> None:
    if deadline is not None and time.monotonic() > deadline:
        raise LimitError(why)
