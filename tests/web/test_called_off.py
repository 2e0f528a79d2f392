"""Requests whose work is called off, since the browser went away or the daemon ends, end quietly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import Request

from vsortd.errors import Cancelled
from vsortd.web.api import api_routes
from vsortd.web.page import Page
from vsortd.web.sessions import PageSessions
from vsortd.web.views import history, live, media_view, picture_view, scene_search

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.routing import Route


class Ending:
    """The daemon at its end: whatever it is asked for is called off."""

    def __init__(self, state_folder: Path) -> None:
        self.state_folder = state_folder

    def __getattr__(self, name: str) -> Any:
        raise Cancelled


ASKED = [
    (live, "/", "GET", {}),
    (history, "/undo", "POST", {}),
    (scene_search, "/search", "GET", {}),
    (scene_search, "/search/photo", "POST", {}),
    (media_view, "/media/{id}", "GET", {"id": "1"}),
    (media_view, "/copy/{id}", "GET", {"id": "1"}),
    (media_view, "/media/{id}/copy", "POST", {"id": "1"}),
    (picture_view, "/thumb/{id}", "GET", {"id": "1"}),
    (api_routes, "/v1/status", "GET", {}),
]


@pytest.mark.parametrize(("view", "path", "method", "placed"), ASKED)
def test_it_ends_quietly(tmp_path: Path, view: Any, path: str, method: str, placed: dict[str, str]) -> None:
    page = Page(Ending(tmp_path), PageSessions())  # type: ignore[arg-type]
    routes: list[Route] = view.routes(page, 80) if view is api_routes else view.routes(page)
    endpoint = next(one.endpoint for one in routes if one.path == path and method in (one.methods or ()))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"id=1" if method == "POST" else b""}

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": [], "path_params": placed}
    answer = asyncio.run(endpoint(Request(scope, receive)))
    assert 503 == answer.status_code
    assert b"vsortd is stopping." in answer.body
