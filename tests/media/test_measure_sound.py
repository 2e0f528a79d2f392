"""Sound is measured as the standards say: EBU R 128 with its own test signals, levels by arithmetic."""

from __future__ import annotations

import math
import re
import subprocess
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.listeners import KeptSound
from tests.support.sounds import RATE_HZ, levels, tone, write_sound
from vsortd.media.measure_pass import measure_file
from vsortd.media.measures import SoundMeasures

if TYPE_CHECKING:
    from pathlib import Path

LU = 0.1  # EBU Tech 3341's tolerance


def measured(path: Path, *, speech: KeptSound | None = None) -> SoundMeasures:
    hear = None if speech is None else speech.take
    found = measure_file(str(path), pictures=False, sound=True, speech=hear, deadline=time.monotonic() + 60)
    assert isinstance(found.sound, SoundMeasures)
    return found.sound


@pytest.mark.parametrize(
    ("parts", "wanted_lufs"),
    [
        ([(-23.0, 20)], -23.0),
        ([(-33.0, 20)], -33.0),
        ([(-36.0, 10), (-23.0, 60), (-36.0, 10)], -23.0),
        ([(-72.0, 10), (-36.0, 10), (-23.0, 60), (-36.0, 10), (-72.0, 10)], -23.0),
        ([(-26.0, 20), (-20.0, 20.1), (-26.0, 20)], -23.0),
    ],
)
def test_ebu_tech_3341_signals_1_to_5_have_their_loudness(
    tmp_path: Path, parts: list[tuple[float, float]], wanted_lufs: float
) -> None:
    found = measured(write_sound(tmp_path / "signal.mov", levels(*parts)))
    assert wanted_lufs == pytest.approx(found.integrated_lufs, abs=LU)
    assert max(level for level, _ in parts) == pytest.approx(found.max_momentary_lufs, abs=LU)
    assert max(level for level, _ in parts) == pytest.approx(found.max_short_lufs, abs=LU)


def test_ebu_tech_3341_signal_6_has_five_channels_and_its_loudness(tmp_path: Path) -> None:
    five = np.stack([tone(level, 20) for level in (-28.0, -28.0, -24.0, -30.0, -30.0)], axis=1)
    found = measured(write_sound(tmp_path / "signal.mov", five, layout="5.0(side)"))
    assert (5, RATE_HZ) == (found.channels, found.rate_hz)
    assert -23.0 == pytest.approx(found.integrated_lufs, abs=LU)


@pytest.mark.parametrize("target_lufs", [-23.0, -14.0])
def test_loudness_and_range_are_those_of_ffmpegs_own_summary(tmp_path: Path, target_lufs: float) -> None:
    rng = np.random.default_rng(3)
    swell = np.repeat([0.4, 1.0, 0.2, 0.7], 4 * RATE_HZ)[:, None]
    path = write_sound(tmp_path / "noise.mov", 0.2 * swell * rng.standard_normal((len(swell), 2)))
    gain = 10 ** ((target_lufs - measured(path).integrated_lufs) / 20)
    rng = np.random.default_rng(3)
    write_sound(path, gain * 0.2 * swell * rng.standard_normal((len(swell), 2)))
    found, summary = measured(path), ffmpegs_summary(path)
    assert target_lufs == pytest.approx(found.integrated_lufs, abs=LU)
    assert summary["I"] == pytest.approx(found.integrated_lufs, abs=LU)
    assert summary["LRA"] == pytest.approx(found.lra_lu, abs=LU)
    assert summary["Peak"] == pytest.approx(found.true_peak_dbtp, abs=LU)
    assert summary["mean_volume"] == pytest.approx(found.mean_db, abs=LU)
    assert summary["max_volume"] == pytest.approx(found.max_db, abs=LU)


def ffmpegs_summary(path: Path) -> dict[str, float]:
    """Return what ffmpeg's ebur128 and volumedetect say at the end."""
    filters = ["-nostats", "-i", str(path), "-af", "ebur128=peak=true:framelog=verbose,volumedetect", "-f", "null", "-"]
    told = subprocess.run(["ffmpeg", "-hide_banner", *filters], capture_output=True, text=True, check=True).stderr
    found = re.findall(r"(I|LRA|Peak|mean_volume|max_volume):\s+(-?[\d.]+) (?:LUFS|LU|dBFS|dB)$", told, re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_a_sine_has_its_peak_and_its_rms(tmp_path: Path) -> None:
    found = measured(write_sound(tmp_path / "sine.mov", levels((-1.0, 4.0))))
    assert -1.0 == pytest.approx(found.max_db, abs=0.01)
    assert -1.0 == pytest.approx(found.true_peak_dbtp, abs=0.2)
    assert -4.01 == pytest.approx(found.mean_db, abs=0.01)
    assert [0.0, 0.0] == pytest.approx(found.dc.tolist(), abs=1e-4)
    assert -math.inf == found.side_db
    assert (10, 2) == found.blocks_db.shape
    assert np.full((10, 2), -4.01) == pytest.approx(found.blocks_db, abs=0.01)


def test_a_peak_between_two_samples_is_found(tmp_path: Path) -> None:
    """A sine of a quarter of the rate at 45 degrees: no sample is above -3 dB of its peak (EBU Tech 3341, 16)."""
    fade = np.clip(np.arange(4 * RATE_HZ) / 4800, 0, 1)  # what begins at once swings over
    mono = fade * fade[::-1] * tone(-6.0, 4.0, hz=RATE_HZ / 4, phase=math.pi / 4)
    found = measured(write_sound(tmp_path / "between.mov", np.stack([mono, mono], axis=1)))
    assert -9.01 == pytest.approx(found.max_db, abs=0.01)
    assert -6.4 <= found.true_peak_dbtp <= -5.8


def test_curves_have_ten_values_a_second_and_follow_the_sound(tmp_path: Path) -> None:
    found = measured(write_sound(tmp_path / "steps.mov", levels((-20.0, 5.0), (-40.0, 5.0))))
    assert (100, 100, 10.0) == (len(found.momentary_lufs), len(found.short_lufs), found.duration_s)
    assert np.isneginf([*found.momentary_lufs[:3], *found.short_lufs[:29]]).all()
    assert np.full(46, -20.0) == pytest.approx(found.momentary_lufs[4:50], abs=LU)
    assert np.full(45, -40.0) == pytest.approx(found.momentary_lufs[55:], abs=LU)
    assert -40.0 == pytest.approx(found.short_lufs[-1], abs=LU)


def test_silence_is_minus_infinity_everywhere(tmp_path: Path) -> None:
    found = measured(write_sound(tmp_path / "silence.mov", np.zeros((4 * RATE_HZ, 2))))
    told = (found.integrated_lufs, found.true_peak_dbtp, found.max_momentary_lufs, found.max_short_lufs)
    assert {-math.inf} == {*told, found.mean_db, found.max_db, found.side_db}
    for curve in (found.momentary_lufs, found.short_lufs, found.blocks_db, found.spectrum_db):
        assert np.isneginf(curve).all()
    assert 0.0 == found.lra_lu


def test_a_side_that_lacks_and_a_shifted_zero_line_show(tmp_path: Path) -> None:
    left = tone(-6.02, 4.0) + 0.1
    found = measured(write_sound(tmp_path / "left.mov", np.stack([left, np.zeros_like(left)], axis=1)))
    assert [0.1, 0.0] == pytest.approx(found.dc.tolist(), abs=1e-3)
    assert np.isneginf(found.blocks_db[:, 1]).all()
    assert 10 * math.log10((0.125 + 0.01) / 4) == pytest.approx(found.side_db, abs=0.01)


@pytest.mark.parametrize("rate_hz", [8000, 44_100, 96_000])
def test_the_spectrum_has_a_tone_at_its_frequency_and_level(tmp_path: Path, rate_hz: int) -> None:
    mono = tone(0.0, 3.0, hz=rate_hz / 8, rate_hz=rate_hz)[:, None]
    found = measured(write_sound(tmp_path / "tone.mov", mono, layout="mono", rate_hz=rate_hz))
    bins = len(found.spectrum_db)
    assert (bins - 1) / 4 == int(found.spectrum_db.argmax())
    assert -3.01 == pytest.approx(float(found.spectrum_db.max()), abs=0.1)
    assert float(np.delete(found.spectrum_db, range(bins // 4 - 4, bins // 4 + 5)).max()) < -80
    assert (rate_hz, 1, "mono", -math.inf) == (found.rate_hz, found.channels, found.layout, found.side_db)


def test_the_sound_for_speech_is_as_long_and_as_high_as_the_sound(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "tone.mov", levels((-6.02, 3.0)))
    heard = KeptSound()
    measured(path, speech=heard)
    pcm = heard.pcm
    assert np.int16 == pcm.dtype
    assert 3 * 16_000 == pytest.approx(len(pcm), abs=32)
    assert 1000 == pytest.approx(float(np.abs(np.fft.rfft(pcm)).argmax()) * 16_000 / len(pcm), abs=1)
    assert 2**14.5 == pytest.approx(int(np.abs(pcm).max()), rel=0.02)  # of two alike channels, each with 2**14


def test_a_sound_shorter_than_a_block_has_levels_but_no_loudness(tmp_path: Path) -> None:
    found = measured(write_sound(tmp_path / "click.mov", levels((-6.0, 0.05))))
    assert (-math.inf, 0.05) == (found.integrated_lufs, found.duration_s)
    assert [[-9.01, -9.01]] == pytest.approx(found.blocks_db, abs=0.01)
    assert -6.0 == pytest.approx(found.true_peak_dbtp, abs=0.2)
    assert float(found.spectrum_db.max()) < 0
