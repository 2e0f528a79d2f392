"""What was decided on the page is taken back the last one first, and counted however much it is."""

from __future__ import annotations

import pytest

from vsortd.web.session_log import MOST_EACH, SessionLog
from vsortd.web.sessions import PageSession

ME, YOU = PageSession(b"me", 0.0), PageSession(b"you", 0.0)


@pytest.mark.parametrize("on", [1, 7])
def test_more_decisions_than_are_kept_are_counted(on: int) -> None:
    log = SessionLog[int]()
    for number in range(MOST_EACH + 100):
        log.add(ME, number, on)
    assert (MOST_EACH + 100) * on == log.count(ME)
    log.begin(ME)
    log.add(ME, 1000)
    assert 1 == log.count(ME)


def test_the_last_one_is_taken_back_first_and_each_session_has_its_own() -> None:
    log = SessionLog[str]()
    assert (None, 0) == (log.last(ME), log.count(ME))
    log.add(ME, "one")
    log.add(YOU, "mine")
    log.add(ME, "two")
    assert ("two", 2) == (log.last(ME), log.count(ME))
    log.taken_back(ME, "two")
    assert ("one", 1) == (log.last(ME), log.count(ME))
    log.taken_back(ME, "two")
    assert ("one", 1) == (log.last(ME), log.count(ME))
    log.taken_back(ME, "one")
    assert (None, 0) == (log.last(ME), log.count(ME))
    assert ("mine", 1) == (log.last(YOU), log.count(YOU))


def test_what_is_left_of_a_decision_on_several_stands_in_its_place() -> None:
    log = SessionLog[tuple[str, ...]]()
    log.add(ME, ("a", "b"), 2)
    log.taken_back(ME, ("a", "b"), ("a",))
    assert (("a",), 1) == (log.last(ME), log.count(ME))
    log.taken_back(ME, ("a",))
    assert (None, 0) == (log.last(ME), log.count(ME))


def test_what_was_decided_before_it_began_to_count_takes_nothing_off_what_comes_then() -> None:
    log = SessionLog[str]()
    log.add(ME, "before")
    log.begin(ME)
    log.taken_back(ME, "before")
    assert 0 == log.count(ME)
    log.add(ME, "then")
    assert 1 == log.count(ME)
