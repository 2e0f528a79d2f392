"""Who may see the page, and what of it: hosts, origins, codes, cookies, headers, passwords."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import re
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urljoin, urlsplit

import pytest

from tests.support.browser import PageHome, visit
from vsortd.config.web_options import Web
from vsortd.errors import UsageError
from vsortd.web.app import page_app
from vsortd.web.limited_tries import LimitedTries, TooManyTriesError
from vsortd.web.listener import listening
from vsortd.web.page import Page
from vsortd.web.sessions import (
    CODE_S,
    PageSessions,
    hashed_password,
    is_password,
    read_password_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser
    from starlette.types import ASGIApp, Message

    from vsortd.web.host import PageHost

PASSWORD = "correct horse battery"  # noqa: S105 - of this test alone

_SALT = b"sixteen bytes of"
_QUICK_KEY = hashlib.scrypt(PASSWORD.encode(), salt=_SALT, n=64, r=8, p=1, dklen=32)
QUICK = f"scrypt$64$8$1${base64.b64encode(_SALT).decode()}${base64.b64encode(_QUICK_KEY).decode()}"
"""The same, hashed so that a try costs little."""


class Hashed:
    """Hashes as the library does, and counts."""

    def __init__(self) -> None:
        self.count = self.most_at_once = self._now = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self._lock = threading.Lock()
        self._scrypt = hashlib.scrypt

    def __call__(self, password: bytes, **how: Any) -> bytes:
        with self._lock:
            self.count += 1
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        self.go_on.wait(30)
        try:
            return self._scrypt(password, **how)
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Hashed:
    made = Hashed()
    monkeypatch.setattr(hashlib, "scrypt", made)
    return made


def posted(app: ASGIApp, path: str, body: bytes, *, client: tuple[str, int]) -> str:
    """Return the status and the text that an application answers to a form of its own page, from an address."""
    with ThreadPoolExecutor(1) as alone:  # on this thread the browser's own loop runs
        return alone.submit(lambda: asyncio.run(_posted(app, path, body, client))).result()


async def _posted(app: ASGIApp, path: str, body: bytes, client: tuple[str, int]) -> str:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {"host": "127.0.0.1:8737", "origin": "http://127.0.0.1:8737"}
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "http_version": "1.1"}
    scope |= {"scheme": "http", "server": ("127.0.0.1", 8737), "client": client, "root_path": ""}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
    await app(scope, receive, send)
    text = b"".join(message.get("body", b"") for message in sent)
    return f"{sent[0]['status']} {text.decode()}"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:PORT", "127.0.0.1:1", "localhost", "127.0.0.1", "", "a@127.0.0.1:PORT", "["]
)
def test_no_other_name_is_answered(home: PageHome, host: str) -> None:
    answer = home.ask("/", host=host.replace("PORT", str(home.port)) or " ")
    assert answer.status in {400, 403}
    assert b"vsortd</title>" not in answer.body


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_its_own_names_are(home: PageHome, host: str) -> None:
    assert 200 == home.ask("/", host=f"{host}:{home.port}").status


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1"])
def test_nothing_is_changed_by_another_page(home: PageHome, origin: str) -> None:
    for path in ("/pause", "/undo", "/enter", "/leave", "/nothing"):
        assert 403 == home.post(path, {"id": "1"}, origin=origin).status
    assert "running" == home.home.look("status")["state"]


def test_another_page_can_read_nothing(home: PageHome) -> None:
    assert 403 == home.ask("/history", sec_fetch_site="cross-site", sec_fetch_mode="no-cors").status
    assert 403 == home.ask("/events", sec_fetch_site="same-site", sec_fetch_mode="cors").status
    visit_ = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert 200 == home.ask("/history", **visit_, sec_fetch_dest="document").status
    assert 403 == home.ask("/history", **visit_, sec_fetch_dest="iframe").status


@pytest.mark.parametrize("path", ["/", "/history", "/events", "/live/parts", "/undo?id=1", "/jobs/1"])
def test_without_a_session_there_is_only_the_way_in(home: PageHome, path: str) -> None:
    assert 401 == home.ask(path, cookie="").status
    assert 401 == home.ask(path, cookie=f"vsortd-{home.port}=wrong").status
    answer = home.ask(path, cookie="", accept="text/html")
    assert (303, True) == (answer.status, answer.headers["location"].startswith("/enter?to=/"))
    assert 401 == home.post("/pause", cookie="").status


@pytest.mark.parametrize("path", ["/", "/enter", "/nothing", "/events2", "/static/x/style.css", "/jobs/none"])
def test_every_answer_keeps_a_browser_from_running_anything_else(home: PageHome, path: str) -> None:
    headers = home.ask(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert ("nosniff", "no-referrer") == (headers["x-content-type-options"], headers["referrer-policy"])
    assert "same-origin" == headers["cross-origin-resource-policy"]


@pytest.mark.parametrize(
    "path",
    ["/static/x/../page.py", "/static/x/..%2fpage.py", "/static/x/%2e%2e", "/static/x/.hidden", "/static/x/page.py"],
)
def test_nothing_but_what_is_static_is_served_as_such(home: PageHome, path: str) -> None:
    assert 404 == home.ask(path).status


def test_a_code_works_once_and_its_cookie_is_for_this_page_alone(home: PageHome) -> None:
    code = home.way_in().partition("#")[2]
    answer = home.post("/enter", {"code": code, "to": "/history"}, cookie="")
    assert (303, "/history") == (answer.status, answer.headers["location"])
    cookie = answer.headers["set-cookie"]
    assert f"vsortd-{home.port}=" in cookie
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert 403 == home.post("/enter", {"code": code}, cookie="").status
    answer = home.post("/enter", {"code": home.way_in().partition("#")[2], "to": "//evil.example/"}, cookie="")
    assert "/" == answer.headers["location"]


@pytest.mark.parametrize(
    "wanted",
    ["/history?state=failed&text=a%26b%3Dc", "/library?folder=sea%2Fcalm&text=m%C3%B6we", "/search?q=1%25+%23"],
)
def test_who_logs_in_comes_to_what_was_asked_for(home: PageHome, wanted: str) -> None:
    answer = home.ask(wanted, cookie="", accept="text/html")
    shown = home.ask(answer.headers["location"], cookie="").text
    to = re.search(r'name="to" value="([^"]*)"', shown)
    assert to is not None
    code = home.way_in().partition("#")[2]
    answer = home.post("/enter", {"code": code, "to": html.unescape(to[1])}, cookie="")
    assert (303, wanted) == (answer.status, answer.headers["location"])


@pytest.mark.parametrize(
    "to",
    [
        *("//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "evil.example", ""),
        *("/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "javascript:alert(1)"),
    ],
)
def test_who_logs_in_is_sent_to_no_other_place(home: PageHome, to: str) -> None:
    assert 'name="to" value="/"' in home.ask(f"/enter?to={quote(to)}", cookie="").text
    answer = home.post("/enter", {"code": home.way_in().partition("#")[2], "to": to}, cookie="")
    assert (303, "/") == (answer.status, answer.headers["location"])


@pytest.mark.parametrize("to", ["/%2Fevil.example", "/%5Cevil.example", "/%09/evil.example", "/.//evil.example"])
def test_what_only_looks_like_another_place_stays_here(home: PageHome, to: str) -> None:
    answer = home.post("/enter", {"code": home.way_in().partition("#")[2], "to": to}, cookie="")
    assert (303, to) == (answer.status, answer.headers["location"])
    assert f"127.0.0.1:{home.port}" == urlsplit(urljoin(home.address, to)).netloc


@pytest.mark.long
def test_a_script_that_is_no_longer_let_in_leads_back_to_where_it_was(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/history?state=filed")
        page.context.clear_cookies()
        page.get_by_label("Words").fill("summit")
        page.wait_for_url(re.compile(r"/enter\?to=%2Fhistory%3Fstate%3Dfiled$"))
        page.goto(f"{page.url}#{home.way_in().partition('#')[2]}")
        page.reload()
        page.wait_for_url(f"{home.address}/history?state=filed")
        seen.complaints.clear()  # that it was not let in


def test_log_out_everywhere_ends_every_session(browser: Browser, home: PageHome) -> None:
    code = home.way_in().partition("#")[2]
    own = home.post("/enter", {"code": code}, cookie="").headers["set-cookie"].partition(";")[0]
    unused = home.way_in().partition("#")[2]
    with visit(browser, home) as seen:
        assert 303 == home.post("/leave", {"everywhere": "1"}, cookie=own).status
        assert 401 == home.ask("/", cookie=own).status
        seen.go("/history").wait_for_url(re.compile("/enter"))
        seen.complaints.clear()  # the events that it followed
    assert 403 == home.post("/enter", {"code": unused}, cookie="").status
    home._cookie = ""


def test_codes_grow_old_and_wrong_ones_are_limited_in_rate() -> None:
    now_s = [0.0]
    sessions = PageSessions(lambda: now_s[0])
    code = sessions.new_code()
    now_s[0] = CODE_S + 1
    assert sessions.enter(code, "192.0.2.1") is None
    for _ in range(9):
        assert sessions.enter("wrong", "192.0.2.1") is None
    with pytest.raises(TooManyTriesError):
        sessions.enter("wrong", "192.0.2.1")
    now_s[0] += 61
    assert sessions.enter("wrong", "192.0.2.1") is None


def test_a_good_code_lets_in_whatever_strangers_try() -> None:
    sessions = PageSessions()
    for _ in range(10):
        sessions.enter("wrong", "192.0.2.1")
        sessions.enter_by_password("wrong", lambda: QUICK, "192.0.2.1")
    token = sessions.enter(sessions.new_code(), "192.0.2.1")
    assert token is not None
    assert sessions.session(token) is not None


def test_wrong_codes_keep_no_password_out() -> None:
    sessions = PageSessions()
    for _ in range(10):
        sessions.enter("wrong", "192.0.2.1")
    assert sessions.enter_by_password(PASSWORD, lambda: QUICK, "192.0.2.1") is not None


@pytest.mark.parametrize(
    ("stranger", "owner"),
    [("192.0.2.1", "192.0.2.2"), ("::ffff:192.0.2.1", "::ffff:192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1")],
)
def test_a_stranger_keeps_no_other_address_out(stranger: str, owner: str) -> None:
    sessions = PageSessions()
    for _ in range(10):
        assert sessions.enter_by_password("wrong", lambda: QUICK, stranger) is None
    with pytest.raises(TooManyTriesError):
        sessions.enter_by_password(PASSWORD, lambda: QUICK, stranger)
    assert sessions.enter_by_password(PASSWORD, lambda: QUICK, owner) is not None


def test_a_network_of_ipv6_is_one_address_and_right_passwords_are_not_counted() -> None:
    sessions = PageSessions()
    for number in range(10):
        assert sessions.enter_by_password(PASSWORD, lambda: QUICK, "2001:db8::1") is not None
        assert sessions.enter_by_password("wrong", lambda: QUICK, f"2001:db8::{number}:1") is None
    with pytest.raises(TooManyTriesError):
        sessions.enter_by_password("wrong", lambda: QUICK, "2001:db8::ffff")


def test_only_so_many_addresses_are_remembered() -> None:
    tries = LimitedTries()
    for number in range(3000):
        tries.begin(f"10.0.{number // 250}.{number % 250}")
    assert 1024 == len(tries._wrong)


def test_strangers_make_nothing_hashed_beyond_their_tries(hashed: Hashed, tmp_path: Path) -> None:
    key = tmp_path / "page.key"
    key.write_text(QUICK)
    sessions, refused = PageSessions(), 0
    for _ in range(30):
        try:
            sessions.enter_by_password("wrong", lambda: read_password_file(key), "192.0.2.1")
        except TooManyTriesError:
            refused += 1
    assert (10, 20) == (hashed.count, refused)


def test_the_page_looks_at_no_password_before_it_may_be_tried(hashed: Hashed, tmp_path: Path) -> None:
    key = tmp_path / "page.key"
    key.write_text(QUICK)
    app = page_app(
        Page(cast("PageHost", SimpleNamespace(state_folder=tmp_path)), PageSessions()),
        port=8737,
        password=lambda: read_password_file(key),
    )
    told = [posted(app, "/enter", b"password=wrong", client=("192.0.2.1", 5)) for _ in range(12)]
    assert 10 == hashed.count
    assert ["That isn" in one for one in told] == [True] * 10 + [False] * 2
    assert "Too many wrong tries" in told[-1]
    other = posted(app, "/enter", f"password={quote(PASSWORD)}".encode(), client=("192.0.2.2", 5))
    assert "303" == other[:3]


def test_one_password_is_hashed_at_a_time_and_few_wait(hashed: Hashed) -> None:
    hashed.go_on.clear()
    sessions, told = PageSessions(), list[str]()

    def enter(number: int) -> None:
        try:
            sessions.enter_by_password("wrong", lambda: QUICK, f"192.0.2.{number}")
            told.append("wrong")
        except TooManyTriesError:
            told.append("too many")

    trying = [threading.Thread(target=enter, args=(number,)) for number in range(9)]
    for thread in trying:
        thread.start()
    while len(told) < 5:  # those that need not wait
        threading.Event().wait(0.01)
    assert ["too many"] * 5 == told
    hashed.go_on.set()
    for thread in trying:
        thread.join(30)
    assert (4, 1) == (told.count("wrong"), hashed.most_at_once)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "scrypt",
        "scrypt$1$8$1$AA==$AA==",
        "scrypt$1000$8$1$AA==$KEY",
        "scrypt$64$8$1$AA==$AA==",
        "scrypt$64$8$1$!$KEY",
        "scrypt$1048576$32$1$AA==$KEY",
        "scrypt$64$8$-1$AA==$KEY",
        "md5$64$8$1$AA==$KEY",
        "scrypt$x$8$1$AA==$KEY",
    ],
)
def test_what_is_no_hash_is_told_before_any_is_tried(tmp_path: Path, hashed: Hashed, wrong: str) -> None:
    key = tmp_path / "page.key"
    key.write_text(wrong.replace("KEY", QUICK.rpartition("$")[2]))
    with pytest.raises(UsageError, match="holds no hashed password"):
        read_password_file(key)
    assert 0 == hashed.count


def test_a_password_is_kept_hashed_and_asked_for_on_other_addresses(tmp_path: Path) -> None:
    stored = hashed_password(PASSWORD)
    assert PASSWORD not in stored
    assert (True, False) == (is_password(PASSWORD, stored), is_password(PASSWORD + " ", stored))
    key = tmp_path / "page.key"
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", "web", "password", "--out", key],
        input=f"{PASSWORD}\n",
        text=True,
        check=True,
        capture_output=True,
    )
    assert str(key) in done.stdout
    assert 0o600 == key.stat().st_mode & 0o777
    assert is_password(PASSWORD, read_password_file(key))
    key.write_text("plain\n")
    with pytest.raises(UsageError, match="holds no hashed password"):
        read_password_file(key)


@pytest.mark.long
def test_the_page_of_another_address_lets_in_by_password(tmp_path: Path) -> None:
    key = tmp_path / "page.key"
    key.write_text(hashed_password(PASSWORD))
    home = PageHome.start(tmp_path / "home", web=f"host: 0.0.0.0, password_file: {key}")
    try:
        assert "Password" in home.ask("/enter", cookie="").text
        assert 403 == home.post("/enter", {"password": "wrong"}, cookie="").status
        answer = home.post("/enter", {"password": PASSWORD}, cookie="")
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert 200 == home.ask("/", cookie=cookie).status
        assert 403 == home.ask("/", cookie=cookie, host=f"evil.example:{home.port}").status
        for _ in range(11):
            answer = home.post("/enter", {"password": "wrong"}, cookie="")
        assert "Too many wrong tries" in answer.text
    finally:
        home.stop()


@pytest.mark.long
def test_a_port_that_another_program_has_leaves_the_daemon_without_a_page(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} can't be had, another program has it"):
            listening(Web(port=port))
        home = PageHome.start(tmp_path / "home", port=port)
        try:
            page = home.home.look("status")["page"]
            assert "" == page["address"]
            assert "another program has it" in page["reason"]
            assert "another program has it" in home.home.run("open", code=2).stderr
        finally:
            home.stop()


@pytest.mark.long
def test_a_page_that_is_off_says_so(tmp_path: Path) -> None:
    home = PageHome.start(tmp_path / "home", web="off")
    try:
        assert "switched off" in home.home.run("open", code=2).stderr
    finally:
        home.stop()
