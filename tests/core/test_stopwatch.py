"""Where the time goes: each name its own part, and together all of it."""

from __future__ import annotations

import pytest

from vsortd.core import stopwatch as module
from vsortd.core.stopwatch import Clock


class Hand:
    """The hand of the clock, moved by the test; seconds."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    one = Hand()
    monkeypatch.setattr(module, "time", one)
    return one


def test_what_is_inside_counts_there_only_and_the_sum_is_all(hand: Hand) -> None:
    clock = Clock()
    with clock.time("judge"):
        hand.now += 0.010
        for _ in range(2):
            with clock.time("embed"):
                hand.now += 0.030
                with clock.time("wait"):
                    hand.now += 0.002
        hand.now += 0.007
        clock.split("sample", 5.0)
    assert clock.spent_ms() == {"wait": 4.0, "embed": 60.0, "sample": 5.0, "judge": 12.0}
    assert sum(clock.spent_ms().values()) == pytest.approx((hand.now - 100) * 1000)


def test_time_counts_when_something_is_raised(hand: Hand) -> None:
    clock = Clock()

    def fail() -> None:
        hand.now += 0.010
        raise KeyError

    with pytest.raises(KeyError), clock.time("probe"):
        fail()
    with clock.time("place"):
        hand.now += 0.020
    assert clock.spent_ms() == {"probe": 10.0, "place": 20.0}


def test_times_measured_elsewhere_add_up() -> None:
    clock = Clock()
    clock.note("waiting", 1.25)
    clock.note("waiting", 2.0)
    assert clock.spent_ms() == {"waiting": 3.2}


def test_how_far_it_is_holds_for_what_is_timed_alone() -> None:
    clock = Clock()
    with clock.time("convert"):
        assert clock.part is None
        clock.reach(0.4)
        assert 0.4 == clock.part
    assert clock.part is None
    with clock.time("place"):
        assert clock.part is None
