"""The sample model's scenes: the same for the same seed, every one of them, and moving where they should."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.sample_model import capture, pool, renderer
from tests.sample_model.canvas import Light


def _picture(subject: renderer.Subject, light: Light, seed: int) -> np.ndarray:
    return renderer.render_picture(subject, light, np.random.default_rng(seed), side_px=96).pixels


@pytest.mark.few(8)
@pytest.mark.parametrize(("subject", "light"), list(itertools.product(renderer.Subject, Light)))
def test_every_scene_renders_the_same_twice_and_differs_between_seeds(subject: renderer.Subject, light: Light) -> None:
    first = [_picture(subject, light, seed) for seed in range(4)]
    again = [_picture(subject, light, seed) for seed in range(4)]
    assert all(picture.shape == (96, 96, 3) and picture.dtype == np.uint8 for picture in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len({picture.tobytes() for picture in first}) > 1


def test_nights_are_darker_than_days() -> None:
    def level(light: Light) -> float:
        return float(
            np.mean(
                [
                    _picture(s, light, k).mean()
                    for s in (renderer.Subject.SEA, renderer.Subject.MEADOW)
                    for k in range(12)
                ]
            )
        )

    assert level(Light.NIGHT) < 0.7 * level(Light.DAY)


def _clip(subject: renderer.Subject, camera: renderer.Camera) -> np.ndarray:
    frames = renderer.render_clip(
        subject, Light.DAY, seed=3, width_px=96, height_px=64, frames=9, fps=10, camera=camera
    )
    return np.stack(list(frames))


@pytest.mark.few(2)
@pytest.mark.parametrize("subject", sorted(renderer.LIVELY))
def test_what_moves_moves_before_a_still_camera(subject: renderer.Subject) -> None:
    clips = [
        np.stack(
            list(renderer.render_clip(subject, Light.DAY, seed=seed, width_px=96, height_px=64, frames=9, fps=10))
        ).astype(np.int16)
        for seed in range(6)
    ]
    assert max(np.abs(clip[0] - clip[-1]).max() for clip in clips) > 20


def test_a_moving_camera_changes_a_still_scene() -> None:
    still = _clip(renderer.Subject.FOREST, renderer.Camera.STILL)
    moving = _clip(renderer.Subject.FOREST, renderer.Camera.MOVING)
    assert still.shape == (9, 64, 96, 3)
    assert np.array_equal(still[0], still[-1])
    assert not np.array_equal(moving[0], moving[-1])
    assert np.array_equal(moving, _clip(renderer.Subject.FOREST, renderer.Camera.MOVING))


def test_a_portrait_clip_has_the_shape_asked_for() -> None:
    clip = renderer.render_clip(renderer.Subject.SEA, Light.NIGHT, seed=1, width_px=54, height_px=96, frames=1)
    assert next(iter(clip)).shape == (96, 54, 3)


def test_h264_keeps_the_number_of_pictures_and_roughly_their_looks() -> None:
    pictures = np.stack([_picture(renderer.Subject.CITY, Light.DAY, seed) for seed in range(3)])
    coded = capture.through_h264(pictures, crf=20)
    assert coded.shape == pictures.shape
    assert 0 < np.abs(coded.astype(int) - pictures.astype(int)).mean() < 12


def test_a_pool_renders_once_and_reads_the_same_again(tmp_path) -> None:  # noqa: ANN001
    made = pool.Pool(tmp_path, 5, wait=False, pictures=8).shard(2)
    read = pool.Pool(tmp_path, 5, wait=False, pictures=8).shard(2)
    assert np.array_equal(made.pixels, read.pixels)
    assert np.array_equal(made.pixels, pool.render_shard(5, 2, pictures=8).pixels)
    assert made.subjects.shape == (8,)
    assert [p.name for p in tmp_path.iterdir()] == ["seed5-n8-00002.npz"]
