"""Pictures of a film of any container at chosen moments, each as it is shown. Worker processes only.

The film is read from its beginning, or from a keyframe before where that saves much and the container can find one; so
a moment leads to the very frame that a pass over the file (`measure_pass`) saw there.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np

from vsortd.errors import LimitError
from vsortd.media.any_container import open_any
from vsortd.media.container import film_stream, packets, rewind, undecodable
from vsortd.media.frames import Stills
from vsortd.media.probe import pixel_aspect
from vsortd.media.shown_frames import FrameShaper

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from av.video.stream import VideoStream

    from vsortd.media.container import OpenVideo

    Pixels = npt.NDArray[np.uint8]

_EXACT_S: Final = 0.0006  # moments are told in milliseconds
# Nearer moments are read on to; and a seek aims so much before, since frames may hang on a keyframe before the nearest.
_SEEK_OVER_S: Final = 10.0
_SEEK_BEFORE_S: Final = 2.0


def stills_of_file(path: str, times_s: Sequence[float], side_px: int, *, deadline: float) -> Stills:
    """Return what a file's film shows at ascending moments (s from the video's start): one picture for each.

    It is the first frame that is not before the moment, the last one beyond the end. Pictures have the size of the
    first: its longer side is `side_px`, pixels are square. Raises LimitError when `deadline` (time.monotonic()) passes,
    BrokenError where nothing can be decoded, and what `open_any` and `film_stream` raise.
    """
    with open_any(path) as file:
        film = film_stream(file.video)
        reader = _FilmFrames(file.video, film, deadline)
        shaper = FrameShaper(side_px, pixel_aspect(film))
        found: list[Pixels] = []
        shown_s: list[float] = []
        for moment_s in times_s:
            frame = reader.at(moment_s)
            if frame is None:
                raise undecodable(file.video, film)
            found.append(shaper.made(frame))
            shown_s.append(reader.now_s)
    return Stills(np.array(shown_s), np.stack(found) if found else np.zeros((0, 1, 1, 3), np.uint8))


class _FilmFrames:
    """A film's frames, asked for by ascending moments."""

    def __init__(self, video: OpenVideo, film: VideoStream, deadline: float) -> None:
        self.now_s = 0.0  # when the frame is shown that was given last
        self._video, self._film, self._deadline = video, film, deadline
        self._start_s = (video.container.start_time or 0) / 1_000_000
        self._base = film.time_base or 0
        self._can_seek = True
        self._last: av.VideoFrame | None = None
        self._frames = self._decoded()

    def at(self, moment_s: float) -> av.VideoFrame | None:
        """Return the first frame that is not before a moment, or the last there is; None without any."""
        if self._can_seek and moment_s - self.now_s > _SEEK_OVER_S:
            self._jump(moment_s)
        if self._last is not None and self.now_s >= moment_s - _EXACT_S:
            return self._last
        for frame in self._frames:
            self._take(frame)
            if self.now_s >= moment_s - _EXACT_S:
                break
        return self._last

    def _take(self, frame: av.VideoFrame) -> None:
        self._last = frame
        if frame.pts is not None:
            self.now_s = max(self.now_s, float(frame.pts * (frame.time_base or self._base)) - self._start_s)

    def _jump(self, moment_s: float) -> None:
        """Go to a keyframe well before a moment; all the way from the beginning where none can be found."""
        if self._seek(moment_s - _SEEK_BEFORE_S):
            frame = next(self._frames, None)
            if frame is not None and frame.pts is not None:
                first_s = float(frame.pts * (frame.time_base or self._base)) - self._start_s
                if first_s <= moment_s:
                    self._take(frame)
                    return
        self._can_seek, self._last, self.now_s = False, None, 0.0
        self._rewind()

    def _seek(self, moment_s: float) -> bool:
        ticks = int((moment_s + self._start_s) / self._base) if self._base else 0
        done = False
        with suppress(av.error.FFmpegError):
            self._video.container.seek(ticks, stream=self._film, backward=True)
            done = True
        self._begin_anew()
        return done

    def _rewind(self) -> None:
        """Go back to the first packet; where that can't be done there are no more frames, else with wrong times."""
        can_go = rewind(self._video, self._film)
        self._begin_anew()
        if not can_go:
            self._frames = iter(())

    def _begin_anew(self) -> None:
        self._film.codec_context.flush_buffers()
        self._frames = self._decoded()

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Yield what can be decoded; damaged frames are left out."""
        context = self._film.codec_context
        for packet in self._packets():
            if time.monotonic() > self._deadline:
                raise LimitError("looking for pictures in the whole video takes too long")
            try:
                frames: list[Any] = context.decode(packet)
            except (av.error.FFmpegError, ValueError) as error:
                if isinstance(error, MemoryError):
                    raise
                continue
            yield from (frame for frame in frames if not frame.is_corrupt)

    def _packets(self) -> Iterator[av.Packet[Any] | None]:
        yield from packets(self._video.container, self._film)
        yield None
