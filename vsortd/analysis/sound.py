"""What a video sounds like: how loud it is, where it is silent, where it grows loud, where somebody speaks.

Loudness is that of EBU R 128 (ITU-R BS.1770, EBU Tech 3341 and 3342), as the pass over the file measured it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.analysis.loudness_curve import loudness_curve
from vsortd.analysis.sound_faults import (
    QUIET_LUFS,
    SoundFinding,
    SoundQuality,
    bandwidth_hz,
    find_faults,
    finite,
    noise_floor_db,
    rate_sound,
)
from vsortd.analysis.speech import SoundSpan
from vsortd.media.measures import BLOCK_S, CURVE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsortd.analysis.speech import Speech
    from vsortd.media.measures import SoundMeasures

_MOMENTARY: Final = round(0.4 * CURVE_HZ)  # steps of the curve that a momentary level is over
_SHORT: Final = 3 * CURVE_HZ  # and a short-term one

# What a level is told of at least, by its key in JSON
_LEAST_S: Final = {"integrated_lufs": 0.4, "max_momentary_lufs": 0.4, "noise_floor_db": BLOCK_S, "max_short_lufs": 3.0}

_SILENT_DB: Final = -60.0  # what is quieter is silence in any recording
_SILENT_LU: Final = 30.0  # below the whole
_SILENCE_S: Final = 0.5

_PROMINENT_LU: Final = 4.0
_STRONGEST_LU: Final = 12.0  # strength 1
_AROUND: Final = 30 * CURVE_HZ  # steps of the running median
_APART_S: Final = 3.0
_EVEN_LU: Final = 2.0  # with a smaller range nothing stands out

_NO_SOUND_LUFS: Final = -70.0  # the absolute gate
_CLIPPING_DBTP: Final = -1.0
_COMPRESSED_LU: Final = 3.0
_RANGE_LEAST_S: Final = 30.0  # the range of less says how long the clip is, not how it was made

# Name, from, to (LUFS), what is said. Platforms' practice is about -14; broadcast is R 128's -23, 1 LU for live.
_BANDS: Final = (
    ("very_loud", -9.0, None, "Very loud"),
    ("streaming", -18.0, -13.0, "As loud as streaming platforms play"),
    ("broadcast", -24.0, -22.0, "As loud as broadcast (EBU R 128)"),
    ("quiet", None, QUIET_LUFS, "Quiet"),
)


@dataclass(frozen=True, slots=True)
class LoudMoment:
    """A moment that is louder than what is around it."""

    at_s: float
    lufs: float  # short-term
    strength: float  # 0 to 1


@dataclass(frozen=True, slots=True, eq=False)
class SoundReport:
    """What a sound is like; `speech` is None where it was not looked for."""

    measures: SoundMeasures
    silence: tuple[SoundSpan, ...]
    loud: tuple[LoudMoment, ...]
    speech: Speech | None
    verdicts: tuple[SoundFinding, ...]
    faults: tuple[SoundFinding, ...]
    quality: SoundQuality
    start_s: float = 0.0  # after the video's start; the other times count from that

    @property
    def silent(self) -> bool:
        """Whether nothing is heard, although there is a stream."""
        return is_silent(self.measures)

    @property
    def silence_share(self) -> float:
        """How much of the time is silence, 0 to 1."""
        length_s = self.measures.duration_s
        return min(1.0, sum(span.length_s for span in self.silence) / length_s) if length_s > 0 else 0.0

    def to_json(self) -> dict[str, object]:
        """Return it as JSON has it; every number is finite.

        A level of no sound at all is null, and its key stands in `minus_infinity`; other nulls were not measured, or
        the sound is too short for them.
        """
        levels, length_s = self._levels(), self.measures.duration_s
        speech = self.speech
        return {
            **{name: finite(value) for name, value in levels.items()},
            "minus_infinity": [
                name for name, value in levels.items() if value == -math.inf and length_s >= _LEAST_S.get(name, 0)
            ],
            "lra_lu": finite(self.measures.lra_lu),
            "silence": _spans(self.silence),
            "silence_share": finite(self.silence_share),
            "loud": [
                {"at_s": finite(one.at_s), "lufs": finite(one.lufs), "strength": finite(one.strength)}
                for one in self.loud
            ],
            "speech": None if speech is None else _spans(speech.spans),
            "speech_share": None if speech is None else finite(speech.share),
            "music_share": None,
            "faults": [fault.to_json() for fault in self.faults],
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
            "quality": {"rating": self.quality.rating, "factors": list(self.quality.factors)},
            "silent": self.silent,
            "bandwidth_hz": finite(bandwidth_hz(self.measures)),
            "stream": self.measures.stream,
            "rate_hz": self.measures.rate_hz,
            "channels": self.measures.channels,
            "layout": self.measures.layout,
            "duration_s": finite(self.measures.duration_s),
            "loudness": loudness_curve(self.measures, start_s=self.start_s).to_json(),
        }

    def _levels(self) -> dict[str, float]:
        """Return what can be -inf, by its key."""
        sound = self.measures
        return {
            "integrated_lufs": sound.integrated_lufs,
            "true_peak_dbtp": sound.true_peak_dbtp,
            "max_momentary_lufs": sound.max_momentary_lufs,
            "max_short_lufs": sound.max_short_lufs,
            "mean_db": sound.mean_db,
            "max_db": sound.max_db,
            "noise_floor_db": noise_floor_db(sound),
        }


def judge_sound(sound: SoundMeasures, *, speech: Speech | None, start_s: float = 0.0) -> SoundReport:
    """Return what the measures of a sound say; `speech` is None where it was not looked for.

    Times count from the video's start, `start_s` before the sound's (s); those in `speech` from the sound's.
    """
    verdicts = _verdicts(sound)
    silent = is_silent(sound)
    faults = () if silent else find_faults(sound, speech)
    loud = () if silent else find_loud_moments(sound)
    return SoundReport(
        measures=sound,
        silence=tuple(span.later(start_s) for span in find_silence(sound)),
        loud=tuple(replace(one, at_s=one.at_s + start_s) for one in loud),
        speech=None if speech is None else speech.later(start_s),
        verdicts=verdicts,
        faults=faults,
        quality=SoundQuality(None, ("No sound.",)) if silent else rate_sound((*verdicts, *faults), sound),
        start_s=start_s,
    )


def is_silent(sound: SoundMeasures) -> bool:
    """Tell whether nothing is heard: the whole is at most -70 LUFS, and if it is too short for that, its peak."""
    if sound.duration_s < _MOMENTARY / CURVE_HZ:
        return sound.max_db <= _NO_SOUND_LUFS
    return sound.integrated_lufs <= _NO_SOUND_LUFS


def find_silence(sound: SoundMeasures) -> tuple[SoundSpan, ...]:
    """Return each time of at least 0.5 s below -60 dB or 30 LU below the whole, whichever is louder.

    By the momentary curve, whose windows of 400 ms end every 0.1 s: silence is what lies in quiet windows alone. Where
    the sound breaks off, begin and end are right to 0.1 s. Where what is next to it is itself hardly louder than the
    limit, a little of that passes for silence: 0.2 s at 3 dB above it, 0.04 s at 10 dB. In a sound in which nothing is
    heard at all, all of it.
    """
    if is_silent(sound):
        return (SoundSpan(0.0, sound.duration_s),) if sound.duration_s >= _SILENCE_S else ()
    quiet = sound.momentary_lufs < _silence_limit(sound)
    quiet[: _MOMENTARY - 1] = False  # these windows begin before the sound
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]])))
    spans = []
    for first, after in edges.reshape(-1, 2).tolist():
        begin_s = (first + 1 - _MOMENTARY) / CURVE_HZ
        end_s = sound.duration_s if after == len(quiet) else after / CURVE_HZ
        if end_s - begin_s > _SILENCE_S - 1 / (2 * CURVE_HZ):  # steps are no exact numbers
            spans.append(SoundSpan(begin_s, end_s))
    return tuple(spans)


def find_loud_moments(sound: SoundMeasures) -> tuple[LoudMoment, ...]:
    """Return the moments that stand out, in their order: none where the loudness range is below 2 LU.

    Where the short-term loudness has a local maximum at least 4 LU above the median of the 30 s around (silence counts
    as its limit there); the time is the middle of the loudest 400 ms of those 3 s. Of moments less than 3 s apart the
    more prominent stays, of equal ones the first. Strength is prominence / 12, at most 1.
    """
    curve, limit = sound.short_lufs.astype(np.float64), _silence_limit(sound)
    if sound.lra_lu < _EVEN_LU or len(curve) < _SHORT:
        return ()
    full = curve[_SHORT - 1 :]  # the windows before begin before the sound
    padded = np.concatenate([[-math.inf], full, [-math.inf]])
    tops = np.flatnonzero((full >= padded[:-2]) & (full > padded[2:]) & (full > limit))
    floored = np.maximum(full, limit)
    ranked = sorted(((float(full[top] - _median_around(floored, top)), -top) for top in tops.tolist()), reverse=True)
    found: list[LoudMoment] = []
    for above, turned in ranked:
        at_s = _loudest_s(sound, _SHORT - 1 - turned)
        if above >= _PROMINENT_LU and all(abs(at_s - one.at_s) >= _APART_S for one in found):
            found.append(LoudMoment(at_s, float(full[-turned]), min(1.0, above / _STRONGEST_LU)))
    return tuple(sorted(found, key=lambda one: one.at_s))


def _median_around(curve: np.ndarray[tuple[int], np.dtype[np.float64]], index: int) -> float:
    return float(np.median(curve[max(index - _AROUND // 2, 0) : index + _AROUND // 2 + 1]))


def _loudest_s(sound: SoundMeasures, index: int) -> float:
    """Return the middle of the loudest 400 ms within the short-term window that ends with a step."""
    first = index - _SHORT + _MOMENTARY
    inside = sound.momentary_lufs[first : index + 1]
    loudest = first + int(np.argmax(inside)) if len(inside) else index - _SHORT // 2
    return (loudest + 1 - _MOMENTARY / 2) / CURVE_HZ


def _silence_limit(sound: SoundMeasures) -> float:
    return max(_SILENT_DB, sound.integrated_lufs - _SILENT_LU)


def _verdicts(sound: SoundMeasures) -> tuple[SoundFinding, ...]:
    """Return what is said of the loudness as a whole."""
    lufs = sound.integrated_lufs
    if is_silent(sound):
        said = "No sound, although there is a stream for it."
        return (SoundFinding("no_sound", said, lufs, "LUFS", at_most=_NO_SOUND_LUFS),)
    verdicts = [
        SoundFinding(name, f"{said}: {lufs:.1f} LUFS.", lufs, "LUFS", low, high)
        for name, low, high, said in _BANDS
        if lufs > -math.inf and (low is None or lufs >= low) and (high is None or lufs <= high)
    ]
    peak, spread = sound.true_peak_dbtp, sound.lra_lu
    if peak > _CLIPPING_DBTP:
        said = f"Clipping: the true peak is {peak:.1f} dBTP, above {_CLIPPING_DBTP:.0f}."
        verdicts.append(SoundFinding("clipping", said, peak, "dBTP", at_least=_CLIPPING_DBTP))
    if spread < _COMPRESSED_LU and sound.duration_s >= _RANGE_LEAST_S:
        said = f"Over-compressed: the loudness range is {spread:.1f} LU, below {_COMPRESSED_LU:.0f}."
        verdicts.append(SoundFinding("over_compressed", said, spread, "LU", at_most=_COMPRESSED_LU))
    return tuple(verdicts)


def _spans(spans: Iterable[SoundSpan]) -> list[dict[str, float | None]]:
    return [{"begin_s": finite(span.begin_s), "end_s": finite(span.end_s)} for span in spans]
