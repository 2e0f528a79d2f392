"""Fixtures for the page: one Chromium, and one home with the demo's clips, for each file of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browser import PageHome, chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

DEMO = ("walk in the woods.mp4", "summit.mp4", "downtown.mp4", "commute.mp4", "slides.mp4", "campfire.mov")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return the system's Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHome]:
    """Return a home whose daemon has sorted some clips of the demo."""
    made = PageHome.start(tmp_path_factory.mktemp("page"), clips=DEMO)
    yield made
    made.stop()
