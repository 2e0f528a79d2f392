"""Duplicates in a real browser: pairs side by side, one goes aside by key, and comes back; nothing is deleted."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import PageHome, visit
from tests.support.twice import COPY, PART, SMALL, WHOLES, put_twice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(300)
ALL = {*WHOLES, COPY, SMALL, PART}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHome]:
    """Return a home with pairs in its library, which the index knows."""
    made = PageHome.start(tmp_path_factory.mktemp("twice"))
    put_twice(made.home.library)
    made.home.run("index")
    made.post("/duplicates/look")
    made.home.wait(lambda: "Pair 1 of 3" in made.ask("/duplicates").text, what="the pairs are found")
    yield made
    made.stop()


def there(home: PageHome) -> set[str]:
    """Return the names of the videos in the library itself."""
    return {path.name for path in home.home.library.glob("*.mp4")}


def aside(home: PageHome) -> list[str]:
    """Return the names of the videos that are aside."""
    return sorted(path.name for path in (home.home.library / ".vsortd" / "aside").rglob("*.mp4"))


def pair_of(home: PageHome, name: str) -> str:
    """Return the id of the pair with a video of this name."""
    for found in re.findall(r'href="/duplicates\?pair=([0-9a-f]{16})"', home.ask("/duplicates").text):
        if f">{escape(name)}<" in home.ask(f"/duplicates?pair={found}").text.partition("All 3 pairs")[0]:
            return str(found)
    raise AssertionError(name)


def test_a_pair_is_decided_on_by_key_and_taken_back(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/duplicates")
        page.get_by_role("heading", name="Pair 1 of 3: the same file twice").wait_for()
        page.wait_for_load_state("networkidle")  # a picture of what goes aside meanwhile would be missed
        page.keyboard.press("1")
        page.get_by_role("status").get_by_text("is aside, undo with u.").wait_for()
        page.get_by_role("heading", name="Pair 1 of 2").wait_for()
        assert 1 == len(aside(home))
        assert ALL == there(home) | set(aside(home))
        page.keyboard.press("u")
        page.get_by_role("status").get_by_text("It is back where it was.").wait_for()
        page.get_by_role("heading", name="Pair 1 of 3: the same file twice").wait_for()
        page.wait_for_load_state("networkidle")
        assert (ALL, []) == (there(home), aside(home))
        page.keyboard.press("b")
        page.get_by_role("heading", name="Pair 1 of 2").wait_for()
        page.keyboard.press("u")
        page.get_by_role("heading", name="Pair 1 of 3").wait_for()
        page.keyboard.press("n")
        page.get_by_role("heading", name="Pair 2 of 3").wait_for()
        page.keyboard.press("?")
        page.get_by_role("dialog").get_by_text("Keep the left one, the other goes aside").wait_for()


@pytest.mark.long
def test_pictures_of_the_same_moments_and_both_play(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go(f"/duplicates?pair={pair_of(home, SMALL)}")
        page.locator("#pair .moments img").nth(1).scroll_into_view_if_needed()
        pictures = "[...document.querySelectorAll('#pair .moments img')].slice(0, 2)"
        home.home.wait(lambda: page.evaluate(f"{pictures}.every((one) => one.naturalWidth > 0)"), what="both pictures")
        page.get_by_role("link", name=re.compile("^Agrees at")).nth(1).click()
        videos = "[...document.querySelectorAll('#pair video')]"
        home.home.wait(lambda: page.evaluate(f"{videos}.every((one) => one.currentTime > 0)"), what="both moments")
        page.get_by_role("button", name="Play both").click()
        home.home.wait(lambda: page.evaluate(f"{videos}.every((one) => one.played.length > 0)"), what="both play")
        assert page.get_by_text("360 x 640").is_visible()
        seen.accessible("a pair")
        seen.fits()


def test_the_longer_one_is_not_given_up_for_its_part(browser: Browser, home: PageHome) -> None:
    pair = pair_of(home, PART)
    with visit(browser, home) as seen:
        page = seen.go(f"/duplicates?pair={pair}")
        page.get_by_text("can't go aside: it is 1.5 s longer.").wait_for()
        assert page.get_by_role("button", name="Keep right").is_disabled()
        assert page.get_by_role("button", name="Keep left").is_enabled()
    told = home.post("/duplicates/decide", {"pair": pair, "keep": "right"})
    assert (422, True) == (told.status, "longer" in told.text)
    assert (ALL, []) == (there(home), aside(home))


def test_without_script_a_form_does_it(browser: Browser, home: PageHome) -> None:
    pair = pair_of(home, SMALL)
    with visit(browser, home, script=False) as seen:
        page = seen.go(f"/duplicates?pair={pair}")
        page.get_by_role("button", name="Keep left").click()
        page.get_by_text("is aside, undo with u.").wait_for()
        assert [SMALL] == aside(home)
        page.get_by_role("button", name="Undo the last one").click()
        page.get_by_text("It is back where it was.").wait_for()
    assert (ALL, []) == (there(home), aside(home))


def test_all_sure_ones_are_shown_first_and_come_back_in_one_go(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/duplicates")
        page.get_by_role("link", name="All sure ones").click()
        page.get_by_role("button", name="Show which would go").click()
        page.get_by_role("heading", name="2 videos would be set aside").wait_for()
        page.get_by_text("one is only a part of the other").wait_for()
        assert (ALL, []) == (there(home), aside(home))
        seen.accessible("sure ones")
        seen.fits()
        page.get_by_role("button", name="Set 2 videos aside").click()
        page.get_by_text("2 videos are aside; History takes them back in one go.").first.wait_for()
        assert 2 == len(aside(home))
        page.get_by_role("link", name="Show").click()
        page.get_by_role("link", name="Undo this batch").click()
        page.get_by_role("dialog").get_by_role("button", name="Undo").click()
        page.get_by_role("status").get_by_text("2 videos back").wait_for()
    assert (ALL, []) == (there(home), aside(home))


def test_only_what_was_shown_is_set_aside(home: PageHome) -> None:
    home.post("/duplicates/sure/look")
    home.home.wait(lambda: 'name="plan"' in home.ask("/duplicates/sure").text, what="the plan is shown")
    shown = plan_of(home.ask("/duplicates/sure").text)
    home.post("/duplicates/decide", {"pair": pair_of(home, COPY), "keep": "both"})
    home.post("/duplicates/sure/look")  # another browser's
    home.home.wait(lambda: "you said that both stay" in home.ask("/duplicates/sure").text, what="it looked again")
    try:
        for plan in (shown, ""):
            told = home.post("/duplicates/sure", {"plan": plan})
            assert (422, True) == (told.status, "It changed meanwhile: look again." in told.text)
        assert (ALL, []) == (there(home), aside(home))
    finally:
        home.post("/duplicates/undo")


def plan_of(text: str) -> str:
    """Return the mark of the plan that a page shows."""
    found = re.search(r'name="plan" value="([0-9a-f]+)"', text)
    assert found is not None
    return found[1]


def test_a_pair_of_which_both_stay_is_no_sure_one(home: PageHome) -> None:
    home.post("/duplicates/decide", {"pair": pair_of(home, COPY), "keep": "both"})
    home.post("/duplicates/sure/look")
    home.home.wait(lambda: "1 video would be set aside" in home.ask("/duplicates/sure").text, what="it is seen")
    assert "you said that both stay" in home.ask("/duplicates/sure").text
    home.post("/duplicates/undo")
    assert (ALL, []) == (there(home), aside(home))


@pytest.mark.long
def test_what_was_found_outlasts_the_daemon(home: PageHome) -> None:
    home.home.stop()
    home._cookie = ""
    home.home.start()
    assert "Pair 1 of 3" in home.ask("/duplicates").text


@pytest.mark.parametrize("pair", ["", "../../etc/passwd", "0" * 16, "x" * 5000])
def test_a_pair_that_is_none_changes_nothing(home: PageHome, pair: str) -> None:
    told = home.post("/duplicates/decide", {"pair": pair, "keep": "left"})
    assert (422, True) == (told.status, "not there any more" in told.text)
    assert (ALL, []) == (there(home), aside(home))


def test_strangers_see_and_change_nothing(home: PageHome) -> None:
    assert 401 == home.ask("/duplicates", cookie="vsortd=no").status
    pair = pair_of(home, COPY)
    told = home.post("/duplicates/decide", {"pair": pair, "keep": "left"}, origin="http://elsewhere.example")
    assert 403 == told.status
    assert (ALL, []) == (there(home), aside(home))
