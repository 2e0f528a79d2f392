"""Live and History in a real browser: by keyboard, by mouse, without script, and for everyone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.browser import visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.browser import PageHome


def test_what_happens_is_shown_and_said_as_it_happens(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.page
        with page.expect_response("**/events"):  # what happens before it listens is shown, but not said
            page.reload()
        page.get_by_role("heading", name="Live").wait_for()
        home.drop("flowers.mp4")
        page.get_by_role("status").get_by_text("flowers.mp4 filed as nature/meadow, undo with u").wait_for()
        assert page.locator("#live-last .item").first.get_by_text("flowers.mp4").is_visible()
        page.keyboard.press("u")
        page.get_by_role("dialog").get_by_role("heading", name="Undo 1 video?").wait_for()
        page.get_by_role("dialog").get_by_text("flowers.mp4").first.wait_for()
        page.keyboard.press("Enter")
        page.get_by_role("status").get_by_text("1 video back where it came from.").wait_for()
        page.locator("#live-last .item").first.get_by_text("undone").wait_for()
    assert (home.home.inbox / "flowers.mp4").is_file()


def test_pausing_and_going_on_by_key_and_by_mouse(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.page
        page.keyboard.press("p")
        page.get_by_role("heading", name="Paused").wait_for()
        assert "paused" == home.home.look("status")["state"]
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("heading", name="Watching").wait_for()
        page.get_by_role("button", name="For 1 hour").click()
        page.get_by_role("heading", name="Paused").wait_for()
        assert home.home.look("status")["paused"]["until"] > 0
        page.keyboard.press("p")
        page.get_by_role("heading", name="Watching").wait_for()


def test_a_failure_can_be_tried_again_and_dismissed(browser: Browser, home: PageHome) -> None:
    name = '<img src="x" onerror=alert(1)>.mp4'
    (home.home.inbox / name).write_bytes(b"<html><script>alert(1)</script>")
    with visit(browser, home) as seen:
        page = seen.page
        row = page.locator("#live-failed .item").filter(has_text=name)
        row.wait_for()
        row.get_by_role("button", name="Retry").click()
        page.get_by_role("status").get_by_text("It is tried again.").wait_for()
        row.wait_for()  # it fails again
        row.get_by_role("button", name="Dismiss").click()
        row.wait_for(state="hidden")
        seen.go("/")
        assert 0 == row.count()
        seen.go("/history?state=failed").get_by_text(name).first.wait_for()
        assert 0 == page.locator("img:not([src*='/static/'])").count()


def test_history_is_filtered_as_it_is_typed_and_undone_by_choice(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/history")
        page.keyboard.press("/")
        page.keyboard.type("summit")
        page.wait_for_url(re.compile("text=summit"))
        rows = page.locator("#rows .item")
        rows.filter(has_text="downtown").wait_for(state="hidden")
        page.keyboard.press("Tab")
        page.get_by_role("checkbox").first.focus()
        page.keyboard.press("x")
        page.keyboard.press("U")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("heading", name="Undo 1 video?").wait_for()
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        page.keyboard.press("U")
        dialog.get_by_role("button", name="Undo").click()
        rows.first.get_by_text("undone").wait_for()
        assert (home.home.inbox / "summit.mp4").is_file()
        rows.first.get_by_role("button", name="Sort again").click()
        home.home.wait(lambda: "filed" == home.home.items()[0]["state"], what="it is filed again")


def test_without_script_everything_is_there(browser: Browser, home: PageHome) -> None:
    with visit(browser, home, script=False) as seen:
        page = seen.page
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("Paused until you go on.").wait_for()
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("link", name="History").click()
        page.get_by_label("Words").fill("downtown")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="Undo downtown.mp4").click()
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("1 video back where it came from.").wait_for()
    assert (home.home.inbox / "downtown.mp4").is_file()


def test_everyone_can_use_them(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        for path in ("/", "/history"):
            seen.go(path)
            seen.accessible(path)
            seen.fits()
        seen.page.keyboard.press("?")
        keys = seen.page.get_by_role("dialog")
        keys.get_by_text("Look for words").wait_for()
        seen.accessible("keys")
        seen.page.keyboard.press("Escape")
        seen.page.keyboard.press("g")
        seen.page.keyboard.press("l")
        seen.page.wait_for_url(home.address + "/")


def test_only_what_was_shown_is_undone(home: PageHome) -> None:
    items = {item["source"].rpartition("/")[2]: item for item in home.home.items()}
    first, second = items["commute.mp4"]["id"], items["walk in the woods.mp4"]["id"]
    shown = re.search(r'name="plan" value="([0-9a-f]+)"', home.ask(f"/undo?id={first}&id={second}").text)
    assert shown is not None
    home.home.run("undo", str(first))
    for plan in (shown[1], ""):
        told = home.post("/undo", {"ids": f"{first},{second}", "plan": plan})
        assert (422, True) == (told.status, "It changed meanwhile: look again." in told.text)
    assert (home.home.library / items["walk in the woods.mp4"]["destination"]).is_file()
    now = re.search(r'name="plan" value="([0-9a-f]+)"', home.ask(f"/undo?id={second}").text)
    assert now is not None
    assert 303 == home.post("/undo", {"ids": str(second), "plan": now[1]}).status
    assert (home.home.inbox / "walk in the woods.mp4").is_file()
