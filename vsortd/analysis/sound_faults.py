"""What is wrong with a sound, by what was measured of it, and how good that leaves it.

Limits that no standard has were set on rendered signals and on real clips; each function names what was measured there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.media.measures import BLOCK_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vsortd.analysis.speech import Speech
    from vsortd.media.measures import SoundMeasures

Floats64 = npt.NDArray[np.float64]

_DUAL_DB: Final = 40.0  # mono as left and right, if what differs is quieter by so much
_ONE_SIDED_DB: Final = 12.0
_HEARD_DB: Final = -60.0  # dBFS; two channels that are both quieter are not held against each other
_DC: Final = 0.005  # of full scale
_NOISE_DB: Final = 15.0  # dB that speech should be above its pauses
_NARROW_HZ: Final = 8000.0
_ROLL_OFF_DB: Final = 60.0
_CLIFF_DB: Final = 25.0  # what is cut off falls by so much
_LOW_RATE_HZ: Final = 32_000
_FULL_RATE_HZ: Final = 44_100
_QUIET_FLOOR_DB: Final = -60.0  # dBFS
QUIET_LUFS: Final = -30.0
_COUNTED: Final = frozenset({"clipping", "over_compressed", "hum", "narrow_band", "noise", "one_sided"})

_HUM_DB: Final = 8.0  # above its surroundings
_HUM_HEARD_DB: Final = -70.0  # dBFS, all lines together
_HUM_BIN_HZ: Final = 4.0  # wider bins can't tell one line from the next
_HUM_LEAST_S: Final = 3.0  # in less, the spectrum is too uneven


@dataclass(frozen=True, slots=True)
class SoundFinding:
    """One statement about a sound with its evidence: the number, and the limits that it was held against."""

    name: str
    said: str  # one sentence
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return it as JSON has it; a level of nothing at all is null."""
        return {
            "name": self.name,
            "said": self.said,
            "value": finite(self.value),
            "unit": self.unit,
            "at_least": finite(self.at_least),
            "at_most": finite(self.at_most),
        }


@dataclass(frozen=True, slots=True)
class SoundQuality:
    """Professional, Good, Standard or Basic, and why; None of what is silent or too short."""

    rating: str | None
    factors: tuple[str, ...]


def finite(value: float | None) -> float | None:
    """Return a number as JSON can hold it: three decimals, None for what is no number or endless."""
    return round(float(value), 3) if value is not None and math.isfinite(value) else None


def find_faults(sound: SoundMeasures, speech: Speech | None) -> tuple[SoundFinding, ...]:
    """Return the faults of a sound in which something is heard; noise only where speech was looked for and found."""
    ways: tuple[Callable[[], SoundFinding | None], ...] = (
        lambda: _dual_mono(sound),
        lambda: _one_sided(sound),
        lambda: _dc(sound),
        lambda: _hum(sound),
        lambda: _noise(sound, speech),
        lambda: _narrow_band(sound),
        lambda: _low_rate(sound),
    )
    return tuple(fault for way in ways if (fault := way()) is not None)


def rate_sound(findings: Iterable[SoundFinding], sound: SoundMeasures) -> SoundQuality:
    """Return how good a sound is in which something is heard: by its faults, not by how loud it is.

    No fault that counts is Good, one Standard, more Basic. Good is Professional at 44.1 kHz or more, if the quietest
    tenth is below -60 dBFS, and the whole isn't that quiet itself (-30 LUFS). Two channels that are one, a constant in
    the samples and a low rate are named, not counted. Less than a block can't be judged.
    """
    named = tuple(findings)
    if sound.duration_s < BLOCK_S:
        return SoundQuality(None, (*(finding.said for finding in named), "Too short to be judged."))
    counted = [finding for finding in named if finding.name in _COUNTED]
    floor, loud = noise_floor_db(sound), sound.integrated_lufs >= QUIET_LUFS
    still = floor < _QUIET_FLOOR_DB
    best = "Professional" if sound.rate_hz >= _FULL_RATE_HZ and still and loud else "Good"
    rating = "Basic" if len(counted) > 1 else "Standard" if counted else best
    facts = (
        f"Sampled at {sound.rate_hz / 1000:g} kHz.",
        "A tenth of it is silent." if floor == -math.inf else f"A tenth of it is at most {floor:.0f} dBFS.",
    )
    return SoundQuality(rating, (*(finding.said for finding in named), *facts))


def noise_floor_db(sound: SoundMeasures) -> float:
    """Return the level that a tenth of all blocks stays below, dBFS; -inf for silence, or for no whole block.

    Where nobody pauses, this is the quietest speech or music and no noise.
    """
    return _tenth(_block_powers(sound))


def bandwidth_hz(sound: SoundMeasures) -> float | None:
    """Return the highest frequency that is at most 60 dB below the loudest third of an octave; None in silence.

    The loudest is looked for from 200 Hz up, so that neither hum nor wind nor a rotor sets the measure: karma.mp4, a
    drone with 150 Hz, would end at 6.9 kHz, and ends at 14.4.
    """
    power, hz = _power(sound), _frequencies(sound)
    if not power.sum() or hz[-1] <= 200:  # noqa: PLR2004 - said above
        return None
    heard = hz >= 200  # noqa: PLR2004
    loudest = _smooth(power, hz, 1 / 3)[heard].max()
    loud = heard & (_smooth(power, hz, 1 / 12) >= loudest * 10 ** (-_ROLL_OFF_DB / 10))
    return float(hz[np.flatnonzero(loud)[-1]]) if loudest > 0 and loud.any() else None


def _dual_mono(sound: SoundMeasures) -> SoundFinding | None:
    """Tell of two channels that are one: the side at least 40 dB below the whole.

    Mono recordings in stereo files: -51 dB (coded with loss) to nothing at all; the narrowest stereo among the clips
    has -14 dB, the 8 kHz of nasa -21.
    """
    below = sound.mean_db - sound.side_db
    if sound.channels != 2 or below < _DUAL_DB:  # noqa: PLR2004 - left and right
        return None
    said = "Left and right are the same: it is mono in two channels."
    return SoundFinding("dual_mono", said, below, "dB", at_least=_DUAL_DB)


def _one_sided(sound: SoundMeasures) -> SoundFinding | None:
    """Tell of left and right more than 12 dB apart: a clip with a dead microphone has 28.6, the others at most 5.7."""
    if sound.channels < 2 or not len(sound.blocks_db):  # noqa: PLR2004
        return None
    powers = _powers(sound.blocks_db[:, :2]).mean(axis=0)  # in every layout of libav's, left and right come first
    left, right = (_level(float(power)) for power in powers)
    apart = left - right if max(left, right) > _HEARD_DB else 0.0
    if not abs(apart) > _ONE_SIDED_DB:
        return None
    said = f"{'Left' if apart > 0 else 'Right'} is louder by {abs(apart):.0f} dB: only one side is heard."
    if math.isinf(apart):
        said = f"Only {'left' if apart > 0 else 'right'} has any sound."
    return SoundFinding("one_sided", said, abs(apart), "dB", at_least=_ONE_SIDED_DB)


def _dc(sound: SoundMeasures) -> SoundFinding | None:
    """Tell of a constant in the samples, 0.5 % of full scale, three times the most among the clips (0.16 %)."""
    most = float(np.abs(sound.dc).max(initial=0))
    if most < _DC:
        return None
    said = f"The samples are off centre by {100 * most:.1f} % of full scale (DC)."
    return SoundFinding("dc", said, most, "of full scale", at_least=_DC)


def _hum(sound: SoundMeasures) -> SoundFinding | None:
    """Tell of hum of the mains: lines of 50 or 60 Hz stand out by 8 dB, three of the first four, or the even ones.

    The even ones alone (2, 4, 6 and 8) are those of lamps and rectifiers. Rendered in pink noise, hum that is 10 dB
    quieter than the noise has lines of 8 to 9 dB. Among the clips the most is two of four: dance music, 14 and 16 dB,
    whose bass plays 100 Hz. No answer where bins are wider than 4 Hz, or in less than 3 s.
    """
    hz = _frequencies(sound)
    wide = hz[1] - hz[0] if len(hz) > 1 else math.inf
    if wide > _HUM_BIN_HZ or sound.duration_s < _HUM_LEAST_S:
        return None
    power = _power(sound)
    for mains in (50, 60):
        lines = [_line_db(sound, mains, index) for index in range(1, 9)]
        out = [index for index, above in enumerate(lines, 1) if above >= _HUM_DB]
        if len([index for index in out if index <= 4]) < 3 and not {2, 4, 6, 8} <= set(out):  # noqa: PLR2004
            continue
        near = np.any([np.abs(hz - mains * index) <= 2 * wide for index in out], axis=0)
        level = sound.mean_db + _level(float(power[near].sum() / power.sum()))
        if level >= _HUM_HEARD_DB:
            strongest = max(lines)
            said = f"Hum of the mains: lines at {mains} Hz and its multiples, up to {strongest:.0f} dB above the rest."
            return SoundFinding("hum", said, strongest, f"dB at {mains} Hz", at_least=_HUM_DB)
    return None


def _line_db(sound: SoundMeasures, mains: int, index: int) -> float:
    """Return how far the index-th multiple of the mains stands out of what lies around, dB; 0 if no peak is there."""
    wide = sound.rate_hz / 2 / (len(sound.spectrum_db) - 1)
    middle, near, half = round(mains * index / wide), max(1, round(1 / wide)), int(mains / 2 / wide)
    around = sound.spectrum_db[max(middle - half, 0) : middle + half + 1].astype(np.float64)
    at = min(middle, half)
    if len(around) <= at + near + 3:
        return 0.0
    top = float(around[at - near : at + near + 1].max())
    if top < around[max(at - near - 3, 0) : at + near + 4].max() or top == -math.inf:
        return 0.0  # the foot of something beside it
    rest = np.concatenate([around[: max(at - near - 2, 0)], around[at + near + 3 :]])
    return top - max(float(np.median(rest)), -200.0) if len(rest) else 0.0


def _noise(sound: SoundMeasures, speech: Speech | None) -> SoundFinding | None:
    """Tell of pauses of speech that are less than 15 dB quieter than it, as ANSI/ASA S12.60 wants it in classrooms.

    Of the clips one has enough pauses (five blocks without speech): Big Buck Bunny, 15.1 dB.
    """
    if speech is None or not speech.spans:
        return None
    powers, begins = _block_powers(sound), np.arange(len(sound.blocks_db)) * BLOCK_S
    ends = begins + BLOCK_S
    touched = np.any([(span.begin_s < ends) & (span.end_s > begins) for span in speech.spans], axis=0)
    inside = np.any([(span.begin_s <= begins) & (span.end_s >= ends) for span in speech.spans], axis=0)
    if np.count_nonzero(~touched) < 5 or not inside.any():  # noqa: PLR2004 - said above
        return None
    pauses, spoken = _tenth(powers[~touched]), _level(float(powers[inside].mean()))
    if spoken - pauses >= _NOISE_DB:
        return None
    said = f"Noise: speech is only {spoken - pauses:.0f} dB above its pauses ({pauses:.0f} dBFS)."
    return SoundFinding("noise", said, spoken - pauses, "dB", at_most=_NOISE_DB)


def _narrow_band(sound: SoundMeasures) -> SoundFinding | None:
    """Tell of sound that ends below 8 kHz at a cliff of 25 dB, as on a phone line.

    Clips that are cut off fall by 50 dB and more, those that only grow quieter by 10 to 15.
    """
    end = bandwidth_hz(sound)
    if end is None or end >= _NARROW_HZ:
        return None
    power, hz = _power(sound), _frequencies(sound)
    below, above = (hz >= end / math.sqrt(2)) & (hz <= end / 1.12), (hz >= end * 1.12) & (hz <= end * 2)
    if below.any() and above.any():  # else the sample rate itself is the cliff
        fall = _level(float(power[below].mean())) - _level(float(power[above].mean()))
        if fall < _CLIFF_DB:
            return None
    said = f"Nothing above {end / 1000:.1f} kHz, as on a phone line."
    return SoundFinding("narrow_band", said, end, "Hz", at_most=_NARROW_HZ)


def _low_rate(sound: SoundMeasures) -> SoundFinding | None:
    """Tell of less than 32 kHz, what FM radio's 15 kHz need."""
    if sound.rate_hz >= _LOW_RATE_HZ:
        return None
    said = f"A low sample rate, {sound.rate_hz / 1000:g} kHz: nothing above {sound.rate_hz / 2000:g} kHz can be in it."
    return SoundFinding("low_rate", said, sound.rate_hz, "Hz", at_most=_LOW_RATE_HZ)


def _smooth(power: Floats64, hz: Floats64, octaves: float) -> Floats64:
    """Return the mean power of what lies within so many octaves around each frequency."""
    sums = np.concatenate([np.zeros(1), np.cumsum(power)])
    first = np.searchsorted(hz, hz * 2 ** (-octaves / 2), "left")
    last = np.searchsorted(hz, hz * 2 ** (octaves / 2), "right")
    return np.asarray((sums[last] - sums[first]) / (last - first))


def _power(sound: SoundMeasures) -> Floats64:
    return _powers(sound.spectrum_db)


def _frequencies(sound: SoundMeasures) -> Floats64:
    """Return the middle of each bin, Hz: the first is 0, the last half the rate."""
    return np.linspace(0, sound.rate_hz / 2, len(sound.spectrum_db))


def _block_powers(sound: SoundMeasures) -> Floats64:
    """Return the power of each block, the mean of all channels."""
    return np.asarray(_powers(sound.blocks_db).mean(axis=1)) if len(sound.blocks_db) else np.zeros(0)


def _powers(levels: npt.NDArray[np.float32]) -> Floats64:
    return np.asarray(10 ** (np.nan_to_num(levels.astype(np.float64), nan=-math.inf, neginf=-math.inf) / 10))


def _tenth(powers: Floats64) -> float:
    """Return the level that a tenth of the blocks stays below, dB."""
    return _level(float(np.percentile(powers, 10, method="lower"))) if len(powers) else -math.inf


def _level(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
