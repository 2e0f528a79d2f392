"""Logs on the page: by level and video, older ones by scrolling, new ones as they come."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.browser import visit
from vsortd.core.logs.reader import Choice, LogCursor, newest_before

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.support.browser import PageHome


def test_lines_come_as_they_are_written_until_follow_is_off(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.page
        page.keyboard.press("g")
        page.keyboard.press("o")
        page.get_by_role("heading", name="Logs").wait_for()
        home.drop("flowers.mp4")
        page.locator(".log-line").filter(has_text="flowers.mp4").first.wait_for()
        page.keyboard.press("f")
        assert not page.get_by_role("checkbox", name="Follow").is_checked()
        seen.accessible("logs")
        seen.fits()


def test_one_video_by_its_name_its_number_or_its_job(browser: Browser, home: PageHome) -> None:
    number = next(one["id"] for one in home.home.items() if one["source"].endswith("summit.mp4"))
    with visit(browser, home) as seen:
        page = seen.go("/logs")
        rows = page.locator(".log-line")
        rows.filter(has_text="downtown.mp4").first.wait_for()
        page.keyboard.press("/")
        page.keyboard.type("summit.mp4")
        rows.filter(has_text="downtown.mp4").first.wait_for(state="hidden")
        rows.filter(has_text=f"#{number} filed").first.wait_for()
        page.get_by_role("link", name="Only this video").first.click()
        rows.filter(has_text=f"#{number} filed").first.wait_for()
        assert 0 == rows.filter(has_text="downtown.mp4").count()


def test_without_script_levels_and_older_lines_are_a_form_and_a_link(browser: Browser, home: PageHome) -> None:
    with visit(browser, home, script=False) as seen:
        page = seen.go("/logs")
        page.get_by_label("Level").select_option("error")
        page.get_by_role("button", name="Show").click()
        page.get_by_text("No line fits.").wait_for()


def test_wrong_addresses_and_strangers_are_refused(home: PageHome) -> None:
    for query in ("level=loud", "before=x", "before=1-2-3"):
        assert 422 == home.ask(f"/logs?{query}").status, query
    assert 200 == home.ask("/logs?before=1-2&video=../../etc/passwd").status
    for path in ("/logs", "/logs/events"):
        assert 401 == home.ask(path, cookie="").status


def test_pages_of_the_log_join_over_rotations(tmp_path: Path) -> None:
    path = tmp_path / "vsortd.log"
    texts = [f"line {number} ä" + "x" * (number % 90) for number in range(2500)]
    lines = [json.dumps({"level": "info", "message": text}, ensure_ascii=False) for text in texts]
    path.with_name("vsortd.log.1").write_text("".join(f"{line}\n" for line in lines[:900]))
    path.write_text("".join(f"{line}\n" for line in lines[900:]))
    found, before = list[str](), None
    while True:
        page, before = newest_before(path, Choice(), 100, before)
        found += [line.raw for line in page]
        if before is None:
            break
        before = LogCursor.of(str(before))
    assert lines[::-1] == found
