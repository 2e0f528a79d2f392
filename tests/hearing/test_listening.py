"""A video's sound is heard window by window, once, and kept in the index beside its frames."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clips import encode
from tests.support.ears import DIM, PitchEncoder
from tests.support.sounds import tone, write_sound
from vsortd.errors import ChangedError
from vsortd.hearing.listening import (
    HOP_S,
    HeardVideo,
    hear_all,
    hear_around,
    nearest_windows,
    was_heard,
    window_begins,
)
from vsortd.index.store import Index
from vsortd.media.pool import MediaPool
from vsortd.media.sound_windows import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TONES = {300.0: "a low tone", 3000.0: "a high tone"}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    kept = Index(tmp_path / "index.db")
    yield kept
    kept.close()


@pytest.fixture
def media() -> Iterator[MediaPool]:
    with MediaPool(1, timeout_s=30, memory_bytes=600_000_000) as pool:
        yield pool


def film(path: Path, *parts: tuple[float, float]) -> Path:
    """Write a film that sounds like this: (hertz, seconds), 0 hertz for silence."""
    mono = np.concatenate([tone(-6.0 if hz else -200.0, seconds, hz=hz) for hz, seconds in parts])
    seconds = sum(part[1] for part in parts)
    pictures = [np.full((32, 32, 3), 90, np.uint8)] * int(seconds * 2)
    return write_sound(path, np.stack([mono, mono], axis=1), pictures=pictures, fps=2)


def axes(heard: HeardVideo) -> list[int]:
    """Return which axis each window lies on; -2 for silence."""
    return [int(row.argmax()) if row.any() else -2 for row in heard.vectors]


@given(st.floats(0.01, 4000))
def test_windows_cover_a_video_and_none_holds_only_what_the_one_before_does(duration_s: float) -> None:
    begins = np.array(window_begins(duration_s)) / 1000
    assert 0 == begins[0]
    assert begins[-1] + WINDOW_S >= duration_s - 0.001
    assert (HOP_S == np.diff(begins)).all()
    assert len(begins) == 1 or duration_s - begins[-1] > HOP_S - 0.001


def test_each_window_is_heard_once_and_kept(tmp_path: Path, index: Index, media: MediaPool) -> None:
    path, encoder = film(tmp_path / "two.mov", (300, 12), (3000, 11)), PitchEncoder(TONES)
    assert not was_heard(index, encoder, path)
    heard = hear_all(media, index, encoder, path)
    assert [5000, 10_000, 15_000, 19_000] == heard.times_ms.tolist()
    assert [0, 0, 1, 1] == axes(heard)
    assert 23.0 == pytest.approx(heard.duration_s, abs=0.6)
    assert was_heard(index, encoder, path)
    again = hear_all(media, index, encoder, path)
    np.testing.assert_array_equal(heard.vectors, again.vectors)
    assert 4 == encoder.windows


def test_silence_is_a_row_of_zeros_and_is_not_shown_to_the_model(
    tmp_path: Path, index: Index, media: MediaPool
) -> None:
    encoder = PitchEncoder(TONES)
    heard = hear_all(media, index, encoder, film(tmp_path / "half.mov", (300, 9), (0, 16)))
    assert [0, 0, -2, -2] == axes(heard)
    assert 2 == encoder.windows
    assert heard.audible
    assert not hear_all(media, index, encoder, film(tmp_path / "none.mov", (0, 3))).audible


def test_a_film_without_sound_has_no_windows_and_that_is_kept_too(
    tmp_path: Path, index: Index, media: MediaPool
) -> None:
    pictures = [np.full((32, 32, 3), 90, np.uint8)] * 20
    path, encoder = encode(tmp_path / "mute.mp4", pictures, fps=10), PitchEncoder(TONES)
    assert (0, DIM) == hear_all(media, index, encoder, path).vectors.shape
    assert was_heard(index, encoder, path)
    assert not len(hear_around(media, index, encoder, path, media.probe(path), np.array([500])).times_ms)


def test_only_the_windows_around_some_moments_are_heard_and_later_the_rest(
    tmp_path: Path, index: Index, media: MediaPool
) -> None:
    path, encoder = film(tmp_path / "two.mov", (300, 20), (3000, 20)), PitchEncoder(TONES)
    clip = media.probe(path)
    around = hear_around(media, index, encoder, path, clip, np.array([4000, 4600, 36_000]))
    assert [5000, 35_000] == around.times_ms.tolist()
    assert [0, 1] == axes(around)
    assert 2 == encoder.windows
    more = hear_around(media, index, encoder, path, clip, np.array([5000, 9000]))
    assert [5000, 10_000] == more.times_ms.tolist()
    assert 3 == encoder.windows
    whole = hear_all(media, index, encoder, path)
    assert [*range(5000, 36_000, 5000)] == whole.times_ms.tolist()
    assert 7 == encoder.windows
    hear_around(media, index, encoder, path, clip, np.array([12_345]))
    assert 7 == encoder.windows


def test_sound_that_ends_before_the_pictures_has_windows_as_far_as_it_goes(
    tmp_path: Path, index: Index, media: MediaPool
) -> None:
    sound = np.stack([tone(-6.0, 12, hz=300.0)] * 2, axis=1)
    pictures = [np.full((32, 32, 3), 90, np.uint8)] * 60
    path = write_sound(tmp_path / "short.mov", sound, pictures=pictures, fps=2)
    heard = hear_all(media, index, PitchEncoder(TONES), path)
    assert [5000, 8500] == heard.times_ms.tolist()
    assert 30.0 == pytest.approx(heard.duration_s, abs=0.6)


def test_another_model_hears_anew(tmp_path: Path, index: Index, media: MediaPool) -> None:
    path, one, other = film(tmp_path / "tone.mov", (300, 3)), PitchEncoder(TONES), PitchEncoder(TONES)
    other.info = replace(other.info, fingerprint="g")
    hear_all(media, index, one, path)
    hear_all(media, index, other, path)
    assert (1, 1) == (one.windows, other.windows)


def test_a_file_that_is_gone_says_so(tmp_path: Path, index: Index, media: MediaPool) -> None:
    with pytest.raises(ChangedError):
        hear_all(media, index, PitchEncoder(TONES), tmp_path / "gone.mov")


def test_the_nearest_window_is_the_one_whose_middle_is_nearest() -> None:
    found = nearest_windows(np.array([5000, 10_000, 15_000]), np.array([0, 7500, 7501, 12_600, 99_000]))
    assert [0, 0, 1, 2, 2] == found.tolist()
