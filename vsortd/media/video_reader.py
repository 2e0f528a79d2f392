"""Decoding chosen samples of a film, by their place in its table. Worker processes only."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from vsortd.core.containers import ISO, PROGRAM_STREAM, TRANSPORT_STREAM
from vsortd.media.container import OpenVideo, packets, rewind
from vsortd.media.frame_table import NO_TIME, PACKETS_EACH, Table, go_to

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


class UnlistedReader(FilmReader):
    """Gives the frames of a film whose container lists no samples as MP4 does, by a table that was read from it.

    Packets are known again by their time, or in MPEG-TS by their place; the decoder is given their numbers in the table
    instead of times, which some containers don't have. Where a seek leads elsewhere, the file is read from the
    beginning.
    """

    def __init__(self, video: OpenVideo, film: VideoStream, table: Table, *, deadline: float) -> None:
        super().__init__(video, film, table, deadline=deadline)
        self._can_seek = video.demuxer != PROGRAM_STREAM.demuxer or not table.whole  # its times change with a seek
        self._by_place = video.demuxer == TRANSPORT_STREAM.demuxer and table.whole
        self._onward: Iterator[tuple[int, av.Packet[Any]]] | None = None
        self._next = 0  # the number of the packet that comes next when reading onward

    def frames(self, samples: Sequence[int]) -> Iterator[_PAIR]:
        """Yield (sample, frame) as `FilmReader` does; a frame's time is that of its sample."""
        for sample, frame in super().frames(samples):
            frame.pts = int(self._table.times[sample])
            yield sample, frame

    def _from_key(self, key: int) -> Iterator[tuple[int, av.Packet[Any]]]:
        found = self._sought(key) if self._can_seek else None
        if found is None and self._table.whole:
            found = self._read_on(key)
        for sample, packet in found or ():
            packet.pts, packet.dts = sample, None
            yield sample, packet

    def _sought(self, key: int) -> Iterator[tuple[int, av.Packet[Any]]] | None:
        """Return the packets from a keyframe on by going there, None where that doesn't lead there."""
        self._onward = None
        with suppress(av.error.FFmpegError):
            stream = self._go(key)
            for packet in islice(stream, PACKETS_EACH):
                if self._is_sample(packet, key):
                    whole = enumerate(chain((packet,), stream), key)
                    return whole if self._table.whole else islice(whole, 1)
                if self._table.whole and (self._by_place or self._stamp(packet) > int(self._table.times[key])):
                    break
        self._can_seek = not self._table.whole
        return None

    def _go(self, key: int) -> Iterator[av.Packet[Any]]:
        container, place = self._video.container, int(self._table.positions[key])
        if not self._table.whole:
            go_to(self._video, self._film, place)
        elif self._by_place:
            container.seek(place, unsupported_byte_offset=True)
        else:
            container.seek(int(self._table.times[key]), stream=self._film, backward=True)
        return packets(container, self._film)

    def _is_sample(self, packet: av.Packet[Any], sample: int) -> bool:
        if self._by_place:
            return packet.pos is not None and packet.pos == int(self._table.positions[sample])
        return self._stamp(packet) == int(self._table.times[sample])

    def _stamp(self, packet: av.Packet[Any]) -> int:
        """Return the time by which a packet stands in the table; else the other that it has."""
        moments = (packet.dts, packet.pts) if self._table.by_decoding else (packet.pts, packet.dts)
        return next((moment for moment in moments if moment is not None), NO_TIME)

    def _read_on(self, key: int) -> Iterator[tuple[int, av.Packet[Any]]]:
        """Yield the packets from a keyframe on by reading all that lie before it, from where reading is if it can."""
        if self._onward is None or self._next > key:
            self._next, self._onward = 0, enumerate(self._rewound())
        for sample, packet in self._onward:
            self._next = sample + 1
            if sample >= key:
                yield sample, packet

    def _rewound(self) -> Iterator[av.Packet[Any]]:
        """Return the film's packets from the first on, none where it can't be gone back to: places would be wrong."""
        first = int(self._table.times[self._table.shown].min(initial=0))
        return packets(self._video.container, self._film) if rewind(self._video, self._film, first) else iter(())

    def _prime(self) -> None:
        """Let the decoder see the first packet where it must; see `FilmReader`."""
        context = self._film.codec_context
        if self._primed or not len(self._table):
            return
        self._primed = True
        if context.name == "h264" and "444" in (context.pix_fmt or "444"):
            self._onward = None
            for packet in islice(self._rewound(), 1):
                self._decode(context, packet)
            self._decode(context, None)
            context.flush_buffers()


def film_reader(video: OpenVideo, film: VideoStream, table: Table, *, deadline: float) -> FilmReader:
    """Return the reader of a film's frames; `deadline` is a time.monotonic()."""
    kind = FilmReader if video.demuxer == ISO.demuxer else UnlistedReader
    return kind(video, film, table, deadline=deadline)


def _matches(frames: list[av.VideoFrame], by_time: dict[int | None, int]) -> Iterator[_PAIR]:
    for frame in frames:
        sample = by_time.pop(frame.pts, None)
        if sample is not None:
            yield sample, frame
