"""Decoding chosen samples of a film, by their place in its table. Worker processes only."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from vsortd.media.container import OpenVideo, Table, packets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

_PAIR = tuple[int, av.VideoFrame]


class FilmReader:
    """Gives the frames of samples: from the keyframe before, skipping what nothing refers to.

    `deadline` is a time.monotonic() value after which no further sample is decoded.
    """

    def __init__(self, video: OpenVideo, film: VideoStream, table: Table, *, deadline: float) -> None:
        self._video = video
        self._film = film
        self._table = table
        self._deadline = deadline
        self._keys = np.flatnonzero(table.keys)
        # several edits begin anew from a keyframe each, and with earlier times: then no time leads to a place
        self._in_order = bool((np.diff(table.times) >= 0).all())
        self._primed = False
        self._delay = 0
        self.errors = 0

    def key_before(self, sample: int) -> int:
        """Return the keyframe from which a sample is decoded (the first sample if there is none)."""
        place = int(np.searchsorted(self._keys, sample, side="right")) - 1
        return int(self._keys[place]) if place >= 0 else 0

    def frames(self, samples: Sequence[int]) -> Iterator[_PAIR]:
        """Yield (sample, frame) of ascending samples, those that can be decoded before the deadline."""
        self._prime()
        group: list[int] = []
        for sample in samples:
            if group and self.key_before(sample) != self.key_before(group[0]):
                yield from self._group(group)
                group = []
            group.append(sample)
        if group:
            yield from self._group(group)

    def _group(self, wanted: list[int]) -> Iterator[_PAIR]:
        """Give the samples that hang on one keyframe.

        Frames shown before an open keyframe (HEVC's leading pictures) need the one before that, too.
        """
        missing = set(wanted)
        key = self.key_before(wanted[0])
        for sample, frame in self._forward(key, wanted):
            missing.discard(sample)
            yield sample, frame
        if missing and key > 0:
            yield from self._forward(self.key_before(key - 1), sorted(missing))

    def _forward(self, key: int, wanted: list[int]) -> Iterator[_PAIR]:
        """Decode from a keyframe through the wanted samples."""
        if time.monotonic() > self._deadline:
            return
        context = self._film.codec_context
        remaining: list[int] = list(wanted)
        by_time: dict[int | None, int] = {}
        for sample, packet in self._from_key(key):
            if time.monotonic() > self._deadline:
                break
            hit = sample >= remaining[0]
            if hit:
                by_time[packet.pts] = remaining.pop(0)
            # what no other frame refers to is decoded only where it is wanted itself
            context.skip_frame = "DEFAULT" if hit or packet.is_keyframe else "NONREF"
            yield from _matches(self._decode(context, packet), by_time)
            if not remaining:
                break
        yield from _matches(self._decode(context, None), by_time)
        context.skip_frame = "DEFAULT"
        context.flush_buffers()

    def _from_key(self, key: int) -> Iterator[tuple[int, av.Packet[Any]]]:
        """Yield the film's packets from a keyframe on (or an earlier one), with their places in the table.

        libav wants the time of *showing* for a seek where the table has that of decoding; with B-frames the
        two differ by a delay that the first packet tells. A seek that lands elsewhere is made good here.
        """
        if not self._in_order:
            yield from self._from_the_beginning(key)
            return
        wanted = int(self._table.times[key])
        for delay in {self._delay: None, 0: None}:
            self._video.container.seek(wanted + delay, stream=self._film, backward=True)
            stream = packets(self._video.container, self._film)
            first = next(stream, None)
            if first is None or first.dts is None:
                return
            if first.dts <= wanted or delay == 0:
                sample = key if first.dts == wanted else int(np.searchsorted(self._table.times, first.dts))
                yield from enumerate(chain((first,), stream), sample)
                return

    def _from_the_beginning(self, key: int) -> Iterator[tuple[int, av.Packet[Any]]]:
        """Yield the film's packets from a keyframe on by reading all that lie before it."""
        # before all of them: libav then takes the first, whatever its search among times out of order would find
        self._video.container.seek(int(self._table.times.min()) - 1, stream=self._film, backward=True)
        stream = packets(self._video.container, self._film)
        first = next(stream, None)
        if first is not None and first.dts == int(self._table.times[0]):
            for sample, packet in enumerate(chain((first,), stream)):
                if sample >= key:
                    yield sample, packet

    def _decode(self, context: VideoCodecContext, packet: av.Packet[Any] | None) -> list[av.VideoFrame]:
        try:
            decoded = context.decode(packet)
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            self.errors += 1
            return []
        return list(decoded)

    def _prime(self) -> None:
        """Read the first packet for the delay between decoding and showing; some decoders must see it, too.

        It alone carries x264's build number, without which 4:4:4 pictures of newer builds are decoded the way
        of an old encoder's bug: green garbage.
        """
        if self._primed or not len(self._table):
            return
        self._primed = True
        context = self._film.codec_context
        self._video.container.seek(int(self._table.times[0]), stream=self._film, backward=True)
        first = next(packets(self._video.container, self._film), None)
        if first is None:
            return
        if first.pts is not None and first.dts is not None:
            self._delay = max(0, first.pts - first.dts)
        if context.name == "h264" and "444" in (context.pix_fmt or "444"):
            self._decode(context, first)
            self._decode(context, None)
            context.flush_buffers()


def _matches(frames: list[av.VideoFrame], by_time: dict[int | None, int]) -> Iterator[_PAIR]:
    for frame in frames:
        sample = by_time.pop(frame.pts, None)
        if sample is not None:
            yield sample, frame
