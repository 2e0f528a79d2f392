"""How stirring a video is from moment to moment, and what follows: key moments, pace, structure. Pure.

The curve is the mean of three (A. Hanjalic, L.-Q. Xu, "Affective video content representation and modeling", IEEE
Transactions on Multimedia 7(1), 2005): how much moves, how fast the shots follow one another, how loud it is. Each is
told in standard deviations from its own mean, so it says what stands out in this video and compares no two videos; one
that is even throughout has no say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.measured_facts import CUTS_ABOVE, Pace
from vsortd.media.measures import CURVE_HZ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from vsortd.analysis.shots import ShotReport
    from vsortd.media.measures import PictureMeasures

    Array = npt.NDArray[np.float64]

AROUSAL_HZ: Final = 2
SMOOTHING_S: Final = 10.0
_KAISER_SHAPE: Final = 5.0  # the paper's window
_SHOT_SCALE_S: Final = 12.0  # the paper's 300 frames: a shot this long counts 1/e of an endless row of cuts
_SOUND_WINDOW_S: Final = 3.0  # of short-term loudness, which tells of what was
_SILENCE_LUFS: Final = -70.0  # EBU R 128's absolute gate
_SILENCE_LU: Final = 30.0  # below the loudest: quieter is silence, or a single pause would outweigh all that is loud
# What varies less than this is even: a drone's rotor noise (a range of 0.9 LU) has no loud moments.
_LEAST_MOTION_SPREAD, _LEAST_MOTION_SHARE = 5.0, 0.25  # levels of luma a second; of the mean motion
_LEAST_CUTS_SPREAD: Final = 0.05  # of density
_LEAST_SOUND_SPREAD: Final = 2.0  # LU
# Standard deviations above the mean. In a clip of 10 s nothing stands out once it is smoothed over 10 s: what rises
# towards the end of a drone's 12 s reaches 0.67.
_LEAST_PEAK: Final = 0.75
_STOOD_OUT: Final = 1.0  # standard deviations
_LEAST_APART_S, _APART_SHARE = 10.0, 0.02
KEY_MOMENTS: Final = 3
_STRUCTURE_S, _STRUCTURE_SHOTS, _THIRD_DIFFERENCE = 60.0, 3, 0.1


class Driver(StrEnum):
    """What stirs: one of the three curves."""

    MOTION = "motion"
    CUTS = "cuts"
    SOUND = "sound"


class MomentRank(StrEnum):
    """How high a key moment stands in its own video's curve: its 99th, 95th or 90th percentile."""

    MAJOR = "Major"
    SIGNIFICANT = "Significant"
    NOTABLE = "Notable"


class Pacing(StrEnum):
    """A `Pace` as a document has it."""

    VERY_FAST = "Very Fast"
    FAST = "Fast"
    MODERATE = "Moderate"
    SLOW = "Slow"


class Structure(StrEnum):
    """A guess at how a story is told, from the mean arousal of the video's thirds."""

    RISING = "Rising Action"
    COMPLEX = "Complex (Setup-Conflict-Resolution)"
    FALLING = "Falling Action"
    EPISODIC = "Episodic"
    SIMPLE = "Simple"


_RANKS: Final = ((99.0, MomentRank.MAJOR), (95.0, MomentRank.SIGNIFICANT), (90.0, MomentRank.NOTABLE))
PACING_NAMES: Final = {
    Pace.VERY_FAST: Pacing.VERY_FAST,
    Pace.FAST: Pacing.FAST,
    Pace.MODERATE: Pacing.MODERATE,
    Pace.SLOW: Pacing.SLOW,
}


@dataclass(frozen=True, slots=True)
class KeyMoment:
    """A peak of the curve; `evidence` is each driver's height there, in standard deviations, None where unmeasured."""

    at_s: float
    arousal: float
    rank: MomentRank
    evidence: Mapping[Driver, float | None]

    @property
    def stood_out(self) -> tuple[Driver, ...]:
        """Return, highest first, the drivers at least a standard deviation above their mean, or else the highest."""
        heights = {driver: height for driver, height in self.evidence.items() if height is not None}
        falling = sorted(heights, key=lambda driver: -heights[driver])
        return tuple(driver for driver in falling if heights[driver] >= _STOOD_OUT) or tuple(falling[:1])

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it."""
        return {
            "at_s": round(self.at_s, 3),
            "arousal": round(self.arousal, 3),
            "rank": self.rank.value,
            "stood_out": [driver.value for driver in self.stood_out],
            "evidence": {driver.value: _rounded(height) for driver, height in self.evidence.items()},
        }


@dataclass(frozen=True, slots=True, eq=False)
class Arousal:
    """A video's arousal, and what follows from it; each curve [k] at `times_s`, smoothed, in standard deviations."""

    times_s: Array
    curve: Array  # mean of the drivers that have a say
    drivers: Mapping[Driver, Array | None]  # None where there is no sound
    key_moments: tuple[KeyMoment, ...]  # highest first
    pacing: Pacing | None  # None of a video without a duration
    structure: Structure  # a guess
    scene_rhythm_variation: (
        float | None
    )  # mean absolute deviation of the shots' lengths by their mean; None of one shot

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it."""
        return {
            "rate_hz": AROUSAL_HZ,
            "curve": _told(self.curve),
            "drivers": {driver.value: None if of is None else _told(of) for driver, of in self.drivers.items()},
            "key_moments": [moment.to_json() for moment in self.key_moments],
            "pacing": None if self.pacing is None else self.pacing.value,
            "structure": self.structure.value,
            "structure_is_a_guess": True,
            "scene_rhythm_variation": _rounded(self.scene_rhythm_variation),
        }


def arousal(
    pictures: PictureMeasures,
    shots: ShotReport,
    short_lufs: npt.NDArray[np.float32] | None,
    *,
    sound_start_s: float = 0.0,
    moments: int = KEY_MOMENTS,
) -> Arousal:
    """Return the arousal curve of a video at `AROUSAL_HZ`, with at most so many key moments.

    `short_lufs` [m] is the short-term loudness at `CURVE_HZ` from `sound_start_s` of the video on, -inf in silence;
    None or empty without sound, and then the other two are the curve. Without frames there is no curve.
    """
    steps = max(int(shots.duration_s * AROUSAL_HZ), int(shots.duration_s > 0))
    times_s = (np.arange(steps) + 0.5) / AROUSAL_HZ
    begin_s = shots.shots[0].begin_s if shots.shots else 0.0
    sound = None
    if short_lufs is not None and len(short_lufs):
        sound = _loudness(short_lufs, times_s + begin_s - sound_start_s), _LEAST_SOUND_SPREAD
    raw: dict[Driver, tuple[Array, float] | None] = {
        Driver.MOTION: _motion(pictures, shots, times_s + begin_s),
        Driver.CUTS: (_cut_density(shots, times_s + begin_s), _LEAST_CUTS_SPREAD),
        Driver.SOUND: sound,
    }
    known = [of for of in raw.values() if of is not None and len(times_s)]
    says = sum(min(1.0, float(values.std()) / spread) for values, spread in known)
    drivers = {driver: None if of is None else _smoothed(_standing_out(*of)) for driver, of in raw.items()}
    curve: Array = np.sum([of for of in drivers.values() if of is not None], axis=0) / max(1.0, says)
    return Arousal(
        times_s=times_s + begin_s,
        curve=curve,
        drivers=drivers,
        key_moments=_key_moments(times_s + begin_s, curve, drivers, moments),
        pacing=pacing_of(shots),
        structure=_structure(curve, shots),
        scene_rhythm_variation=rhythm_variation(shots),
    )


def pacing_of(shots: ShotReport) -> Pacing | None:
    """Return the pace of the cuts: of these and not of the shots, or each short uncut video would be fast."""
    if shots.duration_s <= 0:
        return None
    return pace_of(60 * len(shots.cuts_s) / shots.duration_s)


def pace_of(cuts_per_minute: float) -> Pacing:
    """Return the pace of so many cuts a minute."""
    return PACING_NAMES[next((pace for pace, above in CUTS_ABOVE.items() if cuts_per_minute > above), Pace.SLOW)]


def rhythm_variation(shots: ShotReport) -> float | None:
    """Return the mean absolute deviation of the shots' lengths as a share of their mean; None of fewer than two."""
    return lengths_variation([shot.length_s for shot in shots.shots])


def lengths_variation(lengths: Sequence[float]) -> float | None:
    """Return it of these lengths, s."""
    lengths_s = np.array(lengths)
    if len(lengths_s) < 2 or lengths_s.mean() <= 0:  # noqa: PLR2004 - one has no deviation
        return None
    return float(np.abs(lengths_s - lengths_s.mean()).mean() / lengths_s.mean())


def _motion(pictures: PictureMeasures, shots: ShotReport, at_s: Array) -> tuple[Array, float]:
    """Return the change of luma a second around each moment, cuts left out, and the least spread that counts."""
    if len(pictures.times_s) < 2:  # noqa: PLR2004 - one frame doesn't move
        return np.zeros(len(at_s)), _LEAST_MOTION_SPREAD
    change = pictures.change.astype(np.float64)
    for shot in shots.shots[1:]:  # a cut is no motion; the frame after it tells how fast its shot moves
        following = shot.begin_frame + 1
        change[shot.begin_frame] = change[following] if following < shot.end_frame else 0.0
    # Summed up and read at both ends of each step: so frames may come at any pace.
    total = np.interp(
        np.append(at_s, at_s[-1:] + 1 / AROUSAL_HZ) - 0.5 / AROUSAL_HZ, pictures.times_s, np.cumsum(change)
    )
    motion = np.diff(total) * AROUSAL_HZ
    return motion, max(_LEAST_MOTION_SPREAD, _LEAST_MOTION_SHARE * float(motion.mean()) if len(motion) else 0.0)


def _cut_density(shots: ShotReport, at_s: Array) -> Array:
    """Return how close the cuts around each moment are: 1 without end, 1/e in a shot of `_SHOT_SCALE_S`."""
    if not shots.shots:
        return np.zeros(len(at_s))
    lengths_s = np.array([shot.length_s for shot in shots.shots])
    begins_s = np.array([shot.begin_s for shot in shots.shots])
    within = np.clip(np.searchsorted(begins_s, at_s, side="right") - 1, 0, None)
    density: Array = np.exp(-lengths_s / _SHOT_SCALE_S)[within]
    return density


def _loudness(short_lufs: npt.NDArray[np.float32], at_s: Array) -> Array:
    """Return the short-term loudness around each moment; what is 30 LU below the loudest is silence (LUFS)."""
    first = min(round(_SOUND_WINDOW_S * CURVE_HZ), len(short_lufs) - 1)  # before it, less than the window was heard
    index = np.clip(np.round((at_s + _SOUND_WINDOW_S / 2) * CURVE_HZ).astype(np.int64), first, len(short_lufs) - 1)
    levels = np.maximum(np.nan_to_num(short_lufs.astype(np.float64), neginf=_SILENCE_LUFS), _SILENCE_LUFS)
    floor = max(_SILENCE_LUFS, float(levels.max()) - _SILENCE_LU)
    heard = np.maximum(levels[index], floor)
    heard[(at_s < 0) | (at_s * CURVE_HZ >= len(levels))] = floor  # the picture begins earlier, or ends later
    return heard


def _standing_out(values: Array, least_spread: float) -> Array:
    """Return values in standard deviations from their mean, or in `least_spread` where they hardly differ."""
    return (values - values.mean()) / max(float(values.std()), least_spread) if len(values) else values


def _smoothed(values: Array) -> Array:
    """Return values averaged over `SMOOTHING_S` by a Kaiser window, at the ends over what there is of it."""
    half = int(SMOOTHING_S * AROUSAL_HZ) // 2
    window = np.kaiser(2 * half + 1, _KAISER_SHAPE)
    inner = slice(half, half + len(values))
    if not len(values):
        return values
    return np.convolve(values, window)[inner] / np.convolve(np.ones(len(values)), window)[inner]


def _key_moments(
    times_s: Array, curve: Array, drivers: Mapping[Driver, Array | None], count: int
) -> tuple[KeyMoment, ...]:
    """Return the highest peaks that lie apart, highest first, the earlier of equals first."""
    if not len(curve):
        return ()
    heights = np.round(curve, 9)
    walled = np.concatenate(([-np.inf], heights, [-np.inf]))
    peaks = np.flatnonzero((heights >= walled[:-2]) & (heights >= walled[2:]) & (heights >= _LEAST_PEAK))
    apart_s = max(_LEAST_APART_S, _APART_SHARE * len(curve) / AROUSAL_HZ)
    levels = [(float(np.percentile(heights, share)), rank) for share, rank in _RANKS]
    chosen: list[KeyMoment] = []
    for index in sorted(peaks, key=lambda at: (-heights[at], at)):
        rank = next((rank for level, rank in levels if heights[index] >= level), None)
        near = any(abs(times_s[index] - moment.at_s) < apart_s for moment in chosen)
        if rank is None or near or len(chosen) >= count:
            continue
        evidence = {driver: None if of is None else float(of[index]) for driver, of in drivers.items()}
        chosen.append(KeyMoment(float(times_s[index]), float(curve[index]), rank, evidence))
    return tuple(chosen)


def _structure(curve: Array, shots: ShotReport) -> Structure:
    if shots.duration_s < _STRUCTURE_S or len(shots.shots) < _STRUCTURE_SHOTS:
        return Structure.SIMPLE
    first, second, third = (float(part.mean()) for part in np.array_split(curve, 3))
    least = _THIRD_DIFFERENCE * float(np.ptp(curve))
    rises, falls = (second - first > least, third - second > least), (first - second > least, second - third > least)
    if all(rises):
        return Structure.RISING
    if all(falls):
        return Structure.FALLING
    return Structure.COMPLEX if falls[0] and rises[1] else Structure.EPISODIC


def _told(values: Sequence[float] | Array) -> list[float]:
    return [round(float(value), 3) for value in values]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
