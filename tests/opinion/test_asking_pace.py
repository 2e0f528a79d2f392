"""How often a server is asked, and how long it is left alone when it fails."""

from __future__ import annotations

from vsortd.opinion.asking_pace import PAUSES_S, AskingPace


class Clock:
    """A clock that the test moves."""

    now_s = 5.0

    def __call__(self) -> float:
        return self.now_s


def test_no_more_questions_in_an_hour_than_wanted() -> None:
    clock = Clock()
    pace = AskingPace(3, clock=clock)
    for _ in range(3):
        assert 0 == pace.wait_s()
        pace.asked()
        clock.now_s += 60
    assert 3_600 - 180 == pace.wait_s()
    clock.now_s += pace.wait_s()
    assert 0 == pace.wait_s()
    pace.asked()
    assert 60 == pace.wait_s()


def test_the_pauses_grow_with_each_failure_and_end_with_an_answer() -> None:
    clock = Clock()
    pace = AskingPace(1_000, clock=clock)
    waits = []
    for _ in range(len(PAUSES_S) + 2):
        assert pace.wait_s() == 0
        waits.append(pace.failed())
        assert waits[-1] == pace.wait_s()
        assert pace.failing
        clock.now_s += waits[-1]
    assert [*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]] == waits
    assert sorted(waits) == waits
    assert pace.answered()
    assert not pace.failing
    assert not pace.answered()
    assert PAUSES_S[0] == pace.failed()
