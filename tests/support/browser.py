"""The page for tests: a home whose daemon serves one, plain requests to it, and a real Chromium that looks at it."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from tests.support import harness

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from playwright.sync_api import Browser, BrowserContext, Page

CLIPS = Path(harness.__file__).parents[2] / "vsortd" / "doctor" / "clips"
CHROMIUM = "/usr/bin/chromium"


def free_port() -> int:
    """Return a port that nobody has, in both families of addresses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a plain request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass
class PageHome:
    """A home whose daemon serves the page."""

    home: harness.Home
    port: int
    _cookie: str = field(default="")

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        more: str = "",
        rules: str = harness.RULES,
        clips: Sequence[str] = (),
        web: str = "",
        port: int = 0,
    ) -> PageHome:
        """Make a home, start its daemon, and wait until the demo's clips of these names are sorted."""
        made = cls.prepared(folder, more=more, rules=rules, web=web, port=port)
        made.drop(*clips)
        made.home.start()
        made.sorted(len(clips))
        return made

    @classmethod
    def prepared(
        cls, folder: Path, *, more: str = "", rules: str = harness.RULES, web: str = "", port: int = 0
    ) -> PageHome:
        """Make a home whose daemon isn't started yet."""
        port = port or free_port()
        options = web if web == "off" else f"{{{', '.join(filter(None, (f'port: {port}', web)))}}}"
        home = harness.Home.make(folder, more=f"web: {options}\n{more}", rules=rules)
        home.more_environment["VSORTD_WEB"] = ""
        return cls(home, port)

    def drop(self, *clips: str) -> None:
        """Drop clips of the demo into the inbox."""
        for name in clips:
            shutil.copy2(CLIPS / name, self.home.inbox / name)

    def sorted(self, count: int) -> None:
        """Wait until so many videos are in the history."""
        self.home.wait(lambda: len(self.home.items()) >= count, what=f"{count} videos are sorted")

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.port}"

    def way_in(self) -> str:
        """Return the address with a code, by the real command."""
        return self.home.run("open", "--no-browser").stdout.strip()

    @property
    def cookie(self) -> str:
        """The cookie of a session."""
        if not self._cookie:
            code = self.way_in().partition("#")[2]
            answer = self.post("/enter", {"code": code}, cookie="")
            self._cookie = answer.headers["set-cookie"].partition(";")[0]
        return self._cookie

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        body: bytes = b"",
        cookie: str | None = None,
        host: str | None = None,
        **headers: str,
    ) -> Answer:
        """Send one request, logged in unless another `cookie` is given; headers are named with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host or f"127.0.0.1:{self.port}")
            cookie = self.cookie if cookie is None else cookie
            given = {"cookie": cookie, **{name.replace("_", "-"): value for name, value in headers.items()}}
            for name, value in given.items():
                if value:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())

    def post(
        self, path: str, fields: Mapping[str, Any] | None = None, *, cookie: str | None = None, **headers: str
    ) -> Answer:
        """Send a form as the page itself does."""
        body = urlencode(fields or {}, doseq=True, quote_via=quote).encode()
        sent = {"origin": self.address, "content_type": "application/x-www-form-urlencoded", **headers}
        return self.ask(path, "POST", body=body, cookie=cookie, **sent)

    def stop(self) -> None:
        """End the daemon."""
        if self.home.daemon is not None:
            self.home.stop()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the system's Chromium, or skip."""
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def until(page: Page, expression: str, *, within_s: float = 30.0) -> None:
    """Wait until a JavaScript expression holds; the page's own policy lets nothing be evaluated within it."""
    deadline = time.monotonic() + within_s
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"{expression} doesn't hold"
        page.wait_for_timeout(20)


def accessible(page: Page, name: str = "") -> None:
    """Find nothing that a screen reader, or weak eyes, could not use, light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(250)  # colours that change gently
        found = Axe().run(page).response["violations"]
        told = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
        assert [] == told, f"{name} {scheme}"


def fits(page: Page) -> None:
    """See that nothing is wider than the window, at 320 px too."""
    size = page.viewport_size
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{page.url} needs {wide} px at {width}"
    if size is not None:
        page.set_viewport_size(size)


@dataclass
class Visit:
    """One visit of the page by a browser; what the console says against it fails the test at its end."""

    page: Page
    context: BrowserContext
    home: PageHome
    complaints: list[str]

    def go(self, path: str) -> Page:
        """Go to an address of the page."""
        self.page.goto(self.home.address + path)
        return self.page

    def accessible(self, name: str = "") -> None:
        """See that everybody can use what is shown."""
        accessible(self.page, name)

    def fits(self) -> None:
        """See that nothing is wider than the window, at 320 px too."""
        fits(self.page)


@contextlib.contextmanager
def visit(browser: Browser, home: PageHome, *, script: bool = True, lands: str = "/", **more: Any) -> Iterator[Visit]:
    """Let a browser in, by a code as `vsortd open` makes it; complaints of its console fail the test.

    It comes to `lands`. Without `script` the code is typed by hand, as the page asks for.
    """
    context = browser.new_context(
        java_script_enabled=script, viewport={"width": 1280, "height": 800}, locale="en-GB", **more
    )
    context.set_default_timeout(30_000)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    address = home.way_in()
    page.goto(address)
    if not script:
        page.get_by_label("Code").fill(address.partition("#")[2])
        page.get_by_role("button", name="Enter").last.click()
    page.wait_for_url(home.address + lands)
    try:
        yield Visit(page, context, home, complaints)
        assert [] == complaints, complaints
    finally:
        context.close()
