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


def best(*videos: list[float], window_s: float, top: int = 1, **options: bool) -> list[tuple[int, float, float, float]]:
    """Return the best scenes as film, begin, end, and value."""
    found = find_scenes(frame_scores(*videos), window_s=window_s, top=top, **options)
    return [(scene.film, scene.begin_s, scene.end_s, pytest.approx(scene.value)) for scene in found]


def test_a_scenes_value_is_the_mean_over_its_time() -> None:
    assert [(0, 10.0, 14.0, 2.5)] == best([-5.0] * 10 + [3.0, 2.0, 3.0, 2.0] + [-5.0] * 10, window_s=4)
    uneven = FrameScores(
        np.array([0, 1000, 4000]), np.array([[1.0], [4.0], [2.0]], np.float32), np.array([0, 3]), np.array([4.0])
    )
    (scene,) = find_scenes(uneven, window_s=4, top=1)  # 0.5 s, 2 s and 1.5 s
    assert pytest.approx((0.5 * 1 + 2 * 4 + 1.5 * 2) / 4) == scene.value
    assert (0.0, 4.0, 1.0) == (scene.begin_s, scene.end_s, scene.peak_s)


@pytest.mark.parametrize(
    ("seconds", "value"),
    [(1, (4 - 3 * 2) / 4), (2, (8 - 2 * 2) / 4), (3, (12 - 2) / 4), (4, 4.0), (5, 4.0), (8, 4.0)],
)
def test_a_scene_shorter_than_half_a_window_counts_as_if_the_rest_were_weak(seconds: int, value: float) -> None:
    video = [-5.0] * 10 + [4.0] * seconds + [-5.0] * 10
    assert [(0, 10.0, 10.0 + seconds, value)] == best(video, window_s=8)


@pytest.mark.parametrize(
    ("peak", "beside", "begin_s"),
    [
        (3.0, 0.0, 9.0),  # three less than the best
        (3.0, -0.01, 10.0),
        (6.0, 1.0, 9.0),  # plainly shown, however much better the best is
        (6.0, 0.99, 10.0),
        (-1.0, -4.0, 9.0),
        (-1.0, -4.01, 10.0),
    ],
)
def test_a_scene_ends_at_the_frames_that_hardly_show_it(peak: float, beside: float, begin_s: float) -> None:
    video = [-9.0] * 9 + [beside] + [peak] * 6 + [beside] + [-9.0] * 9
    assert [(0, begin_s, 26.0 - begin_s)] == [scene[:3] for scene in best(video, window_s=4)]


@pytest.mark.parametrize(
    ("shown", "gap", "one"),
    [
        (2.0, -2.0, True),  # windows over the gap are worth 0: two less than the best
        (2.0, -2.1, False),
        (5.0, -3.0, True),  # ... or 1, which plainly shows it
        (5.0, -3.1, False),
    ],
)
def test_a_scene_grows_over_a_gap_where_the_windows_over_it_are_hardly_weaker(
    shown: float,
    gap: float,
    one: bool,  # noqa: FBT001
) -> None:
    video = [-9.0] * 6 + [shown] * 2 + [gap] + [shown] * 2 + [-9.0] * 6
    spans_of = [scene[:3] for scene in best(video, window_s=2, top=2)]
    assert (([(0, 6.0, 11.0)], (0, 6.0, 11.0)) if one else ([(0, 6.0, 8.0), (0, 9.0, 11.0)], (0, 6.0, 8.0))) == (
        spans_of[: 1 if one else 2],
        spans_of[0],
    )


def test_windows_overlap_by_half_and_the_last_one_ends_with_the_video() -> None:
    """A gap is grown over only by windows that hold enough of both sides: those at 0, 2, 4, 6 and 7 of 11 seconds."""
    video = [-9.0, -9.0, 2.0, 2.0, 2.0, -4.0, 2.0, 2.0, -9.0, -9.0, -9.0]
    assert (0, 2.0, 8.0) == best(video, window_s=4)[0][:3]
    tail = [-9.0] * 7 + [1.0, 1.0, -9.0, 1.5]
    assert (0, 7.0, 11.0) == best(tail, window_s=4)[0][:3]


@pytest.mark.parametrize(("plain", "first"), [(63, True), (64, False)])
def test_of_the_best_windows_64_are_made_scenes_of(plain: int, first: bool) -> None:  # noqa: FBT001
    """The lucky video's window is worth 0.9, a little less than the others', and its scene 3."""
    found = best(*[[1.0, 1.0]] * plain, [-1.2, 3.0], window_s=2, top=3)
    assert 3 == len(found)
    assert first is (found[0] == (plain, 1.0, 2.0, 3.0))


@pytest.mark.parametrize(("plain", "first"), [(79, True), (80, False)])
def test_four_times_as_many_scenes_are_made_as_are_wanted(plain: int, first: bool) -> None:  # noqa: FBT001
    found = best(*[[1.0, 1.0]] * plain, [-1.2, 3.0], window_s=2, top=20)
    assert 20 == len(found)
    assert first is (found[0] == (plain, 1.0, 2.0, 3.0))


def test_of_equal_scenes_the_earlier_comes_first() -> None:
    assert [0, 1, 2] == [scene[0] for scene in best([1.0] * 3, [1.0] * 3, [1.0] * 3, window_s=3, top=5)]


def test_a_video_without_length_is_a_moment() -> None:
    still = FrameScores(np.array([0, 0]), np.array([[2.0], [1.0]], np.float32), np.array([0, 1, 2]), np.zeros(2))
    found = find_scenes(still, window_s=10, top=5)
    assert [(0, 0.0, 0.001), (1, 0.0, 0.001)] == spans(found)
    assert [pytest.approx(2.0), pytest.approx(1.0)] == [scene.value for scene in found]


def test_a_video_lasts_up_to_its_last_frame_whatever_its_length_is_said_to_be() -> None:
    longer = FrameScores(
        np.array([1000, 5000]), np.array([[2.0], [2.0]], np.float32), np.array([0, 2]), np.array([3.0])
    )
    assert [(0, 0.0, 5.0)] == spans(find_scenes(longer, window_s=10, top=1))


def test_with_several_columns_a_scene_is_as_good_as_the_least_of_them_or_the_greatest() -> None:
    both = frame_scores([-5.0] * 4 + [3.0] * 4 + [-5.0] * 4, columns=2)
    both.values[4:8, 1] = 1.0
    for any_of, value in ((False, 1.0), (True, 3.0)):
        (scene,) = find_scenes(both, window_s=4, top=1, any_of=any_of)
        assert (4.0, 8.0, pytest.approx(value)) == (scene.begin_s, scene.end_s, scene.value)


def test_each_column_may_be_shown_at_another_time_of_a_window() -> None:
    """Columns that take turns hold over the window, but no frame shows both."""
    turns = frame_scores([-5.0] * 12, columns=2)
    turns.values[4:6, 0] = 7.0
    turns.values[6:8, 1] = 7.0
    (scene,) = find_scenes(turns, window_s=4, top=1)
    assert scene.begin_s <= 4.0
    assert scene.end_s >= 8.0


def test_what_a_scene_has_taken_is_not_in_the_next() -> None:
    """The second scene would begin with a frame that the first one has."""
    video = [-9.0] * 5 + [4.0] * 4 + [1.2] * 2 + [-9.0] * 5
    found = best(video, [2.0] * 3, window_s=3, top=9)
    assert (0, 5.0, 11.0) == found[0][:3]
    inside = [scene for scene in found if scene[0] == 0 and scene[1] < 11.0 and scene[2] > 5.0]
    assert 1 == len(inside)


def test_scenes_that_touch_are_two_and_leave_no_moment_out() -> None:
    video = [3.0] * 4 + [-3.0] * 4 + [3.0] * 4
    found = sorted(scene[1:3] for scene in best(video, window_s=4, top=9))
    assert [(0.0, 4.0), (4.0, 8.0), (8.0, 12.0)] == found


def test_the_best_moment_is_the_frame_that_shows_it_best() -> None:
    video = [-5.0] * 3 + [2.0, 3.0, 2.5] + [-5.0] * 3
    for place in (0, 1):
        videos = [[-8.0] * 7] * place + [video]
        (scene,) = find_scenes(frame_scores(*videos), window_s=3, top=1)
        assert (place, 4.5) == (scene.film, scene.peak_s)


@pytest.mark.parametrize(("any_of", "other"), [(True, -9.0), (False, 5.0)])
def test_the_column_that_counts_decides_how_far_a_scene_grows(any_of: bool, other: float) -> None:  # noqa: FBT001
    """The gap is too deep in the column that counts; the other is the same everywhere, or shows it more clearly."""
    video = [-9.0] * 6 + [2.0] * 2 + [-2.1] + [2.0] * 2 + [-9.0] * 6
    both = frame_scores(video, columns=2)
    both.values[:, 1] = other if any_of else both.values[:, 0] + other
    assert [(0, 6.0, 8.0), (0, 9.0, 11.0)] == spans(find_scenes(both, window_s=2, top=2, any_of=any_of))


def test_without_prompts_or_videos_or_a_wish_there_are_no_scenes() -> None:
    one = frame_scores([1.0, 2.0])
    mute = FrameScores(one.times_ms, np.empty((2, 0), np.float32), one.offsets, one.durations_s)
    nothing = FrameScores(np.empty(0, np.int64), np.empty((0, 1), np.float32), np.zeros(1, np.int64), np.empty(0))
    for given_sights, top in ((mute, 5), (nothing, 5), (one, 0), (one, -1)):
        assert [] == find_scenes(given_sights, window_s=10, top=top)
    assert 1 == len(find_scenes(one, window_s=10, top=1))


@pytest.mark.parametrize("window_s", [1.0, 2.0, 10.0])
def test_however_short_the_window_it_comes_to_the_end(window_s: float) -> None:
    (scene,) = find_scenes(frame_scores([-5.0] * 27 + [5.0] * 2), window_s=window_s, top=1)
    assert (27.0, 29.0) == (scene.begin_s, scene.end_s)


@pytest.mark.parametrize("better", [0, 1])
def test_what_one_videos_scene_takes_is_its_own(better: int) -> None:
    """Frames that plainly show it are added on both sides, in the second video, too."""
    videos = [[-20.0] * 3 + [1.5] + [6.0 + (place == better)] * 4 + [1.5] + [-20.0] * 5 for place in (0, 1)]
    assert [(better, 3.0, 9.0), (1 - better, 3.0, 9.0)] == spans(find_scenes(frame_scores(*videos), window_s=4, top=2))


@pytest.mark.parametrize(
    ("video", "span"),
    [
        ([-9.0] * 8 + [0.0, -5.0, 3.0, 3.0] + [-9.0] * 8, (8.0, 12.0)),  # three less than the best, across a gap
        ([-9.0] * 8 + [-0.01, -5.0, 3.0, 3.0] + [-9.0] * 8, (10.0, 12.0)),
        ([-9.0] * 2 + [2.0] * 4 + [-1.0] * 3, (2.0, 9.0)),  # up to the last frame of the video
        ([-1.0] * 3 + [2.0] * 4 + [-9.0] * 2, (0.0, 7.0)),
    ],
)
def test_a_scene_reaches_to_the_farthest_frame_that_still_shows_it(
    video: list[float], span: tuple[float, float]
) -> None:
    assert (0, *span) == best(video, window_s=4)[0][:3]


@pytest.mark.parametrize(("gap", "begin_s"), [(-1.0, 6.0), (-1.01, 9.0)])
def test_a_scene_grows_backwards_as_it_does_forwards(gap: float, begin_s: float) -> None:
    video = [-9.0] * 6 + [2.0] * 2 + [gap] + [2.5] * 2 + [-9.0] * 6
    assert (0, begin_s, 11.0) == best(video, window_s=2)[0][:3]


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("before", [0, 1])
def test_a_scene_grows_over_a_whole_video_and_into_no_other(before: int, after: int) -> None:
    for shown in ([2.0, 2.0, -1.5, 2.0, 2.1], [2.1, 2.0, -1.5, 2.0, 2.0]):
        videos = [[2.0] * 5] * before + [shown] + [[2.0] * 5] * after
        found = [scene for scene in best(*videos, window_s=2, top=9) if scene[0] == before]
        assert [(before, 0.0, 5.0)] == [scene[:3] for scene in found]


def test_a_scene_does_not_reach_into_the_first_window_that_does_not_show_it() -> None:
    """The window over the gap holds a frame of its own that shows it, and is far too weak."""
    assert (0, 0.0, 4.0) == best([2.0] * 4 + [-30.0, 2.0] + [-30.0] * 2, window_s=4)[0][:3]
    assert (0, 4.0, 8.0) == best([-30.0] * 2 + [2.0, -30.0] + [2.0] * 4, window_s=4)[0][:3]
