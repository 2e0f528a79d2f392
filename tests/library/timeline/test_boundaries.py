"""Edges are found by looking closer: to the precision, with few frames, in spite of odd ones and of frames not had."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsortd.library.timeline.boundaries import Edge, edges_to_refine, refined, with_edges
from vsortd.library.timeline.spans import Reading, Stretch, Track, stretches

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.library.timeline.spans import Floats

ON, OFF = math.log(0.6 / 0.4), math.log(0.4 / 0.6)


@dataclass
class Video:
    """A video of frames at a pace whose log-odds are a function of time (s); counts what is asked of it."""

    log_odds: Callable[[Floats], list[Floats]]
    fps: float = 25.0
    duration_s: float = 30.0
    rounds: list[list[int]] = field(default_factory=list)
    first_s: float = 0.0

    def look(self, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.rounds.append(moments.tolist())
        last = math.ceil(self.duration_s * self.fps) - 1
        numbers = np.clip(np.floor((moments / 1000 + 0.0005) * self.fps), round(self.first_s * self.fps), last)
        times = np.unique(numbers) / self.fps
        return (times * 1000).round().astype(np.int64), np.stack(self.log_odds(times), axis=1)

    @property
    def looked_at(self) -> int:
        return sum(len(moments) for moments in self.rounds)


def cut(at_s: float) -> Callable[[Floats], list[Floats]]:
    return lambda times: [np.where(times >= at_s, 3.0, -3.0)]


def rising(low_s: float, high_s: float, column: int = 0) -> Edge:
    return Edge(column, ON, True, low_s * 1000, high_s * 1000)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 249), st.sampled_from([0.1, 0.2, 0.5]), st.sampled_from([1.0, 3.0, 10.0]), st.booleans())
def test_a_cut_is_found_to_the_precision(frame: int, precision_s: float, gap_s: float, rises: bool) -> None:  # noqa: FBT001
    at_s = frame / 25
    low_s = math.floor(at_s / gap_s - 1e-9) * gap_s
    sign = 1 if rises else -1
    video = Video(lambda times: [sign * np.where(times >= at_s, 3.0, -3.0)])
    edge = Edge(0, ON if rises else OFF, rises, low_s * 1000, (low_s + gap_s) * 1000)
    (found,) = refined([edge], video.look, precision_s * 1000)
    assert found / 1000 == pytest.approx(at_s, abs=precision_s / 2 + 1 / 25)


def test_a_second_costs_four_frames_and_ten_cost_fourteen() -> None:
    video = Video(cut(7.36))
    refined([rising(7, 8)], video.look, 200)
    assert [[7200, 7400, 7600, 7800]] == video.rounds
    video = Video(cut(7.36))
    refined([rising(0, 10)], video.look, 200)
    assert 2 <= len(video.rounds) <= 3
    assert video.looked_at <= 14


def test_a_cut_between_two_prompts_is_looked_at_once() -> None:
    video = Video(lambda times: [np.where(times < 7.36, 3.0, -3.0), np.where(times < 7.36, -3.0, 3.0)])
    edges = [Edge(0, OFF, False, 7000, 8000), Edge(1, ON, True, 7000, 8000)]
    ended, began = refined(edges, video.look, 200)
    assert ended == began
    assert 4 == video.looked_at


def test_no_frame_is_asked_for_where_edges_are_known_well_enough() -> None:
    video = Video(cut(7.36))
    assert [7400] == refined([rising(7.3, 7.5)], video.look, 200)
    assert [0.0] == refined([Edge(0, ON, True, 0, 150, low_seen=False)], video.look, 200)
    assert [] == refined([], video.look, 200)
    assert [] == video.rounds


def test_a_fade_is_an_edge_where_it_crosses_the_level() -> None:
    video = Video(lambda times: [(times - 7.36) * 8 + ON])
    (found,) = refined([rising(7, 8)], video.look, 100)
    assert found / 1000 == pytest.approx(7.36, abs=0.1)


def test_an_odd_frame_does_not_move_an_edge() -> None:
    def flashing(times: Floats) -> list[Floats]:
        return [np.where((times >= 7.6) | (np.abs(times - 7.2) < 0.01), 9.0, -3.0)]

    (found,) = refined([rising(7, 8)], Video(flashing).look, 100)
    assert found / 1000 == pytest.approx(7.6, abs=0.09)


def test_what_is_shown_up_to_a_limit_begins_or_ends_there() -> None:
    begin, end = Edge(0, ON, True, 0, 700, low_seen=False), Edge(0, OFF, False, 29_300, 30_000, high_seen=False)
    always = Video(lambda times: [np.full(len(times), 3.0)])
    assert [0.0, 30_000.0] == refined([begin, end], always.look, 200)
    late_start = Video(lambda times: [np.full(len(times), 3.0)], first_s=0.08)
    assert [0.0] == refined([begin], late_start.look, 200)


def test_a_cut_just_behind_the_beginning_or_before_the_end_is_found() -> None:
    begin, end = Edge(0, ON, True, 0, 700, low_seen=False), Edge(0, OFF, False, 29_300, 30_000, high_seen=False)
    video = Video(lambda times: [np.where((times >= 0.4) & (times < 29.6), 3.0, -3.0)])
    first, last = refined([begin, end], video.look, 200)
    assert first / 1000 == pytest.approx(0.4, abs=0.14)
    assert last / 1000 == pytest.approx(29.6, abs=0.14)


def test_frames_that_cant_be_had_leave_the_edge_half_way() -> None:
    asked: list[int] = []

    def nothing(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.extend(moments.tolist())
        return np.empty(0, np.int64), np.empty((0, 1))

    assert [7500] == refined([rising(7, 8)], nothing, 200)
    assert len(asked) <= 12
    slow = Video(cut(7.0), fps=1)
    assert [6500] == refined([rising(6, 7)], slow.look, 200)


def test_where_the_table_is_off_by_some_frames_it_looks_once_more_and_closer() -> None:
    exact = Video(cut(7.08), fps=15)

    def early(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return exact.look(moments - 140)

    (found,) = refined([Edge(0, ON, True, 7000, 7300)], early, 200)
    assert found / 1000 == pytest.approx(7.1, abs=0.11)
    assert 1 == len(exact.rounds[0])
    assert 3 == len(exact.rounds[1])


def test_every_stretch_has_two_edges_and_gets_them_back() -> None:
    times = np.arange(500, 8000, 1000)
    odds = np.array([[3, 3, -3, -3, -3, 3, 3, -3], [-3, -3, 3, 3, 3, 3, 3, 3]], float).T
    seen = Track(times, odds, 8.0)
    runs = stretches(seen, Reading())
    edges = edges_to_refine(seen, runs, Reading())
    assert [
        Edge(0, pytest.approx(ON), True, 0, 500, low_seen=False),
        Edge(0, pytest.approx(OFF), False, 1500, 2500),
        Edge(0, pytest.approx(ON), True, 4500, 5500),
        Edge(0, pytest.approx(OFF), False, 6500, 7500),
        Edge(1, pytest.approx(ON), True, 1500, 2500),
        Edge(1, pytest.approx(OFF), False, 7500, 8000, high_seen=False),
    ] == edges
    assert [[Stretch(1, 2, 0, 1), Stretch(3, 4, 5, 6)], [Stretch(5, 6, 2, 7)]] == with_edges(runs, [1, 2, 3, 4, 5, 6])


def frames_at(found: dict[int, float], asked: list[list[int]]) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a look that gives these frames (ms, log-odds), whatever is asked, and notes what is."""

    def look(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(moments.tolist())
        return np.array(list(found), np.int64), np.array([[value] for value in found.values()])

    return look


def unseen(low_ms: float, high_ms: float, *, low: bool = True, high: bool = True) -> Edge:
    """Return a rising edge at level 0 between two moments, some of which are a limit of the video."""
    return Edge(0, 0.0, True, low_ms, high_ms, low_seen=low, high_seen=high)


@pytest.mark.parametrize(
    ("edge", "precision_ms", "moments"),
    [
        (unseen(0, 9000), 100, [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000]),
        (unseen(0, 600), 200, [200, 400]),
        (unseen(0, 601), 200, [150, 300, 451]),
        (unseen(0, 400), 200, [200]),
        (unseen(0, sum([33.3] * 6)), 33.3, [33, 67, 100, 133, 166]),  # the sum is a rounding more than 199.8
        (unseen(0, 2), 0.5, [1]),  # neither end is looked at again
        (unseen(0, 600, low=False), 200, [0, 200, 400]),
        (unseen(0, 600, high=False), 200, [200, 400, 600]),
        (unseen(0, 2, low=False), 0.5, [0, 1]),
        (unseen(0, 2, high=False), 0.5, [1, 2]),
    ],
)
def test_between_two_frames_the_moments_are_spread_evenly_eight_at_most(
    edge: Edge, precision_ms: float, moments: list[int]
) -> None:
    asked: list[list[int]] = []
    refined([edge], frames_at({}, asked), precision_ms)
    assert moments == asked[0]


def test_an_edge_that_is_known_to_the_precision_is_not_looked_at() -> None:
    asked: list[list[int]] = []
    assert [100.0] == refined([unseen(0, 200)], frames_at({}, asked), 200)
    assert [] == asked


def test_in_vain_it_is_looked_at_twice_the_second_time_twice_as_closely() -> None:
    asked: list[list[int]] = []
    assert [200.0] == refined([unseen(0, 400)], frames_at({}, asked), 200)
    assert [[200], [100, 200, 300]] == asked
    asked.clear()
    refined([unseen(0, 9000)], frames_at({}, asked), 100)
    assert [8, 8] == [len(moments) for moments in asked], "eight at most, also then"


def test_a_frame_in_between_makes_up_for_one_look_in_vain() -> None:
    asked: list[list[int]] = []
    answers = iter([{}, {500: 3.0}, {}, {}, {}])

    def look(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return frames_at(next(answers), asked)(moments) if moments.size else (moments, moments)

    def shaped(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        times, odds = look(moments)
        return times, odds.reshape(len(times), 1)

    assert [250.0] == refined([unseen(0, 1000)], shaped, 200)
    assert 4 == len(asked)


def test_frames_at_the_ends_and_beyond_are_no_news() -> None:
    asked: list[list[int]] = []
    frames = {-500: 3.0, 0: 3.0, 1000: -3.0, 1500: -3.0}
    assert [500.0] == refined([unseen(0, 1000)], frames_at(frames, asked), 600)
    assert 2 == len(asked), "both in vain"


def test_a_frame_at_a_limit_of_the_video_is_news() -> None:
    asked: list[list[int]] = []
    assert [0.0] == refined([unseen(0, 1000, low=False)], frames_at({0: 3.0}, asked), 600)
    assert 1 == len(asked)
    assert [100.0] == refined([unseen(0, 1000, low=False)], frames_at({0: -3.0, 200: 3.0}, asked), 300)
    assert [1000.0] == refined([unseen(0, 1000, high=False)], frames_at({1000: -3.0}, asked), 600)
    assert [900.0] == refined([unseen(0, 1000, high=False)], frames_at({800: -3.0, 1000: 3.0}, asked), 300)


@pytest.mark.parametrize(
    ("odd", "others", "at_ms"),
    [
        (9.0, (-2.0, -2.5), 350.0),  # it counts as 4, the two together more
        (9.0, (-1.5, -2.0), 50.0),  # ... or less
        (4.2, (-2.0, -2.1), 350.0),
        (3.5, (-2.0, -2.1), 350.0),
        (3.5, (-2.0, -1.0), 50.0),
    ],
)
def test_a_frame_counts_for_so_much_and_no_more(odd: float, others: tuple[float, float], at_ms: float) -> None:
    frames = {100: odd, 200: others[0], 300: others[1], 400: 1.0, 500: 1.0}
    assert [at_ms] == refined([unseen(0, 600)], frames_at(frames, []), 300)
    falling = replace(unseen(0, 600), rises=False)
    turned = {time: -value for time, value in frames.items()}
    assert [at_ms] == refined([falling], frames_at(turned, []), 300)


def test_an_edge_lies_where_its_own_level_is_crossed() -> None:
    frames = {100: 1.0, 200: 1.9, 300: 2.1, 400: 3.0}
    for level, at_ms in ((2.0, 250.0), (1.5, 150.0), (2.5, 350.0), (-2.0, 50.0), (4.0, 450.0)):
        assert [at_ms] == refined([replace(unseen(0, 500), level=level)], frames_at(frames, []), 100)


def test_what_is_known_of_one_prompt_says_nothing_of_another() -> None:
    def look(_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.array([100, 200, 300]), np.array([[-3.0, 3.0], [-3.0, 3.0], [3.0, 3.0]])

    edges = [unseen(0, 400), replace(unseen(0, 400), column=1)]
    assert [250.0, 50.0] == refined(edges, look, 100)


def test_an_edge_that_was_limited_by_the_video_lies_between_two_frames_once_both_are_seen() -> None:
    assert [250.0] == refined([unseen(0, 400, low=False)], frames_at({100: -3.0, 200: -3.0, 300: 3.0}, []), 100)
    assert [150.0] == refined([unseen(0, 400, high=False)], frames_at({100: -3.0, 200: 3.0, 300: 3.0}, []), 100)


def test_the_levels_of_edges_are_the_odds_of_the_readings_shares() -> None:
    seen = Track(np.array([500, 1500, 2500]), np.array([[-9.0], [9.0], [-9.0]]), 3.0)
    reading = Reading(on=0.8, off=0.3, smooth_s=0.0, least_s=0.0)
    begin, end = edges_to_refine(seen, stretches(seen, reading), reading)
    assert (pytest.approx(math.log(4)), 500, 1500) == (begin.level, begin.low_ms, begin.high_ms)
    assert (pytest.approx(math.log(3 / 7)), 1500, 2500) == (end.level, end.low_ms, end.high_ms)
    assert (True, False) == (begin.rises, end.rises)
