"""Review on the page, in a real browser: by keyboard, by mouse, without script, and for everyone."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import CLIPS, PageHome, visit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.timeout(240)  # a daemon, a browser and a model for the first of them
# so high a bar leaves every clip to a person
UNSURE = "defaults: {min_score: 0.999}\n"
NAMES = ("summit.mp4", "downtown.mp4", "campfire.mov", "slides.mp4", "commute.mp4", "flowers.mp4", "owls.mp4")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHome]:
    """Return a home whose daemon was unsure of each of the demo's clips."""
    made = PageHome.start(tmp_path_factory.mktemp("page"), more=UNSURE, clips=NAMES)
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def undecided(home: PageHome) -> None:
    """Take back what the test before has decided."""
    decided = [one["id"] for one in home.home.items() if one["state"] in {"filed", "review"} and said(one)]
    if decided:
        home.home.run("undo", *map(str, decided))
        home.home.run("release", *map(str, decided), code=None)
    assert len(waiting(home)) >= len(NAMES)


def said(item: dict[str, Any]) -> bool:
    """Tell whether a person decided on it."""
    return str(item["reason"]).startswith("you said")


def waiting(home: PageHome) -> list[dict[str, Any]]:
    """Return what waits for review."""
    found: list[dict[str, Any]] = home.home.look("review")["items"]
    return found


def decided(home: PageHome, count: int) -> dict[str, str]:
    """Wait until so many videos were decided on; return their rules by their names."""

    def found() -> dict[str, str]:
        standing = [one for one in home.home.items() if one["state"] in {"filed", "review"} and said(one)]
        return {one["source"].rpartition("/")[2]: one["rule"] for one in standing}

    home.home.wait(lambda: len(found()) == count, what=f"{count} videos are decided on")
    return found()


def name_of(one: dict[str, Any]) -> str:
    """Return a waiting video's name."""
    return str(one["path"]).rpartition("/")[2]


def shows(page: Page, one: dict[str, Any]) -> None:
    """Wait until a video is shown, and its first picture is there."""
    page.locator("#card-title").get_by_text(name_of(one), exact=True).wait_for()
    page.locator("#film").evaluate(
        "film => new Promise((done) => film.readyState >= 2 ? done() : film.addEventListener('loadeddata', done))"
    )


def test_one_after_the_other_by_keyboard_alone(browser: Browser, home: PageHome) -> None:
    queue = waiting(home)
    with visit(browser, home) as seen:
        page = seen.page
        page.keyboard.press("g")
        page.keyboard.press("r")
        shows(page, queue[0])
        page.get_by_text(f"1 of {len(queue)}", exact=True).wait_for()
        page.keyboard.press("1")
        first = queue[0]["guesses"][0]["rule"]
        page.get_by_role("status").get_by_text(f"{name_of(queue[0])} filed as {first}, undo with u").wait_for()
        shows(page, queue[1])
        page.get_by_text(f"2 of {len(queue)}", exact=True).wait_for()
        page.keyboard.press("/")
        page.keyboard.type("for")
        page.get_by_role("option", name="nature/forest").wait_for()
        page.keyboard.press("Enter")
        shows(page, queue[2])
        page.keyboard.press("s")
        shows(page, queue[3])
        page.keyboard.press("x")
        page.get_by_role("status").get_by_text(f"{name_of(queue[3])} belongs nowhere, undo with u").wait_for()
        assert {name_of(queue[0]): first, name_of(queue[1]): "nature/forest", name_of(queue[3]): ""} == decided(home, 3)
        page.keyboard.press("u")
        shows(page, queue[3])
        page.keyboard.press("u")
        shows(page, queue[1])
        assert {name_of(queue[0]): first} == decided(home, 1)
        assert [name_of(one) for one in queue[1:]] == [name_of(one) for one in waiting(home)]


def test_a_rule_is_found_by_parts_of_its_name_and_arrows(browser: Browser, home: PageHome) -> None:
    queue = waiting(home)
    with visit(browser, home) as seen:
        page = seen.go("/review")
        shows(page, queue[0])
        page.keyboard.press("/")
        page.keyboard.type("nature")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        chosen = page.locator("[role=option][aria-selected=true]").inner_text()
        assert chosen.startswith("nature/")
        page.keyboard.press("Enter")
        shows(page, queue[1])
        assert {name_of(queue[0]): chosen} == decided(home, 1)
        page.keyboard.press("/")
        page.keyboard.type("no such rule")
        page.keyboard.press("Enter")
        page.get_by_role("alert").get_by_text("No rule is called so.").wait_for()
        page.keyboard.press("Escape")
        shows(page, queue[1])
        page.keyboard.press("u")
        shows(page, queue[0])


def test_by_mouse_with_the_frames_and_those_like_it(browser: Browser, home: PageHome) -> None:
    twin = home.home.inbox / "summit again.mp4"
    shutil.copy2(CLIPS / "summit.mp4", twin)
    with twin.open("ab") as file:
        file.write(b"\0\0\0\x08free")  # another file that shows the same
    home.home.wait(lambda: any(name_of(one) == twin.name for one in waiting(home)), what="the twin waits")
    queue = waiting(home)
    at = next(one for one in queue if name_of(one) == "summit.mp4")
    with visit(browser, home) as seen:
        page = seen.go(f"/review?id={at['id']}")
        shows(page, at)
        frames = page.get_by_role("list", name="The frames that it was judged by").get_by_role("button")
        frames.last.click()
        assert page.locator("#film").evaluate("film => film.paused && film.currentTime > 1")
        page.get_by_role("link", name="1 more like this").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text(twin.name).wait_for()
        seen.accessible("those like it")
        dialog.get_by_label("All that are chosen belong in").select_option("nature/mountains")
        dialog.get_by_role("button", name="File them").click()
        page.get_by_role("status").get_by_text("2 videos filed as nature/mountains.").wait_for()
        dialog.wait_for(state="hidden")
        assert {"summit.mp4": "nature/mountains", twin.name: "nature/mountains"} == decided(home, 2)
        page.get_by_role("button", name="Undo").click()
        page.get_by_role("status").get_by_text("2 videos are back, and no longer examples.").wait_for()
        shows(page, at)
        page.get_by_role("link", name="Later").click()
        page.locator("#card-title").get_by_text("summit.mp4", exact=True).wait_for(state="hidden")


@pytest.mark.long
def test_a_new_rule_is_made_for_a_video(browser: Browser, home: PageHome) -> None:
    queue, before = waiting(home), home.home.config.read_text()
    try:
        with visit(browser, home) as seen:
            page = seen.go("/review")
            shows(page, queue[0])
            page.keyboard.press("n")
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("Name").fill("sea")
            page.keyboard.press("Enter")
            page.get_by_role("alert").get_by_text("there is a rule sea already").wait_for()
            seen.complaints.clear()  # the console tells of the refusal, too
            dialog.get_by_label("Name").fill("peaks")
            dialog.get_by_label("Below").select_option("nature")
            dialog.get_by_label("What its videos show").fill("mountain peaks, snowy mountains")
            page.keyboard.press("Enter")
            page.get_by_text("The rule nature/peaks is in the config.").wait_for()
            shows(page, queue[1])
        assert "name: peaks" in home.home.config.read_text()
        assert {name_of(queue[0]): "nature/peaks"} == decided(home, 1)
    finally:
        home.home.config.write_text(before)
        home.home.run("reload")


def test_without_script_everything_is_there(browser: Browser, home: PageHome) -> None:
    queue = waiting(home)
    with visit(browser, home, script=False) as seen:
        page = seen.page
        page.get_by_role("link", name="Review").click()
        page.get_by_role("heading", name=name_of(queue[0])).wait_for()
        page.get_by_role("button", name="Belongs nowhere").click()
        page.get_by_text(f"{name_of(queue[0])} belongs nowhere").wait_for()
        page.get_by_role("heading", name=name_of(queue[1])).wait_for()
        page.get_by_label("Another rule").fill("meadow")
        page.get_by_role("button", name="File it there").click()
        page.get_by_text(f"{name_of(queue[1])} filed as nature/meadow").wait_for()
        page.get_by_role("link", name="The frames that it was judged by").click()
        page.get_by_role("list", name="The frames that it was judged by").wait_for()
        page.get_by_role("link", name="Back to it").click()
        page.get_by_role("button", name="Undo").click()
        page.get_by_role("heading", name=name_of(queue[1])).wait_for()
        page.get_by_role("link", name="New rule").click()
        page.get_by_role("link", name="Cancel").click()
        page.get_by_role("heading", name=name_of(queue[1])).wait_for()
    assert {name_of(queue[0]): ""} == decided(home, 1)


@pytest.mark.long
def test_what_was_decided_elsewhere_meanwhile_is_said_and_passed_over(browser: Browser, home: PageHome) -> None:
    queue = waiting(home)
    with visit(browser, home) as seen:
        page = seen.go("/review")
        shows(page, queue[0])
        home.home.run("teach", queue[0]["path"], "fire")
        page.keyboard.press("1")
        page.get_by_role("status").get_by_text(f"{name_of(queue[0])} no longer waits").wait_for()
        shows(page, queue[1])
        assert {name_of(queue[0]): "fire"} == decided(home, 1)


@pytest.mark.long
def test_the_last_one_and_then_nothing(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        last = waiting(home)[-1]
        page = seen.go(f"/review?id={last['id']}")
        shows(page, last)
        page.keyboard.press("s")
        page.get_by_role("heading", name="That was the last one").wait_for()
        seen.accessible("the last one")
        seen.fits()
        page.get_by_role("link", name="Begin again").click()
        page.get_by_text(re.compile(r"^1 of ")).wait_for()
        seen.go("/")
        folder = home.home.library / "_Review"
        aside = folder.rename(folder.with_name("elsewhere"))
        try:
            seen.go("/review").get_by_role("heading", name="That was the last one").wait_for()
        finally:
            aside.rename(folder)


def test_everyone_can_use_it(browser: Browser, home: PageHome) -> None:
    with visit(browser, home, reduced_motion="reduce") as seen:
        page = seen.go("/review")
        page.get_by_role("list", name="The frames that it was judged by").wait_for()
        film = page.locator("#film")
        assert [True, False] == film.evaluate("film => [film.paused, film.loop]")
        seen.accessible("review")
        seen.fits()
        page.keyboard.press("?")
        page.get_by_role("dialog").get_by_text("Later: the next one").wait_for()
        page.keyboard.press("Escape")
        page.keyboard.press("p")
        assert film.evaluate("film => new Promise((done) => setTimeout(() => done(!film.paused), 100))")
        page.keyboard.press("n")
        page.get_by_role("dialog").get_by_label("Name").wait_for()
        seen.accessible("a new rule")


@pytest.mark.long
def test_what_the_browser_cannot_play_gets_a_copy_that_it_can(browser: Browser, home: PageHome, clips: Path) -> None:
    name = "mp4parser__foreman-hevc-384.mp4"
    shutil.copy2(clips / name, home.home.inbox / name)
    home.home.wait(lambda: any(name_of(one) == name for one in waiting(home)), what="it waits")
    at = next(one for one in waiting(home) if name_of(one) == name)
    with visit(browser, home) as seen:
        page = seen.go(f"/review?id={at['id']}")
        page.get_by_text("This browser can't play this video.").wait_for()
        page.keyboard.press("c")
        page.locator("#film[src^='/copy/']").wait_for(timeout=150_000)  # it is made of what others leave
        shows(page, at)
        assert 0 < page.locator("#film").evaluate("film => film.videoWidth")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"id": "999999", "rule": "sea"}, ""),
        ({"id": "../1", "rule": "sea"}, "No video has this id."),
        ({"rule": "sea"}, "No video is chosen."),
        ({"id": "1"}, "No rule is chosen."),
        ({"id": "1", "rule": "../../etc"}, "There is no rule"),
        ({"id": "1", "rule": "/etc"}, "There is no rule"),
        ({"id": "1", "rule": "_Review"}, "There is no rule"),
    ],
)
def test_nothing_is_decided_on_what_is_not_there(home: PageHome, fields: dict[str, str], why: str) -> None:
    before = len(waiting(home))
    answer = home.post("/review/decide", fields, x_fragment="1")
    assert why in answer.text
    assert (422 if why else 200) == answer.status
    assert before == len(waiting(home))


def test_what_was_decided_on_already_has_no_frames_to_show(home: PageHome) -> None:
    answer = home.ask("/review/more?id=999999", x_fragment="more")
    assert (200, "") == (answer.status, answer.text)
    assert 422 == home.ask("/review/more?id=999999").status


def test_who_may(home: PageHome) -> None:
    first = waiting(home)[0]["id"]
    before = home.home.look("history")["items"]
    for path in ("/review/decide", "/review/undo", "/review/new"):
        fields = {"id": str(first), "rule": "sea", "name": "x"}
        assert 401 == home.post(path, fields, cookie="").status
        assert 403 == home.post(path, fields, origin="http://elsewhere.example").status
    assert 405 == home.ask("/review/decide?id=1&rule=sea").status
    assert before == home.home.look("history")["items"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "_Review", "con", "x" * 300])
def test_no_rule_of_an_odd_name_is_made(home: PageHome, name: str) -> None:
    before = home.home.config.read_bytes()
    answer = home.post("/review/new", {"id": str(waiting(home)[0]["id"]), "name": name}, x_fragment="1")
    assert 422 == answer.status
    assert before == home.home.config.read_bytes()
    wrong = home.post("/review/new", {"id": str(waiting(home)[0]["id"]), "name": "x", "below": "../.."}, x_fragment="1")
    assert "There is no rule" in wrong.text
