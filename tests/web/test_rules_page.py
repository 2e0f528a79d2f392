"""Rules on the page: edited as a tree and as YAML, seen before they are saved, re-filed by, and taken back."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.browser import visit
from tests.support.page_api import ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.support.browser import PageHome

COMMENTED = harness.RULES.replace("  - {name: sea,", "  # all that is wet\n  - {name: sea,")
_SURE = "min_score: 0.99"


@pytest.fixture(autouse=True)
def as_it_was(home: PageHome) -> Iterator[None]:
    """Let each test begin with the same rules, and nothing kept of a save."""
    config = home.home.config
    begun = config.read_text().replace(harness.RULES, COMMENTED)
    config.write_text(begun)
    home.home.run("reload")
    yield
    config.write_text(begun)
    config.with_name("vsortd.yaml.before").unlink(missing_ok=True)
    home.home.run("reload")


def _filed(home: PageHome) -> dict[str, str]:
    """Return where each video lies, by its name."""
    library = home.home.library
    return {one.name: str(one.relative_to(library).parent) for one in sorted(library.rglob("*.mp4"))}


def _numbers(html: str) -> dict[str, int]:
    """Return how many videos the page says have each outcome."""
    found = re.findall(r'<b class="n-(\w+)">(\d+)</b>', html)
    return {name: int(count) for name, count in found if count != "0"}


def _text(home: PageHome) -> str:
    return home.home.config.read_text()


def _etag(home: PageHome) -> str:
    return re.findall(r'name="etag" value="(\w+)"', home.ask("/rules").text)[0]


def _shows(page: Page, numbers: str) -> None:
    page.locator("#numbers").filter(has_text=numbers).wait_for()


def test_renamed_seen_saved_refiled_and_undone_by_keyboard_alone(browser: Browser, home: PageHome) -> None:
    before, config = _filed(home), _text(home)
    with visit(browser, home) as seen:
        page = seen.page
        page.keyboard.press("g")
        page.keyboard.press("u")
        page.get_by_role("heading", name="Rules", exact=True).wait_for()
        _shows(page, "6 stay, 0 would move")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="nature/forest").wait_for()
        page.keyboard.press("e")
        page.keyboard.press("Control+A")
        page.keyboard.type("wood")
        _shows(page, "5 stay, 1 would move")
        assert "wood" == page.get_by_label("Name").input_value()
        assert config == _text(home)
        change = page.locator("#changes .change")
        assert re.search("nature/forest.*nature/wood", change.inner_text(), re.DOTALL)
        assert change.locator("img").evaluate("async one => { await one.decode(); return one.naturalWidth }") > 0
        page.get_by_label("Name").press("Tab")
        page.locator("#at-0-0").focus()
        page.keyboard.press("S")
        page.get_by_text("Saved. Changed: rules.").wait_for()
        assert before == _filed(home)
        assert config.replace("{name: forest,", "{name: wood,") == _text(home)
        _shows(page, "5 stay, 1 would move")
        page.keyboard.press("R")
        page.get_by_role("heading", name="Re-file 1 video?").wait_for()
        page.keyboard.press("Enter")
        page.locator(".job").get_by_text("1 video re-filed.").wait_for()
        assert "nature/wood" == _filed(home)["walk in the woods.mp4"]
        _shows(page, "6 stay, 0 would move")
        page.locator(".job").get_by_role("link", name="Undo").press("Enter")
        page.get_by_role("heading", name="Undo 1 video?").wait_for()
        page.get_by_role("button", name="Undo", exact=True).press("Enter")
        page.get_by_role("heading", name="Rules", exact=True).wait_for()
        page.locator("#main").focus()
        page.keyboard.press("U")
        page.get_by_text("The former config holds again.").wait_for()
    assert before == _filed(home)
    assert config == _text(home)


@pytest.mark.long
def test_filtered_and_chosen_by_mouse(browser: Browser, home: PageHome) -> None:
    before = _filed(home)
    with visit(browser, home) as seen:
        page = seen.go("/rules?rule=nature/mountains")
        page.get_by_role("heading", name="nature/mountains").wait_for()
        page.get_by_label("Name").fill("peaks")
        _shows(page, "1 would move")
        page.get_by_role("button", name="city").click()
        page.get_by_role("heading", name="city", exact=True).wait_for()
        page.get_by_label("Name").fill("town")
        _shows(page, "4 stay, 2 would move")
        page.get_by_label("From or to the rule").fill("town")
        page.locator("#changes").get_by_text("1 video", exact=True).wait_for()
        page.locator("#changes-outcome").select_option("stays")
        page.get_by_label("From or to the rule").fill("fire")
        page.locator("#changes .change").filter(has_text="campfire").wait_for()
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Saved.").wait_for()
        _shows(page, "4 stay, 2 would move")
        page.get_by_role("checkbox", name="summit.mp4").check()
        page.get_by_role("button", name="Re-file the chosen ones").click()
        page.get_by_role("dialog").get_by_role("button", name="Re-file").click()
        page.locator(".job").get_by_text("1 video re-filed.").wait_for()
        assert {**before, "summit.mp4": "nature/peaks"} == _filed(home)
        page.locator(".job").get_by_role("link", name="Undo").click()
        page.get_by_role("button", name="Undo", exact=True).click()
        page.get_by_role("heading", name="Rules", exact=True).wait_for()
    assert before == _filed(home)


def test_moved_and_added_and_the_yaml_says_so(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/rules?rule=sea")
        page.get_by_role("button", name="Into the one above").click()
        page.get_by_role("heading", name="nature/sea").wait_for()
        page.get_by_label("New rule").fill("snowman")
        page.get_by_label("New rule").press("Enter")
        page.get_by_role("heading", name="snowman", exact=True).wait_for()
        page.locator("#mistakes").get_by_text("snowman").wait_for()  # no word of the sample model
        page.get_by_text("The YAML itself").click()
        text = page.get_by_label("The config").input_value()
        assert "    - {name: sea, prompts: [sea, ocean waves]}\n" in text
        assert "# all that is wet" in text
        assert text.endswith("  - name: snowman\n")
        page.get_by_label("The config").fill(text.replace("[city, city street]", "[city, city street"))
        page.locator("#mistakes").get_by_text("mistake").first.wait_for()
        page.locator("#numbers").get_by_text("once the text has no mistakes").wait_for()
        page.get_by_label("The config").fill(text)
        page.locator("#numbers").get_by_text("stay").wait_for()
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("heading", name="slides").wait_for()
        page.get_by_role("button", name="Down").click()
        page.get_by_role("alert").get_by_text("It is the last one already.").wait_for()
        page.get_by_role("link", name="Start over").click()
        page.get_by_role("heading", name="nature", exact=True).wait_for()
        seen.complaints[:] = [one for one in seen.complaints if "422" not in one]  # a refusal is no success


def test_without_script(browser: Browser, home: PageHome) -> None:
    with visit(browser, home, script=False) as seen:
        page = seen.go("/rules")
        page.get_by_role("button", name="city").click()
        page.get_by_label("Name").fill("town")
        page.get_by_role("button", name="Preview").click()
        page.get_by_text("5 stay, 1 would move").wait_for()
        page.get_by_label("From or to the rule").fill("fire")
        page.get_by_role("button", name="Show").click()
        page.get_by_text("No video fits.").wait_for()
        page = seen.go("/rules?rule=city")
        page.get_by_label("At least this sure").fill("2")
        page.get_by_role("button", name="Save").click()
        page.get_by_text("It was not saved: it has mistakes.").wait_for()
        page.get_by_label("At least this sure").fill("")
        page.get_by_label("Name").fill("town")
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Saved.").wait_for()
        seen.complaints[:] = [one for one in seen.complaints if "422" not in one]  # mistakes are no success
    assert "{name: town, prompts: [city, city street]}" in _text(home)


def test_everyone_can_use_it(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/rules?rule=city")
        page.get_by_label("Name").fill("town")
        _shows(page, "1 would move")
        page.get_by_text("More", exact=True).first.click()
        page.get_by_text("The YAML itself").click()
        seen.fits()
        seen.accessible("rules")
        page.get_by_role("link", name="Start over").click()
        page.get_by_role("heading", name="nature", exact=True).wait_for()


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{name: city,", f"{{name: city, {_SURE},"),
        ("  - {name: fire, prompts: [fire, flames]}\n", ""),
    ],
)
def test_the_numbers_are_those_of_the_command(home: PageHome, tmp_path: Path, before: str, after: str) -> None:
    text = _text(home).replace(before, after)
    assert text != _text(home)
    answer = home.post("/rules/preview", {"text": text}, x_fragment="1")
    other = tmp_path / "other.yaml"
    other.write_text(text)
    told = json.loads(home.home.run("--config", other, "rules", "preview", "--json").stdout)
    assert {name: count for name, count in told["counts"].items() if count} == _numbers(answer.text)


def test_what_is_uncertain_is_looked_at_again_and_shown(home: PageHome) -> None:
    text, before = _more_frames(_text(home), 64), _filed(home)
    html = home.post("/rules/preview", {"text": text}, x_fragment="1").text
    of, count = re.findall(r'data-of="(\w+)"', html)[0], _numbers(html)["unknown"]
    assert f"Look again at {count} video" in html
    begun = home.post("/rules/look", {"of": of})
    assert (303, "/jobs/") == (begun.status, begun.headers["location"][:6])
    job = ended(home, {"id": begun.headers["location"][6:], "title": "looking again"})
    assert ("done", f"/rules/changes?of={of}") == (job["state"], job["address"]), job
    assert count == job["done"] == job["total"]
    assert "unknown" not in _numbers(home.ask(job["address"]).text)
    assert "unknown" not in _numbers(home.post("/rules/preview", {"text": text}, x_fragment="1").text), "it is kept"
    assert 422 == home.post("/rules/look", {"of": of}).status, "it is no longer the newest"
    assert before == _filed(home)


@pytest.mark.long
def test_looking_again_from_the_list_that_shows_it_then(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/rules")
        _shows(page, "6 stay")
        page.get_by_text("The YAML itself").click()
        page.get_by_label("The config").fill(_more_frames(_text(home), 128))
        _shows(page, "uncertain")
        page.locator("#preview summary").click()
        page.get_by_role("button", name="Look again at").click()
        page.locator(".job").get_by_text("certain now.").wait_for()
        _shows(page, "6 stay, 0 would move, 0 to review")
        page.locator("#numbers").filter(has_not_text="uncertain").wait_for()
        page.get_by_role("link", name="Start over").click()


def _more_frames(text: str, number: int) -> str:
    """Return a config that asks for more frames than were looked at when all was sorted."""
    return text.replace("rules:\n", f"sampling: {{max_frames: {number}}}\nrules:\n", 1)


def test_what_somebody_else_saved_is_not_written_over(home: PageHome) -> None:
    etag, mine = _etag(home), _text(home).replace("name: city", "name: town")
    theirs = _text(home) + "# theirs\n"
    home.home.config.write_text(theirs)
    answer = home.post("/rules", {"text": mine, "etag": etag})
    assert 422 == answer.status
    assert "was changed by somebody else meanwhile" in answer.text
    assert "-# theirs" in answer.text
    assert theirs == _text(home)
    assert 422 == home.post("/rules/former", {"etag": etag}).status


def test_only_the_rules_in_effect_are_refiled_by(home: PageHome) -> None:
    text = _text(home).replace("name: city", "name: town")
    of = re.findall(r'data-of="(\w+)"', home.post("/rules/preview", {"text": text}, x_fragment="1").text)[0]
    before = _filed(home)
    for answer in (
        home.ask(f"/rules/refile?of={of}"),
        home.post("/rules/refile", {"of": of}),
        home.post("/rules/refile", {"of": "../" + of}),
        home.post("/rules/refile", {"of": of, "id": "9999"}),
    ):
        assert 422 == answer.status, answer.text
    assert before == _filed(home)


def test_chosen_ones_are_never_all_of_them(home: PageHome) -> None:
    text = _text(home).replace("name: city", "name: town")
    assert 303 == home.post("/rules", {"text": text, "etag": _etag(home)}).status
    of = re.findall(r'data-of="(\w+)"', home.post("/rules/preview", {"text": text}, x_fragment="1").text)[0]
    none = home.ask(f"/rules/refile?of={of}&chosen=1")
    assert (422, True) == (none.status, "No video is chosen." in none.text)
    assert "Re-file 1 video?" in home.ask(f"/rules/refile?of={of}").text
    other = home.ask(f"/rules/refile?of={of}&chosen=1&id=999999")
    assert (422, True) == (other.status, "No video of this preview is chosen" in other.text)


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "fields",
    [
        {"at": "../0", "do": "delete"},
        {"at": "9.9.9", "do": "up"},
        {"at": "0", "was": "[" * 5000, "rule-name": "x"},
        {"at": "0", "was": '{"name": 3}', "rule-name": "x"},
        {"select": "-1"},
        {"do": "add", "new_name": "a\x00b: [", "new_below": "1", "at": "0"},
    ],
)
def test_what_no_form_of_ours_sends_changes_nothing(home: PageHome, fields: dict[str, str]) -> None:
    text = _text(home)
    answer = home.post("/rules/draft", {"text": text, **fields})
    assert answer.status in {200, 422}
    assert text == _text(home)


def test_strangers_see_and_change_nothing(home: PageHome) -> None:
    text = _text(home)
    assert home.ask("/rules", cookie="").status in {303, 401}
    assert home.ask("/rules/changes?of=x", cookie="").status in {303, 401}
    for path in ("/rules", "/rules/draft", "/rules/preview", "/rules/former", "/rules/refile"):
        assert home.post(path, {"text": "x"}, cookie="").status in {303, 401}
        assert 403 == home.post(path, {"text": "x"}, origin="http://example.org").status
    assert text == _text(home)
