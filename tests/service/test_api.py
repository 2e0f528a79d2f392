"""The control API and its client, over real sockets."""

from __future__ import annotations

import http.client
import json
import os
import socket
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.outcomes import ItemState
from vsortd.errors import ConfigError, DaemonUnreachableError, ModelError, UsageError, VsortdError
from vsortd.filing.history_query import HistoryQuery
from vsortd.filing.release import ReleaseReport, ReleaseVerb
from vsortd.filing.undo import Selection, UndoReport
from vsortd.library.search.requests import Request
from vsortd.service.client import SOCKET_NAME, TOKEN_NAME, Client
from vsortd.service.event_stream import Hub
from vsortd.service.server import ControlServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from vsortd.core.documents import PreviewAnswerDocument, ReloadDocument
    from vsortd.service.request_models import PreviewRulesRequest


class Fake:
    """A daemon that only remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.wrong: list[str] = []
        self.freed = [Path("/in/a.mp4")]
        self.hub = Hub()

    def status(self) -> dict[str, Any]:
        return {"state": "running", "threads": threading.active_count(), "asked": len(self.asked)}

    def health(self) -> list[str]:
        return self.wrong

    def metrics(self) -> str:
        return "vsortd_queued 3\n"

    def history(self, query: HistoryQuery) -> list[dict[str, Any]]:
        self.asked.append(query)
        return [{"id": 7}]

    def search(self, request: Request, config: str) -> dict[str, Any] | None:
        if config == "another":
            return None
        self.asked.append(request)
        return {"scenes": []}

    def events(self) -> AsyncIterator[str]:
        return self.hub.stream(self.status)

    def pause(self, inbox: Path | None = None, for_s: float | None = None) -> dict[str, Any]:
        if inbox == Path("/elsewhere"):
            details = ["one\n\x1b", "two\udcff"]  # as names are: nothing is escaped on the way
            raise UsageError("/elsewhere is not an inbox.", details=details, remedy="There are: /in.")
        self.asked.append(("pause", inbox, for_s))
        return self.status()

    def resume(self, inbox: Path | None = None) -> dict[str, Any]:
        self.asked.append(("resume", inbox))
        return self.status()

    def undo(self, selection: Selection, *, dry_run: bool) -> UndoReport:
        self.asked.append((selection, dry_run))
        return UndoReport([], [(3, "no such item")])

    def release_or_retry(self, verb: ReleaseVerb, names: Sequence[str], *, everything: bool) -> ReleaseReport:
        self.asked.append((verb, list(names), everything))
        return ReleaseReport(self.freed, [("9", "no held item has this id")])

    def sort(
        self, paths: Sequence[Path], config: str, on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> list[dict[str, Any]] | None:
        if config == "slow":
            self.asked.append("sorting")
            cancel.wait(10)
            self.asked.append("cancelled" if cancel.is_set() else "in vain")
        on_progress(1, 2)
        if config == "bad":
            raise UsageError("it is not there.", remedy="Name videos.")
        return None if config == "other" else [{"source": str(path)} for path in paths]

    def preview_text(
        self, asked: PreviewRulesRequest, on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> PreviewAnswerDocument | None:
        if asked.config == "slow":
            self.asked.append("deciding")
            cancel.wait(10)
            self.asked.append("cancelled" if cancel.is_set() else "in vain")
        on_progress(1, 2)
        if asked.config == "bad":
            raise ModelError("it is not there.", remedy="Fetch it.")
        return None if asked.config == "other" else {"items": [], "elsewhere": 3 if asked.look else 0}

    def scan(self) -> None:
        self.asked.append("scan")

    def reload(self) -> ReloadDocument:
        self.asked.append("reload")
        if len(self.asked) > 1:
            raise ConfigError("line 3: no")
        return {"changed": ["rules"], "retried": ["/in/a.mp4"]}

    def stop(self) -> None:
        self.asked.append("stop")


@pytest.fixture(params=["socket", "loopback"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Fake, Path]]:
    fake = Fake()
    server = ControlServer(fake, tmp_path, loopback=request.param == "loopback")
    server.start()
    yield fake, tmp_path
    fake.hub.close()
    server.stop()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def on_a_socket(tmp_path: Path) -> Iterator[tuple[Fake, Path]]:
    fake = Fake()
    server = ControlServer(fake, tmp_path)
    server.start()
    yield fake, tmp_path
    server.stop()


def test_commands_reach_the_daemon(served: tuple[Fake, Path]) -> None:
    fake, folder = served
    client = Client(folder)
    assert "running" == client.status()["state"]
    client.scan()
    client.stop()
    assert ["scan", "stop"] == fake.asked


def test_a_refused_reload_tells_the_reason_and_a_good_one_what_changed(served: tuple[Fake, Path]) -> None:
    client = Client(served[1])
    assert {"changed": ["rules"], "retried": ["/in/a.mp4"]} == client.reload()
    with pytest.raises(ConfigError, match="line 3: no"):
        client.reload()


def test_only_the_owner_can_open_the_socket_or_read_the_token(served: tuple[Fake, Path]) -> None:
    _, folder = served
    (made,) = folder.iterdir()
    assert 0o600 == stat.S_IMODE(made.stat().st_mode)


def test_every_call_has_its_words_and_its_answer(served: tuple[Fake, Path]) -> None:
    fake, folder = served
    client = Client(folder)
    assert [{"id": 7}] == client.history(last=5, tag="a b&c", state="filed,held", rule="sea")
    assert "running" == client.pause(inbox=Path("/in"), for_s=7200.0)["state"]
    assert "running" == client.resume()["state"]
    assert [{"id": 3, "reason": "no such item"}] == client.undo([3, 4], dry_run=True)["refused"]
    assert ["/in/a.mp4"] == client.release_or_retry(ReleaseVerb.RELEASE, ["9"], everything=False)["freed"]
    assert "vsortd_queued 3\n" == client.metrics()
    assert [] == client.health()
    fake.wrong.append("no model")
    assert ["no model"] == client.health()
    assert [
        HistoryQuery(last=5, tag="a b&c", states=frozenset({ItemState.FILED, ItemState.HELD}), rule="sea"),
        ("pause", Path("/in"), 7200.0),
        ("resume", None),
        (Selection(ids=(3, 4)), True),
        ("release", ["9"], False),
    ] == fake.asked


def test_a_refusal_comes_with_its_kind_and_remedy(served: tuple[Fake, Path]) -> None:
    with pytest.raises(UsageError, match="not an inbox") as caught:
        Client(served[1]).pause(inbox=Path("/elsewhere"))
    assert caught.value.remedy == "There are: /in."
    assert ("one\n\x1b", "two\udcff") == caught.value.details


def test_files_are_sorted_with_progress_or_for_a_reason_not(served: tuple[Fake, Path]) -> None:
    client, steps = Client(served[1]), list[tuple[int, int]]()
    found = client.sort([Path("/in/a.mp4")], "this", lambda done, total: steps.append((done, total)))
    assert ([{"source": "/in/a.mp4"}], [(1, 2)]) == (found, steps)
    assert client.sort([], "other") is None
    with pytest.raises(UsageError, match="it is not there"):
        client.sort([], "bad")


def test_a_search_arrives_as_it_was_asked_or_is_left_to_the_command(served: tuple[Fake, Path]) -> None:
    daemon, folder = served
    request = Request(
        ("a dog",),
        ("a cat",),
        like=("/a.mp4@1:23",),
        window_s=4.5,
        min_score=0.25,
        under="/lib",
        orientation=("square",),
        tag="mood:calm",
        per_shot=True,
    )
    assert {"scenes": []} == Client(folder).search(request.to_json(), "mine")
    assert [request] == daemon.asked
    assert Client(folder).search(request.to_json(), "another") is None
    with pytest.raises(UsageError, match="window_s"):
        Client(folder).search({**request.to_json(), "window_s": "long"}, "mine")


def test_rules_are_previewed_step_by_step(served: tuple[Fake, Path]) -> None:
    client, steps = Client(served[1]), list[tuple[int, int]]()

    def asked(config: str, *, look: bool = False) -> PreviewAnswerDocument | None:
        path = Path("/a/config.yaml")
        return client.preview_rules(path, "x", config, look=look, on_progress=lambda *step: steps.append(step))

    assert {"items": [], "elsewhere": 0} == asked("mine")
    assert {"items": [], "elsewhere": 3} == asked("mine", look=True)
    assert asked("other") is None
    with pytest.raises(VsortdError, match="it is not there"):
        asked("bad")
    assert [(1, 2)] * 4 == steps


@pytest.mark.parametrize(
    ("call", "body", "begun"),
    [
        ("sort", b'{"paths": [], "config": "slow"}', "sorting"),
        ("preview_rules", b'{"config": "slow"}', "deciding"),
    ],
)
def test_long_work_ends_when_nobody_listens(served: tuple[Fake, Path], call: str, body: bytes, begun: str) -> None:
    fake, folder = served
    connection, headers = Client(folder)._connection(5.0)
    connection.request("POST", f"/v1/{call}", body, headers)
    assert eventually(lambda: begun in fake.asked)
    connection.close()
    assert eventually(lambda: "cancelled" in fake.asked)


def eventually(condition: Callable[[], bool]) -> bool:
    deadline_s = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return condition()


def test_events_tell_the_state_at_once_and_what_happens(served: tuple[Fake, Path]) -> None:
    fake, folder = served
    events = Client(folder).events()
    assert ("status", 0) == ((first := next(events))["event"], first["data"]["asked"])
    fake.hub.tell_item({"id": 1, "source": "/in/ü.mp4"})
    assert {"event": "item", "data": {"id": 1, "source": "/in/ü.mp4"}} == next(events)
    for _ in range(100):  # a flood is told once, as it stands then
        fake.asked.append("x")
        fake.hub.changed()
    states = [next(events)["data"]["asked"]]
    if states[-1] < 100:
        states.append(next(events)["data"]["asked"])
    fake.hub.close()
    with pytest.raises(DaemonUnreachableError):
        states += [one["data"]["asked"] for one in events]
    assert 100 == states[-1]
    assert len(states) < 10


def test_a_quiet_stream_is_pinged(served: tuple[Fake, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsortd.service.event_stream.PING_EVERY_S", 0.05)
    events = Client(served[1]).events()
    assert ["status", "ping", "ping"] == [next(events)["event"] for _ in range(3)]


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/v1/status?x=1", None, 422),
        ("GET", "/v1/history?last=many", None, 422),
        ("GET", "/v1/history?since=nan", None, 422),
        ("POST", "/v1/pause", b"no json", 422),
        ("POST", "/v1/pause", b"[]", 422),
        ("POST", "/v1/pause", b'{"for_s": -1}', 422),
        ("POST", "/v1/pause", b'{"for_s": true}', 422),
        ("POST", "/v1/undo", b'{"ids": ["a"]}', 422),
        ("POST", "/v1/undo", b'{"ids": 3}', 422),
        ("POST", "/v1/undo", b'{"sudo": true}', 422),
        ("POST", "/v1/undo", b'{"last": 0}', 422),
        ("POST", "/v1/undo", b'{"last": -1}', 422),
        ("POST", "/v1/undo", b'{"last": 1.5}', 422),
        ("POST", "/v1/undo", b'{"ids": [99999999999999999999]}', 422),
        ("POST", "/v1/undo", b'{"since": NaN}', 422),
        ("POST", "/v1/undo", b'{"since": 1e999}', 422),
        ("POST", "/v1/undo", b'{"all": 1}', 422),
        ("POST", "/v1/undo", b'{"\\ud800": 1}', 422),
        ("POST", "/v1/undo", b'{"batch": 7}', 422),
        ("POST", "/v1/undo", b'{"last": ' + b"9" * 5000 + b"}", 422),
        ("POST", "/v1/pause", b'{"for_s": 1e999}', 422),
        ("GET", "/v1/history?since=1e12", None, 422),
        ("POST", "/v1/undo", b'{"since": -1e12}', 422),
        ("POST", "/v1/sort", b'{"paths": ["a.mp4"]}', 422),
        ("POST", "/v1/sort", b'{"paths": [""]}', 422),
        ("POST", "/v1/pause", b'{"inbox": "/a\\u0000b"}', 422),
        ("POST", "/v1/release", b'{"which": "7"}', 422),
        ("POST", "/v1/release", b'{"which": ["\\ud800"]}', 422),
        ("POST", "/v1/search", b'{"window_s": "long"}', 422),
        ("POST", "/v1/sort", b'{"paths": [3]}', 422),
        ("POST", "/v1/sort", b"\xff\xfe", 422),
        ("POST", "/v1/stop", b'{"now": true}', 422),
        ("POST", "/v1/undo", b"[" * 100_000, 422),
        ("POST", "/v1/undo", b" " * ((1 << 20) + 1), 413),
        ("GET", "/v1/stop", None, 405),
        ("POST", "/v2/stop", None, 404),
        ("POST", "/v1/stop/", None, 404),
        ("POST", "//v1/stop?%ff", None, 404),
    ],
)
def test_what_is_not_understood_is_refused_and_harms_nothing(
    on_a_socket: tuple[Fake, Path], method: str, path: str, body: bytes | None, code: int
) -> None:
    fake, folder = on_a_socket
    connection, _ = Client(folder)._connection(5.0)
    connection.request(method, path, body)
    response = connection.getresponse()
    assert (code, []) == (response.status, fake.asked)
    told = json.loads(response.read())
    assert {"ok", "error", "details", "remedy", "exit_code"} == told.keys()
    assert (False, True) == (told["ok"], bool(told["error"]))
    connection.close()
    assert "running" == Client(folder).status()["state"]


@pytest.mark.parametrize(
    ("path", "body", "error", "remedy"),
    [
        (
            "pause",
            b'{"for_s": -1, "inbox": 3}',
            "inbox is 3: input should be a valid string; for_s is -1: input should be greater than 0.",
            "",
        ),
        ("undo", b'{"ids": [1, "a"]}', "ids[1] is 'a': input should be a valid integer.", ""),
        (
            "undo",
            b'{"sudo": true, "al": 1}',
            "The request says al, sudo, which is not known here.",
            "Known are: ids, last, since, batch, all, dry_run.",
        ),
        ("scan", b'{"now": true}', "The request says now, which is not known here.", "It takes none."),
        ("release", b'{"which": ["a\\u0000"]}', "which[0] is 'a\\x00': it holds a zero byte.", ""),
    ],
)
def test_a_refusal_names_each_field_and_what_it_may_be(
    on_a_socket: tuple[Fake, Path], path: str, body: bytes, error: str, remedy: str
) -> None:
    connection, _ = Client(on_a_socket[1])._connection(5.0)
    connection.request("POST", f"/v1/{path}", body)
    response = connection.getresponse()
    told = json.loads(response.read())
    connection.close()
    assert (422, error, remedy) == (response.status, told["error"], told["remedy"])
    assert [] == on_a_socket[0].asked


def test_names_whose_bytes_are_no_utf8_arrive_as_they_are(served: tuple[Fake, Path]) -> None:
    fake, folder = served
    odd = os.fsdecode(b"/in/\xff.mp4")
    fake.freed = [Path(odd)]
    assert [odd] == Client(folder).release_or_retry(ReleaseVerb.RETRY, [odd], everything=False)["freed"]
    assert [("retry", [odd], False)] == fake.asked


def test_who_takes_too_long_to_say_what_he_wants_is_left(
    on_a_socket: tuple[Fake, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsortd.web.bodies.BODY_TIMEOUT_S", 0.2)
    connection, _ = Client(on_a_socket[1])._connection(5.0)
    connection.putrequest("POST", "/v1/pause")
    connection.putheader("Content-Length", "10")
    connection.endheaders(b"{")
    assert 408 == connection.getresponse().status
    connection.close()


def test_loopback_wants_the_token(tmp_path: Path) -> None:
    fake = Fake()
    server = ControlServer(fake, tmp_path, loopback=True)
    server.start()
    try:
        path = tmp_path / TOKEN_NAME
        known = json.loads(path.read_text())
        assert len(known["token"]) >= 43
        path.write_text(json.dumps({**known, "token": "x" * 43}))
        with pytest.raises(DaemonUnreachableError):
            Client(tmp_path).stop()
        connection = http.client.HTTPConnection("127.0.0.1", known["port"], timeout=5)
        connection.request("POST", "/v1/stop")
        assert (401, []) == (connection.getresponse().status, fake.asked)
        connection.close()
    finally:
        server.stop()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost", "Origin": "http://evil.example"},
        {"Host": "localhost", "Origin": "null"},
        {"Host": "localhost.evil.example:80"},
        {"Host": "localhost", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=["host", "origin", "null origin", "host's name inside another", "fetched by a page"],
)
def test_what_comes_from_a_web_page_is_refused(served: tuple[Fake, Path], headers: dict[str, str]) -> None:
    fake, folder = served
    connection, token = Client(folder)._connection(5.0)
    connection.request("POST", "/v1/stop", headers={**token, **headers})
    response = connection.getresponse()
    assert (403, []) == (response.status, fake.asked)
    assert not [name for name, _ in response.getheaders() if name.lower().startswith("access-control")]
    connection.close()


def test_a_folder_with_a_name_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    server = ControlServer(Fake(), folder)
    server.start()
    try:
        assert "running" == Client(folder).status()["state"]
    finally:
        server.stop()


def test_no_daemon_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachableError, match="No daemon answers"):
        Client(tmp_path).status()


def test_a_socket_left_by_a_dead_daemon_is_no_daemon(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(tmp_path / SOCKET_NAME))
    left.close()
    with pytest.raises(DaemonUnreachableError):
        Client(tmp_path).status()
    server = ControlServer(Fake(), tmp_path)
    server.start()
    assert "running" == Client(tmp_path).status()["state"]
    server.stop()
