"""What many ask for is made by one of them; the others wait, hear how far it is, and can give up."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from vsortd.errors import BrokenError, Cancelled, ChangedError, IncompleteError, LimitError, VideoError
from vsortd.media.remembered_failures import RememberedFailures
from vsortd.media.single_flight import SingleFlight


def test_one_at_a_time_for_each_key() -> None:
    flights, made, inside = SingleFlight(), [], []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        with flights.alone("a"):
            inside.append(1)
            assert 1 == len(inside)
            if not made:
                made.append(1)
            inside.pop()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [1] == made
    assert {} == flights._flights


def test_other_keys_do_not_wait() -> None:
    flights = SingleFlight()
    with flights.alone("a"), flights.alone("b"):
        assert {"a", "b"} == set(flights._flights)


def test_who_waits_hears_how_far_it_is_and_can_give_up() -> None:
    flights, cancel = SingleFlight(), threading.Event()
    heard: list[float] = []

    def wait() -> None:
        def hear(part: float) -> None:
            heard.append(part)
            cancel.set()

        with pytest.raises(Cancelled), flights.alone("a", cancel=cancel, waiting=hear):
            raise AssertionError

    with flights.alone("a") as flight:
        flight.done = 0.25
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    assert [0.25] == heard
    assert {} == flights._flights


@dataclass
class Trials:
    """Tries things that fail, and counts how often they were tried."""

    failures: RememberedFailures = field(default_factory=RememberedFailures)
    tried: list[str] = field(default_factory=list)

    def fail(self, key: str, error: VideoError) -> str:
        try:
            with self.failures.of(key):
                self.tried.append(key)
                raise error
        except VideoError as told:
            return told.reason if isinstance(error, type(told)) else f"it is a {type(told)}"


def test_a_failure_is_remembered_with_its_reason() -> None:
    trials = Trials()
    assert {"no film"} == {trials.fail("a", BrokenError("no film")) for _ in range(3)}
    assert ["a"] == trials.tried
    trials.fail("b", IncompleteError("half a film"))
    assert ["a", "b"] == trials.tried


def test_a_file_that_changed_is_tried_again() -> None:
    trials = Trials()
    for _ in range(2):
        trials.fail("a", ChangedError("gone"))
    assert ["a", "a"] == trials.tried


class WorkerEndedError(LimitError):
    """As the pool raises: it says by itself what happened."""

    def __init__(self) -> None:
        super().__init__("it ended")


def test_a_limit_is_tried_again_after_a_while() -> None:
    now_s = [0.0]
    trials = Trials(RememberedFailures(lambda: now_s[0]))
    tried = []
    for now_s[0] in (0.0, 800.0, 1000.0, 1800.0):
        assert "it ended" == trials.fail("a", WorkerEndedError())
        tried.append(len(trials.tried))
    assert [1, 1, 2, 2] == tried


def test_no_more_than_the_last_failures_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsortd.media.remembered_failures._MOST", 2)
    trials = Trials()
    for key in "abca":
        trials.fail(key, BrokenError("no film"))
    assert list("abca") == trials.tried
