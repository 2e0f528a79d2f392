"""Live says how far a video in work is, where that is known."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import PageHome, visit
from vsortd.media.ffmpeg import find_ffmpeg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(240)
SECONDS = 14  # of 720p: encoded for long enough that it is seen


@pytest.fixture
def home(tmp_path: Path) -> Iterator[PageHome]:
    """Return a home that has films encoded anew."""
    made = PageHome.prepared(tmp_path, more="convert: {mov: transcode}\n")
    made.home.start()
    yield made
    made.stop()


@pytest.mark.long
def test_a_conversion_has_its_part_and_a_name(browser: Browser, home: PageHome, tmp_path: Path) -> None:
    film = tmp_path / "film.mov"
    pictures = [
        "-f",
        "lavfi",
        "-i",
        f"testsrc2=s=1280x720:r=24:d={SECONDS}",
        "-c:v",
        "prores",
        "-pix_fmt",
        "yuv422p10le",
    ]
    subprocess.run([str(find_ffmpeg()), "-nostdin", "-v", "error", *pictures, str(film)], check=True)
    with visit(browser, home) as seen:
        bar = seen.page.get_by_role("progressbar", name="film.mov: convert")
        film.rename(home.home.inbox / film.name)
        known = seen.page.locator("#live-work progress[value][max='1']")
        known.wait_for()
        part = float(known.get_attribute("value") or 0)
        assert 0 < part <= 1
        assert bar.is_visible()
        assert re.search(r"convert, \d+ %", seen.page.locator("#live-work li").inner_text())
        seen.page.locator("#live-last .item").filter(has_text="film.mp4").wait_for(timeout=120_000)
        seen.page.locator("#live-work").get_by_text("Nothing.").wait_for()
