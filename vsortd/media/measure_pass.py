"""One pass over a file that measures its pictures and its sound: each is decoded once, as its packets come.

Worker processes only. Nothing is kept of a frame but its numbers, so that two hours take no more memory than a minute
by more than these; the sound in which speech is looked for is handed on as it is decoded.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import av
from av.stream import Discard

from vsortd.errors import BrokenError, LimitError, VideoError
from vsortd.media.any_container import open_any
from vsortd.media.container import film_stream, is_picture, packets, plain, read_only, undecodable
from vsortd.media.hardware import HARDWARE
from vsortd.media.measure_pictures import PictureMeter
from vsortd.media.measure_sound import SoundMeter
from vsortd.media.measures import Measures, PictureMeasures, SoundMeasures
from vsortd.media.probe import pixel_aspect
from vsortd.media.sound_track import sound_track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.stream import Stream

    from vsortd.media.container import OpenVideo
    from vsortd.media.measure_sound import Hear

R_co = TypeVar("R_co", covariant=True)

# A decoder that gave so many errors and not one frame is asked no more.
_GIVE_UP_AFTER: Final = 1000


def measure_file(path: str, *, pictures: bool, sound: bool, speech: Hear | None, deadline: float) -> Measures:
    """Return what is measured of a file's film and of its default sound, those that are asked for.

    `speech` is handed the sound, too, see `SpeechSender`.

    A part that the file doesn't have is None, one of which nothing can be decoded the reason. Raises LimitError when
    `deadline` (time.monotonic()) passes, BrokenError for a file with neither part, and what `open_any` raises.
    """
    with open_any(path) as file:
        video = file.video
        start_s = (video.container.start_time or 0) / 1_000_000
        film = _film(video, start_s) if pictures else None
        track = _track(video, start_s, speech=speech) if sound else None
        if film is None and track is None:
            raise BrokenError("there is nothing in this file to measure")
        _decode_all(video, [part for part in (film, track) if isinstance(part, _Part)], deadline)
        found = Measures(
            film.result() if isinstance(film, _Part) else film, track.result() if isinstance(track, _Part) else track
        )
    if isinstance(found.pictures, str) and HARDWARE.accelerator is not None:
        raise BrokenError(found.pictures)  # so that the CPU tries
    return found


class _Meter(Protocol[R_co]):
    """What takes a stream's frames and says in the end what it measured."""

    @property
    def frames(self) -> int: ...

    def add(self, frame: Any, /) -> None: ...  # noqa: ANN401 - of the kind that the stream has

    def result(self) -> R_co: ...


class _Part(Generic[R_co]):
    """One stream on its way from packets to numbers; what can't be decoded or measured is passed over."""

    def __init__(self, stream: Stream, meter: _Meter[R_co], otherwise: str) -> None:
        self.stream = stream
        self._meter = meter
        self._context: Any = getattr(stream, "codec_context", None)
        self._errors = 0
        self._problem = ""
        self._otherwise = otherwise

    def decode(self, packet: av.Packet[Any] | None) -> None:
        """Measure what comes out of the decoder for a packet, None at the end."""
        if self._errors >= _GIVE_UP_AFTER and not self._meter.frames:
            return
        try:
            frames = self._context.decode(packet)
        except (av.error.FFmpegError, ValueError) as error:
            self._note(error)
            return
        for frame in frames:
            try:
                if not frame.is_corrupt:
                    self._meter.add(frame)
            except (av.error.FFmpegError, ValueError) as error:
                self._note(error)

    def result(self) -> R_co | str:
        """Return what was measured, or why nothing was."""
        if self._meter.frames:
            return self._meter.result()
        return f"{self._otherwise} ({self._problem})" if self._problem else self._otherwise

    def _note(self, error: Exception) -> None:
        if isinstance(error, MemoryError):
            raise error
        self._errors += 1
        self._problem = plain(error)


def _film(video: OpenVideo, start_s: float) -> _Part[PictureMeasures] | str | None:
    """Return the film ready to be measured, why it can't be, or None where there is none."""
    if all(is_picture(stream) for stream in video.container.streams.video):
        return None
    try:
        film = film_stream(video)
    except VideoError as error:
        return error.reason
    meter = PictureMeter(film.time_base, start_s, pixel_aspect(film))
    return _Part(film, meter, undecodable(video, film).reason)


def _track(video: OpenVideo, start_s: float, *, speech: Hear | None) -> _Part[SoundMeasures] | str | None:
    """Return the default sound ready to be measured, why it can't be, or None where there is none."""
    track = sound_track(video)
    if track is None or isinstance(track, str):
        return track
    meter = SoundMeter(track.index, track.time_base, start_s, speech=speech)
    return _Part(track, meter, "nothing of the sound could be decoded")


def _decode_all(video: OpenVideo, parts: Sequence[_Part[Any]], deadline: float) -> None:
    """Give each packet to its part, in the order of the file, and at the end what the decoders still hold."""
    if not parts:
        return
    by_index = {part.stream.index: part for part in parts}
    read_only(video.container, parts[0].stream)
    for part in parts:
        part.stream.discard = Discard.none
    for packet in packets(video.container, *(part.stream for part in parts)):
        if time.monotonic() > deadline:
            raise LimitError("measuring the whole video takes too long")
        by_index[packet.stream_index].decode(packet)
    for part in parts:
        part.decode(None)
