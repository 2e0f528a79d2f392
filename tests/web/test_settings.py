"""Settings: the config edited on the page, checked, never written over what somebody else wrote, and taken at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import PageHome, visit
from vsortd.config.check import check_bytes
from vsortd.web.effective import effective_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

ADDRESS = "ntfy://u5er:hunter22@host/topic"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHome]:
    """Return a home with a secret in its config."""
    made = PageHome.start(tmp_path_factory.mktemp("settings"), more=f"notify: {{urls: ['{ADDRESS}']}}\n")
    yield made
    made.stop()


def _etag(home: PageHome) -> str:
    return home.ask("/v1/config").headers["etag"]


def test_a_rule_is_added_by_keyboard_alone(browser: Browser, home: PageHome) -> None:
    before = home.home.config.read_text()
    with visit(browser, home) as seen:
        page = seen.page
        page.keyboard.press("g")
        page.keyboard.press("e")
        page.get_by_role("heading", name="Settings").wait_for()
        area = page.get_by_role("textbox", name="The config", exact=True)
        area.focus()
        page.keyboard.press("Control+End")
        page.keyboard.type("  - {name: bridges, promts: [a bridge]}\n")
        page.get_by_role("heading", name="1 mistake").wait_for()
        page.get_by_text("Did you mean prompts?").wait_for()
        line = before.count("\n") + 1
        page.locator("#gutter .marked-mistake").filter(has_text=str(line)).wait_for()
        seen.accessible("a mistake")
        page.get_by_role("link", name=f"Line {line}").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("  - {name: bridges, prompts: [a bridge]}")
        page.get_by_role("heading", name="No mistakes").wait_for()
        page.get_by_role("button", name="Save").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Changed: rules.").wait_for()
    assert before + "  - {name: bridges, prompts: [a bridge]}\n" == home.home.config.read_text()
    assert before == home.home.config.with_name("vsortd.yaml.before").read_text()


def test_what_holds_is_listed_with_where_it_comes_from_and_no_secret(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/settings")
        page.get_by_text("Every option, and where it comes from").click()
        row = page.get_by_role("row").filter(has_text="model").filter(has=page.get_by_text("sample"))
        row.first.get_by_role("link", name="line 5").click()
        assert "model: sample" == page.locator("#text").evaluate(
            "one => one.value.slice(one.selectionStart, one.selectionEnd)"
        )
        assert page.get_by_role("row", name="place.review").get_by_text("default").is_visible()
        table = page.get_by_role("table").inner_text()
        assert "hunter22" not in table
        assert "notify.urls" in table
        page.get_by_role("heading", name="Versions").wait_for()
        seen.accessible("settings")
        seen.fits()


@pytest.mark.long
def test_a_file_that_was_changed_meanwhile_is_shown_beside_the_own_text(browser: Browser, home: PageHome) -> None:
    text = home.home.config.read_text()
    with visit(browser, home, script=False) as seen:
        page = seen.go("/settings")
        page.get_by_role("textbox", name="The config", exact=True).fill(f"{text}# mine\n")
        theirs = f"{text}# theirs\n"
        home.home.config.write_text(theirs)
        page.get_by_role("button", name="Save").click()
        page.get_by_role("alert").get_by_text("was changed by somebody else").wait_for()
        assert theirs == home.home.config.read_text()
        page.get_by_label("The differences").get_by_text("+# mine").wait_for()
        assert f"{text}# mine\n" == page.get_by_role("textbox", name="The config", exact=True).input_value()
        page.get_by_text("The file as it is now").click()
        assert theirs == page.get_by_role("textbox", name="The file as it is now").input_value()
        page.get_by_role("button", name="Save").click()  # now it is meant
        page.get_by_text("Saved; the former text lies beside it").wait_for()
        seen.complaints.clear()  # the refusal above
    assert f"{text}# mine\n" == home.home.config.read_text()
    assert theirs == home.home.config.with_name("vsortd.yaml.before").read_text()
    home.home.config.write_text(text)


def test_a_config_that_is_broken_under_a_running_daemon_changes_nothing_and_is_shown(home: PageHome) -> None:
    text = home.home.config.read_text()
    home.home.config.write_text(text.replace("library:", "libary:"))
    assert 0 != home.home.run("reload", code=None).returncode
    told = home.ask("/settings").text
    assert "vsortd goes on with the settings it had" in told
    assert "Did you mean library?" in told
    refused = home.post("/settings/reload")
    assert 422 == refused.status
    assert "running" == home.home.look("status")["state"]
    home.home.config.write_text(text.replace("settle: 0.3s", "settle: 0.4s"))
    assert "says something else than vsortd works by" in home.ask("/settings").text
    assert 303 == home.post("/settings/reload").status
    assert "says something else" not in home.ask("/settings").text
    home.home.config.write_text(text)
    home.home.run("reload")


def test_no_secret_stands_among_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "abcdefgh123")
    text = f"""version: 2
inboxes: [{{path: /in}}]
library: /out/abcdefgh123
rules: [{{name: forest}}]
notify: {{urls: ["{ADDRESS}"]}}
after: {{post: "https://hooks.example/services/T000/hunter22", key_file: /keys/hunter22}}
web: {{password_file: /keys/hunter22}}
"""
    report = check_bytes(Path("config.yaml"), text.encode())
    options = effective_options(report.settings_or_raise(), report.document)
    said = "\n".join(f"{one.name} {one.value} {one.line}" for one in options)
    assert "hunter22" not in said
    assert "abcdefgh123" not in said
    assert {"library": 3, "notify.urls": 5, "web.password_file": 7, "rules": 4} == {
        one.name: one.line for one in options if one.name in {"library", "notify.urls", "web.password_file", "rules"}
    }
    assert [0] == [one.line for one in options if one.name == "hierarchy"]


def test_strangers_neither_see_nor_change_it(home: PageHome) -> None:
    text = home.home.config.read_text()
    etag = _etag(home)
    assert 401 == home.ask("/settings", cookie="").status
    assert 401 == home.post("/settings", {"text": "", "etag": etag.strip('"')}, cookie="").status
    assert 403 == home.post("/settings", {"text": ""}, origin="http://elsewhere.example").status
    assert text == home.home.config.read_text()


def test_log_out_everywhere_ends_every_session(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen, visit(browser, home) as other:
        page = seen.go("/settings")
        page.get_by_role("button", name="Log out everywhere").click()
        page.get_by_role("heading", name="Enter").wait_for()
        other.go("/settings").get_by_role("heading", name="Enter").wait_for()
    home._cookie = ""
