"""Live shows the failures that stand: the newest, how many more there are, older ones once those are dismissed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import PageHome, visit
from tests.support.filed import FiledHome
from vsortd.core.outcomes import ItemState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

MANY, SHOWN = 25, 20


@pytest.fixture
def home(tmp_path: Path) -> Iterator[PageHome]:
    """Return a home in which many videos failed, and one was rejected."""
    made = PageHome.prepared(tmp_path)
    filed = FiledHome(made.home.folder)
    for number in range(MANY):
        filed.refuse(f"video {number}.mp4", ItemState.FAILED, "it has no picture")
    filed.refuse("text.mp4", ItemState.REJECTED, "it is no video")
    made.home.start()
    yield made
    made.stop()


def shown(home: PageHome) -> list[int]:
    """Return the numbers of the failures that Live shows."""
    return [int(number) for number in re.findall(r'id="failed-(\d+)"', home.ask("/").text)]


@pytest.mark.long
def test_older_failures_are_counted_and_come_once_newer_ones_are_dismissed(home: PageHome) -> None:
    assert list(range(MANY, MANY - SHOWN, -1)) == shown(home)
    assert f"… and {MANY - SHOWN} more" in home.ask("/").text
    for number in range(MANY, 3, -1):
        assert 303 == home.post(f"/items/{number}/dismiss").status
    assert [3, 2, 1] == shown(home)
    assert " more</a>" not in home.ask("/").text


@pytest.mark.long
def test_the_others_are_a_link_away(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        seen.page.get_by_role("link", name=f"… and {MANY - SHOWN} more").click()
        seen.page.locator("#rows .item").filter(has_text="video 0.mp4").wait_for()
        assert MANY == seen.page.locator("#rows .item").count()
