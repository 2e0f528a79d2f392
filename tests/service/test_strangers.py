"""Other programs of this machine on the daemon's port: they keep nobody out, and cost little."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from tests.service.test_api import Fake
from tests.support import harness
from tests.support.stranger import MANNERS
from tests.support.waiting import PATIENCE_S, until
from vsortd.service.client import SOCKET_NAME, TOKEN_NAME, Client
from vsortd.service.server import ControlServer
from vsortd.web import connections
from vsortd.web.connections import MOST_CONNECTIONS, Connections, Teller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What the daemon has open besides connections, amply.
OWN_FILES = 100
# As many lines as one manner may cause in the half minute or so that it lasts: one of each kind that there is.
MOST_LINES = 3
NEEDS_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts files in /proc")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Home]:
    one = harness.Home.make(tmp_path_factory.mktemp("strangers") / "home", more="control: loopback\n")
    one.start()
    one.wait(lambda: "ready after" in one.log(), what="the model is there")
    yield one
    assert 0 == one.stop()


@contextlib.contextmanager
def stranger(home: harness.Home, manner: str, count: int) -> Iterator[None]:
    """Hold connections to the daemon in another process."""
    port = json.loads((home.folder / "state" / TOKEN_NAME).read_text())["port"]
    command = [sys.executable, "-m", "tests.support.stranger", str(port), manner, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert b"held\n" == process.stdout.readline()
            yield
        finally:
            process.stdin.close()
            process.wait(PATIENCE_S)


def files_of(home: harness.Home) -> int:
    assert home.daemon is not None
    return len(os.listdir(f"/proc/{home.daemon.pid}/fd"))  # noqa: PTH208 - only how many


@pytest.mark.few(2)
@NEEDS_LINUX
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("manner", "count"), [("idle", 64), ("idle", 1500), *((manner, 100) for manner in MANNERS if manner != "idle")]
)
def test_the_owner_gets_in_whatever_strangers_hold(home: harness.Home, manner: str, count: int) -> None:
    lines = len(home.log().splitlines())
    with stranger(home, manner, count):
        for _ in range(2):
            assert "running" == home.json("status")["state"]
            assert files_of(home) <= MOST_CONNECTIONS + connections.BACKLOG + OWN_FILES
    assert len(home.log().splitlines()) - lines <= MOST_LINES, home.log()


@pytest.mark.long
@NEEDS_LINUX
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_daemon_without_files_left_says_so_now_and_then_and_goes_on_once_it_has_some(home: harness.Home) -> None:
    assert home.daemon is not None
    pid = home.daemon.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    lines = len(home.log().splitlines())
    with stranger(home, "idle", 64):
        home.wait(lambda: files_of(home) >= 64, what="the connections are there")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files_of(home), before[1]))
        try:
            home.wait(lambda: "no connection can be accepted" in home.log(), what="it says so")
            for _ in range(3):
                home.run("status", code=None)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        home.wait(lambda: bool(home.look("status", code=None)["state"] == "running"), what="it answers again")
    assert len(home.log().splitlines()) - lines <= MOST_LINES, home.log()
    assert "`ulimit -n`" in home.log()


@pytest.mark.long
@NEEDS_LINUX
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_daemon_whose_model_has_too_few_files_ends_so_that_a_clean_one_can_start(tmp_path: Path) -> None:
    """With ever more files it comes further; it either works at last or has ended, and never does neither."""
    how, limit = dict[int, str](), 25
    while "works" not in how.values():
        how[limit] = fate(harness.Home.make(tmp_path / str(limit), more="control: loopback\n"), limit)
        limit += 1
        assert limit < 64, how
    assert "no model" in how.values(), how


def fate(home: harness.Home, limit: int) -> str:
    """Return what becomes of a daemon that may have so many files open."""
    with (home.folder / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "vsortd", "run"],
            env=home.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),  # noqa: PLW1509 - one call
        )
    with daemon:
        until(lambda: daemon.poll() is not None or "ready after" in home.log(), what=f"{limit} files do or don't")
        if daemon.poll() is None:
            daemon.terminate()
            return "works"
    assert 1 == daemon.returncode, home.log()
    return "no model" if "failed to load" in home.log() else "no daemon"


@pytest.fixture(params=["socket", "loopback"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    fake = Fake()
    server = ControlServer(fake, tmp_path, loopback=request.param == "loopback")
    server.start()
    yield tmp_path
    fake.hub.close()
    server.stop()


def connect(folder: Path) -> socket.socket:
    if (folder / SOCKET_NAME).exists():
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.connect(str(folder / SOCKET_NAME))
    else:
        one = socket.create_connection(("127.0.0.1", json.loads((folder / TOKEN_NAME).read_text())["port"]))
    one.settimeout(PATIENCE_S)
    return one


def ends(one: socket.socket) -> bool:
    """Wait until the other side has closed a connection."""
    try:
        while one.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def drip(one: socket.socket, piece: bytes, done: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not done.wait(0.02):
            one.sendall(piece)


@pytest.mark.parametrize("piece", [b"", b"x", b"G"], ids=["nothing", "a name", "a method"])
def test_who_does_not_come_to_the_end_of_a_header_is_dropped(
    served: Path, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_TIMEOUT_S", 0.3)
    done = threading.Event()
    with connect(served) as one:
        dripping = threading.Thread(target=drip, args=(one, piece, done))
        if piece:
            dripping.start()
        assert ends(one)
        done.set()
        if piece:
            dripping.join()


def test_the_next_request_has_no_longer_for_its_header_than_the_first(
    served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_TIMEOUT_S", 0.3)
    _, headers = Client(served)._connection(5.0)
    token = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    done = threading.Event()
    with connect(served) as one:
        one.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n" + token + b"\r\n")
        assert one.recv(4096).startswith(b"HTTP/1.1 200")
        dripping = threading.Thread(target=drip, args=(one, b"G", done))
        dripping.start()
        assert ends(one)
        done.set()
        dripping.join()


@pytest.mark.parametrize("token", [b"", b"Authorization: Bearer no\r\n"], ids=["none", "a wrong one"])
def test_without_the_token_no_body_is_read(tmp_path: Path, token: bytes) -> None:
    server = ControlServer(Fake(), tmp_path, loopback=True)
    server.start()
    done = threading.Event()
    try:
        with connect(tmp_path) as one:
            one.sendall(b"POST /v1/stop HTTP/1.1\r\nHost: evil\r\nContent-Length: 99999999999\r\n" + token + b"\r\n")
            dripping = threading.Thread(target=drip, args=(one, b" " * 100, done))
            dripping.start()
            assert one.recv(4096).startswith(b"HTTP/1.1 401")
            assert ends(one)
            done.set()
            dripping.join()
    finally:
        server.stop()


@pytest.mark.parametrize(
    "said",
    [b"\x16\x03\x01 tls\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, b"GET / HTTP/1.1\r\n\r\n\xff\r\n\r\n"],
)
def test_what_is_no_http_is_refused_like_all_else_and_told_once(served: Path, said: bytes) -> None:
    told: list[str] = []
    handler = logger.add(lambda message: told.append(str(message)), level="WARNING", format="{message}")
    try:
        for _ in range(5):
            with connect(served) as one:
                one.sendall(said)
                answer = b""
                with contextlib.suppress(ConnectionError):
                    while piece := one.recv(4096):
                        answer += piece
                head, _, body = answer.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 40"), answer
                assert not json.loads(body.partition(b"HTTP/1.1")[0])["ok"]
    finally:
        logger.remove(handler)
    assert 1 >= len(told), told


class Held:
    """A connection of which only the end is seen."""

    def __init__(self) -> None:
        self.dropped = False

    def drop(self) -> None:
        """Note the end."""
        self.dropped = True


def test_the_stranger_that_came_first_makes_room_and_never_the_owner() -> None:
    table, held = Connections(Teller("the control API"), most=3), [Held() for _ in range(6)]
    table.come(held[0])  # type: ignore[arg-type]
    table.prove(held[0])  # type: ignore[arg-type]
    for one in held[1:5]:
        table.come(one)  # type: ignore[arg-type]
    assert [False, True, True, False, False, False] == [one.dropped for one in held]
    table.go(held[0])  # type: ignore[arg-type]
    table.come(held[5])  # type: ignore[arg-type]
    assert [False, True, True, False, False, False] == [one.dropped for one in held]
    for one in held[3:]:
        table.prove(one)  # type: ignore[arg-type]
    late = Held()
    table.come(late)  # type: ignore[arg-type]
    assert late.dropped, "only the owner's own are there"


def test_what_strangers_cause_is_told_at_once_and_then_once_a_minute() -> None:
    told: list[Any] = []
    handler = logger.add(lambda message: told.append(message.record["message"]), level="WARNING")
    now_s = [0.0]
    teller = Teller("the control API", clock=lambda: now_s[0])
    try:
        for second in range(150):
            now_s[0] = float(second)
            teller.tell("a", "this")
            if second == 5:
                teller.tell("b", "that")
    finally:
        logger.remove(handler)
    said = "the control API: this (59 times more since this was last said)"
    assert ["the control API: this", "the control API: that", said, said] == told
