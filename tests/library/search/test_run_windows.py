"""Where in the runs of a shard scenes may lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.large_index import LargeIndex, no_stop
from vsortd.library.search.shards.run_windows import RunWindows, likely_scenes, runs_around

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.library.search.shards.shard import Shard

WINDOW_S = 10.0


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shard]:
    """Return a shard of all videos, one at least of which is long."""
    world = LargeIndex(tmp_path_factory.mktemp("large"))
    folder = world.shards(shard=10**6)
    folder.build(no_stop)
    (made,) = folder.shards()
    yield made
    world.index.close()


def windows_of(shard: Shard, peaks: dict[tuple[int, float], float], *, elsewhere: float = -9.0) -> RunWindows:
    """Return the windows over all runs, that say `elsewhere` but for 20 s from some seconds of videos on."""
    values = np.full((len(shard.run_frames), 1), elsewhere, np.float32)
    for (video, from_s), value in peaks.items():
        begin_s = shard.starts_s[video] + from_s
        inside = (shard.video_of_run == video) & (shard.ends_s > begin_s) & (shard.begins_s < begin_s + 20)
        values[inside] = value
    runs = np.arange(len(values))
    return RunWindows.over(shard, runs, values, window_s=WINDOW_S, any_of=False)


def test_places_that_lie_apart_are_scenes_of_their_own_best_first(shard: Shard) -> None:
    video = int(np.argmax(shard.lengths_s))
    peaks = {(video, 100.0): 1.0, (video, 300.0): 3.0, (video, 500.0): 2.0}
    windows = windows_of(shard, peaks)
    found = likely_scenes([windows], 3)
    assert [scene.value for scene in found] == pytest.approx([3.0, 2.0, 1.0])
    for scene, from_s in zip(found, (300.0, 500.0, 100.0), strict=True):
        first, last = windows.runs_of(scene.low, scene.high)
        begin_s, end_s = shard.begins_s[first] - shard.starts_s[video], shard.ends_s[last - 1] - shard.starts_s[video]
        assert begin_s <= from_s
        assert end_s >= from_s + 20
        assert end_s - begin_s < 20 + 6 * WINDOW_S


def test_what_is_hardly_weaker_is_the_same_scene(shard: Shard) -> None:
    video = int(np.argmax(shard.lengths_s))
    found = likely_scenes([windows_of(shard, {(video, 100.0): 3.0, (video, 120.0): 2.5})], 2)
    assert found[0].value == pytest.approx(3.0)
    assert found[1].value < 0


def test_scenes_of_all_shards_are_put_in_one_order(shard: Shard) -> None:
    video = int(np.argmax(shard.lengths_s))
    one, other = windows_of(shard, {(video, 100.0): 2.0}), windows_of(shard, {(video, 100.0): 4.0, (video, 300.0): 1.0})
    found = likely_scenes([one, other], 3)
    assert [(scene.windows, round(scene.value, 3)) for scene in found] == [(1, 4.0), (0, 2.0), (1, 1.0)]


def test_no_windows_hold_no_scenes() -> None:
    assert likely_scenes([], 5) == []


def test_around_a_run_lies_a_window_of_its_own_video(shard: Shard) -> None:
    first_of_second = int(shard.first_run[1])
    found = runs_around(shard, np.array([first_of_second]), WINDOW_S)
    assert found[0] == first_of_second
    assert (shard.video_of_run[found] == 1).all()
    assert shard.begins_s[found[-1]] < shard.ends_s[first_of_second] + WINDOW_S
