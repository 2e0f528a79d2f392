"""Requests to the control API of a daemon: each gets 2xx or 4xx, and a refusal is the API's own document.

An input is a request as text: method and target on the first line, headers on the next, an empty line, the body. The
daemon is the real one over a real journal, but for what would end it or move files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

from tests.fuzz.driver import Target
from tests.support.harness import Home
from vsortd.config.load import load_settings
from vsortd.pipeline.services import Services
from vsortd.service.api import control_app
from vsortd.service.controller import Controller
from vsortd.service.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import Message, Scope

_GETS = (b"/", b"/v1/status", b"/v1/health", b"/v1/metrics", b"/v1/events", b"/v1/history?last=3&since=1.5&tag=a%20b")
_POSTS: dict[bytes, dict[str, Any]] = {
    b"/v1/pause": {"inbox": "/nowhere", "for_s": 60.0},
    b"/v1/resume": {"inbox": "/nowhere"},
    b"/v1/reload": {},
    b"/v1/undo": {"ids": [1], "last": 2, "since": 1.5, "batch": "b", "all": False, "dry_run": True},
    b"/v1/set_aside": {"path": "/nowhere/a.mp4", "keep": "/nowhere/b.mp4", "batch": "b"},
    b"/v1/release": {"which": ["1", "/nowhere/a.mp4"], "all": False},
    b"/v1/retry": {"which": [], "all": True},
    b"/v1/search": {
        "prompts": ["sea"],
        "against": ["land"],
        "any_of": False,
        "like": ["/a.mp4@1:23"],
        "window_s": 2.0,
        "top": 5,
        "under": "/a",
        "since_s": 1.0,
        "orientation": ["square"],
        "per_shot": True,
        "config": "another",
    },
    b"/v1/sort": {"paths": ["/nowhere"], "config": "another"},
    b"/v1/preview_rules": {"path": "/nowhere/a.yaml", "text": "version: 2", "config": "another", "look": False},
    b"/v1/stop_sorting": {"ticket": "abc"},
    b"/v1/scan": {},
    b"/v1/stop": {},
}


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Target]:
    """Yield the target: the API over services that are open, of a home in `folder`."""
    home = Home.make(folder / "home")
    with Services.open(load_settings(home.config), folder / "state", keep_trying=True, load_model=False) as services:
        workflow = Workflow(
            services,
            once=False,
            stopping=threading.Event(),
            wake=_nothing,
            on_done=_nothing,
            on_fatal=_fail,
        )
        controller = Controller(
            workflow, reload=lambda: {"changed": ["rules"], "retried": []}, stop=_nothing, wake=_nothing
        )
        app = control_app(controller)
        with asyncio.Runner() as runner:
            yield Target("api", lambda data: runner.run(attempt(app, data)), _seeds(), _words(), max_bytes=4096)


def _nothing() -> None:
    """Stand for what the daemon's main thread would do."""


def _fail(error: BaseException) -> None:
    raise error


def _seeds() -> tuple[bytes, ...]:
    gets = [b"GET %s\nhost: localhost\n\n" % path for path in _GETS]
    posts = [b"POST %s\nhost: localhost\n\n%s" % (path, json.dumps(body).encode()) for path, body in _POSTS.items()]
    return (*gets, *posts)


def _words() -> tuple[bytes, ...]:
    fields = sorted({name for body in _POSTS.values() for name in body})
    words = [f'"{name}":'.encode() for name in fields] + [b"%s=" % name for name in (b"last", b"since", b"tag")]
    values = [
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 30,
        b"-1",
        b"null",
        b"true",
        b'"\\ud800"',
        b'"\\u0000"',
        b"[]",
        b"{}",
    ]
    headers = [b"\norigin: ", b"\nhost: ", b"\nauthorization: Bearer ", b"\ncontent-type: ", b"\ncontent-length: "]
    return (
        *words,
        *values,
        *headers,
        *_GETS[1:4],
        *_POSTS,
        b"PUT ",
        b"HEAD ",
        b"OPTIONS ",
        b"%00",
        b"%ff",
        b"..",
        b"//",
    )


def scope_of(data: bytes) -> tuple[Scope, bytes]:
    """Return the request that an input is, as an ASGI server hands it on, and its body."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    path, _, query = target.partition(b"?")
    headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method.decode("latin-1"),
        "scheme": "http",
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
    }, body


async def attempt(app: Any, data: bytes) -> None:
    """Ask, read the answer (of an endless one the beginning), and see what kind it is."""
    scope, body = scope_of(data)
    said: list[Message] = []
    gone = asyncio.Event()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)
        if message["type"] == "http.response.body":
            gone.set()  # one piece is enough of what streams

    await app(scope, receive, send)
    judge(scope["method"], said)


def judge(method: str, said: list[Message]) -> None:
    """Raise AssertionError for an answer that the API doesn't give."""
    status, headers = said[0]["status"], dict(said[0]["headers"])
    content = b"".join(message.get("body", b"") for message in said[1:])
    expected = 200 <= status < 300 or 400 <= status < 500 or status == 503
    if not expected:
        raise AssertionError(f"an answer of {status}: {content!r}")
    if status >= 400 and method != "HEAD":
        document = json.loads(content)
        if headers.get(b"content-type") != b"application/json" or not (
            document.get("error") or document.get("trouble")
        ):
            raise AssertionError(f"a refusal of another form: {status} {content!r}")
