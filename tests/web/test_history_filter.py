"""What the address of History asks for is what `vsortd history` is asked for in the same words."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.zones import zone
from vsortd.errors import UsageError
from vsortd.web.views.history import HistoryFilter

if TYPE_CHECKING:
    from tests.support.browser import PageHome


def _since(text: str) -> float | None:
    return HistoryFilter.of({"since": text}).wanted(1).since


def _utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system's time zone can't be set for a test")
def test_a_time_without_a_zone_is_local() -> None:
    with zone("Europe/Berlin"):
        assert _utc(2026, 7, 1, 22) == _since("2026-07-02")
        assert _utc(2026, 1, 2, 17, 30) == _since("2026-01-02T18:30")
        assert _utc(2026, 1, 2, 18, 30) == _since("2026-01-02T18:30Z")
        assert _utc(2999, 1, 1, 23) == _since("2999-01-02")


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "-2h", "nan", "2h 7d", "\u0661d", "9" * 400])
def test_what_is_no_time_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="is neither a time nor an age") as refused:
        _since(text)
    assert "--" not in refused.value.title


@pytest.mark.long
def test_the_page_says_so_and_keeps_what_was_typed(home: PageHome) -> None:
    answer = home.ask("/history?since=yesterday")
    assert (422, True) == (answer.status, "Since &#39;yesterday&#39; is neither a time nor an age." in answer.text)
    assert "summit.mp4" in home.ask("/history?since=2020-01-01").text
    assert '<option value="2999-01-01" selected>' in home.ask("/history?since=2999-01-01").text
    assert "summit.mp4" not in home.ask("/history?since=2999-01-01").text
