"""Windows of sound begin where they were asked for, in one channel at one rate, whatever the file has."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.sounds import tone, write_sound
from vsortd.errors import BrokenError, LimitError
from vsortd.media.read_sound import read_windows
from vsortd.media.sound_windows import MOST_WINDOWS, WINDOW_HZ, WINDOW_SAMPLES, SoundWindows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.media.pool import MediaPool

    Build = Callable[..., Path]


def read(path: Path, begins_ms: Sequence[int]) -> SoundWindows:
    return read_windows(str(path), begins_ms, deadline=time.monotonic() + 60)


def parts(found: SoundWindows) -> list[npt.NDArray[np.int16]]:
    return np.split(found.samples, np.cumsum(found.lengths)[:-1])


def pitch_hz(samples: npt.NDArray[np.int16]) -> float:
    """Return the frequency with the most power."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(power)) * WINDOW_HZ / len(samples)


def steps(seconds: int, *, rate_hz: int = WINDOW_HZ) -> npt.NDArray[np.float64]:
    """Return a tone whose pitch says which second it is: 200 Hz, 300 Hz, … [n, 2]."""
    mono = np.concatenate([tone(-6.0, 1, hz=200.0 + 100.0 * number, rate_hz=rate_hz) for number in range(seconds)])
    return np.stack([mono, mono], axis=1)


def test_each_window_has_the_sound_of_its_time_and_the_last_one_ends_with_it(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "steps.mov", steps(23))
    found = read(path, [0, 5000, 10_000, 15_000, 25_000])
    assert [WINDOW_SAMPLES] * 3 + [8 * WINDOW_HZ, 0] == found.lengths.tolist()
    for begin_ms, window in zip([0, 5000, 10_000, 15_000], parts(found), strict=False):
        for second in (0, 3, 7):
            wanted = 200 + 100 * (begin_ms // 1000 + second)
            assert wanted == pytest.approx(pitch_hz(window[second * WINDOW_HZ :][:WINDOW_HZ]), abs=5)


def test_a_far_window_is_the_same_as_if_all_before_it_was_decoded(tmp_path: Path) -> None:
    wave = write_sound(tmp_path / "steps.mov", steps(60))
    path = tmp_path / "steps.m4a"
    encode = ["-i", str(wave), "-c:a", "aac", "-b:a", "192k", str(path)]
    subprocess.run(["ffmpeg", "-y", "-loglevel", "error", *encode], check=True)
    alone = parts(read(path, [45_000]))[0].astype(float)
    after = parts(read(path, list(range(0, 46_000, 5000))))[-1].astype(float)
    assert np.corrcoef(alone, after)[0, 1] > 0.9999
    assert float(np.abs(alone - after).mean()) < 2.0


def test_the_channels_are_averaged_and_the_rate_is_brought_to_48_khz(tmp_path: Path) -> None:
    left, right = tone(-6.0, 3, hz=500.0, rate_hz=44_100), tone(-6.0, 3, hz=2000.0, rate_hz=44_100)
    path = write_sound(tmp_path / "two.mov", np.stack([left, right], axis=1), rate_hz=44_100)
    (window,) = parts(read(path, [0]))
    assert 3 * WINDOW_HZ == pytest.approx(len(window), abs=10)
    power = np.abs(np.fft.rfft(window[:WINDOW_HZ] / 2**15)) / (WINDOW_HZ / 2)
    half = 10 ** (-6 / 20) / 2  # of each channel's amplitude
    assert half == pytest.approx(power[500], rel=0.01)
    assert half == pytest.approx(power[2000], rel=0.01)


def test_sound_that_begins_later_is_silence_before(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "tone.mov", steps(4))
    late = tmp_path / "late.mkv"
    picture = ["-f", "lavfi", "-i", "color=s=64x64:d=8:r=10", "-itsoffset", "3", "-i", str(path)]
    joined = [*picture, "-map", "0:v", "-map", "1:a", "-c:v", "mpeg4", "-c:a", "pcm_s16le", str(late)]
    subprocess.run(["ffmpeg", "-y", "-loglevel", "error", *joined], check=True)
    (window,) = parts(read(late, [0]))
    assert 7 * WINDOW_HZ == pytest.approx(len(window), abs=0.05 * WINDOW_HZ)
    assert not window[: int(2.9 * WINDOW_HZ)].any()
    assert 200 == pytest.approx(pitch_hz(window[int(3.1 * WINDOW_HZ) :][: WINDOW_HZ // 2]), abs=5)


def test_a_short_window_is_filled_up_by_repeating() -> None:
    found = SoundWindows(np.array([0, 5000, 9000]), np.array([4, 0, 3]), np.array([1, 2, 3, 4, 7, 8, 9], np.int16))
    whole = found.whole()
    assert (2, WINDOW_SAMPLES) == whole.shape
    assert [1, 2, 3, 4, 1, 2] == whole[0, :6].tolist()
    assert [7, 8, 9, 7] == whole[1, :4].tolist()


def test_a_worker_reads_them_and_a_film_without_sound_has_none(
    tmp_path: Path, pool: MediaPool, clip_file: Build
) -> None:
    found = pool.sound_windows(write_sound(tmp_path / "steps.mov", steps(7)), [0, 5000])
    assert [7 * WINDOW_HZ, 2 * WINDOW_HZ] == found.lengths.tolist()
    silent = pool.sound_windows(clip_file(), [0, 5000])
    assert [0, 0] == silent.lengths.tolist()
    assert not len(silent.samples)


def test_moments_out_of_order_or_too_many_are_refused(tmp_path: Path, pool: MediaPool) -> None:
    for moments in ([5000, 0], [-1], list(range(MOST_WINDOWS + 1))):
        with pytest.raises(ValueError, match="at most 32 moments"):
            pool.sound_windows(tmp_path / "any.mov", moments)


def test_what_takes_too_long_or_is_no_sound_says_so(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "steps.mov", steps(3))
    with pytest.raises(LimitError, match="takes too long"):
        read_windows(str(path), [0], deadline=time.monotonic() - 1)
    damaged = tmp_path / "damaged.mp3"
    damaged.write_bytes(b"\xff\xfb\x90\x00" + bytes(range(256)) * 64)
    with pytest.raises(BrokenError):
        read(damaged, [0])
