"""Library in a real browser: looking, choosing and deciding by keyboard, by mouse and without script."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import PageHome, visit
from tests.support.many_rows import fill_library
from vsortd.judging.example_store import examples_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator

MANY = 50_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHome]:
    """Return a home whose journal has as many videos as a long life brings; none of them is on the disk."""
    folder = tmp_path_factory.mktemp("many")
    made = PageHome.prepared(folder)
    fill_library(made.home.folder / "state", made.home.library, MANY)
    made.home.start()
    yield made
    made.stop()


def taught(home: PageHome) -> int:
    """Return how many examples are known."""
    with contextlib.closing(sqlite3.connect(examples_path(home.home.folder / "state"))) as db:
        return int(db.execute("SELECT count(*) FROM example WHERE active").fetchone()[0])


def shown_s(label: Locator) -> float:
    """Return the seconds of a label such as 0:01.5."""
    return float((label.text_content() or "").partition(":")[2])


def test_by_keyboard_videos_are_chosen_and_taught(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.page
        page.keyboard.press("g")
        page.keyboard.press("b")
        page.wait_for_url(re.compile("/library$"))
        page.keyboard.press("/")
        page.keyboard.type("summit")
        page.wait_for_url(re.compile("text=summit"))
        page.locator("[data-fit]").get_by_text(re.compile("^1 of ")).wait_for()
        page.locator("[data-tile]").first.focus()
        page.keyboard.press("Space")
        page.get_by_role("status").get_by_text("summit.mp4 chosen, 1 in all").wait_for()
        page.keyboard.press("t")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("heading", name="Where does summit.mp4 belong?").wait_for()
        page.keyboard.type("sea")
        page.keyboard.press("Enter")
        page.get_by_role("status").get_by_text("summit.mp4 filed as sea.").wait_for()
    assert (home.home.library / "sea" / "summit.mp4").is_file()
    assert 1 == taught(home)


def test_arrows_and_shift_choose_a_row_of_them(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/library")
        tiles = page.locator("[data-tile]")
        tiles.first.focus()
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        assert 3 == page.locator(".tile :checked").count()
        assert tiles.nth(2).evaluate("one => one === document.activeElement")
        page.keyboard.press("Escape")
        assert 0 == page.locator(".tile :checked").count()
        page.keyboard.press("Control+a")
        page.locator("#chosen-count").get_by_text(f"{tiles.count()} chosen").wait_for()


def test_by_mouse_a_folder_is_opened_and_what_is_chosen_undone(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/library")
        page.get_by_role("button", name="Folders in nature").click()
        page.locator("#folders").get_by_role("link", name=re.compile("^forest")).click()
        page.wait_for_url(re.compile("folder=nature%2Fforest"))
        page.get_by_role("checkbox", name="Choose walk in the woods.mp4").check()
        page.locator("#chosen").get_by_role("button", name="Undo").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("heading", name="Undo 1 video?").wait_for()
        dialog.get_by_role("button", name="Undo").click()
        page.get_by_role("status").get_by_text("1 video back where it came from.").wait_for()
        page.get_by_text("No video fits.").wait_for()
    assert (home.home.inbox / "walk in the woods.mp4").is_file()


def test_a_thumbnail_is_looked_through_by_pointer_with_true_times(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/library?text=downtown")
        tile = page.locator("[data-tile]").first
        box = tile.bounding_box()
        assert box is not None
        times = page.request.get(f"{home.address}/sprite/{tile.get_attribute('data-tile')}/times").json()["times_s"]
        page.mouse.move(box["x"] + 2, box["y"] + 20)
        label = tile.locator(".sprite-time")
        label.wait_for()
        assert shown_s(label) == pytest.approx(times[0], abs=0.06)
        page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 20)
        assert shown_s(label) == pytest.approx(times[-1], abs=0.06)
        page.mouse.move(0, 0)
        label.wait_for(state="detached")


def test_pictures_that_have_not_come_make_way_for_a_filter_and_come_again_when_it_fails(
    browser: Browser, home: PageHome
) -> None:
    with visit(browser, home) as seen:
        page, called_off, asked = seen.page, list[str](), list[str]()
        page.route("**/thumb/*", lambda _: None)  # none ever comes
        page.on("requestfailed", lambda one: called_off.append(one.url) if "/thumb/" in one.url else None)
        page.on("request", lambda one: asked.append(one.url) if "/thumb/" in one.url else None)
        page.goto(f"{home.address}/library", wait_until="domcontentloaded")
        page.locator("[data-tile] img[src]").first.wait_for(state="attached")
        page.wait_for_timeout(300)
        first, filtered = set(asked), re.compile(r"/library\?.*text=")
        page.route(filtered, lambda one: one.abort())
        page.locator("#filters [name=text]").fill("summit")
        page.get_by_text("vsortd does not answer.").first.wait_for()
        page.locator("[data-tile] img[src]").first.wait_for(state="attached")
        assert first
        assert first <= set(called_off)
        page.wait_for_timeout(300)
        assert first <= set(asked[len(first) :]), "they are asked for again"
        page.unroute(filtered)
        page.locator("#filters [name=text]").fill("summit.mp4")
        page.locator("[data-fit]").get_by_text(re.compile("^1 of ")).wait_for()
        seen.complaints[:] = [one for one in seen.complaints if "ERR_FAILED" not in one]  # what was aborted here


def test_who_wants_no_motion_gets_none(browser: Browser, home: PageHome) -> None:
    with visit(browser, home, reduced_motion="reduce") as seen:
        page = seen.go("/library")
        page.locator("[data-tile]").first.hover()
        page.keyboard.press("Tab")
        page.wait_for_timeout(300)
        assert 0 == page.locator(".scrub").count()


def test_several_are_moved_without_learning(browser: Browser, home: PageHome) -> None:
    before = taught(home)
    with visit(browser, home) as seen:
        page = seen.go("/library")
        page.get_by_role("checkbox", name="Choose downtown.mp4").check()
        page.get_by_role("checkbox", name="Choose slides.mp4").click(modifiers=["Control"])
        page.keyboard.press("t")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Rule").fill("fire")
        dialog.get_by_role("checkbox", name=re.compile("^Learn from them")).uncheck()
        dialog.get_by_role("button", name="File them there").click()
        dialog.get_by_text("2 videos filed as fire.").wait_for()
    assert {"downtown.mp4", "slides.mp4"} <= {one.name for one in (home.home.library / "fire").iterdir()}
    assert before == taught(home)
    home.home.run("undo", "--last", "2")
    assert (home.home.library / "city" / "downtown.mp4").is_file()


def test_without_script_everything_is_there(browser: Browser, home: PageHome) -> None:
    with visit(browser, home, script=False) as seen:
        page = seen.go("/library")
        page.get_by_role("link", name=re.compile("^city")).click()
        page.get_by_role("checkbox", name="Choose downtown.mp4").check()
        page.get_by_role("button", name="Teach or move").click()
        page.get_by_label("Rule").fill("sea")
        page.get_by_role("button", name="File it there").click()
        page.get_by_text("downtown.mp4 filed as sea.").wait_for()
    assert (home.home.library / "sea" / "downtown.mp4").is_file()


def test_everyone_can_use_it(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        seen.go("/library?order=name&state=filed")
        seen.accessible("library")
        seen.fits()
        seen.page.locator("[data-tile]").first.focus()
        seen.page.keyboard.press("t")
        seen.page.get_by_role("dialog").get_by_label("Rule").wait_for()
        seen.accessible("teach")


@pytest.mark.long
def test_of_many_videos_the_page_holds_few_elements(browser: Browser, many: PageHome) -> None:
    count = "document.querySelectorAll('*').length"
    with visit(browser, many) as seen:
        page = seen.go("/library")
        page.locator("[data-fit]").get_by_text(re.compile("^50,?000 videos")).wait_for()
        first = page.locator("[data-tile]").first.get_attribute("data-tile")
        assert str(MANY) == first
        met = set[str]()
        for _ in range(100):
            page.mouse.wheel(0, 3000)
            page.wait_for_timeout(100)
            met |= set(page.locator("[data-tile]").evaluate_all("all => all.map((one) => one.dataset.tile)"))
            assert page.evaluate(count) <= 2000
            if len(met) > 200:
                break
        assert len(met) > 200
        assert first not in page.locator("[data-tile]").evaluate_all("all => all.map((one) => one.dataset.tile)")
        page.evaluate("scrollTo(0, 0)")
        page.locator(f"[data-tile='{first}']").wait_for()
        assert page.evaluate(count) <= 2000
        page.get_by_label("Words").fill("video 04999")
        page.locator("[data-fit]").get_by_text(re.compile("^11 of 50,?000 videos")).wait_for()


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("address", "first", "second"),
    [
        ("/library", "50,?000 videos, 1 to 48 shown", "50,?000 videos, 49 to 96 shown"),
        ("/library?text=0499&order=name", "115 of 50,?000 videos, 1 to 48 shown", "115 of .* videos, 49 to 96 shown"),
        ("/library?folder=rule+3&text=0499", "18 of 50,?000 videos in rule 3", ""),
    ],
)
def test_without_script_each_page_says_which_videos_it_shows(
    browser: Browser, many: PageHome, address: str, first: str, second: str
) -> None:
    with visit(browser, many, script=False) as seen:
        page = seen.go(address)
        assert re.fullmatch(first, page.locator("[data-fit]").inner_text())
        assert bool(second) == page.locator("[data-more]").is_visible()
        if second:
            page.locator("[data-more]").click()
            assert re.fullmatch(second, page.locator("[data-fit]").inner_text())


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/library/folders?at=..", "There is no such folder"),
        ("/library?since=yesterday", "yesterday is no day."),
        ("/library?order=random", "random is no order."),
        ("/library?after=0", "No video has this id."),
        ("/library?after=nature", "No video has this id."),
        ("/teach?id=99999999999999999999", "No video has this id."),
    ],
)
def test_what_is_not_there_is_refused(home: PageHome, address: str, said: str) -> None:
    answer = home.ask(address)
    assert 422 == answer.status
    assert said in answer.text


@pytest.mark.parametrize("folder", ["../../etc", "/etc", "nature/..", "nature/%2e%2e", "nat"])
def test_a_folder_without_videos_shows_none(home: PageHome, folder: str) -> None:
    answer = home.ask(f"/library?folder={folder}")
    assert 200 == answer.status
    assert "No video fits." in answer.text
    assert b'{"ids":[]}' == home.ask(f"/library/ids?folder={folder}").body


def test_nothing_is_filed_for_strangers_nor_where_no_rule_is(home: PageHome) -> None:
    assert 401 == home.ask("/library", cookie="vsortd=no").status
    assert 403 == home.post("/teach", {"id": 1, "rule": "sea"}, origin="http://evil.example").status
    assert "There is no rule" in home.post("/teach", {"id": 1, "rule": "../../etc"}).text
    assert "No video is chosen." in home.post("/teach", {"rule": "sea"}).text


def test_of_how_many_videos_the_camera_is_known_is_said(home: PageHome) -> None:
    total = sum(json.loads(home.ask("/v1/library/folders").body)["folders"].values())
    said = f"known for 0 of {total} videos: <code>vsortd analyze</code> asks the others"
    assert said in home.ask("/library/cameras").text
    assert said in home.ask("/library?camera=pixel").text
    assert "known for" not in home.ask("/library").text, "it costs a look at each"


def test_what_is_played_leads_to_its_page(home: PageHome) -> None:
    scene = json.loads(home.ask("/v1/search?words=flames&floor=0").body)["scenes"][0]
    for named in (scene["video"], str(scene["item"])):
        played = home.ask(f"/search/play?id={named}&begin=0.5&end=1").text
        assert f'href="/videos/{scene["item"]}#t=0.5">Its page</a>' in played
    assert 200 == home.ask(f"/videos/{scene['item']}").status
