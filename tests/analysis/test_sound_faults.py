"""Each fault, rendered, and what has none; and how good that leaves a sound."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from tests.support.heard import Samples, decoded, heard
from vsortd.analysis.sound import judge_sound
from vsortd.analysis.sound_faults import bandwidth_hz, noise_floor_db
from vsortd.analysis.speech import SoundSpan, Speech

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.measures import SoundMeasures

RATE = 48_000
LENGTH_S = 10
TIMES = np.arange(LENGTH_S * RATE) / RATE


def pink(db: float, *, seed: int = 0, rate_hz: int = RATE) -> Samples:
    """Return noise [n] that falls by 3 dB an octave, as most sound does: its RMS is at `db` dBFS."""
    parts = np.fft.rfft(np.random.default_rng(seed).standard_normal(LENGTH_S * rate_hz))
    parts[1:] /= np.sqrt(np.arange(1, len(parts)))
    parts[0] = 0
    noise = np.fft.irfft(parts, LENGTH_S * rate_hz)
    return 10 ** (db / 20) * noise / np.sqrt(np.mean(noise**2))


def stereo(left_db: float = -26, right_db: float = -26) -> Samples:
    return np.stack([pink(left_db), pink(right_db, seed=1)], axis=1)


def hum(mains: float, db: float, lines: tuple[int, ...] = (1, 2, 3, 4, 5), *, rate_hz: int = RATE) -> Samples:
    """Return hum of the mains [n], its strongest line at `db` dBFS RMS."""
    times = np.arange(LENGTH_S * rate_hz) / rate_hz
    waves = [np.sin(2 * np.pi * mains * line * times + line) / rank for rank, line in enumerate(lines, 1)]
    return np.sqrt(2) * 10 ** (db / 20) * np.sum(waves, axis=0)


def faults(sound: Samples, rate_hz: int = RATE) -> set[str]:
    return {fault.name for fault in judge_sound(heard(sound, rate_hz), speech=None).faults}


def test_a_full_stereo_recording_has_no_fault() -> None:
    assert set() == faults(stereo())


def test_a_mono_recording_has_none_either() -> None:
    assert set() == faults(pink(-26))


def test_two_channels_that_are_one_are_dual_mono() -> None:
    one = pink(-26)
    assert {"dual_mono"} == faults(np.stack([one, one], axis=1))
    assert {"dual_mono"} == faults(np.stack([one, one * 0.99], axis=1))
    assert set() == faults(np.stack([one, one + pink(-50, seed=1)], axis=1))


@pytest.mark.parametrize(("right_db", "expected"), [(-37, set()), (-39, {"one_sided"})])
def test_more_than_twelve_decibels_between_left_and_right_are_one_sided(right_db: float, expected: set[str]) -> None:
    assert expected == faults(stereo(-26, right_db))
    assert expected == faults(stereo(right_db, -26))


def test_a_dead_channel_is_one_sided() -> None:
    report = judge_sound(heard(np.stack([pink(-26), np.zeros(len(TIMES))], axis=1), RATE), speech=None)
    assert ["Only left has any sound."] == [fault.said for fault in report.faults]


def test_a_real_clip_with_a_dead_microphone_is_one_sided(clips: Path) -> None:
    sound, rate_hz, _ = decoded(clips / "pigallery2__20240128_120909.mp4")
    assert {"one_sided"} == faults(sound, rate_hz)


@pytest.mark.parametrize(("offset", "expected"), [(0.004, set()), (0.006, {"dc"}), (-0.02, {"dc"})])
def test_a_constant_in_the_samples_is_a_fault(offset: float, expected: set[str]) -> None:
    assert expected == faults(stereo() + offset)


@pytest.mark.parametrize("mains", [50, 60])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_hum_is_found_and_told_by_its_mains(mains: int, rate_hz: int) -> None:
    sound = heard(pink(-30, rate_hz=rate_hz) + hum(mains, -34, rate_hz=rate_hz), rate_hz)
    (fault,) = [fault for fault in judge_sound(sound, speech=None).faults if fault.name == "hum"]
    assert ("hum", f"dB at {mains} Hz") == (fault.name, fault.unit)
    assert fault.at_least is not None
    assert fault.at_least <= fault.value


@pytest.mark.parametrize("mains", [50, 60])
def test_the_hum_of_lamps_has_even_lines_only_and_is_found(mains: int) -> None:
    assert {"hum"} == faults(pink(-40) + hum(mains, -35, (2, 4, 6, 8)))


def test_hum_that_noise_covers_is_none() -> None:
    assert set() == faults(pink(-30) + hum(50, -60))


def test_hum_that_nobody_hears_is_none() -> None:
    assert "hum" not in faults(pink(-100) + hum(50, -80) + np.where(TIMES < 1, pink(-40), 0))


@pytest.mark.parametrize("note_hz", [98.0, 55.0, 61.7, 110.0, 116.5, 440.0])
def test_a_note_is_no_hum(note_hz: float) -> None:
    assert "hum" not in faults(pink(-60) + hum(note_hz, -20, tuple(range(1, 12))))


def test_bins_that_are_too_wide_tell_nothing_of_hum() -> None:
    sound = heard(pink(-30) + hum(50, -30), RATE)
    coarse = dataclasses.replace(sound, spectrum_db=sound.spectrum_db[::4])
    assert () == judge_sound(coarse, speech=None).faults


def phone(sound: Samples, rate_hz: int = RATE) -> Samples:
    return np.asarray(sosfilt(butter(8, [300, 3400], "bandpass", fs=rate_hz, output="sos"), sound, axis=0))


def test_a_phone_line_is_narrow() -> None:
    sound = heard(phone(phone(pink(-20))), RATE)
    (fault,) = judge_sound(sound, speech=None).faults
    assert "narrow_band" == fault.name
    assert 3400 < fault.value < 6000


def test_what_only_grows_quieter_is_not_narrow() -> None:
    falling = sosfilt(butter(2, 200, "lowpass", fs=RATE, output="sos"), pink(-20))
    assert set() == faults(np.asarray(falling))


def test_bandwidth_is_where_the_sound_ends() -> None:
    parts = np.fft.rfft(pink(-20))
    parts[round(10_000 * LENGTH_S) :] = 0
    assert pytest.approx(10_000, rel=0.05) == bandwidth_hz(heard(np.fft.irfft(parts), RATE))


def test_a_strong_hum_does_not_make_the_rest_narrow() -> None:
    assert "narrow_band" not in faults(pink(-60) + hum(50, -10, (1,)))


def test_a_low_rate_is_named() -> None:
    assert {"low_rate"} == faults(pink(-26, rate_hz=22_050), 22_050)
    assert {"low_rate", "narrow_band"} == faults(pink(-26, rate_hz=8000), 8000)
    assert set() == faults(pink(-26, rate_hz=32_000), 32_000)


def test_the_noise_floor_is_what_a_tenth_of_the_blocks_stays_below() -> None:
    loud = np.where(TIMES < 8, 1, 0) * pink(-20)
    assert pytest.approx(-55, abs=1) == noise_floor_db(heard(loud + pink(-55, seed=1), RATE))


def spoken(noise_db: float) -> tuple[SoundMeasures, Speech]:
    """Return speech at -25 dBFS from 2 to 5 and from 6 to 9 s over such noise."""
    spans = (SoundSpan(2, 5), SoundSpan(6, 9))
    speaks = np.any([(span.begin_s <= TIMES) & (span.end_s > TIMES) for span in spans], axis=0)
    sound = np.where(speaks, 1, 0) * pink(-25) + pink(noise_db, seed=1)
    return heard(sound, RATE), Speech(spans, 0.6, np.zeros(0, np.float32))


@pytest.mark.parametrize(("noise_db", "expected"), [(-60, []), (-42, []), (-38, ["noise"]), (-30, ["noise"])])
def test_speech_less_than_fifteen_decibels_above_its_pauses_is_noisy(noise_db: float, expected: list[str]) -> None:
    sound, speech = spoken(noise_db)
    assert expected == [fault.name for fault in judge_sound(sound, speech=speech).faults]


def test_noise_is_not_judged_where_nobody_listened_for_speech() -> None:
    sound, _ = spoken(-30)
    assert () == judge_sound(sound, speech=None).faults


def rating(sound: SoundMeasures, speech: Speech | None = None) -> str | None:
    return judge_sound(sound, speech=speech).quality.rating


def test_clean_speech_at_a_full_rate_is_professional() -> None:
    assert "Professional" == rating(*spoken(-70))


def test_without_a_quiet_floor_or_a_full_rate_it_is_good() -> None:
    sound, speech = spoken(-50)
    assert "Good" == rating(sound, speech)
    assert "Good" == rating(heard(pink(-26, rate_hz=32_000), 32_000))


def test_a_recording_that_is_quiet_all_over_is_not_professional_for_that() -> None:
    assert "Good" == rating(heard(pink(-65), RATE))


def test_one_fault_is_standard_and_two_are_basic() -> None:
    assert "Standard" == rating(heard(stereo(-26, -40), RATE))
    assert "Basic" == rating(heard(phone(phone(stereo(-26, -40))), RATE))


def test_louder_is_not_better() -> None:
    assert rating(heard(stereo(-30, -30), RATE)) == rating(heard(stereo(-20, -20), RATE))
    assert "Standard" == rating(heard(np.clip(stereo(-4, -4), -1, 1), RATE))


def test_dual_mono_is_named_among_the_factors_and_costs_nothing() -> None:
    one = pink(-26)
    quality = judge_sound(heard(np.stack([one, one], axis=1), RATE), speech=None).quality
    assert "Good" == quality.rating
    assert "Left and right are the same: it is mono in two channels." in quality.factors


def test_too_short_a_sound_is_not_rated() -> None:
    assert None is rating(heard(pink(-26)[: RATE // 10], RATE))
