"""The page before there is a config that can be used: the first minutes, and a config with mistakes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import PageHome, free_port, visit
from tests.support.harness import Home
from vsortd.config.web_options import Web, web_of
from vsortd.config.yaml_lines import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.support.browser import Visit


@dataclass
class FirstHome(Home):
    """A person who has just installed vsortd: no config, no state, no folders."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command."""
        named = ("VSORTD_CONFIG", "VSORTD_STATE_DIR", "VSORTD_WEB")
        kept = {name: value for name, value in os.environ.items() if name not in named}
        own = {f"XDG_{name}_HOME": str(self.folder / name.lower()) for name in ("CONFIG", "STATE", "DATA", "CACHE")}
        return {**kept, **own, "HOME": str(self.person), "XDG_VIDEOS_DIR": str(self.videos), **self.more_environment}

    @property
    def person(self) -> Path:
        """Their home folder."""
        return self.folder / "home"

    @property
    def videos(self) -> Path:
        """Where their videos are."""
        return self.person / "Videos"

    @property
    def config(self) -> Path:
        """Where the config will be."""
        return self.folder / "config" / "vsortd" / "config.yaml"

    def state(self) -> str:
        """Return what `status` says of the process."""
        return str(self.json("status")["state"])


@pytest.fixture
def first(tmp_path: Path) -> Iterator[PageHome]:
    """Return a home without anything; whatever was started there is ended."""
    home = FirstHome(tmp_path)
    home.person.mkdir()
    port = free_port()
    home.more_environment["VSORTD_WEB"] = str(port)
    yield PageHome(home, port)
    home.run("stop", code=None)


def _steps_to_the_end(seen: Visit) -> None:
    """Answer every question by keyboard alone."""
    page = seen.page
    page.get_by_role("heading", name="Welcome to vsortd").wait_for()
    inbox = page.get_by_label("Which folder do your videos come into?")
    assert "~/Videos/Inbox" == inbox.input_value()
    assert inbox.evaluate("field => field === document.activeElement")
    page.keyboard.press("Enter")
    page.get_by_role("group", name="Which model shall look at them?").wait_for()
    page.get_by_role("radio", name="auto").focus()
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("radio", name="sample").is_checked()
    page.keyboard.press("Enter")
    page.get_by_label("Which folders do you want?").wait_for()
    page.keyboard.type("forest, sea")
    page.keyboard.press("Enter")
    page.get_by_label("forest").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("group", name="What shall become of .mov files?").wait_for()
    page.get_by_role("checkbox", name="any").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save and begin").wait_for()


@pytest.mark.timeout(240)  # two processes begin, and the model is loaded in each
def test_from_nothing_to_the_first_filed_video_without_a_terminal(browser: Browser, first: PageHome) -> None:
    with visit(browser, first, lands="/setup") as seen:
        page = seen.page
        assert "setup" == first.home.json("status")["state"]
        _steps_to_the_end(seen)
        assert not first.home.config.exists()
        page.get_by_role("button", name="Try it").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="That is where they would go").wait_for(timeout=90_000)
        page.locator("#trial .item").filter(has_text="walk in the woods.mp4").get_by_text("filed").wait_for()
        page.get_by_role("button", name="Save and begin").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Live").wait_for()
        filed = page.locator("#live-last .item").filter(has_text="walk in the woods.mp4")
        filed.get_by_role("link", name="forest").wait_for(timeout=90_000)
    assert (first.home.folder / "home/Videos/Sorted/forest/walk in the woods.mp4").is_file()
    assert "running" == first.home.json("status")["state"]
    assert (first.home.config.parent / "vsortd.schema.json").is_file()


def _make_config(first: PageHome, text: str) -> None:
    first.home.config.parent.mkdir(parents=True)
    first.home.config.write_text(text)


SOUND = """version: 2
inboxes:
  - path: ~/Videos/Inbox
library: ~/Videos/Sorted
model: sample
rules:
  - {name: forest}
"""


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_broken_config_is_mended_line_by_line(browser: Browser, first: PageHome) -> None:
    _make_config(first, SOUND.replace("library", "libary"))
    with visit(browser, first, lands="/setup") as seen:
        page = seen.page
        page.get_by_role("heading", name="The config has mistakes").wait_for()
        seen.accessible("mend")
        seen.fits()
        page.locator("#gutter .marked-mistake").filter(has_text="4").wait_for()
        page.get_by_role("link", name="Line 4").focus()
        page.keyboard.press("Enter")
        page.keyboard.type("library: ~/Videos/Sorted")
        page.get_by_role("heading", name="No mistakes").wait_for()
        page.get_by_role("button", name="Save and begin").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(first.address + "/")
        page.get_by_role("heading", name="Live").wait_for()
    assert SOUND == first.home.config.read_text()
    assert SOUND.replace("library", "libary") == first.home.config.with_name("config.yaml.before").read_text()


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_config_that_somebody_else_mends_is_not_written_over(first: PageHome) -> None:
    broken = SOUND.replace("library", "libary")
    _make_config(first, broken)
    shown = first.ask("/setup").text
    etag = shown.partition('name="etag" value="')[2].partition('"')[0]
    theirs = broken + "# theirs\n"
    first.home.config.write_text(theirs)
    answer = first.post("/setup/mend", {"text": SOUND, "etag": etag})
    assert 422 == answer.status
    assert "was changed by somebody else" in answer.text
    assert "# theirs" in answer.text
    assert "libary" in answer.text
    assert theirs == first.home.config.read_text()
    first.home.config.write_text(SOUND)
    first.home.run("start")  # the same process begins with it
    assert "running" == first.home.json("status")["state"]
    assert 303 == first.ask("/setup").status
    assert "<h1>Live</h1>" in first.ask("/").text


@pytest.mark.timeout(120)
def test_without_a_config_only_the_setup_is_there_and_only_for_who_is_logged_in(first: PageHome) -> None:
    first.way_in()
    for path in ("/setup", "/setup/folders?begin=/", "/setup?step=look"):
        assert 401 == first.ask(path, cookie="").status, path
    assert 401 == first.post("/setup/save", {"text": SOUND}, cookie="").status
    assert 403 == first.post("/setup/save", {"text": SOUND}, origin="http://elsewhere.example").status
    for path in ("/", "/history", "/settings", "/setup?step=look", "/setup?step=words"):
        answer = first.ask(path)
        assert answer.status in {200, 303}, path
        assert 200 == answer.status or "/setup" == answer.headers["location"], path
    assert 409 == first.post("/pause").status
    (first.home.folder / "home" / "Films").mkdir()
    assert '<option value="~/Films">' in first.ask("/setup/folders?begin=~/Fi").text
    told = first.post("/setup/steps/where", {"inbox": "~/Films", "library": "~/Films/Sorted"})
    assert 422 == told.status
    assert 'value="~/Films/Sorted"' in told.text
    refused = first.home.run("pause", code=None)
    assert "no config yet" in refused.stderr
    assert "stopped" in first.home.run("stop").stdout


def test_a_broken_config_opens_the_page_to_nobody_else() -> None:
    for text in ("web: {host: 0.0.0.0}", "web: {host: '::', port: 9000}", "web: {host: 5, port: 9000}", "web: [1]"):
        found = web_of(read_bytes(text.encode()).root)
        assert isinstance(found, Web)
        assert found.is_local, text
    assert "off" == web_of(read_bytes(b"web: off").root)
    with_password = web_of(read_bytes(b"web: {host: 0.0.0.0, password_file: /p}").root)
    assert isinstance(with_password, Web)
    assert not with_password.is_local


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_page_that_moves_says_where_and_lets_in_there(first: PageHome) -> None:
    del first.home.more_environment["VSORTD_WEB"]
    to = free_port()
    _make_config(first, SOUND.replace("library", "libary") + f"web: {{port: {first.port}}}\n")
    etag = first.ask("/setup").text.partition('name="etag" value="')[2].partition('"')[0]
    answer = first.post("/setup/mend", {"text": f"{SOUND}web: {{port: {to}}}\n", "etag": etag})
    assert 200 == answer.status
    code = answer.text.partition(f"http://127.0.0.1:{to}/enter#")[2].partition('"')[0]
    moved = PageHome(first.home, to)
    first.home.wait(lambda: "running" == first.home.json("status")["state"], what="the daemon begins")
    entered = moved.post("/enter", {"code": code}, cookie="")
    assert 303 == entered.status
    cookie = entered.headers["set-cookie"].partition(";")[0]
    assert "<h1>Live</h1>" in moved.ask("/", cookie=cookie).text


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_page_that_is_switched_off_says_so(first: PageHome) -> None:
    first.home.more_environment["VSORTD_WEB"] = "off"
    refused = first.home.run("open", "--no-browser", code=None)
    assert 0 != refused.returncode
    assert "switched off" in refused.stderr


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_daemon_that_is_started_by_hand_takes_the_place_of_the_setup(first: PageHome) -> None:
    first.way_in()
    _make_config(first, SOUND)
    assert isinstance(first.home, FirstHome)
    done = first.home.run("run", "--once", code=None)
    assert "already runs" not in done.stderr
    assert "stopped" == first.home.json("status")["state"]


@pytest.mark.timeout(180)
def test_the_setup_works_without_script(browser: Browser, first: PageHome) -> None:
    with visit(browser, first, script=False, lands="/setup") as seen:
        page = seen.page
        page.get_by_role("button", name="Next").click()
        page.get_by_role("radio", name="sample").check()
        seen.fits()
        page.get_by_role("button", name="Next").click()
        page.get_by_role("button", name="Next").click()
        page.get_by_role("alert").get_by_text("at least one folder is wanted").wait_for()
        page.get_by_label("Which folders do you want?").fill("forest")
        page.get_by_role("button", name="Next").click()
        page.get_by_role("button", name="Next").click()
        page.get_by_role("button", name="Next").click()
        page.get_by_text("The config itself").click()
        area = page.get_by_role("textbox", name="The config")
        area.fill(area.input_value().replace("library:", "libary:"))
        page.get_by_role("button", name="Check").click()
        page.get_by_role("heading", name="mistake").wait_for()
        area.fill(area.input_value().replace("libary:", "library:"))
        page.get_by_role("checkbox", name="Put a short clip").uncheck()
        page.get_by_role("button", name="Save and begin").click()
        page.get_by_role("heading", name="Live").wait_for()
        seen.complaints[:] = [one for one in seen.complaints if "422" not in one]  # wrong answers are no success
    assert (first.home.folder / "home/Videos/Inbox").is_dir()
