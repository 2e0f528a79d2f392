"""The site of README and docs, built by `.ci/task site`: whole, loads nothing foreign, for every eye and screen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag

import pytest

from tests.support.browser import accessible, chromium, fits
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.timeout(240)  # of some tests the whole site is built, on a machine with other work

# What a browser loads by itself when it shows a page: the attributes that name it.
LOADED = {"script": "src", "link": "href", "img": "src", "source": "srcset", "iframe": "src", "video": "src"}


class Parsed(HTMLParser):
    """What one page of the site names: what is loaded with it, what it links to, and where links may lead in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.loaded, self.links, self.ids = list[str](), list[str](), set[str]()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a tag names."""
        named = {name: value for name, value in attrs if value}
        self.ids.add(named.get("id", ""))
        if tag == "a":
            self.links.append(named.get("href", ""))
        elif target := named.get(LOADED.get(tag, "")):
            self.loaded.append(target)


def built(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Build by Sphinx or by the task, whichever is named first."""
    environment = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run(
        [str(one) for one in arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site."""
    folder = tmp_path_factory.mktemp("site")
    done = built(".ci/task", "site", folder)
    assert (0, "") == (done.returncode, done.stderr)
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Parsed]:
    """Return every page of the site."""
    return {path: Parsed(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def test_every_page_of_the_repository_stands_in_the_contents(site: Path, pages: dict[Path, Parsed]) -> None:
    start = pages[site / "index.html"]
    ours = [REPOSITORY / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "tests/FAULTS.md")]
    ours += sorted((REPOSITORY / "docs").glob("*.md"))
    expected = [path.relative_to(REPOSITORY).with_suffix(".html").as_posix() for path in ours]
    assert [] == [name for name in expected if not (site / name).exists()]
    assert [] == [name for name in expected[1:] if name not in start.links]


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Parsed]) -> None:
    foreign = [(page.path.name, one) for page in pages.values() for one in page.loaded if re.match(r"(\w+:)?//", one)]
    sheets = [path.read_text("utf-8") for path in site.rglob("*.css")]
    foreign += [("css", one) for sheet in sheets for one in re.findall(r"url\(\s*[\"']?((?:https?:)?//[^)]*)", sheet)]
    assert pages
    assert sheets
    assert [] == foreign


def test_every_link_leads_to_a_file_and_a_place_in_it(pages: dict[Path, Parsed]) -> None:
    lost = []
    for page in pages.values():
        for link in {*page.links, *page.loaded}:
            target, place = urldefrag(link.partition("?")[0] if "#" not in link else link)
            if re.match(r"\w+:", target):
                continue
            there = (page.path.parent / unquote(target)).resolve() if target else page.path
            found = there.is_file() and (not place or there not in pages or unquote(place) in pages[there].ids)
            lost += [] if found else [(page.path.name, link)]
    assert [] == lost


def test_what_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    wrong = ("[no](no-page.md)", "[no](#no-heading)", "[no](other.md#no-heading)", "![no](no-picture.png)")
    source = tmp_path / "source"
    source.mkdir()
    (source / "start.md").write_text("\n\n".join(("# Start", *wrong, "```{toctree}\nother\n```")), "utf-8")
    (source / "other.md").write_text("# Other\n", "utf-8")
    (source / "alone.md").write_text("# In no contents\n", "utf-8")
    task = (REPOSITORY / ".ci" / "task").read_text("utf-8")
    options = re.findall(r'-m sphinx (.*) \. "\$out"', task)[0].split()
    own = [word for setting in ("root_doc=start", "include_patterns=*.md") for word in ("-D", setting)]
    done = built(sys.executable, "-m", "sphinx", *options, *own, source, tmp_path / "site")
    assert (1, len(wrong) + 1) == (done.returncode, done.stderr.count("WARNING: ")), done.stderr


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return the system's Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture
def page(site: Path, browser: Browser) -> Iterator[Page]:
    """Return a page of a browser without a network; what it asks for beyond the site, or complains of, fails."""
    complaints, asked = list[str](), list[str]()
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light", offline=True)
    found = context.new_page()
    found.on("request", lambda request: asked.append(request.url))
    found.on("pageerror", lambda error: complaints.append(str(error)))
    yield found
    context.close()
    assert [] == complaints
    assert [] == [url for url in asked if not url.startswith((site.as_uri(), "data:"))]


@pytest.mark.long
@pytest.mark.parametrize("name", ["index.html", "docs/rules.html"])
def test_everybody_can_use_a_page(site: Path, page: Page, name: str) -> None:
    page.goto((site / name).as_uri())
    accessible(page, name)


@pytest.mark.long
@pytest.mark.parametrize("name", ["index", "docs/analyze", "docs/settings", "tests/FAULTS", "search"])
def test_a_page_fits_a_telephone(site: Path, page: Page, name: str) -> None:
    page.goto((site / f"{name}.html").as_uri())
    fits(page)


def test_a_picture_is_that_of_the_scheme_which_the_reader_chose(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())
    picture = page.locator('img[alt^="the page\'s library"]:visible')
    for chosen in ("light", "dark"):
        page.get_by_role("button", name="Color mode").click()
        page.get_by_role("button", name=chosen.title()).click()
        assert f"page-library-{chosen}.png" in str(picture.get_attribute("src"))
        assert picture.evaluate("one => one.naturalWidth") > 0


def test_the_search_finds_a_word_without_a_network(site: Path, page: Page) -> None:
    page.goto((site / "docs/rules.html").as_uri())
    page.keyboard.press("Control+k")
    page.get_by_role("searchbox").locator("visible=true").fill("phockup")
    page.keyboard.press("Enter")
    page.locator("ul.search a", has_text="Switching from another program").first.click()
    page.wait_for_url("**/docs/switching.html*")
