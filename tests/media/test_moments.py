"""Frames at chosen moments: the ones shown then, each once, with their true times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vsortd.errors import ChangedError
from vsortd.media.preprocess import Preprocess, ResizeMode
from vsortd.media.thumbnails import pictures_at

if TYPE_CHECKING:
    from vsortd.media.pool import MediaPool

Build = Callable[..., Path]
Read = Callable[[Any], int]
WANTED = Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH)
FRAME_MS = 1000 / 24
# The table tells when a frame is decoded; with B-frames it is shown up to this many frames later.
REORDERED = 4

SHAPES: dict[str, dict[str, Any]] = {
    "short GOP": {"frames": 240, "gop": 6},
    "long GOP": {"frames": 240, "gop": 250, "codec_options": {"sc_threshold": "0"}},
    "no B-frames": {"frames": 240, "gop": 50, "codec_options": {"bf": "0"}},
    "HEVC": {"frames": 96, "gop": 24, "codec": "libx265", "codec_options": {"x265-params": "log-level=none"}},
    "fragmented": {"frames": 120, "gop": 24, "options": {"movflags": "frag_keyframe+empty_moov"}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_frames_shown_at_the_moments_come_with_their_true_times(
    shape: str, clip_file: Build, pool: MediaPool, number_in: Read
) -> None:
    path = clip_file(**SHAPES[shape])
    clip = pool.probe(path)
    moments = [round(part * clip.duration_s * 1000) for part in (0.02, 0.31, 0.32, 0.55, 0.9)]
    frames = pool.moments(path, clip, moments, WANTED)
    numbers = [number_in(picture) for picture in frames.pixels]
    assert [round(number * FRAME_MS) for number in numbers] == pytest.approx(frames.times_ms.tolist(), abs=1)
    most_ms = FRAME_MS * (REORDERED if shape != "no B-frames" else 1)
    assert moments == pytest.approx(frames.times_ms.tolist(), abs=most_ms)


def test_a_near_keyframe_is_taken_instead(clip_file: Build, pool: MediaPool, number_in: Read) -> None:
    path = clip_file(frames=240, gop=24, codec_options={"sc_threshold": "0"})
    clip = pool.probe(path)
    frames = pool.moments(path, clip, [1100, 2500, 3950], WANTED, snap_ms=200)
    assert [24, 96] == [number_in(frames.pixels[place]) for place in (0, 2)]
    assert [1000, 4000] == frames.times_ms[[0, 2]].tolist()


def test_each_frame_comes_once_and_moments_after_the_end_give_the_last_one(
    clip_file: Build, pool: MediaPool, number_in: Read
) -> None:
    path = clip_file(frames=48, gop=12, codec_options={"bf": "0"})
    clip = pool.probe(path)
    frames = pool.moments(path, clip, [1000, 1001, 1002, 60_000, 70_000], WANTED)
    assert [24, 47] == [number_in(picture) for picture in frames.pixels]


def test_no_moments_give_no_frames(clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(frames=24)
    assert 0 == len(pool.moments(path, pool.probe(path), [], WANTED).times_ms)


def test_another_file_than_the_probed_one_is_refused(clip_file: Build, pool: MediaPool, tmp_path: Path) -> None:
    path = clip_file(frames=24)
    clip = pool.probe(path)
    with pytest.raises(ChangedError):
        pool.moments(tmp_path / "gone.mp4", clip, [0], WANTED)


def test_pictures_have_the_shape_that_is_shown(clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(frames=48, rotation=90)
    pictures = pictures_at(pool, path, pool.probe(path), [0, 1500, 0], side_px=64)
    assert [(64, 32, 3)] * 3 == [picture.shape for picture in pictures if picture is not None]
    np.testing.assert_array_equal(pictures[0], pictures[2])
