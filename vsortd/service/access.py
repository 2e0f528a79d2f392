"""Who may ask the control API, and how much: local programs of the owner, within bounds.

A page in a browser can't reach a Unix socket, and can't know the token; Host and Origin are checked all the same,
nothing is ever allowed across origins, and what a request may bring, and how long it may take to bring it, is limited.
The token is compared before anything else is looked at, so that a stranger costs as little as can be.
"""

from __future__ import annotations

import asyncio
import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING

from vsortd.service.answers import turned_away
from vsortd.service.client import TOKEN_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1 << 20  # a hundred thousand ids
BODY_TIMEOUT_S = 10.0
CONNECTION = "connection"
"""Under this name a request's state has the connection that it came by (`vsortd.service.connections`)."""
_HOSTS = {"localhost", "127.0.0.1", "vsortd"}


class LocalOnly:
    """Refuse what comes from elsewhere, is too large, or takes too long to say what it wants."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it with 401, 403, 408 or 413 and close its connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._stranger(dict(scope["headers"]))
        if refused is None:
            if (connection := scope.get("state", {}).get(CONNECTION)) is not None:
                connection.proven()
            try:
                body = await asyncio.wait_for(_body(receive), BODY_TIMEOUT_S)
            except TimeoutError:
                refused = _refused(HTTPStatus.REQUEST_TIMEOUT, f"The body took more than {BODY_TIMEOUT_S:g} s.")
            else:
                if body is not None:
                    await self._app(scope, _Replay(body, receive), send)
                    return
                title = f"The body is larger than {MAX_BODY_BYTES >> 20} MiB."
                refused = _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, title)
        await refused(scope, receive, send)

    def _stranger(self, headers: Mapping[bytes, bytes]) -> Response | None:
        """Return the answer to one who isn't let in, by the headers alone; the token comes first."""
        bearer = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if self._token and not hmac.compare_digest(bearer, self._token):
            return _refused(HTTPStatus.UNAUTHORIZED, "The token is wrong.", f"It stands in {TOKEN_NAME}.")
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        name = host[0] if host[0] and host[2].isdigit() else host[2]
        if name not in _HOSTS or b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none":
            return _refused(HTTPStatus.FORBIDDEN, "Pages and other machines are not answered here.")
        return None


def _refused(status: HTTPStatus, title: str, remedy: str = "") -> Response:
    """Return a refusal after which nothing more is read."""
    return turned_away(status, title, remedy, headers={"connection": "close"})


async def _body(receive: Receive) -> bytes | None:
    """Return a request's whole body, None for one that is too large."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""  # gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


class _Replay:
    """Hands on a body that was read already, then what really comes (the end of the connection)."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
