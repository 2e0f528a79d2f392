"""The control API gets what its description allows, what it forbids, and what is no HTTP: it answers 2xx or 4xx.

The whole API over real sockets, with a real journal and the sample model; only its main loop isn't there, so that
"stop" ends nothing. `VSORTD_FUZZ=2000 pytest tests/service/test_api_fuzz.py` asks more.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import harness
from tests.support.schema_values import ANYTHING, HOSTILE_TEXTS, objects
from tests.support.waiting import PATIENCE_S
from vsortd.config.dump import fingerprint
from vsortd.config.load import load_settings
from vsortd.pipeline.services import Services
from vsortd.service.client import Client
from vsortd.service.controller import Controller
from vsortd.service.request_models import CALLS
from vsortd.service.server import ControlServer
from vsortd.service.workflow import Workflow
from vsortd.web import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNT = int(os.environ.get("VSORTD_FUZZ", "50"))
often = settings(
    max_examples=COUNT,
    deadline=None,
    derandomize=COUNT == 150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + COUNT)]
# Those that stream; what comes first is enough of them.
STREAMS = {"events", "preview_rules", "sort"}


class Served:
    """The API of one home, and the fingerprint of its config."""

    def __init__(self, home: harness.Home, services: Services, server: ControlServer, port: int, token: str) -> None:
        self.home = home
        self.config = fingerprint(services.settings)
        self.server = server
        self.port = port
        self.token = token

    def ask(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """Return the status and the beginning of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, target, body, {"Authorization": f"Bearer {self.token}", **headers})
            response = connection.getresponse()
            if response.getheader("transfer-encoding") == "chunked":
                return response.status, response.readline()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("api")
    home, state = harness.Home.make(folder / "home"), folder / "state"
    (home.inbox / "broken.mp4").write_bytes(b"no video")
    (home.folder / "notes.txt").write_text("no video")
    fatal: list[BaseException] = []
    with Services.open(load_settings(home.config), state, keep_trying=True) as services:
        services.model.get(threading.Event())
        workflow = Workflow(
            services,
            once=False,
            stopping=threading.Event(),
            wake=lambda: None,
            on_done=lambda: None,
            on_fatal=fatal.append,
        )
        controller = Controller(
            workflow, reload=lambda: {"changed": ["rules"], "retried": []}, stop=lambda: None, wake=lambda: None
        )
        server = ControlServer(controller, state, loopback=True, on_fatal=fatal.append)
        server.start()
        known = json.loads((state / "control.json").read_text())
        yield Served(home, services, server, known["port"], known["token"])
        assert "running" == Client(state).resume()["state"], "after all that it answers"
        controller.cancel_all()
        workflow.hub.close()
        server.stop()
        controller.close()
        assert [] == fatal


def judge(status: int, content: bytes, *, method: str = "POST", name: str = "") -> None:
    """See that an answer is one of those that the API gives."""
    allowed = 200 <= status < 300 or 400 <= status < 500 or (status == 503 and name == "health")
    assert allowed, (status, content)
    if status >= 400 and method != "HEAD":
        document = json.loads(content)
        wanted = {"ok", "trouble"} if status == 503 else {"ok", "error", "details", "remedy", "exit_code"}
        assert wanted == document.keys(), content
        assert document["ok"] is False
    elif name in STREAMS and content:
        assert b"internal error" not in content


def inside(folder: Path, word: str) -> str:
    """Return a path below a folder whatever a word holds: what is sorted is moved."""
    return f"{folder}/{word.replace('..', '').replace('/', '')}"


@often
@given(name=st.sampled_from(sorted(CALLS)), data=st.data())
def test_what_the_description_allows_and_what_it_forbids(served: Served, name: str, data: st.DataObject) -> None:
    method, model = CALLS[name]
    asked = data.draw(objects(model.model_json_schema()))
    if "config" in model.model_fields and data.draw(st.booleans()):
        asked["config"] = served.config
    if name == "sort" and isinstance(asked.get("paths"), list):
        words = [one if isinstance(one, str) else "notes.txt" for one in asked["paths"]]
        asked["paths"] = [inside(served.home.folder, word) for word in words]
    if method == "GET":
        pairs = {str(key): str(value) for key, value in asked.items()}
        target = f"/v1/{name}?{urlencode(pairs, errors='surrogatepass')}"[:12_000]
        status, content = served.ask("GET", target, None, {})
    else:
        status, content = served.ask("POST", f"/v1/{name}", json.dumps(asked).encode(), {})
    judge(status, content, method=method, name=name)


@often
@given(
    name=st.sampled_from(sorted(name for name, (method, _) in CALLS.items() if method == "POST")),
    body=st.one_of(
        st.binary(max_size=200),
        ANYTHING.map(lambda value: json.dumps(value).encode()),
        st.sampled_from(
            [
                b"",
                b"null",
                b"{" * 50_000,
                b'{"a":' * 50_000,
                b"[" * 100_000 + b"]" * 100_000,
                b'{"ids": [' + b"9" * 5000 + b"]}",
                b'{"for_s": 1e999}',
                b'{"for_s": ' + b"9" * 400 + b"}",
                b'{"inbox": "\\ud800\\u0000"}',
                b'{"all": true, "all": false}',
                b"\xef\xbb\xbf{}",
                b"\xff\xfe{\0}\0",
                b" " * ((1 << 20) + 1),
            ]
        ),
    ),
    kind=st.sampled_from(
        ["application/json", "text/plain", "multipart/form-data", "", "application/json; charset=utf-16"]
    ),
)
def test_bodies_of_any_kind(served: Served, name: str, body: bytes, kind: str) -> None:
    if name == "sort":
        body = body[:1] * min(len(body), 20)  # by nobody's accident a path
    judge(*served.ask("POST", f"/v1/{name}", body, {"Content-Type": kind}), name=name)


PATHS = st.one_of(
    st.sampled_from([f"/v1/{name}" for name in CALLS]),
    st.sampled_from(
        ["", "*", "/", "//", "/v1", "/v1/", "/v2/stop", "/v1/%73top", "/v1/stop/", "/v1/../v1/stop", "/%00"]
    ),
    st.sampled_from(["/v1/stop%2f", "http://evil/v1/stop", "/v1/status#x", "/" + "x" * 9000, "/%ff%fe", "/v1/;stop"]),
    HOSTILE_TEXTS.map(lambda text: "/" + urlencode({"": text}, errors="surrogatepass")[1:9000]),
)
QUERIES = st.one_of(
    st.just(""),
    st.binary(max_size=30).map(lambda raw: "?" + raw.hex()),
    st.sampled_from(
        ["?", "?last=1&last=2", "?last=%ff", "?tag=" + "a" * 9000, "?&&&==", "?since=1e999", "?last=1;2", "?%00=%00"]
    ),
)


@often
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW", "get"]),
    path=PATHS,
    query=QUERIES,
)
def test_any_method_on_any_path(served: Served, method: str, path: str, query: str) -> None:
    if method == "POST" and "sort" in path:
        method = "PUT"
    target = path + query
    with contextlib.suppress(http.client.InvalidURL):  # Python's own client refuses to say it
        status, content = served.ask(method, target, None, {})
        name = path.removeprefix("/v1/")
        judge(status, content, method=method, name=name)


RAW_HEADERS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"Content-Length: 5",
                b"Content-Length: -1",
                b"Content-Length: 99999999999999999999",
                b"Content-Length: 1\r\nContent-Length: 2",
                b"Content-Length: abc",
                b"Transfer-Encoding: chunked",
                b"Transfer-Encoding: gzip",
                b"Expect: 100-continue",
                b"Connection: upgrade\r\nUpgrade: websocket",
                b"Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
                b"Connection: close",
                b"Host: evil.example",
                b"Origin: http://localhost",
                b"X: " + b"x" * 20_000,
                b": no name",
                b"no colon",
                b" folded: yes",
                b"N\0L: x",
                b"X: \xff\xfe",
            ]
        ),
        st.binary(max_size=20).map(lambda raw: b"X: " + raw),
    ),
    max_size=4,
)
RAW_BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"{}", b"5\r\nhello\r\n0\r\n\r\n", b"-1\r\nx\r\n", b"fffffffffffffffff\r\nx", b"GET / HTTP/1.1\r\n\r\n" * 20]
    ),
)


@often
@given(
    start=st.one_of(
        st.sampled_from(
            [
                b"GET /v1/status HTTP/1.1",
                b"POST /v1/pause HTTP/1.1",
                b"POST /v1/scan HTTP/1.0",
                b"GET / HTTP/2.0",
                b"GET /",
            ]
        ),
        st.binary(max_size=40),
    ),
    headers=RAW_HEADERS,
    body=RAW_BODIES,
)
@example(start=b"POST /v1/scan HTTP/1.1", headers=[b"Transfer-Encoding: chunked"], body=b"zz\r\n")
def test_bytes_that_may_be_no_http(served: Served, start: bytes, headers: list[bytes], body: bytes) -> None:
    host = [b"Host: localhost", b"Authorization: Bearer " + served.token.encode()]
    said = b"\r\n".join([start, *host, *headers]) + b"\r\n\r\n" + body
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies, "BODY_TIMEOUT_S", 0.2)
        patch.setattr("vsortd.web.connections.HEADER_TIMEOUT_S", 0.5)
        with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as one:
            one.sendall(said)
            answer = b""
            with contextlib.suppress(ConnectionError):
                while piece := one.recv(65536):
                    answer += piece
    for status in statuses(answer):
        assert status == 100 or 200 <= status < 300 or 400 <= status < 500, answer


def statuses(answer: bytes) -> list[int]:
    """Return the status of each answer in what came over a connection."""
    lines: list[Any] = [line.split(b" ") for line in answer.replace(b"}HTTP/1.1", b"}\nHTTP/1.1").splitlines()]
    return [int(words[1]) for words in lines if words[0] == b"HTTP/1.1" and len(words) > 1]
