"""Draws a plan over each frame of a film and encodes it, the sound copied beside it. Worker processes only."""

from __future__ import annotations

import errno
import io
import os
import time
from collections import deque
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from vsortd.errors import BrokenError, LimitError
from vsortd.media.any_container import open_any
from vsortd.media.container import film_stream, is_known, packets, plain, undecodable
from vsortd.media.overlay_artist import OverlayArtist
from vsortd.media.overlay_words import NO_READER, NO_ROOM
from vsortd.media.probe import pixel_aspect
from vsortd.media.shown_frames import FrameShaper, shown_size
from vsortd.media.stream_actions import AUDIO_FIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from vsortd.media.container import OpenVideo
    from vsortd.media.overlay_plan import OverlayPlan

_LONGEST_PX: Final = 3840  # of a side: an encoder of larger pictures takes more memory than a worker may
_CRF: Final = "20"
_BT709: Final = 1  # ITU-T H.273: matrix, primaries and transfer
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
_MOST_WAITING: Final = 50_000  # packets of sound before the first frame, by which the picture's size is known
# A film without a frame rate: it only says how the encoder spreads its bits.
_USUAL_RATE: Final = Fraction(25)


def overlay_file(path: str, plan: OverlayPlan, output: int, *, live: bool, deadline: float) -> dict[str, Any]:
    """Draw a plan over a file's film into the descriptor `output`, which stays open, and return what came of it.

    An MP4, or with `live` a NUT for a player that reads it as it comes. Frames keep their times, from the video's start
    on, and are turned as they are shown; of the sound is copied what the container can hold. Raises LimitError when
    `deadline` (time.monotonic()) passes or the disk is full, BrokenError where nothing can be decoded or nobody reads
    any more, and what `open_any` and `film_stream` raise.
    """
    with open_any(path) as file:
        film = film_stream(file.video)
        writer = _OverlayWriter(file.video, film, plan, output, live=live)
        try:
            writer.run(deadline)
        except (av.error.FFmpegError, OSError) as error:
            raise _explained(error) from error
        if not writer.frames:
            raise undecodable(file.video, film)
        return writer.report()


def _explained(error: Exception) -> BrokenError | LimitError:
    number = getattr(error, "errno", None)
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return LimitError("drawing over it takes more memory than a worker may have")
    if number in _FULL:
        return LimitError(NO_ROOM)
    if number == errno.EPIPE:
        return BrokenError(NO_READER)
    return BrokenError(f"it can't be encoded ({plain(error)})")


class _OverlayWriter:
    """One file on its way from packets to a drawn video."""

    def __init__(self, video: OpenVideo, film: VideoStream, plan: OverlayPlan, output: int, *, live: bool) -> None:
        self.frames = 0
        self._video, self._film, self._live, self._output = video, film, live, output
        self._artist = OverlayArtist(plan)
        self._base = film.time_base or Fraction(1, 1000)
        start_s = Fraction(video.container.start_time or 0, 1_000_000)
        self._start_ticks = round(start_s / self._base)
        self._start_s = start_s
        self._last_pts: int | None = None
        self._left_out: list[str] = []
        self._copied = self._copied_sounds()
        self._sounds: dict[int, AudioStream] = {}  # ours by the source's index
        self._sound_packets = 0
        self._out: OutputContainer | None = None
        self._encoder: VideoStream | None = None
        self._shaper: FrameShaper | None = None
        self._colours = VideoReformatter()

    def run(self, deadline: float) -> None:
        """Read the file to its end and write what comes of it."""
        try:
            self._read(deadline)
        except BaseException:
            if self._out is not None:
                with suppress(av.error.FFmpegError, OSError):
                    self._out.close()
            raise
        if self._out is not None:
            self._out.close()

    def _read(self, deadline: float) -> None:
        waiting: deque[av.Packet[Any]] = deque(maxlen=_MOST_WAITING)
        for packet in packets(self._video.container, self._film, *self._copied):
            if time.monotonic() > deadline:
                raise LimitError("drawing over the whole video takes too long")
            if packet.stream_index == self._film.index:
                self._decode(packet)
            else:
                waiting.append(packet)
            while self._out is not None and waiting:
                self._copy(self._out, waiting.popleft())
        self._decode(None)
        if self._out is not None and self._encoder is not None:
            self._out.mux(self._encoder.encode(None))

    def report(self) -> dict[str, Any]:
        """Return what was written, as a reply has it."""
        width, height = self._shaper.size if self._shaper is not None else (0, 0)
        return {
            "frames": self.frames,
            "width_px": width,
            "height_px": height,
            "sounds": len(self._sounds),
            "sound_packets": self._sound_packets,
            "left_out": self._left_out,
        }

    def _copied_sounds(self) -> list[AudioStream]:
        """Return the sounds that the container can hold, and note the codecs of the others."""
        found = []
        for stream in self._video.container.streams.audio:
            codec = stream.codec_context.codec.canonical_name if is_known(stream) else "unknown"
            if stream.id in self._video.layout.encrypted or not is_known(stream):
                self._left_out.append(codec)
            elif self._live or codec in AUDIO_FIT:
                stream.discard = self._film.discard
                found.append(stream)
            else:
                self._left_out.append(codec)
        return found

    def _decode(self, packet: av.Packet[Any] | None) -> None:
        try:
            frames = self._film.codec_context.decode(packet)
        except (av.error.InvalidDataError, av.error.EOFError, ValueError):
            return  # a damaged part is left out, as in the pass that measures
        for frame in frames:
            if not frame.is_corrupt:
                self._draw(frame)

    def _draw(self, frame: av.VideoFrame) -> None:
        if self._shaper is None:
            aspect = pixel_aspect(self._film)
            side = max(2, min(_LONGEST_PX, round(max(shown_size(frame, aspect)))))
            self._shaper = FrameShaper(side, aspect, even=True)
        pixels = self._shaper.made(frame)
        if self._out is None or self._encoder is None:
            self._out, self._encoder = self._opened(self._shaper.size)
        pts = self._pts_of(frame)
        drawn = av.VideoFrame.from_ndarray(self._artist.draw(pixels, float(pts * self._base)), format="rgb24")
        coded = self._colours.reformat(
            drawn, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        coded.pts, coded.time_base = pts, self._base
        if frame.duration:
            coded.duration = frame.duration
        coded.colorspace = coded.color_primaries = coded.color_trc = _BT709
        self._out.mux(self._encoder.encode(coded))
        self.frames += 1

    def _pts_of(self, frame: av.VideoFrame) -> int:
        """Return when a frame is shown, in ticks from the video's start; later than the one before it."""
        least = 0 if self._last_pts is None else self._last_pts + 1
        pts = least if frame.pts is None else max(least, frame.pts - self._start_ticks)
        self._last_pts = pts
        return pts

    def _opened(self, size: tuple[int, int]) -> tuple[OutputContainer, VideoStream]:
        """Return the container, begun with the film and the copied sounds, and the film's encoder."""
        if self._live:
            out = av.open(_PipeView(self._output), "w", format="nut")
        else:
            # to move the index to the front, libav reads what it has written
            front = {"movflags": "+faststart"}
            out = av.open(_FileView(self._output), "w", format="mp4", options=front, io_open=_reading(self._output))
        rate = self._film.average_rate or self._film.guessed_rate or _USUAL_RATE
        options = {"crf": _CRF, "preset": "veryfast" if self._live else "medium"}
        film = out.add_stream("libx264", rate=rate, options=options)
        film.width, film.height = size
        film.pix_fmt = "yuv420p"
        film.codec_context.time_base = film.time_base = self._base
        context = film.codec_context
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = _BT709
        for sound in self._copied:
            ours = out.add_stream_from_template(sound)
            ours.time_base = sound.time_base
            self._sounds[sound.index] = ours
        return out, film

    def _copy(self, out: OutputContainer, packet: av.Packet[Any]) -> None:
        if packet.dts is None:
            return
        offset = round(self._start_s / packet.time_base)
        if packet.pts is not None:
            packet.pts -= offset
        packet.dts -= offset
        packet.stream = self._sounds[packet.stream_index]
        out.mux(packet)
        self._sound_packets += 1


def _reading(output: int) -> Callable[[str, int, dict[str, str]], _FileView]:
    return lambda url, flags, options: _FileView(output)  # noqa: ARG005 - libav's signature


class _FileView(io.RawIOBase):
    """An open file with a position of its own, as PyAV takes one; closing it leaves the file open."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor, self._place = descriptor, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most so many bytes from here on."""
        os.lseek(self._descriptor, self._place, os.SEEK_SET)
        data = os.read(self._descriptor, size if size >= 0 else 1 << 20)
        self._place += len(data)
        return data

    def write(self, data: Any) -> int:  # noqa: ANN401 - anything that lends its bytes
        """Write all bytes from here on. Raises OSError."""
        rest = memoryview(data)
        os.lseek(self._descriptor, self._place, os.SEEK_SET)
        while rest:
            done = os.write(self._descriptor, rest)
            rest = rest[done:]
            self._place += done
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place and return it."""
        ends = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}
        self._place = offset + (ends[whence] if whence in ends else os.fstat(self._descriptor).st_size)
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place


class _PipeView:
    """A pipe, as PyAV takes one: it can only be written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: Any) -> int:  # noqa: ANN401 - anything that lends its bytes
        """Write all bytes. Raises OSError, BrokenPipeError where nobody reads."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        return len(data)
