"""When a video is looked at: evenly, to its end, and never where it was looked at already."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsortd.library.indexing.sampling import PART, is_walked, missing, moments_of, name_of, part_name, parts_of, step_of


@settings(deadline=None)
@given(st.floats(0.01, 8_000), st.integers(40, 10_000))
def test_every_moment_of_a_video_is_within_a_step_of_a_frame(duration_s: float, step_ms: int) -> None:
    moments = np.array(moments_of(duration_s, step_ms))
    assert len(moments)
    assert moments[0] <= max(step_ms, 1)
    assert (np.diff(moments) <= step_ms + 1).all()
    assert duration_s * 1000 - moments[-1] <= step_ms
    assert moments[-1] <= duration_s * 1000 + 1


def test_frames_stand_in_the_middle_of_their_steps() -> None:
    assert [500, 1500, 2500] == moments_of(3.0, 1000)
    assert [500, 1500, 2250] == moments_of(2.5, 1000)
    assert [200] == moments_of(0.4, 1000)


def test_only_moments_without_a_kept_frame_near_are_asked_for() -> None:
    assert [1500, 3500] == missing([500, 1500, 2500, 3500], np.array([300, 2750, 3000]), 1000)
    assert [500] == missing([500], np.empty(0, np.int64), 1000)


def test_parts_hold_every_moment_once() -> None:
    moments = list(range(2 * PART + 3))
    parts = parts_of(moments)
    assert [PART, PART, 3] == [len(part) for part in parts]
    assert moments == [moment for part in parts for moment in part]


def test_a_finer_pace_will_do_and_a_part_will_not() -> None:
    assert is_walked([name_of(500)], 1000)
    assert is_walked([name_of(1000)], 1000)
    assert not is_walked([name_of(2000), part_name(1000, 0), "spread-32:0-8"], 1000)


@pytest.mark.parametrize("fps", [0, -1, float("inf"), float("nan"), 5000, 1e-320, 5e-324])
def test_an_impossible_pace_is_refused(fps: float) -> None:
    with pytest.raises(ValueError, match="frames a second"):
        step_of(fps)


@given(st.floats())
def test_any_pace_is_a_step_or_refused(fps: float) -> None:
    try:
        step_ms = step_of(fps)
    except ValueError:
        return
    assert 1 <= step_ms <= 366 * 86_400_000


@given(st.floats(0, 3e10), st.integers(1, 366 * 86_400_000), st.integers(0, 50_000))
@settings(deadline=None, max_examples=50)
def test_no_claim_of_a_header_makes_more_moments_than_there_are_frames(
    duration_s: float, step_ms: int, frames: int
) -> None:
    moments = moments_of(duration_s, step_ms, frames=frames)
    assert 1 <= len(moments) <= max(frames, 10_000) + 1
    assert moments == sorted(set(moments))
    assert 0 <= moments[0]
    assert moments[-1] <= duration_s * 1000 + 1


def test_a_video_with_a_frame_for_each_step_has_every_moment_however_long_it_is() -> None:
    week_s = 7 * 86_400
    assert week_s == len(moments_of(week_s, 1000, frames=week_s * 25))
