"""Doctor on the page: checks that run apart from the daemon, shown as they come, with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browser import visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.browser import PageHome


@pytest.mark.long
@pytest.mark.timeout(240)  # the checks load the models, and sort a clip in a daemon of their own
def test_the_checks_by_keyboard_alone(browser: Browser, home: PageHome) -> None:
    context = {"permissions": ["clipboard-read", "clipboard-write"]}
    with visit(browser, home, **context) as seen:
        page = seen.page
        page.keyboard.press("g")
        page.keyboard.press("t")
        page.get_by_role("heading", name="Doctor").wait_for()
        page.keyboard.press("c")
        page.locator("#doctor .item").filter(has_text="python").first.wait_for(timeout=90_000)
        seen.accessible("under way")
        page.locator("[data-job-said]").wait_for(timeout=180_000)
        assert "check" in page.locator("[data-job-said]").inner_text()
        sorted_ = page.locator("#doctor .item").filter(has_text="sorting a clip")
        assert "ok" in sorted_.inner_text()
        page.get_by_role("button", name="Copy it all").focus()
        page.keyboard.press("Enter")
        page.get_by_role("status").get_by_text("Copied.").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert "ok    sorting a clip: a clip was filed and undone" in copied
        seen.accessible("doctor")
        seen.fits()
    assert "running" == home.home.look("status")["state"]


@pytest.mark.timeout(120)
def test_they_can_be_called_off_and_work_without_script(browser: Browser, home: PageHome) -> None:
    with visit(browser, home, script=False) as seen:
        page = seen.go("/doctor")
        page.get_by_role("button", name="Check everything").click()
        page.get_by_text("The checks have begun.").wait_for()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("It is being called off.").wait_for()

        def ended() -> bool:
            return "Called off." in home.ask("/doctor").text

        home.home.wait(ended, what="they are called off")


def test_strangers_start_nothing(home: PageHome) -> None:
    assert 401 == home.post("/doctor", cookie="").status
    assert 403 == home.post("/doctor", origin="http://elsewhere.example").status
    assert 401 == home.ask("/doctor/parts", cookie="").status
