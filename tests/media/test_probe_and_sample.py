"""Facts and first pictures in one go: the same as one after the other, with the file opened once."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from vsortd.errors import VideoError
from vsortd.media import frame_table
from vsortd.media.pool import MediaPool
from vsortd.media.preprocess import Preprocess, ResizeMode
from vsortd.media.sample import sample_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.media.frames import Frames

    Build = Callable[..., Path]

FIRST = range(8)
SMALL = Preprocess(64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SQUASH)
# Levels of 255 that leaving out the loop filter may change, in the mean of a picture and anywhere, where pictures are
# made half as large or smaller. Measured on 720p to 2160p of h264 and hevc at 224 px: 0.02 to 0.07, and 1 to 12.
ROUGH_MEAN, ROUGH_MOST = 0.5, 32


def outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except VideoError as error:
        return type(error), error.reason


def assert_same(one: Frames, other: Frames) -> None:
    assert (one.times_ms.tolist(), one.exact) == (other.times_ms.tolist(), other.exact)
    assert (one.pixels == other.pixels).all()


@pytest.fixture
def own() -> Iterator[MediaPool]:
    with MediaPool(2, timeout_s=30, memory_bytes=10**9) as pool:
        pool.warm(2)
        yield pool


@pytest.mark.few(1)
@pytest.mark.parametrize("gop", [6, 250])
def test_a_look_is_a_probe_and_a_sample(gop: int, clip_file: Build, pool: MediaPool) -> None:
    path = clip_file(frames=240, gop=gop, width=640, height=360, codec_options={"sc_threshold": "0"})
    clip, frames, sampling_s = pool.look(path, FIRST, 32, SMALL)
    assert clip == pool.probe(path)
    assert_same(frames, pool.sample(path, clip, FIRST, 32, SMALL))
    assert sampling_s > 0


@pytest.mark.long
@pytest.mark.timeout(240)  # it reads each clip twice
def test_every_real_clip_looks_the_same_both_ways(clips: Path, pool: MediaPool) -> None:
    paths = sorted(path for path in clips.iterdir() if path.suffix.lower() in {".mp4", ".mov"})
    assert len(paths) > 10
    for path in paths:
        clip, frames, _ = pool.look(path, FIRST, 32, SMALL)
        assert clip == pool.probe(path), path
        assert_same(frames, pool.sample(path, clip, FIRST, 32, SMALL))


def test_a_bad_file_has_the_same_reason_both_ways(bad_clips: Path, pool: MediaPool) -> None:
    for path in sorted(bad_clips.iterdir()):
        apart = outcome(lambda path=path: pool.sample(path, pool.probe(path), FIRST, 32, SMALL).times_ms.tolist())
        together = outcome(lambda path=path: pool.look(path, FIRST, 32, SMALL)[1].times_ms.tolist())
        assert apart == together, path


@pytest.fixture
def grainy(tmp_path: Path) -> Callable[[int], Path]:
    """Make a coarsely coded film of coloured clouds, 1280 x 720, with blocks to be smoothed."""

    def build(gop: int) -> Path:
        path, dice = tmp_path / "grainy.mp4", np.random.default_rng(3)
        with av.open(str(path), "w") as out:
            film = out.add_stream("libx264", rate=24)
            film.width, film.height, film.pix_fmt = 1280, 720, "yuv420p"
            film.codec_context.gop_size = gop
            film.codec_context.options = {"threads": "1", "crf": "40", "preset": "veryfast", "sc_threshold": "0"}
            for _ in range(48):
                clouds = dice.integers(0, 256, (36, 64, 3), np.uint8).repeat(20, 0).repeat(20, 1)
                out.mux(film.encode(av.VideoFrame.from_ndarray(clouds, format="rgb24")))
            out.mux(film.encode(None))
        return path

    return build


@pytest.mark.long
def test_pictures_made_small_hardly_change_without_the_loop_filter(
    grainy: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = grainy(3)

    def pixels() -> Any:
        deadline = time.monotonic() + 60
        return sample_file(str(path), FIRST, 32, SMALL, video_index=0, deadline=deadline).pixels.astype(int)

    rough = pixels()
    monkeypatch.setattr("vsortd.media.sample._SHRINK", 10_000)
    difference = np.abs(rough - pixels())
    assert difference.any(), "the filter was not left out"
    assert difference.mean() < ROUGH_MEAN
    assert difference.max() < ROUGH_MOST


@pytest.mark.long
def test_pictures_that_others_hang_on_keep_their_loop_filter(
    grainy: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = grainy(48)

    def frames() -> Frames:
        deadline = time.monotonic() + 60
        return sample_file(str(path), FIRST, 32, SMALL, video_index=0, deadline=deadline)

    usual = frames()
    assert usual.exact
    monkeypatch.setattr("vsortd.media.sample._SHRINK", 10_000)
    assert_same(usual, frames())


def test_a_table_is_read_once_and_anew_for_another_file(clip_file: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip_file(frames=100, gop=5)
    longer = clip_file("longer.mp4", frames=200, gop=5)
    read: list[int] = []
    really = frame_table._read_index

    def counting(*arguments: Any) -> frame_table.Table:
        table = really(*arguments)
        read.append(len(table))
        return table

    monkeypatch.setattr(frame_table, "_read_index", counting)

    def look(begin: int) -> int:
        deadline = time.monotonic() + 60
        ranks = range(begin, begin + 8)
        return len(sample_file(str(path), ranks, 32, SMALL, video_index=0, deadline=deadline).times_ms)

    assert [look(0), look(8)] == [8, 8]
    shutil.copy(longer, path)
    assert look(0) == 8
    assert read == [100, 200]


def test_a_later_look_goes_to_the_worker_that_had_the_first(clip_file: Build, own: MediaPool) -> None:
    one, other = clip_file("one.mp4", frames=100, gop=5), clip_file("other.mp4", frames=120, gop=5)
    clip, _, _ = own.look(one, FIRST, 32, SMALL)
    own.look(other, FIRST, 32, SMALL)
    (worker,) = [child for child in own._idle if child.last_path == str(one)]
    own.sample(one, clip, range(8, 16), 32, SMALL)
    assert (worker.served, worker.last_path) == (2, str(one))
