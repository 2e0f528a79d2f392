"""The curve of loudness that a document keeps: bounded, right in time, and the same after a round trip."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from tests.support.heard import Samples, heard
from vsortd.analysis.loudness_curve import MAX_POINTS, LoudnessCurve, loudness_curve
from vsortd.analysis.sound import judge_sound

RATE = 16_000


def tones(*parts: tuple[float, float]) -> Samples:
    """Return tones of 1 kHz in both channels, one after the other: peak (dBFS) and length (s) of each."""
    each = [
        10 ** (db / 20) * np.sin(2 * np.pi * 1000 * np.arange(round(length_s * RATE)) / RATE) for db, length_s in parts
    ]
    return np.repeat(np.concatenate(each)[:, None], 2, axis=1)


def level_at(curve: LoudnessCurve, moment_s: float) -> float:
    return float(curve.lufs[np.abs(curve.times_s - moment_s).argmin()])


def test_levels_stand_at_the_middle_of_their_window() -> None:
    """A stereo sine of 1 kHz has the LUFS of its peak's dBFS (EBU Tech 3341)."""
    curve = loudness_curve(heard(tones((-20, 10), (-40, 10)), RATE), start_s=5.0)
    assert 3.0 == curve.window_s
    assert pytest.approx(6.5) == curve.times_s[0]
    assert pytest.approx(23.5) == curve.times_s[-1]
    assert pytest.approx(-20, abs=0.1) == level_at(curve, 10.0)
    assert pytest.approx(-40, abs=0.1) == level_at(curve, 20.0)
    # half of the window is 20 dB louder: 3 dB below that
    assert pytest.approx(-23, abs=0.3) == level_at(curve, 15.0)


def test_of_a_long_sound_no_peak_is_lost() -> None:
    sound = heard(tones((-30, 4)), RATE)
    levels = np.full(36_000, -30.0, np.float32)  # an hour
    levels[20_000] = -10.0
    curve = loudness_curve(dataclasses.replace(sound, short_lufs=levels, momentary_lufs=levels, duration_s=3600.0))
    assert len(curve.lufs) <= MAX_POINTS
    assert -10.0 == curve.lufs.max()
    assert pytest.approx(2000.1 - 1.5, abs=curve.step_s) == curve.times_s[int(curve.lufs.argmax())]
    assert pytest.approx(3600 - 1.5, abs=curve.step_s) == curve.times_s[-1]


def test_a_sound_shorter_than_the_window_is_told_by_the_momentary_one() -> None:
    curve = loudness_curve(heard(tones((-20, 1)), RATE))
    assert 0.4 == curve.window_s
    assert pytest.approx(-20, abs=0.2) == level_at(curve, 0.5)
    assert 0 == len(loudness_curve(heard(tones((-20, 0.2)), RATE)).lufs)


def test_silence_is_null_and_the_document_says_what_was_measured() -> None:
    report = judge_sound(heard(np.concatenate([tones((-20, 5)), np.zeros((5 * RATE, 2))]), RATE), speech=None)
    document = json.loads(json.dumps(report.to_json()))["loudness"]
    assert document["lufs"][-1] is None
    curve = LoudnessCurve.from_json(document)
    assert document == curve.to_json()
    assert -math.inf == level_at(curve, 8.4)
    assert pytest.approx(-20, abs=0.1) == level_at(curve, 2.0)
