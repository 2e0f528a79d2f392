"""Whether smallest pictures tell that two frames are of one shot."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.measured import measured, scene, view
from vsortd.analysis.likeness import are_alike, are_nearly_same, correlation, distance


def smalls(*offsets_px: float, seed: int = 1) -> np.ndarray:
    return measured([view(scene(seed), at_px) for at_px in offsets_px], np.arange(len(offsets_px))).small


@pytest.mark.parametrize("seed", range(6))
def test_what_a_moving_camera_shows_a_moment_later_looks_alike(seed: int) -> None:
    first, second = smalls(0, 3, seed=seed)  # 3 % of the width
    assert are_alike(first, second)


@pytest.mark.parametrize("seed", range(6))
def test_another_scene_does_not_look_alike(seed: int) -> None:
    ((first,), (second,)) = smalls(0, seed=seed), smalls(0, seed=seed + 10)
    assert not are_alike(first, second)
    assert not are_nearly_same(first, second)


def test_a_picture_looks_like_itself() -> None:
    (picture,) = smalls(0)
    assert 1.0 == pytest.approx(correlation(picture, picture))
    assert 0.0 == distance(picture, picture)
    assert are_nearly_same(picture, picture)


def test_flat_pictures_are_alike_by_how_bright_they_are() -> None:
    grey, less, white = (np.full((4, 4, 3), level, np.uint8) for level in (100, 98, 240))
    assert are_nearly_same(grey, less)
    assert not are_alike(grey, white)


def test_a_flash_does_not_look_like_what_it_lights() -> None:
    (picture,) = smalls(0)
    lit = (picture * 0.3 + 178).astype(np.uint8)
    assert not are_alike(picture, lit)
