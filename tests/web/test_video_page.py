"""Video in a real browser: playing, the timeline, what was measured, why, and deciding, for everyone."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from tests.support.browser import until, visit
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.support.browser import PageHome

PLAYER = "document.getElementById('player')"
TIME = f"{PLAYER}.currentTime"


def number_of(home: PageHome, name: str) -> int:
    """Return the newest item of a video that lies in the library."""
    return int(next(one["id"] for one in home.home.items() if (one["destination"] or "").endswith(f"/{name}")))


def wait_for_player(page: Page) -> None:
    until(page, "document.getElementById('player')?.readyState >= 1")


def old_film(path: Path) -> None:
    """Write four seconds in a codec that no browser plays."""
    with av.open(os.fspath(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=15)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for shade in range(60, 120):
            picture = np.full((120, 160, 3), shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def test_by_keyboard_it_plays_seeks_and_is_taught(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/library?text=campfire")
        page.locator("[data-tile]").first.focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="campfire.mp4", level=1).wait_for()
        wait_for_player(page)
        page.keyboard.press(".")
        until(page, f"{TIME} > 0.05 && {TIME} < 0.1")
        page.keyboard.press(",")
        until(page, f"{TIME} === 0")
        page.keyboard.press("ArrowRight")
        until(page, f"{TIME} > 2.5")
        page.keyboard.press("j")
        until(page, f"{TIME} === 0 && !{PLAYER}.seeking")
        page.keyboard.press(" ")
        until(page, f"{TIME} > 0.2")
        page.keyboard.press(" ")
        assert page.evaluate("document.getElementById('player').paused")
        page.keyboard.press("t")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("heading", name="Where does campfire.mp4 belong?").wait_for()
        page.keyboard.type("sea")
        page.keyboard.press("Enter")
        page.get_by_text("campfire.mp4 filed as sea.").wait_for()
        page.locator(".about").get_by_role("link", name="sea").wait_for()
        page.keyboard.press("u")
        dialog.get_by_role("heading", name="Undo 1 video?").wait_for()
        page.keyboard.press("Enter")
        page.get_by_text("1 video back where it came from.").wait_for()
    assert (home.home.library / "fire" / "campfire.mp4").is_file()


@pytest.mark.long
def test_the_timeline_follows_the_playhead_and_seeks(browser: Browser, home: PageHome) -> None:
    number = number_of(home, "downtown.mp4")
    with visit(browser, home) as seen:
        page = seen.go(f"/videos/{number}")
        wait_for_player(page)
        page.get_by_label("Look for something of your own, too").fill("mountains")
        page.get_by_role("button", name="Look through it").click()
        page.wait_for_url(re.compile("prompt=mountains"))
        rows = page.locator("#timeline .track")
        rows.filter(has_text="city").first.get_by_text(re.compile("^yes")).wait_for()
        rows.filter(has_text="mountains").first.get_by_text(re.compile("^no")).wait_for()
        told = home.home.look("timeline", str(number), "mountains", "city")["prompts"]
        assert ["no", "yes"] == [one["shown"] for one in told]
        page.locator("#ruler button").nth(1).click()
        until(page, f"{TIME} > 0")
        until(page, "document.querySelector('#timeline .track:has(a) meter').value > 50")
        page.locator("#timeline .spans a").first.click()
        until(page, f"{TIME} === 0")
        page.get_by_role("link", name="Like this moment").click()
        page.wait_for_url(re.compile(rf"/search\?like={number}@0"))


@pytest.mark.long
def test_it_is_measured_and_says_why(browser: Browser, home: PageHome) -> None:
    number = number_of(home, "slides.mp4")
    with visit(browser, home) as seen:
        page = seen.go(f"/videos/{number}")
        page.get_by_role("button", name="Analyze").click()
        page.locator("#analysis .shots a").first.wait_for(timeout=1000 * PATIENCE_S)
        page.get_by_role("link", name="Why?").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("heading", name="Why slides.mp4").wait_for()
        dialog.get_by_text("Frames for it").first.wait_for()
        assert "slides" == dialog.locator(".levels .name").first.text_content()
        seen.accessible("why")
        page.keyboard.press("Escape")
        seen.accessible("video")
        seen.fits()


@pytest.mark.long
def test_what_browsers_do_not_play_gets_a_copy(browser: Browser, home: PageHome) -> None:
    made = home.home.folder / "old camera.mp4"
    old_film(made)
    before = len(home.home.items())
    shutil.move(made, home.home.inbox / made.name)
    home.sorted(before + 1)
    number = home.home.items()[0]["id"]
    with visit(browser, home) as seen:
        page = seen.go(f"/videos/{number}")
        page.get_by_text("Browsers don't play this video (mpeg4).").wait_for()
        page.get_by_role("button", name="Make a copy that plays").click()
        page.get_by_text("A smaller copy plays").wait_for()
        wait_for_player(page)
        page.keyboard.press("ArrowRight")
        until(page, f"{TIME} > 3")
    part = home.ask(f"/copy/{number}", range="bytes=0-99")
    assert (206, "video/mp4", 100) == (part.status, part.headers["content-type"], len(part.body))


def test_without_script_everything_is_there(browser: Browser, home: PageHome) -> None:
    number = number_of(home, "downtown.mp4")
    with visit(browser, home, script=False) as seen:
        page = seen.go("/history?text=downtown")
        page.get_by_role("link", name="downtown.mp4", exact=True).first.click()
        page.wait_for_url(re.compile(f"/videos/{number}$"))
        page.get_by_role("button", name=re.compile("^(Look through it|Add)$")).click()
        page.wait_for_url(re.compile("/jobs/"))
        link = page.get_by_role("link", name="Look again")
        while link.count():
            link.click()
        page.get_by_role("link", name="Show").click()
        page.locator("#timeline .track").filter(has_text="city").first.get_by_text(re.compile("^yes")).wait_for()
        page.get_by_role("link", name="Why?").click()
        page.get_by_role("heading", name="Why downtown.mp4").wait_for()


def test_a_video_that_is_gone_still_tells_its_way(browser: Browser, home: PageHome) -> None:
    number = number_of(home, "downtown.mp4")
    path = home.home.library / "city" / "downtown.mp4"
    away = path.rename(home.home.folder / "away.mp4")
    try:
        with visit(browser, home) as seen:
            page = seen.go(f"/videos/{number}")
            page.get_by_text(re.compile("^It can't be shown")).wait_for()
            page.get_by_text("dropped").first.wait_for()
            assert 0 == page.locator("video").count()
    finally:
        away.rename(path)


def test_what_is_no_video_of_the_history_is_refused(home: PageHome) -> None:
    for path in ("/videos/999999", "/videos/0", "/videos/..%2f..%2fetc", "/videos/x/why", "/videos/999999/timeline"):
        assert home.ask(path).status in {404, 422}, path
    assert 401 == home.ask("/videos/1", cookie="no=1").status
    assert 403 == home.post("/videos/1/analyze", origin="http://evil.example").status
    assert "at most 300 letters" in home.post("/videos/1/timeline", {"prompt": "a" * 301}).text
