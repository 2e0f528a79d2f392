"""Reading windows of a video's sound: decoded, brought to one channel and one rate. Worker processes only."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
from av.audio.resampler import AudioResampler

from vsortd.errors import BrokenError, LimitError
from vsortd.media.any_container import open_any
from vsortd.media.container import packets, plain, read_only
from vsortd.media.measures import MAX_CHANNELS, SOUND_RATES_HZ
from vsortd.media.sound_track import sound_track
from vsortd.media.sound_windows import WINDOW_HZ, WINDOW_SAMPLES, SoundWindows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from av.audio.stream import AudioStream

    from vsortd.media.container import OpenVideo

# A decoder needs some frames before what it gives is right; lossy ones overlap by a few thousand samples.
_PREROLL_S: Final = 1.0
# To what is further away it is quicker to seek than to decode.
_SEEK_S: Final = 15.0
# Times in containers are rounded; what differs by more is a gap, or an overlap.
_GAP: Final = WINDOW_HZ // 20


def read_windows(path: str, begins_ms: Sequence[int], *, deadline: float) -> SoundWindows:
    """Return the windows that begin at some moments (ms from the video's start, ascending) of a file's default sound.

    All are empty where there is no sound. Raises BrokenError for a sound that can't be decoded, LimitError when
    `deadline` (time.monotonic()) passes, and what `open_any` raises.
    """
    begins = np.asarray(begins_ms, np.int64)
    with open_any(path) as file:
        video = file.video
        track = sound_track(video)
        if isinstance(track, str):
            raise BrokenError(track)
        if track is None:
            return SoundWindows(begins, np.zeros(len(begins), np.int64), np.empty(0, np.int16))
        reader = _WindowReader(begins * (WINDOW_HZ // 1000))
        _Listener(video, track, reader).read(deadline)
    lengths = reader.lengths()
    parts = [window[:length] for window, length in zip(reader.windows, lengths, strict=True)]
    return SoundWindows(begins, np.array(lengths, np.int64), np.concatenate(parts))


class _WindowReader:
    """Takes sound as it comes, each part with its place (samples from the video's start), into windows."""

    def __init__(self, begins: npt.NDArray[np.int64]) -> None:
        self._begins: list[int] = begins.tolist()
        self.windows = [np.zeros(WINDOW_SAMPLES, np.int16) for _ in self._begins]
        self._heard_to = 0  # where the sound that came ends
        self._done = 0  # so many windows have all that there is of them

    @property
    def next_begin(self) -> int | None:
        """Where the first window begins that lacks something; None where none does."""
        return self._begins[self._done] if self._done < len(self._begins) else None

    def add(self, at: int, samples: npt.NDArray[np.int16]) -> None:
        """Take a part that begins at `at`."""
        end = at + len(samples)
        for begin, window in zip(self._begins[self._done :], self.windows[self._done :], strict=True):
            if begin >= end:
                break
            first, last = max(at, begin), min(end, begin + WINDOW_SAMPLES)
            if first < last:
                window[first - begin : last - begin] = samples[first - at : last - at]
        self._heard_to = max(self._heard_to, end)
        while self._done < len(self._begins) and self._begins[self._done] + WINDOW_SAMPLES <= self._heard_to:
            self._done += 1

    def lengths(self) -> list[int]:
        """Return how many samples of each window lie before the end of the sound."""
        return [min(WINDOW_SAMPLES, max(0, self._heard_to - begin)) for begin in self._begins]


class _Listener:
    """Decodes a track as far as a reader wants it."""

    def __init__(self, video: OpenVideo, track: AudioStream, reader: _WindowReader) -> None:
        self._video = video
        self._track = track
        self._reader = reader
        self._start_s = (video.container.start_time or 0) / 1_000_000
        self._base = float(track.time_base or 0)
        self._evener: AudioResampler | None = None
        self._kind: tuple[int, str, str] = (0, "", "")
        self._at = 0  # where the next part that comes out of the resampler belongs
        self._awaited = 0.0  # where the next frame should begin
        self._problem = ""
        self._frames = 0

    def read(self, deadline: float) -> None:
        """Decode. Raises BrokenError where nothing can be, LimitError."""
        read_only(self._video.container, self._track)
        sought = -1
        while (begin := self._reader.next_begin) is not None and begin != sought:
            sought = begin
            if begin > _SEEK_S * WINDOW_HZ:
                self._seek(begin / WINDOW_HZ)
            if self._went_on(deadline, sought):
                break
        if not self._frames and self._problem:
            raise BrokenError(f"nothing of the sound could be decoded ({self._problem})")

    def _went_on(self, deadline: float, sought: int) -> bool:
        """Decode until a window other than the `sought` one is far away; tell whether there is nothing more to do."""
        for packet in packets(self._video.container, self._track):
            if time.monotonic() > deadline:
                raise LimitError("listening to the video takes too long")
            self._decode(packet)
            begin = self._reader.next_begin
            if begin is None or (begin != sought and begin - self._at > _SEEK_S * WINDOW_HZ):
                return begin is None
        self._decode(None)
        self._flush()
        return True

    def _seek(self, moment_s: float) -> None:
        """Go to shortly before a moment; where that can't be, what lies before is decoded, too."""
        base = self._track.time_base
        if base is None:
            return
        target = int((self._start_s + moment_s - _PREROLL_S) / base)
        with suppress(av.error.FFmpegError):
            self._video.container.seek(target, stream=self._track, backward=True)
            self._track.codec_context.flush_buffers()
            self._evener = None

    def _decode(self, packet: av.Packet[Any] | None) -> None:
        try:
            frames = self._track.codec_context.decode(packet)
        except (av.error.FFmpegError, ValueError) as error:
            self._note(error)
            return
        for frame in frames:
            try:
                if frame.samples and not frame.is_corrupt:
                    self._take(frame)
            except (av.error.FFmpegError, ValueError) as error:
                self._note(error)

    def _take(self, frame: av.AudioFrame) -> None:
        """Bring a frame to the windows' form. Raises ValueError for one of an absurd kind."""
        channels, rate_hz = frame.layout.nb_channels, frame.sample_rate
        if channels > MAX_CHANNELS or rate_hz not in SOUND_RATES_HZ:
            raise ValueError(f"{channels} channels at {rate_hz} hz are not listened to")
        kind = rate_hz, frame.format.name, frame.layout.name
        at = self._awaited
        if frame.pts is not None:
            at = (frame.pts * float(frame.time_base or self._base) - self._start_s) * WINDOW_HZ
        if self._evener is None or kind != self._kind or abs(at - self._awaited) > _GAP:
            self._flush()
            self._evener = AudioResampler("fltp", frame.layout.name, WINDOW_HZ)
            self._kind = kind
            self._at, self._awaited = round(at), at
        self._awaited += frame.samples * WINDOW_HZ / rate_hz
        self._frames += 1
        frame.pts = None
        self._hand_on(self._evener.resample(frame))

    def _flush(self) -> None:
        """Let out what the resampler still holds."""
        evener, self._evener = self._evener, None
        if evener is not None:
            with suppress(av.error.FFmpegError, ValueError):
                self._hand_on(evener.resample(None))

    def _hand_on(self, parts: Sequence[av.AudioFrame]) -> None:
        for part in parts:
            if not part.samples:
                continue
            channels = [np.frombuffer(memoryview(plane), np.float32, part.samples) for plane in part.planes]
            mono = np.nan_to_num(np.mean(channels, axis=0))
            samples = np.rint(np.clip(mono, -1.0, 1.0) * (2**15 - 1)).astype(np.int16)
            self._reader.add(self._at, samples)
            self._at += part.samples

    def _note(self, error: Exception) -> None:
        if isinstance(error, MemoryError):
            raise error
        self._problem = plain(error)
