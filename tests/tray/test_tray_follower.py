"""The follower hands on what a real server streams, and tells when it goes and comes back."""

from __future__ import annotations

import contextlib
import json
import queue
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.tray import FakeClient, item, status
from tests.support.waiting import PATIENCE_S, until
from vsortd.service.client import SOCKET_NAME, Client
from vsortd.tray.follower import EventFollower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform == "win32":
    pytest.skip("no Unix sockets here", allow_module_level=True)

END = object()


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The daemon's side of two requests, on a Unix socket, with a test's hand at the stream."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        self.path = folder / SOCKET_NAME
        self.feed: queue.Queue[Any] = queue.Queue()
        super().__init__(str(self.path), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def tell(self, event: str, data: dict[str, Any]) -> None:
        self.feed.put(f"event: {event}\ndata: {json.dumps(data)}\n\n")

    def close(self) -> None:
        """End as a daemon does that dies: the socket's file may stay."""
        self.feed.put(END)
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/v1/history"):
            body = json.dumps({"schema_version": 1, "items": [item(2), item(1)]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"event: status\ndata: {json.dumps(status())}\n\n".encode())
        feed = self.server.feed  # type: ignore[attr-defined]
        while (text := feed.get()) is not END:
            with contextlib.suppress(OSError):
                self.wfile.write(text.encode())

    def address_string(self) -> str:
        return "a Unix socket"

    def log_message(self, *_: object) -> None:
        return


class Heard:
    """Gathers what a follower hands on."""

    def __init__(self, client: Any) -> None:
        self.events: list[tuple[str, Any]] = []
        self.gone: list[str] = []
        self.fatal: list[BaseException] = []
        self.follower = EventFollower(
            client,
            on_event=lambda event: self.events.append((event["event"], event["data"])),
            on_gone=self.gone.append,
            on_fatal=self.fatal.append,
            first_wait_s=0.02,
        )
        self.follower.start()

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Server]:
    (folder / SOCKET_NAME).unlink(missing_ok=True)
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()


def test_it_hands_on_the_status_then_the_history_then_what_happens(own_state: Path) -> None:
    with _server(own_state) as server:
        heard = Heard(Client(own_state))
        until(lambda: len(heard.events) == 2, what="the beginning was heard")
        server.tell("item", item(3))
        server.tell("ping", {})
        server.tell("status", status("paused"))
        until(lambda: len(heard.events) == 5, what="all was heard")
        heard.follower.stop()
    assert ["status", "history", "item", "ping", "status"] == heard.kinds
    assert [2, 1] == [one["id"] for one in heard.events[1][1]]
    assert (3, "paused") == (heard.events[2][1]["id"], heard.events[4][1]["state"])
    heard.follower.stop(patience_s=PATIENCE_S)
    assert ([], []) == (heard.gone, heard.fatal)


def test_a_daemon_that_goes_and_comes_back_is_told_each_time(own_state: Path) -> None:
    heard = Heard(Client(own_state))
    until(lambda: len(heard.gone) == 1, what="the absence at the start was told")
    for times in (2, 3):
        with _server(own_state):
            until(lambda: heard.kinds[-2:] == ["status", "history"], what="it was found")
        until(lambda times=times: len(heard.gone) == times, what="it was missed")
        heard.events.append(("-", None))
    heard.follower.stop(patience_s=PATIENCE_S)
    assert ["status", "history", "-", "status", "history", "-"] == heard.kinds
    assert "No daemon answers" in heard.gone[0]
    assert [] == heard.fatal


def test_a_long_absence_is_told_once() -> None:
    client = FakeClient()
    heard = Heard(client)
    until(lambda: heard.gone, what="the absence was told")
    client.come()
    until(lambda: "history" in heard.kinds, what="it was found though it was long away")
    client.go()
    until(lambda: len(heard.gone) == 2, what="the second absence was told")
    heard.follower.stop(patience_s=PATIENCE_S)
    assert 2 == len(heard.gone)


def test_an_error_that_is_no_absence_is_handed_on() -> None:
    """Else the thread would be dead and the icon would look well for ever."""

    class Broken(FakeClient):
        def events(self) -> Iterator[dict[str, Any]]:
            raise KeyError("event")

    heard = Heard(Broken())
    until(lambda: heard.fatal, what="the error was handed on")
    assert isinstance(heard.fatal[0], KeyError)
