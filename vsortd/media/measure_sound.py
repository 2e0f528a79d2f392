"""What is measured of a stream of sound from its beginning to its end; see `measures`. Worker processes only.

libav's ebur128 measures loudness (EBU R 128, Tech 3341, Tech 3342) and hands the samples on in tenths of a second, of
which the rest is measured here.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler
from av.filter import Graph

from vsortd.errors import LimitError
from vsortd.media.measures import (
    BLOCK_S,
    MAX_CHANNELS,
    MAX_SOUND_S,
    MAX_SPEECH_S,
    SOUND_RATES_HZ,
    SPEECH_HZ,
    SoundMeasures,
)
from vsortd.media.reply_parts import PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

Samples = npt.NDArray[np.float32]  # [samples, channels], full scale is 1
Hear = Callable[[bytearray], None]  # takes up to PART_BYTES of samples, int16

_WINDOW: Final = 16_384  # samples of a window of the spectrum: fine enough to tell the lines of a hum
# ebur128 says -120.691 for nothing, and -70 for a sound of which no block passes the gate.
_NOTHING_LUFS: Final = -120.0
_GATE_LUFS: Final = -70.0
_STEREO: Final = 2
_TALE: Final = "lavfi.r128."


class SoundMeter:
    """Takes a stream's frames in order. `speech` is handed the sound at SPEECH_HZ, too.

    `stream` is its index, `base` its time base, `start_s` when the video begins in it.
    """

    def __init__(self, stream: int, base: Fraction | None, start_s: float, *, speech: Hear | None) -> None:
        self._stream = stream
        self._base = base or Fraction(1)
        self._video_start_s = start_s
        self._loudness: LoudnessMeter | None = None
        self._levels: LevelMeter | None = None
        self._speech = None if speech is None else SpeechSender(speech)
        self._even: AudioResampler | None = None
        self._kind: tuple[int, str, str] = (0, "", "")
        self._first: tuple[int, str, str] = (0, "", "")
        self._start_s = 0.0
        self._samples = 0

    @property
    def frames(self) -> int:
        """How many samples were measured."""
        return self._samples

    def add(self, frame: av.AudioFrame) -> None:
        """Measure a frame.

        Raises LimitError for a sound that is too long, ValueError for one of an absurd kind, and libav's errors for
        one that can't be measured.
        """
        if not frame.samples:
            return
        for even in self._evened(frame):
            even.pts, even.time_base = self._samples, Fraction(1, even.sample_rate)
            self._samples += even.samples
            if self._samples > MAX_SOUND_S * even.sample_rate:
                raise LimitError(f"its sound is longer than {MAX_SOUND_S // 3600} hours")
            if self._speech is not None:
                self._speech.add(even)
            self._hear(even)

    def result(self) -> SoundMeasures:
        """Return what was measured; nothing can be added afterwards. At least one frame must have been."""
        self._hear(None)
        if self._speech is not None:
            self._speech.finish()
        assert self._levels is not None and self._loudness is not None  # noqa: PT018 - one was added
        levels, loud = self._levels, self._loudness
        rate_hz, _, layout = self._first
        levels.finish()
        peak_db = decibels(levels.peak)
        return SoundMeasures(
            stream=self._stream,
            rate_hz=rate_hz,
            channels=levels.channels,
            layout=layout,
            start_s=self._start_s,
            duration_s=levels.samples / rate_hz,
            integrated_lufs=loud.integrated_lufs,
            lra_lu=loud.lra_lu,
            true_peak_dbtp=max(decibels(loud.true_peak), peak_db),
            max_momentary_lufs=max(loud.momentary, default=-math.inf),
            max_short_lufs=max(loud.short, default=-math.inf),
            mean_db=power_db(levels.power()),
            max_db=peak_db,
            momentary_lufs=np.array(loud.momentary, np.float32),
            short_lufs=np.array(loud.short, np.float32),
            blocks_db=levels.blocks_db(),
            dc=levels.dc(),
            side_db=power_db(levels.side_power()),
            spectrum_db=levels.spectrum_db(),
        )

    def _evened(self, frame: av.AudioFrame) -> Iterator[av.AudioFrame]:
        """Yield a frame in the form that the first one has: a stream may change its rate and its channels."""
        kind = frame.sample_rate, frame.format.name, frame.layout.name
        if self._loudness is None:
            channels = frame.layout.nb_channels
            if channels > MAX_CHANNELS or frame.sample_rate not in SOUND_RATES_HZ:
                raise ValueError(f"{channels} channels at {frame.sample_rate} hz are not measured")
            self._loudness = LoudnessMeter(frame)
            self._levels = LevelMeter(channels, frame.sample_rate)
            self._first = self._kind = kind
            if frame.pts is not None:
                self._start_s = max(0.0, float(frame.pts * (frame.time_base or self._base)) - self._video_start_s)
        if kind != self._kind:
            rate_hz, format_, layout = self._first
            self._kind = kind
            self._even = None if kind == self._first else AudioResampler(format_, layout, rate_hz)
        if self._even is None:
            yield frame
        else:
            frame.pts = None
            yield from self._even.resample(frame)

    def _hear(self, frame: av.AudioFrame | None) -> None:
        if self._loudness is not None and self._levels is not None:
            for samples in self._loudness.measured(frame):
                self._levels.add(samples)


class LoudnessMeter:
    """EBU R 128 by libav's filter, which is set up for frames like the first one."""

    def __init__(self, first: av.AudioFrame) -> None:
        self.integrated_lufs = -math.inf
        self.lra_lu = 0.0
        self.true_peak = 0.0
        self.momentary, self.short = array("f"), array("f")
        self._channels = first.layout.nb_channels
        self._graph = Graph()
        self._graph.threads = 1
        source = self._graph.add_abuffer(
            sample_rate=first.sample_rate,
            format=first.format.name,
            layout=first.layout.name,
            time_base=Fraction(1, first.sample_rate),
        )
        meter, sink = self._graph.add("ebur128", "peak=true:metadata=1"), self._graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        self._graph.configure()

    def measured(self, frame: av.AudioFrame | None) -> Iterator[Samples]:
        """Push a frame, None at the end, and yield what comes out, a tenth of a second each."""
        self._graph.push(frame)
        while True:
            try:
                part = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            if not isinstance(part, av.AudioFrame):
                continue
            self._note(part.metadata)
            count = part.samples * self._channels
            samples = np.frombuffer(memoryview(part.planes[0]), np.float64, count).reshape(-1, self._channels)
            # what is no number is no sound; beyond any real level it would only overflow
            yield np.clip(np.nan_to_num(samples), -1e6, 1e6).astype(np.float32)

    def _note(self, told: dict[str, str]) -> None:
        """Note what the filter says after a whole tenth of a second; the last part may be shorter and has no word."""
        if f"{_TALE}M" not in told:
            return
        self.momentary.append(_loudness(told, "M", _NOTHING_LUFS))
        self.short.append(_loudness(told, "S", _NOTHING_LUFS))
        self.integrated_lufs = _loudness(told, "I", _GATE_LUFS)
        self.lra_lu = max(0.0, _loudness(told, "LRA", -1.0))
        self.true_peak = _number(told, "true_peak")


class LevelMeter:
    """Levels of samples: of blocks, of all, of the difference of the first two channels; and the spectrum."""

    def __init__(self, channels: int, rate_hz: int) -> None:
        self.channels = channels
        self.samples = 0
        self.peak = 0.0
        self._block = max(1, round(BLOCK_S * rate_hz))
        self._waiting: list[Samples] = []
        self._waits = 0
        self._blocks = array("f")
        self._sum = np.zeros(channels)
        self._squares = np.zeros(channels)
        self._side = 0.0
        self._spectrum = Spectrum()

    def add(self, samples: Samples) -> None:
        """Measure float32 [n, channels]."""
        self._waiting.append(samples)
        self._waits += len(samples)
        while self._waits >= self._block:
            together = np.concatenate(self._waiting)
            self._measure(together[: self._block])
            self._waiting = [together[self._block :]]
            self._waits -= self._block

    def finish(self) -> None:
        """Measure what is left, less than a block; of half a block or more, or of nothing else, its level is told."""
        if self._waits:
            told = 2 * self._waits >= self._block or not self._blocks
            self._measure(np.concatenate(self._waiting), told=told)
            self._waiting, self._waits = [], 0

    def _measure(self, block: Samples, *, told: bool = True) -> None:
        squares = np.einsum("sc,sc->c", block, block, dtype=np.float64)
        if told:
            with np.errstate(divide="ignore"):
                self._blocks.extend((10 * np.log10(squares / len(block))).tolist())
        self._squares += squares
        self._sum += block.sum(axis=0, dtype=np.float64)
        self.samples += len(block)
        self.peak = max(self.peak, float(np.abs(block).max()))
        if self.channels >= _STEREO:
            side = (block[:, 0] - block[:, 1]) / 2
            self._side += float(np.dot(side, side))
        self._spectrum.add(block.mean(axis=1, dtype=np.float32))

    def power(self) -> float:
        """Return the mean square of all samples of all channels."""
        return float(self._squares.sum()) / max(1, self.samples * self.channels)

    def side_power(self) -> float:
        """Return the mean square of half the difference of the first two channels: left and right in all layouts."""
        return self._side / max(1, self.samples)

    def dc(self) -> npt.NDArray[np.float32]:
        """Return the mean sample of each channel."""
        return (self._sum / max(1, self.samples)).astype(np.float32)

    def blocks_db(self) -> npt.NDArray[np.float32]:
        """Return the RMS level of each block, dBFS, float32 [blocks, channels]."""
        return np.array(self._blocks, np.float32).reshape(-1, self.channels)

    def spectrum_db(self) -> npt.NDArray[np.float32]:
        """Return the spectrum of the mono mix, see `Spectrum`."""
        return self._spectrum.result_db()


class Spectrum:
    """The mean power of windows of a signal by frequency: Welch 1967, Hann's window, half overlapping.

    Scaled such that a sine at full scale has -3.01 dB, its RMS, in the bin of its frequency.
    """

    def __init__(self) -> None:
        self._shape = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
        self._shape *= np.float32(math.sqrt(2)) / self._shape.sum()
        self._rest = np.zeros(0, np.float32)
        self._power = np.zeros(_WINDOW // 2 + 1)
        self._windows = 0

    def add(self, signal: npt.NDArray[np.float32]) -> None:
        """Measure a part of the signal, float32 [n]."""
        signal = np.concatenate((self._rest, signal))
        half = _WINDOW // 2
        windows = max(0, (len(signal) - half) // half)
        if windows:
            self._take(np.lib.stride_tricks.sliding_window_view(signal, _WINDOW)[::half])
        self._rest = signal[windows * half :]

    def _take(self, windows: npt.NDArray[np.float32]) -> None:
        found = np.fft.rfft(windows * self._shape, axis=1)
        self._power += (found.real**2 + found.imag**2).sum(axis=0)
        self._windows += len(windows)

    def result_db(self) -> npt.NDArray[np.float32]:
        """Return the level of each bin from 0 to half the rate, dB, float32; a signal without a window is filled up."""
        if not self._windows:
            self._take(np.pad(self._rest, (0, _WINDOW - len(self._rest)))[None])
        with np.errstate(divide="ignore"):
            return (10 * np.log10(self._power / self._windows)).astype(np.float32)


class SpeechSender:
    """Hands on sound as speech is looked for in it: one channel, SPEECH_HZ, int16, at most MAX_SPEECH_S of it."""

    def __init__(self, hear: Hear) -> None:
        # to float and not to whole numbers at once: with these libav lowers the whole so that no sum can be too large
        self._resampler = AudioResampler("fltp", "mono", SPEECH_HZ)
        self._hear = hear
        self._kept = bytearray()
        self._left = MAX_SPEECH_S * SPEECH_HZ

    def add(self, frame: av.AudioFrame | None) -> None:
        """Take a frame; None at the end."""
        if not self._left:
            return
        for part in self._resampler.resample(frame):
            signal = np.frombuffer(memoryview(part.planes[0]), np.float32, part.samples)[: self._left]
            self._kept += np.clip(np.rint(signal * 2**15), -(2**15), 2**15 - 1).astype(np.int16).tobytes()
            self._left -= len(signal)
        while len(self._kept) >= PART_BYTES:
            self._hear(self._kept[:PART_BYTES])
            del self._kept[:PART_BYTES]

    def finish(self) -> None:
        """Hand on the rest."""
        self.add(None)
        if self._kept:
            self._hear(self._kept)
            self._kept = bytearray()


def decibels(amplitude: float) -> float:
    """Return an amplitude's level against full scale, dB; -inf for none."""
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf


def power_db(power: float) -> float:
    """Return a mean square's level, dB; -inf for none."""
    return 10 * math.log10(power) if power > 0 else -math.inf


def _loudness(told: dict[str, str], name: str, least: float) -> float:
    """Return what the filter says, -inf where that is at most `least`."""
    found = _number(told, name)
    return found if found > least else -math.inf


def _number(told: dict[str, str], name: str) -> float:
    found = float(told.get(f"{_TALE}{name}", "-inf"))
    return found if math.isfinite(found) else -math.inf
