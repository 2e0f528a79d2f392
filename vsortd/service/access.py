"""Who may ask the control API, and how much: local programs of the owner, within bounds.

A page in a browser can't reach a Unix socket, and can't know the token; Host and Origin are checked all the same,
nothing is ever allowed across origins, and what a request may bring, and how long it may take to bring it, is limited.
"""

from __future__ import annotations

import asyncio
import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1 << 20  # a hundred thousand ids
BODY_TIMEOUT_S = 10.0
_HOSTS = {"localhost", "127.0.0.1", "vsortd"}


class LocalOnly:
    """Refuse what comes from elsewhere, is too large, or takes too long to say what it wants."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it with 401, 403, 408 or 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        name = host[0] if host[0] and host[2].isdigit() else host[2]
        if name not in _HOSTS or b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none":
            await JSONResponse({"error": "not for you"}, status_code=HTTPStatus.FORBIDDEN)(scope, receive, send)
            return
        bearer = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if self._token and not hmac.compare_digest(bearer, self._token):
            await JSONResponse({"error": "the token is wrong"}, status_code=HTTPStatus.UNAUTHORIZED)(
                scope, receive, send
            )
            return
        try:
            body = await asyncio.wait_for(_body(receive), BODY_TIMEOUT_S)
        except TimeoutError:
            await JSONResponse({"error": "too slow"}, status_code=HTTPStatus.REQUEST_TIMEOUT)(scope, receive, send)
            return
        if body is None:
            await JSONResponse({"error": "too large"}, status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)(
                scope, receive, send
            )
            return
        await self._app(scope, _Replay(body, receive), send)


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
