"""Clusters in a real browser: the map and the list that says the same, names, folders seen first, filed and undone."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.support.browser import CLIPS, PageHome, visit
from tests.support.page_api import call, ended, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytestmark = pytest.mark.timeout(400)
KINDS = {"peak": "summit.mp4", "street": "downtown.mp4", "wood": "walk in the woods.mp4"}
EACH = 5


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHome]:
    """Return a home whose library holds three kinds of videos, which the page has put into groups."""
    made = PageHome.start(tmp_path_factory.mktemp("alike"))
    for kind, clip in KINDS.items():
        for number in range(EACH):
            shutil.copyfile(CLIPS / clip, made.home.library / f"{kind} <i>{number}.mp4")
    made.home.run("index")
    made.post("/clusters/look")
    made.home.wait(lambda: 'id="group-1"' in made.ask("/clusters").text, what="groups are found")
    yield made
    made.stop()


def lying(home: PageHome) -> set[str]:
    """Return where the videos of the library lie, below it."""
    library = home.home.library
    return {str(path.relative_to(library)) for path in library.rglob("*.mp4") if ".vsortd" not in path.parts}


def points(home: PageHome) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(home.ask("/clusters/map").body)
    return found


def place_of_first(found: dict[str, Any], width: float, height: float) -> tuple[float, float]:
    """Return where the first video is on a map that is shown as a whole, with 8 % room on each side."""
    x, y = found["x"], found["y"]
    scale = 0.84 * min(width / max(max(x) - min(x), 1e-3), height / max(max(y) - min(y), 1e-3))
    middle = (min(x) + max(x)) / 2, (min(y) + max(y)) / 2
    return width / 2 + (x[0] - middle[0]) * scale, height / 2 - (y[0] - middle[1]) * scale


@pytest.mark.long
def test_the_list_says_what_the_map_shows(home: PageHome) -> None:
    found, text = points(home), home.ask("/clusters").text
    assert len(KINDS) * EACH == len(found["id"]) == len(found["x"]) == len(found["name"])
    for number in set(found["group"]) - {0}:
        assert f'id="group-{number}"' in text
        of_it = home.ask(f"/clusters/{number}").text
        assert f": {found['group'].count(number)} videos" in of_it
    assert "<i>" not in text


def test_by_keyboard_named_filed_after_a_look_and_undone(browser: Browser, home: PageHome) -> None:
    before = lying(home)
    with visit(browser, home) as seen:
        page = seen.go("/clusters")
        name = page.get_by_label("Name of group 1")
        name.focus()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("Trips/First")
        page.keyboard.press("Tab")
        page.get_by_role("link", name="Preview the folders").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Trips/First").wait_for()
        page.get_by_text("Nothing was touched: this is a preview.").wait_for()
        assert before == lying(home)
        seen.accessible("the folders")
        page.get_by_role("button", name=re.compile(r"^File \d+ videos$")).focus()
        page.keyboard.press("Enter")
        page.get_by_text("Undo takes them back.").first.wait_for()
        assert any(one.startswith("Trips/First/") for one in lying(home))
        seen.go("/clusters")
        page.keyboard.press("u")
        page.get_by_role("dialog").get_by_role("button", name="Undo").wait_for()
        page.keyboard.press("Enter")
        page.get_by_role("status").get_by_text(re.compile(r"\d+ videos back")).wait_for()
        assert before == lying(home)
        assert "Trips/First" == page.get_by_label("Name of group 1").input_value()
        page.get_by_label("Name of group 1").fill("")
        page.get_by_label("Name of group 1").blur()


def test_only_what_was_previewed_is_filed(home: PageHome) -> None:
    before = lying(home)
    home.post("/clusters/choice", {"take": ["1"], "name-1": "Shown", "then": "preview"})
    shown = re.search(r'name="plan" value="([0-9a-f]+)"', home.ask("/clusters/preview").text)
    assert shown is not None
    home.post("/clusters/choice", {"take": ["1", "2"], "name-1": "Another", "name-2": ""})  # another browser's
    for plan in (shown[1], ""):
        told = home.post("/clusters/apply", {"plan": plan})
        assert (422, True) == (told.status, "It changed meanwhile: look again." in told.text)
    assert before == lying(home)
    home.post("/clusters/choice", {"take": [str(number) for number in range(1, 99)], "name-1": "", "name-2": ""})


@pytest.mark.long
def test_map_and_list_choose_in_one_another(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/clusters")
        page.get_by_role("button", name="Whole map").click()
        row = page.locator("#group-1")
        row.get_by_role("button", name=re.compile("^Show on the map")).click()
        assert "true" == row.get_by_role("button", name=re.compile("^Show on the map")).get_attribute("aria-pressed")
        row.get_by_role("button", name=re.compile("^Show on the map")).click()
        row.get_by_role("link").first.focus()
        page.locator("#map-tip").get_by_text(re.compile("mp4")).wait_for()
        seen.accessible("the map")
        seen.fits()
        page.keyboard.press("+")
        page.keyboard.press("0")
        page.keyboard.press("s")
        box = page.locator("#map").bounding_box()
        assert box is not None
        left, top, right, bottom = box["x"] + 3, box["y"] + 3, box["x"] + box["width"] - 3, box["y"] + box["height"] - 3
        page.mouse.move(left, top)
        page.mouse.down()
        for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
            page.mouse.move(x, y, steps=3)
        page.mouse.up()
        page.get_by_text(re.compile(f"^{len(KINDS) * EACH} chosen: ")).wait_for()
        assert page.locator(".group.chosen").count() == len(set(points(home)["group"]))
        page.get_by_role("button", name="Choose none").click()
        page.get_by_text(re.compile(r"^\d+ chosen: ")).wait_for(state="hidden")


def test_a_click_on_the_map_shows_the_video(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/clusters")
        page.locator("#map").scroll_into_view_if_needed()
        box = page.locator("#map").bounding_box()
        assert box is not None
        left, top = place_of_first(points(home), box["width"], box["height"])
        page.mouse.move(box["x"] + left, box["y"] + top, steps=3)
        name = page.locator("#map-tip span").text_content()
        page.mouse.down()
        page.mouse.up()
        page.get_by_role("dialog").get_by_role("heading", name=str(name)).wait_for()


@pytest.mark.long
def test_rules_to_take_over(browser: Browser, home: PageHome) -> None:
    config = home.home.config.read_text()
    with visit(browser, home) as seen:
        page = seen.go("/clusters")
        page.get_by_role("button", name="To rules").click()
        page.get_by_role("heading", name="Rules of the groups").wait_for()
        assert "- name:" in str(page.get_by_label("Rules as YAML").text_content())
        seen.accessible("rules")
        seen.fits()
    assert config == home.home.config.read_text()


@pytest.mark.long
def test_without_script_names_and_folders(browser: Browser, home: PageHome) -> None:
    before = lying(home)
    with visit(browser, home, script=False) as seen:
        page = seen.go("/clusters")
        page.get_by_label("Name of group 1").fill("By hand")
        for box in page.get_by_role("checkbox", name=re.compile("^Take group")).all()[1:]:
            box.uncheck()
        page.get_by_role("button", name="Preview the folders").click()
        page.get_by_role("heading", name=re.compile("into 1 folder$")).wait_for()
        page.get_by_role("heading", name="By hand").wait_for()
        page.get_by_role("link", name="Back to the groups").click()
        assert "By hand" == page.get_by_label("Name of group 1").input_value()
        page.get_by_role("link", name=re.compile("^All videos of")).first.click()
        page.get_by_role("checkbox").first.check()
        page.get_by_label("Another group of the chosen ones").fill("My own")
        page.get_by_role("button", name="Make a group of them").click()
        page.get_by_text("My own: 1 video.").wait_for()
        assert "My own" in [one.input_value() for one in page.get_by_label(re.compile("^Name of group")).all()]
    assert before == lying(home)


@pytest.mark.parametrize("name", ["../../etc", "..", ".vsortd", "a\x00b", "con/aux."])
def test_a_name_that_leads_elsewhere_is_refused(home: PageHome, name: str) -> None:
    before = lying(home)
    home.post("/clusters/choice", {"take": ["1"], "name-1": name, "then": "preview"})
    told = home.ask("/clusters/preview").text + home.post("/clusters/own", {"row": ["0"], "name": name}).text
    assert str(home.home.library.parent / "etc") not in told
    assert before == lying(home)


@pytest.mark.parametrize("row", ["00000000099999999", "-1", "1_0", "\uff19", "9" * 5000])
def test_a_row_that_is_none_is_refused(home: PageHome, row: str) -> None:
    answer = home.post("/clusters/own", {"row": ["0", row], "name": "Own"})
    assert (422, True) == (answer.status, "whole number" in answer.text)
    assert 422 == home.ask(f"/clusters/0?after={quote(row)}").status


@pytest.mark.parametrize("number", ["..%2f..", "-1", "99999", "x"])
def test_a_group_that_is_none(home: PageHome, number: str) -> None:
    assert home.ask(f"/clusters/{number}").status in {404, 422}
    assert 401 == home.ask("/clusters/map", cookie="vsortd=no").status


def test_a_script_names_looks_and_files(home: PageHome) -> None:
    before = lying(home)
    first, *rest = [one["number"] for one in said(call(home, "GET", "/v1/clusters"))["groups"]]
    assert "Scripted/One" == said(call(home, "POST", f"/v1/clusters/{first}", {"name": "Scripted/One"}))["name"]
    for number in rest:
        assert not said(call(home, "POST", f"/v1/clusters/{number}", {"chosen": False}))["chosen"]
    for name in ("../etc", ".vsortd", "a\x00b"):
        assert 422 == call(home, "POST", f"/v1/clusters/{first}", {"name": name}).status
    assert 404 == call(home, "POST", "/v1/clusters/999", {"chosen": True}).status
    found = said(call(home, "GET", "/v1/clusters/folders"))
    assert [("Scripted/One", [first])] == [(one["folder"], one["groups"]) for one in found["folders"]]
    assert 422 == call(home, "POST", "/v1/clusters/file", {"plan": "0" * 32}).status
    assert before == lying(home), "so far nothing was moved"
    job = ended(home, said(call(home, "POST", "/v1/clusters/file", {"plan": found["plan"]}), 202))
    going = len(found["folders"][0]["going"])
    assert ("done", going) == (job["state"], len([one for one in lying(home) if one.startswith("Scripted/One/")])), job
    undone = said(call(home, "POST", "/v1/undo", {"batch": job["answer"]["batch"]}))["undone"]
    assert going == len(undone)
    assert before == lying(home)
    for number in (first, *rest):
        said(call(home, "POST", f"/v1/clusters/{number}", {"name": "", "chosen": True}))


def test_a_script_makes_a_group_of_its_own(home: PageHome) -> None:
    some = said(call(home, "GET", "/v1/clusters"))["groups"][0]["videos"][:2]
    groups = said(call(home, "POST", "/v1/clusters/own", {"name": "By script", "videos": some}))["groups"]
    assert [sorted(some)] == [sorted(one["videos"]) for one in groups if one["name"] == "By script"]
    unknown = {"name": "Other", "videos": ["v1-0123456789abcdef"]}
    assert 422 == call(home, "POST", "/v1/clusters/own", unknown).status
