"""Calls that may never end are no longer waited for, and none is begun on top of another."""

from __future__ import annotations

import threading

import pytest

from vsortd.core.system.patience import Patience
from vsortd.errors import FilingError


def test_what_is_answered_in_time_is_handed_on() -> None:
    assert "well" == Patience(60.0).ask(lambda: "well", "late")


def test_what_a_call_raises_is_raised() -> None:
    def refuse() -> str:
        raise FilingError("no")

    with pytest.raises(FilingError, match="no"):
        Patience(60.0).ask(refuse, "late")


def test_a_call_that_hangs_is_left_alone_and_no_second_is_begun_until_it_ends() -> None:
    answered, asked = threading.Event(), []

    def hang() -> str:
        asked.append(1)
        answered.wait()
        return "at last"

    patience = Patience(0.01)
    assert ["late", "late"] == [patience.ask(hang, "late") for _ in range(2)]
    assert [1] == asked
    answered.set()
    patience._asking.join()  # type: ignore[union-attr]
    assert "well" == Patience(60.0).ask(lambda: "well", "late")
