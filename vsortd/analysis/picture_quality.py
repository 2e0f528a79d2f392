"""How good a video's picture is technically, 0 to 1: the worst of six measured factors, each told by name. Pure.

The bounds were set on real clips of 180p to 720p, and on renders of the frames of four of them at 640 px width:

- bits a pixel, x264 veryfast at CRF 18 to 46, but for grass: 40 dB PSNR takes 0.07 to 0.11, 36 to 38 dB 0.023 to
  0.056, 32 to 34 dB 0.010 to 0.020, 29 to 30 dB 0.005 to 0.012; MPEG-4 at its efficiency of 0.6 agrees. Codec, size,
  rate and bitrate are what ITU-T P.1203.1 mode 0 goes by, too; none of its coefficients is in here.
- blur, px: sharp clips 3.9 to 8.4, a macro whose background is out of focus 12.9; after a Gaussian of 2 px standard
  deviation 7.6 to 12.6, of 3 px 9.8 to 16.1, of 5 px 15 to 23.
- blocks: clips 0.9 to 1.5; x264 1.0 to 1.5 at 38 dB and up, to 1.9 at 27 to 33 dB, since it smooths its grid; MPEG-4
  at 41 dB 1.5 to 3.0, at 37 to 39 dB 2.3 to 6.2, at 34 to 37 dB 3.3 to 10.6, at 31 to 35 dB 7 to 17; half of that
  where there is grass.
- noise, levels: clips 0.2 to 3.6, the most from grass and text; added noise of 3, 6, 10, 20 is told within 0.3
  where there is no grass.
- clipped, share of pixels: lit scenes 0 to 0.08, a webcam at night 0.47, a dark hall 0.81. Black bars count: those of
  cinema's format are 0.26.
- shake, widths of the picture: tripod and drone 0, handheld 0.001 to 0.006; a render whose frames jump by 1 % of the
  width (standard deviation, each way) 0.0115.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.analysis.picture_spans import BLACK_SHARE
from vsortd.core.measured_facts import QualityRating

if TYPE_CHECKING:
    import numpy.typing as npt

    from vsortd.analysis.shots import ShotReport
    from vsortd.media.measures import PictureMeasures

    Array = npt.NDArray[np.float64]

# What a codec makes of its bits, as a factor to H.264's; nothing is said of the others.
_EFFICIENCY: Final = {"h264": 1.0, "hevc": 1.7, "vp9": 1.7, "av1": 2.2, "mpeg4": 0.6, "mpeg2video": 0.5}
_MOST_FROZEN: Final = 0.9  # share of the time; what is left tells too little of what the bits were for
_STEADY_S: Final = 0.5  # a movement of the camera that takes longer is meant
_LEAST_PATH_S, _LEAST_PATH_HZ = 2.0, 8.0  # too short, or too few frames a second, to tell a jump from a movement


class QualityFactor(StrEnum):
    """What makes a picture worse."""

    BITS = "bits_per_pixel"
    BLUR = "blur"
    BLOCKS = "blocks"
    NOISE = "noise"
    CLIPPED = "clipped"
    SHAKE = "shake"


# Values at which a factor's score is 1, 3/4, 1/2, 1/4 and 0, straight between them.
_SCORES: Final = (1.0, 0.75, 0.5, 0.25, 0.0)
_BOUNDS: Final = {
    QualityFactor.BITS: (0.15, 0.08, 0.03, 0.015, 0.0),  # bits, as H.264 would take them
    QualityFactor.BLUR: (7.0, 10.0, 13.0, 18.0, 25.0),  # px at 640 px width
    QualityFactor.BLOCKS: (1.5, 2.0, 3.0, 6.0, 12.0),
    QualityFactor.NOISE: (3.0, 4.0, 8.0, 12.0, 20.0),  # levels
    QualityFactor.CLIPPED: (0.05, 0.15, 0.3, 0.6, 1.0),  # share of the pixels
    QualityFactor.SHAKE: (0.002, 0.004, 0.008, 0.016, 0.03),  # widths of the picture
}


@dataclass(frozen=True, slots=True)
class FactorScore:
    """One factor: its value in the unit of the bounds, and what it alone would let the score be; None if unknown."""

    factor: QualityFactor
    value: float | None
    score: float | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it."""
        return {"value": _rounded(self.value, 4), "score": _rounded(self.score, 3), "rating": _rating(self.score)}


@dataclass(frozen=True, slots=True)
class PictureQuality:
    """The quality of a video's picture, with every factor, the unknown ones, too."""

    factors: tuple[FactorScore, ...]

    @property
    def score(self) -> float | None:
        """Return the worst known factor's score, 0 to 1; None if none is known."""
        return min((told.score for told in self.factors if told.score is not None), default=None)

    @property
    def rating(self) -> QualityRating | None:
        """Return the score in a word."""
        return _rating(self.score)

    @property
    def limited_by(self) -> QualityFactor | None:
        """Return the worst factor; None if none is known, or nothing is wrong with any."""
        worst = self.score
        return next((told.factor for told in self.factors if told.score == worst and worst not in {None, 1.0}), None)

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it."""
        return {
            "score": _rounded(self.score, 3),
            "rating": self.rating,
            "limited_by": self.limited_by,
            "factors": {told.factor.value: told.to_json() for told in self.factors},
        }


def picture_quality(
    pictures: PictureMeasures,
    shots: ShotReport,
    *,
    codec: str,
    width_px: int,
    height_px: int,
    fps: float,
    bitrate_bps: float | None,
) -> PictureQuality:
    """Rate the picture of a video.

    `codec` is libav's name, the size is as coded, `fps` the average, `bitrate_bps` the video stream's own; what is
    unknown is "", 0 or None, and then nothing is said of bits.
    """
    values = {
        QualityFactor.BITS: _bits_per_pixel(shots, codec, width_px * height_px * fps, bitrate_bps),
        QualityFactor.BLUR: _median(pictures.blur[pictures.blur > 0]),  # 0 is told of what has no edges
        QualityFactor.BLOCKS: _median(pictures.blocks),
        QualityFactor.NOISE: _median(pictures.noise),
        QualityFactor.CLIPPED: _median(pictures.clipped[pictures.dark < BLACK_SHARE]),
        QualityFactor.SHAKE: _shake(pictures, shots),
    }
    return PictureQuality(tuple(FactorScore(factor, value, _score(factor, value)) for factor, value in values.items()))


def quality_by_bits(codec: str, pixels_per_s: float, bitrate_bps: float | None) -> PictureQuality:
    """Rate a picture of which nothing but its bits is known: libav's name of the codec, pixels and bits a second."""
    value = _bits(codec, pixels_per_s, bitrate_bps)
    return PictureQuality((FactorScore(QualityFactor.BITS, value, _score(QualityFactor.BITS, value)),))


def _score(factor: QualityFactor, value: float | None) -> float | None:
    if value is None:
        return None
    rising = sorted(zip(_BOUNDS[factor], _SCORES, strict=True))
    return float(np.interp(value, [bound for bound, _ in rising], [score for _, score in rising]))


def _rating(score: float | None) -> QualityRating | None:
    return None if score is None else tuple(QualityRating)[min(int(score * 4), 3)]


def _bits_per_pixel(shots: ShotReport, codec: str, pixels_per_s: float, bitrate_bps: float | None) -> float | None:
    """Return the bits a shown pixel has, as H.264 would need them; a frozen picture takes none."""
    if shots.duration_s <= 0:
        return None
    frozen = sum(span.end_s - span.begin_s for span in shots.frozen) / shots.duration_s
    return None if frozen > _MOST_FROZEN else _bits(codec, pixels_per_s * (1 - frozen), bitrate_bps)


def _bits(codec: str, pixels_per_s: float, bitrate_bps: float | None) -> float | None:
    efficiency = _EFFICIENCY.get(codec)
    if efficiency is None or not bitrate_bps or pixels_per_s <= 0:
        return None
    return bitrate_bps * efficiency / pixels_per_s


def _median(values: npt.NDArray[np.float32]) -> float | None:
    """Return the median of what is finite."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else None


def _shake(pictures: PictureMeasures, shots: ShotReport) -> float | None:
    """Return how far the camera is off its own path averaged over `_STEADY_S`, median, widths of the picture.

    Of the path and not of its speed: the rounding of each shift to whole pixels doesn't add up there. A steady pan
    has none. None of what is too short, or black.
    """
    times_s = pictures.times_s
    if shots.duration_s < _LEAST_PATH_S or len(times_s) < _LEAST_PATH_HZ * shots.duration_s:
        return None
    shift = np.where(_is_told(pictures, shots)[:, None], pictures.shift.astype(np.float64), 0.0)
    path = np.cumsum(shift, axis=0)
    half_s = _STEADY_S / 2
    inner = (times_s >= times_s[0] + half_s) & (times_s <= times_s[-1] - half_s)
    # The mean over the time around a frame, by the integral at both of its ends: frames may come at any pace.
    off = []
    for along in path.T:
        area = np.append(0.0, np.cumsum((along[1:] + along[:-1]) / 2 * np.diff(times_s)))
        begins, ends = (np.interp(times_s[inner] + side_s, times_s, area) for side_s in (-half_s, half_s))
        off.append(along[inner] - (ends - begins) / _STEADY_S)
    return float(np.median(np.hypot(*off)))


def _is_told(pictures: PictureMeasures, shots: ShotReport) -> npt.NDArray[np.bool_]:
    """Tell of which frames the shift means anything: not across a cut, not in black."""
    told: npt.NDArray[np.bool_] = pictures.dark < BLACK_SHARE
    told[[shot.begin_frame for shot in shots.shots]] = False
    return told


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
