"""Log-odds over time become spans and a verdict: smoothing, hysteresis, bridging, confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsortd.index.video import edges_of
from vsortd.library.timeline.spans import (
    PromptSpans,
    Reading,
    Shown,
    Stretch,
    Track,
    clock,
    judged,
    probabilities_of,
    running_median,
    stretches,
    tidied,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def track(*columns: Sequence[float], times_s: Sequence[float] | None = None, duration_s: float | None = None) -> Track:
    """Return a track of probabilities, one frame a second in the middle of each, or at `times_s`."""
    count = len(columns[0])
    times = np.arange(count) + 0.5 if times_s is None else np.asarray(times_s, float)
    odds = np.clip(np.asarray(columns, float).T, 1e-6, 1 - 1e-6)
    length = float(count) if duration_s is None else duration_s
    return Track((times * 1000).round().astype(np.int64), np.log(odds / (1 - odds)), length)


def spans(seen: Track, reading: Reading | None = None) -> list[list[tuple[float, float]]]:
    return [
        [(one.begin_ms / 1000, one.end_ms / 1000) for one in runs] for runs in stretches(seen, reading or Reading())
    ]


def verdict(*column: float, reading: Reading | None = None) -> PromptSpans:
    seen, how = track(column), reading or Reading()
    return judged(["x"], seen, stretches(seen, how), how)[0]


UNSMOOTHED = Reading(smooth_s=0, bridge_s=0, least_s=0)


def test_a_span_goes_from_half_way_before_its_first_frame_to_half_way_behind_its_last() -> None:
    assert [[(2.0, 5.0)]] == spans(track([0, 0, 1, 1, 1, 0, 0]))
    uneven = track([0, 1, 1, 1, 0], times_s=[0.5, 1.3, 2.5, 3.5, 5.1], duration_s=6)
    assert [[(0.9, 4.3)]] == spans(uneven)


def test_what_is_shown_at_the_limits_goes_up_to_them() -> None:
    assert [[(0.0, 2.0), (5.0, 7.5)]] == spans(track([1, 1, 0, 0, 0, 1, 1], duration_s=7.5))
    assert [[(0.0, 3.0)]] == spans(track([1, 1, 1]))


def test_a_span_begins_at_on_and_ends_only_below_off() -> None:
    wavering = [0.1, 0.5, 0.7, 0.5, 0.45, 0.5, 0.3, 0.5, 0.1]
    assert [[(2.0, 6.0)]] == spans(track(wavering), UNSMOOTHED)
    assert [[]] == spans(track([0.5, 0.55, 0.59, 0.5, 0.5]))


def test_a_single_odd_frame_neither_makes_nor_breaks_a_span() -> None:
    assert [[]] == spans(track([0, 0, 0, 1, 0, 0, 0]))
    assert [[(1.0, 8.0)]] == spans(track([0, 1, 1, 1, 0, 1, 1, 1, 0, 0]))


def test_smoothing_keeps_an_edge_where_it_is_at_any_pace() -> None:
    for pace in (1, 2, 5, 25):
        times = (np.arange(20 * pace) + 0.5) / pace
        seen = track((times > 7.0) & (times < 13.0), times_s=times, duration_s=20)
        assert spans(seen)[0] == [pytest.approx((7.0, 13.0), abs=1e-3)]


def test_what_is_longer_than_half_a_window_is_kept_and_what_is_shorter_is_dropped() -> None:
    times = (np.arange(80) + 0.5) / 4
    second = track((times > 7.0) & (times < 8.0), times_s=times, duration_s=20)
    assert [[]] == spans(second)
    assert [[(7.0, 8.0)]] == spans(second, Reading(smooth_s=1.0))


def test_a_scene_of_the_first_or_last_second_is_not_smoothed_away() -> None:
    assert [[(0.0, 1.0), (5.0, 6.0)]] == spans(track([1, 0, 0, 0, 0, 1]))


def test_many_frames_of_one_moment_do_not_outvote_the_time_around_it() -> None:
    times = [0.5, 1.5, 2.4, 2.45, 2.5, 2.55, 2.6, 3.5, 4.5]
    seen = track([0, 0, 1, 1, 1, 1, 1, 0, 0], times_s=times, duration_s=5)
    assert [[]] == spans(seen)


def test_frames_further_apart_than_the_window_keep_their_values() -> None:
    times = np.arange(5) * 5 + 2.5
    assert [[(10.0, 15.0)]] == spans(track([0, 0, 1, 0, 0], times_s=times, duration_s=25))


def test_short_gaps_are_bridged_then_short_spans_are_dropped() -> None:
    seen = track([0, 1, 0, 1, 0, 0, 0, 1, 0])
    assert [[(1, 2), (3, 4), (7, 8)]] == spans(seen, UNSMOOTHED)
    assert [[(1, 4), (7, 8)]] == spans(seen, Reading(smooth_s=0, bridge_s=1.5, least_s=0))
    assert [[(1, 4)]] == spans(seen, Reading(smooth_s=0, bridge_s=1.5, least_s=2))
    assert [[(1, 2), (3, 4), (7, 8)]] == spans(seen, Reading(smooth_s=0, bridge_s=1.0, least_s=1.0))


def test_a_video_shorter_than_the_least_span_may_be_one() -> None:
    assert [[(0.0, 0.04)]] == spans(track([0.9], times_s=[0], duration_s=0.04))


def test_an_edge_that_was_moved_may_close_a_gap() -> None:
    runs = [Stretch(0, 2000, 0, 1), Stretch(3400, 6000, 4, 5)]
    assert [Stretch(0, 6000, 0, 5)] == tidied(runs, Reading(), 6.0)
    assert runs == tidied(runs, Reading(bridge_s=1.4), 6.0)


def test_prompts_are_judged_each_by_itself() -> None:
    assert [[(0.0, 4.0)], [(2.0, 6.0)], []] == spans(track([1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [0.3] * 6))


def test_yes_is_as_sure_as_its_surest_span() -> None:
    found = verdict(0.7, 0.7, 0, 0, 0.8, 1.0, 0.9, 0, 0, 0)
    assert (Shown.YES, pytest.approx(0.9), pytest.approx(5.0), pytest.approx(0.5)) == (
        found.shown,
        found.confidence,
        found.total_s,
        found.share,
    )
    assert [(0.7, 500), (0.9, 5500)] == [(pytest.approx(one.score), one.peak_ms) for one in found.spans]
    assert (5500, pytest.approx(1.0, abs=1e-5)) == (found.best_ms, found.best)


def test_no_is_as_sure_as_nothing_ever_came_near() -> None:
    found = verdict(0.1, 0.2, 0.3, 0.3, 0.1, 0.1)
    assert (Shown.NO, pytest.approx(0.7), ()) == (found.shown, found.confidence, found.spans)


def test_between_off_and_on_it_is_perhaps() -> None:
    found = verdict(0.1, 0.5, 0.5, 0.5, 0.1)
    assert (Shown.PERHAPS, pytest.approx(0.5), ()) == (found.shown, found.confidence, found.spans)


def test_a_span_that_is_unsure_on_the_whole_is_perhaps() -> None:
    found = verdict(0, 0.61, 0.61, 0.42, 0.42, 0.42, 0.42, 0)
    assert Shown.PERHAPS is found.shown
    assert found.confidence == pytest.approx((2 * 0.61 + 4 * 0.42) / 6)
    assert 1 == len(found.spans)


def test_something_seen_too_briefly_for_a_span_is_perhaps() -> None:
    found = verdict(0, 0, 0, 0.9, 0, 0, 0)
    assert (Shown.PERHAPS, pytest.approx(0.3, abs=1e-4), 3500) == (found.shown, found.confidence, found.best_ms)


def test_a_flash_of_one_among_many_frames_is_no_glimpse() -> None:
    times = [0.5, 1.5, 2.45, 2.5, 2.55, 3.5, 4.5]
    seen = track([0, 0, 0, 0.9, 0, 0, 0], times_s=times, duration_s=5)
    found = judged(["x"], seen, stretches(seen, Reading()), Reading())[0]
    assert (Shown.NO, pytest.approx(1, abs=1e-4)) == (found.shown, found.confidence)


def test_a_frame_that_comes_again_is_taken_as_it_was() -> None:
    seen = track([0.2, 0.8]).joined(np.array([500, 900]), np.array([[9.0], [3.0]]))
    assert [500, 900, 1500] == seen.times_ms.tolist()
    assert [pytest.approx(0.2), pytest.approx(probabilities_of(np.array(3.0))), pytest.approx(0.8)] == list(
        seen.probabilities[:, 0]
    )


def test_extreme_log_odds_are_certain_not_nan() -> None:
    assert [0, 0.5, 1] == probabilities_of(np.array([-1e6, 0, 1e6])).tolist()


def test_a_clock_rounds_to_tenths_and_has_hours_where_needed() -> None:
    assert ["00:00.0", "01:00.0", "59:59.9", "1:00:00.0", "27:46:40.0"] == [
        clock(time_ms) for time_ms in (0, 59_960, 3_599_940, 3_599_960, 100_000_000)
    ]


steps = st.lists(st.tuples(st.integers(1, 4000), st.floats(-8, 8)), min_size=1, max_size=40)


def plain_median(times: np.ndarray, edges: np.ndarray, values: np.ndarray, window_s: float) -> list[float]:
    """Say the same as `running_median`, slowly: by the value that half of the window's time lies at or below."""
    found = []
    bounds = edges.copy()
    bounds[0], bounds[-1] = -np.inf, np.inf
    for time in times:
        low, high = time - window_s * 500, time + window_s * 500
        shares = [max(0.0, min(bounds[at + 1], high) - max(bounds[at], low)) for at in range(len(times))]
        by_value = sorted(zip(values, shares, strict=True))
        reached = np.cumsum([share for _, share in by_value])
        found.append(next(by_value[at][0] for at in range(len(reached)) if reached[at] >= reached[-1] / 2 * (1 - 1e-9)))
    return found


@settings(max_examples=80, deadline=None)
@given(steps, st.floats(0.1, 9))
def test_the_running_median_is_what_its_description_says(steps: list[tuple[int, float]], window_s: float) -> None:
    times = np.cumsum([step for step, _ in steps])
    values = np.array([value for _, value in steps])
    edges = edges_of(times, float(times[-1]) / 1000 + 0.4)
    assert (
        plain_median(times, edges, values, window_s)
        == running_median(times, edges, values[:, None], window_s)[:, 0].tolist()
    )


@settings(max_examples=80, deadline=None)
@given(steps, st.floats(0, 6), st.floats(0, 3), st.floats(0, 3))
def test_spans_are_apart_in_order_and_within_the_video(
    steps: list[tuple[int, float]], smooth_s: float, bridge_s: float, least_s: float
) -> None:
    times = np.cumsum([step for step, _ in steps])
    reading = Reading(smooth_s=smooth_s, bridge_s=bridge_s, least_s=least_s)
    seen = Track(times, np.array([[value] for _, value in steps]), float(times[-1]) / 1000 + 0.2)
    found = judged(["x"], seen, stretches(seen, reading), reading)[0]
    limits = [0.0, *(edge for span in found.spans for edge in (span.begin_ms, span.end_ms)), seen.duration_s * 1000]
    assert sorted(limits) == limits
    gaps = [later.begin_ms - span.end_ms for span, later in zip(found.spans, found.spans[1:], strict=False)]
    assert all(gap >= bridge_s * 1000 for gap in gaps)
    assert all(span.length_s >= min(least_s, seen.duration_s) - 1e-6 for span in found.spans)
    assert all(0 <= part <= 1 for part in (found.confidence, found.share, *(span.score for span in found.spans)))
    assert all(span.begin_ms <= span.peak_ms <= span.end_ms for span in found.spans)
