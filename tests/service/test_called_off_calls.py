"""Calls of the control API whose work is called off, since the daemon ends, end quietly."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from vsortd.errors import Cancelled
from vsortd.service.api import control_app


class Ending:
    """The daemon at its end: whatever it is asked for is called off."""

    def __getattr__(self, name: str) -> Any:
        raise Cancelled


def _asked(path: str, method: str, body: bytes = b"") -> Any:
    routes = control_app(Ending()).routes  # type: ignore[arg-type]
    endpoint = next(one.endpoint for one in routes if isinstance(one, Route) and one.path == path)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def answered() -> Any:
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
        answer = await endpoint(Request(scope, receive))
        return [line async for line in answer.body_iterator] if isinstance(answer, StreamingResponse) else answer

    return asyncio.run(answered())


@pytest.mark.parametrize(
    ("name", "method", "body"),
    [("status", "GET", b""), ("history", "GET", b""), ("undo", "POST", b'{"ids": [1]}'), ("scan", "POST", b"")],
)
def test_a_call_ends_quietly(name: str, method: str, body: bytes) -> None:
    answer = _asked(f"/v1/{name}", method, body)
    assert (503, "vsortd is stopping.") == (answer.status_code, json.loads(answer.body)["error"])


def test_sorting_says_why_it_ended() -> None:
    (line,) = _asked("/v1/sort", "POST", b'{"paths": []}')
    assert "vsortd is stopping." == json.loads(line)["error"]
