"""Where the time goes: each name its own part, and together all of it."""

from __future__ import annotations

import time

import pytest

from vsortd.clock import Clock


def _fail_after(seconds: float) -> None:
    time.sleep(seconds)
    raise KeyError


def test_what_is_inside_counts_there_only() -> None:
    clock, began_s = Clock(), time.perf_counter()
    with clock.time("judge"):
        time.sleep(0.01)
        with clock.time("embed"):
            time.sleep(0.03)
        with clock.time("embed"):
            time.sleep(0.03)
        clock.split("sample", 5.0)
    passed_ms = (time.perf_counter() - began_s) * 1000
    spent = clock.spent_ms()
    assert list(spent) == ["embed", "sample", "judge"]
    assert spent["embed"] >= 60
    assert spent["sample"] == 5.0
    assert sum(spent.values()) == pytest.approx(passed_ms, abs=1.0)


def test_time_counts_when_something_is_raised() -> None:
    clock = Clock()
    with pytest.raises(KeyError), clock.time("probe"):
        _fail_after(0.01)
    with clock.time("place"):
        time.sleep(0.01)
    assert clock.spent_ms()["probe"] >= 10
    assert clock.spent_ms()["place"] < 1000


def test_times_measured_elsewhere_add_up() -> None:
    clock = Clock()
    clock.note("waiting", 1.25)
    clock.note("waiting", 2.0)
    assert clock.spent_ms() == {"waiting": 3.2}
