"""From frames to scenes: best first, each once, covering every moment, cut back to what shows it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsortd.library.search.scenes import FrameScores, Scene, find_scenes


def frame_scores(*videos: list[float], step_ms: int = 1000, columns: int = 1) -> FrameScores:
    """Return videos of one frame a second, each given by its frames' values."""
    times = [np.arange(len(video)) * step_ms + step_ms // 2 for video in videos]
    values = np.concatenate([np.array(video, np.float32) for video in videos])
    return FrameScores(
        np.concatenate(times).astype(np.int64),
        np.repeat(values[:, None], columns, axis=1),
        np.cumsum([0, *(len(video) for video in videos)]).astype(np.int64),
        np.array([len(video) * step_ms / 1000 for video in videos]),
    )


def spans(scenes: list[Scene]) -> list[tuple[int, float, float]]:
    return [(scene.film, scene.begin_s, scene.end_s) for scene in scenes]


def test_the_best_scene_comes_first_with_its_best_moment() -> None:
    found = find_scenes(frame_scores([-5.0] * 30, [-5.0] * 12 + [3.0, 4.0, 3.0] + [-5.0] * 15), window_s=3, top=1)
    assert [(1, 12.0, 15.0)] == spans(found)
    assert 13.5 == found[0].peak_s


def test_overlapping_hits_are_one_entry_and_grow_over_all_that_shows_it() -> None:
    found = find_scenes(frame_scores([-5.0] * 10 + [3.0] * 20 + [-5.0] * 10), window_s=4, top=5)
    assert (0, 10.0, 30.0) == spans(found)[0]
    assert all(end <= 10 or begin >= 30 for _, begin, end in spans(found)[1:])


def test_two_scenes_of_one_video_are_two_entries() -> None:
    video = [-6.0] * 10 + [3.0] * 5 + [-6.0] * 20 + [2.0] * 5 + [-6.0] * 10
    assert [(0, 10.0, 15.0), (0, 35.0, 40.0)] == spans(find_scenes(frame_scores(video), window_s=4, top=2))


def test_the_last_moments_of_a_video_are_looked_at() -> None:
    found = find_scenes(frame_scores([-5.0] * 27 + [5.0, 5.0]), window_s=10, top=1)
    assert [(0, 27.0, 29.0)] == spans(found)


def test_a_video_shorter_than_the_window_is_a_window_itself() -> None:
    assert [(1, 0.0, 2.0), (0, 0.0, 1.0)] == spans(find_scenes(frame_scores([1.0], [2.0, 2.0]), window_s=10, top=5))


def test_all_columns_have_to_hold_unless_any_will_do() -> None:
    both = frame_scores([-5.0] * 10, [-5.0] * 10, columns=2)
    both.values[:10, 0] = 4  # the first shows one of two, the second both, less clearly
    both.values[10:] = 1
    assert 1 == find_scenes(both, window_s=5, top=1)[0].film
    assert 0 == find_scenes(both, window_s=5, top=1, any_of=True)[0].film


def test_few_frames_stand_for_all_the_time_around_them() -> None:
    sparse = FrameScores(
        np.array([10_000, 50_000, 90_000]),
        np.array([[-4.0], [4.0], [-4.0]], np.float32),
        np.array([0, 3]),
        np.array([100.0]),
    )
    assert [(0, 30.0, 70.0)] == spans(find_scenes(sparse, window_s=10, top=1))


@pytest.mark.parametrize(
    "empty",
    [
        frame_scores([1.0]),
        FrameScores(np.empty(0, np.int64), np.empty((0, 0), np.float32), np.zeros(1, np.int64), np.empty(0)),
    ],
)
def test_nothing_to_find_is_no_scene(empty: FrameScores) -> None:
    assert [] == find_scenes(empty, window_s=10, top=0 if len(empty.times_ms) else 5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=40), min_size=1, max_size=5),
    st.floats(0.5, 30),
)
def test_scenes_lie_within_their_videos_and_never_share_time(videos: list[list[float]], window_s: float) -> None:
    found = find_scenes(frame_scores(*videos), window_s=window_s, top=1000)
    values = [scene.value for scene in found]
    assert values == sorted(values, reverse=True)
    for place, scene in enumerate(found):
        assert 0 <= scene.begin_s < scene.end_s <= len(videos[scene.film]) + 1e-6
        assert scene.begin_s <= scene.peak_s <= scene.end_s
        for other in found[:place]:
            apart = scene.end_s <= other.begin_s + 1e-6 or other.end_s <= scene.begin_s + 1e-6
            assert scene.film != other.film or apart
    assert {scene.film for scene in found} == set(range(len(videos)))
