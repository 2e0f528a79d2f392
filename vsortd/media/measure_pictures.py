"""What is measured of each picture of a film, and between neighbours; see `measures`. Worker processes only.

Levels are the coded ones at full range: HDR's are not brought to those of SDR.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from vsortd.errors import LimitError
from vsortd.media.measure_quality import InterlaceDetector, QualityMeter
from vsortd.media.measures import MAX_FRAMES, SMALL_PX, PictureMeasures
from vsortd.media.picture import Turn, matrix_of, range_of, turn_of

if TYPE_CHECKING:
    import av

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_SIDE_PX: Final = 320  # the longer side of the pictures that are measured
_LEAST_PX: Final = 8
# libswscale refuses filters of more than 256 taps: a picture that is extremely long stays larger than it should be.
_MAX_SHRINK: Final = 48
_DARK: Final = 25  # a tenth of the range
_BLACK, _WHITE = 16, 235
_GRID_PX: Final = 64  # side of the picture by which a shift is found
# Standard deviation, in pixels of that grid, of the bell to which a shift's peak is shaped: narrower ones are between
# two pixels too often to be placed, wider ones merge with what else moves.
_BELL_PX: Final = 1.0
# Peaks are 1 where all of a picture moves alike. Two pictures that have nothing in common have peaks of about 0.1.
_WEAK_PEAK: Final = 0.2
_FLAT: Final = 1.0  # standard deviation, levels: what has less shows nothing that could be seen to move
# What is kept of each frame as floats, in this order and before its shift.
_COLUMNS: Final = ("difference", "change", "luma", "dark", "clipped", "sharpness")


@dataclass(frozen=True, slots=True)
class MeasuredShape:
    """How frames of one kind become measured pictures: their size as stored, and how they are turned to be shown."""

    width: int
    height: int
    turn: Turn

    @property
    def shown_ratio(self) -> float:
        """Height over width as shown."""
        ratio = self.height / self.width
        return 1 / ratio if self.turn.transpose else ratio


class PictureMeter:
    """Takes a film's frames in the order in which they are shown and keeps one row of numbers for each.

    `base` is the time base of the film, `start_s` when the video begins in it, `aspect` its sample aspect ratio.
    """

    def __init__(self, base: Fraction | None, start_s: float, aspect: float) -> None:
        self._base = base or Fraction(1)
        self._start_s = start_s
        self._aspect = aspect
        self._kind: tuple[int, int] = (0, 0)
        self._shape = MeasuredShape(0, 0, Turn())
        self._scalers = [VideoReformatter() for _ in range(3)]
        self._shift = ShiftFinder()
        self._quality = QualityMeter(aspect)
        self._lines = InterlaceDetector()
        self._now = np.zeros((0, 0, 0), np.uint8)  # [4, h, w]: hue, saturation, value, luma
        self._times, self._keys, self._rows, self._small = array("d"), bytearray(), array("f"), bytearray()

    @property
    def frames(self) -> int:
        """How many frames were measured."""
        return len(self._times)

    def add(self, frame: av.VideoFrame) -> None:
        """Measure a frame. Raises LimitError for one too many, libav's errors for one that can't be scaled."""
        if len(self._times) >= MAX_FRAMES:
            raise LimitError(f"it has more than {MAX_FRAMES} frames")
        if (frame.width, frame.height) != self._kind:
            self._kind = frame.width, frame.height
            # later frames of another size are brought to the first one's, or they couldn't be compared
            self._shape = measured_shape(frame, self._aspect) if not self._times else self._shape
        before, planes = self._now, self._planes(frame)
        grid = self._shape.turn.apply(self._scaled(frame, _GRID_PX, _GRID_PX, "gray", 2)[0])
        time_s = self._time_of(frame)
        self._now = np.concatenate((hsv(planes[:3]), planes[3:]))
        distances = mean_distances(before if before.size else self._now, self._now)
        luma = self._now[3]
        self._rows.extend((float(distances[:3].mean()), float(distances[3]), *levels(luma), sharpness(luma)))
        self._rows.extend(self._shift.next(grid, self._shape.shown_ratio))
        self._times.append(time_s)
        self._keys.append(bool(frame.key_frame))
        self._small += self._shape.turn.apply(smallest(planes[[2, 0, 1]])).tobytes()
        self._lines.add(frame)
        self._quality.add(frame, time_s)

    def result(self) -> PictureMeasures:
        """Return what was measured of all frames so far."""
        rows = np.array(self._rows, np.float32).reshape(-1, len(_COLUMNS) + 2)
        columns: dict[str, Any] = {name: rows[:, number].copy() for number, name in enumerate(_COLUMNS)}
        return PictureMeasures(
            times_s=np.array(self._times, np.float64),
            keys=np.array(self._keys, np.bool_),
            **columns,
            shift=rows[:, len(_COLUMNS) :].copy(),
            small=np.frombuffer(bytes(self._small), np.uint8).reshape(-1, SMALL_PX, SMALL_PX, 3),
            interlaced=self._lines.share(),
            **self._quality.result(),
        )

    def _time_of(self, frame: av.VideoFrame) -> float:
        """Return when a frame is shown, never before the one before it."""
        before_s = self._times[-1] if self._times else 0.0
        if frame.pts is None:
            return before_s
        return max(before_s, float(frame.pts * (frame.time_base or self._base)) - self._start_s)

    def _planes(self, frame: av.VideoFrame) -> Bytes:
        """Return a frame's green, blue, red and luma at the measured size: uint8 [4, h, w], as stored."""
        size = self._shape.width, self._shape.height
        return np.concatenate((self._scaled(frame, *size, "gbrp", 0), self._scaled(frame, *size, "gray", 1)))

    def _scaled(self, frame: av.VideoFrame, width: int, height: int, format_: str, scaler: int) -> Bytes:
        return planes_of(scaled(self._scalers[scaler], frame, width, height, format_))


def measured_shape(frame: av.VideoFrame, aspect: float) -> MeasuredShape:
    """Return how a frame is measured: never larger than it is, but for the tiniest ones."""
    width, height = frame.width * aspect, float(frame.height)
    scale = min(1.0, _SIDE_PX / max(width, height))
    sides = [
        max(_LEAST_PX, round(shown * scale), math.ceil(stored / _MAX_SHRINK))
        for shown, stored in ((width, frame.width), (height, frame.height))
    ]
    return MeasuredShape(sides[0], sides[1], turn_of(frame))


def scaled(scaler: VideoReformatter, frame: av.VideoFrame, width: int, height: int, format_: str) -> av.VideoFrame:
    """Return a frame at another size, each pixel the mean of its part, in full range."""
    return scaler.reformat(
        frame,
        width=width,
        height=height,
        format=format_,
        src_colorspace=matrix_of(frame),
        src_color_range=range_of(frame),
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA,
        threads=1,
    )


def planes_of(frame: av.VideoFrame) -> Bytes:
    """Return the planes of a picture whose planes are equally large, uint8 [planes, h, w]."""
    pixels = np.empty((len(frame.planes), frame.height, frame.width), np.uint8)
    for number, plane in enumerate(frame.planes):
        lines = np.frombuffer(memoryview(plane), np.uint8, plane.line_size * frame.height)
        pixels[number] = lines.reshape(frame.height, plane.line_size)[:, : frame.width]
    return pixels


def hsv(gbr: Bytes) -> Bytes:
    """Return hue (0 to 179, two degrees each), saturation and value (0 to 255) of green, blue and red, uint8 [3, h, w].

    By Smith 1978, in the whole numbers that OpenCV's 8-bit HSV has, so that thresholds of PySceneDetect's content value
    hold here.
    """
    green, blue, red = gbr
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    r, g, b, c = (plane.astype(np.int16) for plane in (red, green, blue, chroma))
    sector = np.where(value == red, g - b, np.where(value == green, b - r + 2 * c, r - g + 4 * c))
    hue = sector.astype(np.float32)
    hue *= np.float32(30)
    hue /= np.maximum(chroma, 1)
    np.rint(hue, out=hue)
    hue += np.float32(180) * (hue < 0)
    saturation = chroma * np.float32(255)
    saturation /= np.maximum(value, 1)
    found = np.empty_like(gbr)
    found[0], found[1], found[2] = hue, np.rint(saturation, out=saturation), value
    return found


def mean_distances(before: Bytes, now: Bytes) -> npt.NDArray[np.float64]:
    """Return the mean absolute difference of each plane of two pictures, [planes]."""
    apart = np.maximum(before, now)
    apart -= np.minimum(before, now)
    sums: npt.NDArray[np.uint64] = apart.sum(axis=(1, 2), dtype=np.uint64)
    means: npt.NDArray[np.float64] = sums / (apart.shape[1] * apart.shape[2])
    return means


def levels(luma: Bytes) -> tuple[float, float, float]:
    """Return the mean of luma, the share of dark pixels, and of those at either end of the range."""
    dark = np.count_nonzero(luma <= _DARK)
    ends = np.count_nonzero(luma <= _BLACK) + np.count_nonzero(luma >= _WHITE)
    return float(luma.mean()), dark / luma.size, ends / luma.size


def sharpness(luma: Bytes) -> float:
    """Return the variance of the Laplacian (of four neighbours) of luma: Pech-Pacheco et al. 2000."""
    levels_ = luma.astype(np.int16)
    laplacian = levels_[1:-1, 2:] + levels_[1:-1, :-2]
    laplacian += levels_[2:, 1:-1]
    laplacian += levels_[:-2, 1:-1]
    laplacian -= 4 * levels_[1:-1, 1:-1]
    return float(laplacian.astype(np.float32).var())


def smallest(rgb: Bytes) -> Bytes:
    """Return a picture of SMALL_PX by SMALL_PX, each pixel the mean of its part: uint8 [SMALL_PX, SMALL_PX, 3]."""
    height, width = rgb.shape[1] // SMALL_PX, rgb.shape[2] // SMALL_PX
    parts = rgb[:, : height * SMALL_PX, : width * SMALL_PX].reshape(3, SMALL_PX, height, SMALL_PX, width)
    means: Bytes = np.rint(parts.sum(axis=(2, 4), dtype=np.uint32) / (height * width)).astype(np.uint8)
    return means.transpose(1, 2, 0)


class ShiftFinder:
    """Finds by how much a whole picture moved since the one before: phase correlation (Kuglin and Hines 1975).

    The spectrum of the shift alone is shaped to a bell, which a parabola through the logarithms of its peak places to a
    fraction of a pixel.
    """

    def __init__(self) -> None:
        hann = np.hanning(_GRID_PX + 2)[1:-1]
        self._window = np.outer(hann, hann).astype(np.float32)
        rows, columns = np.fft.fftfreq(_GRID_PX)[:, None], np.fft.rfftfreq(_GRID_PX)[None]
        bell = np.exp(-2 * (np.pi * _BELL_PX) ** 2 * (rows**2 + columns**2))
        self._bell = (bell / np.fft.irfft2(bell)[0, 0]).astype(np.float32)
        self._before: npt.NDArray[np.complex64] | None = None

    def next(self, grid: Bytes, ratio: float) -> tuple[float, float]:
        """Return how far the picture went since the last one, right and down, as shares of its width, at most a half.

        `grid` is luma [_GRID_PX, _GRID_PX], `ratio` the picture's height over its width. 0 for the first picture, where
        either is flat, and where the peak is below a fifth of what it is when all moves alike.
        """
        before, self._before = self._before, self._spectrum(grid)
        if before is None or self._before is None:
            return 0.0, 0.0
        cross = np.conj(before) * self._before
        cross /= np.maximum(np.abs(cross), np.float32(1e-6))
        surface = np.fft.irfft2(cross * self._bell).astype(np.float32)
        row, column = divmod(int(surface.argmax()), _GRID_PX)
        if surface[row, column] < _WEAK_PEAK:
            return 0.0, 0.0
        right = _around(column + _beside(np.roll(surface[row], 1 - column)[:3]))
        down = _around(row + _beside(np.roll(surface[:, column], 1 - row)[:3]))
        return _half(right), _half(down * ratio)

    def _spectrum(self, grid: Bytes) -> npt.NDArray[np.complex64] | None:
        picture = grid.astype(np.float32)
        picture -= picture.mean()
        if float(picture.std()) < _FLAT:
            return None
        picture *= self._window
        return np.fft.rfft2(picture).astype(np.complex64, copy=False)


def _beside(three: Floats) -> float:
    """Return where between -1/2 and 1/2 the peak of a bell lies, from its largest sample and those beside it."""
    left, middle, right = np.log(np.maximum(three, np.float32(1e-4)))
    bend = float(left - 2 * middle + right)
    return max(-0.5, min(0.5, float(left - right) / (2 * bend))) if bend < 0 else 0.0


def _around(pixels: float) -> float:
    """Return a place on the grid as a share of its side, -1/2 to 1/2: what left on one side came in on the other."""
    return (pixels / _GRID_PX + 0.5) % 1.0 - 0.5


def _half(share: float) -> float:
    return max(-0.5, min(0.5, share))
