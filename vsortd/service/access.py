"""Who may ask the control API, and how much: local programs of the owner, within bounds.

A page in a browser can't reach a Unix socket, and can't know the token; Host and Origin are checked all the same,
nothing is ever allowed across origins, and what a request may bring, and how long it may take to bring it, is limited.
The token is compared before anything else is looked at, so that a stranger costs as little as can be.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from vsortd.service import loan_limits
from vsortd.service.client import TOKEN_NAME
from vsortd.web.bodies import MAX_BODY_BYTES, ReplayedBody, body_read, refused
from vsortd.web.connections import CONNECTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

_HOSTS = {"localhost", "127.0.0.1", "vsortd"}
# What is embedded may be large: one is read at a time, and the others' bytes wait where they come from.
_LARGE: Final = frozenset({"/v1/embed_pictures", "/v1/embed_windows"})


class LocalOnly:
    """Refuse what comes from elsewhere, is too large, or takes too long to say what it wants."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()
        self._one_large = asyncio.Semaphore(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it with 401, 403, 408 or 413 and close its connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        denied = self._stranger(dict(scope["headers"]))
        if denied is None:
            if (connection := scope.get("state", {}).get(CONNECTION)) is not None:
                connection.proven()
            large = scope["path"] in _LARGE
            async with self._one_large if large else contextlib.nullcontext():
                most_bytes = loan_limits.BODY_BYTES if large else MAX_BODY_BYTES
                read = await body_read(receive, most_bytes=most_bytes)
                if isinstance(read, ReplayedBody):
                    await self._app(scope, read, send)
                    return
            denied = read
        await denied(scope, receive, send)

    def _stranger(self, headers: Mapping[bytes, bytes]) -> Response | None:
        """Return the answer to one who isn't let in, by the headers alone; the token comes first."""
        bearer = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if self._token and not hmac.compare_digest(bearer, self._token):
            return refused(HTTPStatus.UNAUTHORIZED, "The token is wrong.", f"It stands in {TOKEN_NAME}.")
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        name = host[0] if host[0] and host[2].isdigit() else host[2]
        if name not in _HOSTS or b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none":
            return refused(HTTPStatus.FORBIDDEN, "Pages and other machines are not answered here.")
        return None
