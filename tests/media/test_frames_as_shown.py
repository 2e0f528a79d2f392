"""Frames at chosen moments in the shape they are shown, a few at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.clips import encode
from vsortd.media import thumbnails
from vsortd.media.thumbnails import frames_as_shown, moments_a_second

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.pool import MediaPool

FPS, SECONDS = 5, 6


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write frames of which each is one level lighter in steps, 160 x 90."""
    pictures = [np.full((90, 160, 3), 8 * number, np.uint8) for number in range(FPS * SECONDS)]
    return encode(tmp_path_factory.mktemp("film") / "film.mp4", pictures, fps=FPS, crf="1")


@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_each_frame_comes_once_with_its_time_however_many_are_asked_for_together(
    film: Path, pool: MediaPool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "_REQUEST_BYTES", at_once * 3 * 80 * 80)
    clip = pool.probe(film)
    moments = [0, 100, 200, 250, 1000, 1001, 3999, 5800, 9000]
    found = list(frames_as_shown(pool, film, clip, moments, side_px=80))
    assert [0, 200, 1000, 3800, 5800] == [time_ms for time_ms, _ in found]
    assert {(45, 80, 3)} == {picture.shape for _, picture in found}
    for time_ms, picture in found:
        assert 8 * time_ms / 200 == pytest.approx(picture.mean(), abs=3)


def test_moments_are_the_middles_of_seconds_or_spread_where_there_are_too_many() -> None:
    assert [500, 1500, 2500] == moments_a_second(3.0, 10)
    assert [200] == moments_a_second(0.4, 10)
    assert [0] == moments_a_second(0.0, 10)
    assert [5000, 15000] == moments_a_second(20.0, 2)
