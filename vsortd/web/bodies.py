"""The bodies of requests: read whole before anything is done, within bounds of size and time."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from vsortd.web.answers import turned_away

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive

MAX_BODY_BYTES = 1 << 20  # a hundred thousand ids
BODY_TIMEOUT_S = 10.0
PHOTO_BYTES = 32 << 20  # the largest that phones make, and some
PHOTO_TIMEOUT_S = 60.0  # over a slow network at home


def refused(status: HTTPStatus, title: str, remedy: str = "") -> Response:
    """Return a refusal after which nothing more is read."""
    return turned_away(status, title, remedy, headers={"connection": "close"})


async def body_read(
    receive: Receive, *, most_bytes: int = MAX_BODY_BYTES, timeout_s: float | None = None
) -> ReplayedBody | Response:
    """Return what a request brings, to be read again, or the answer (408, 413) to what is too slow or too large.

    `timeout_s` is how long it may take, seconds; None for what is usual.
    """
    timeout_s = BODY_TIMEOUT_S if timeout_s is None else timeout_s
    try:
        body = await asyncio.wait_for(_body(receive, most_bytes), timeout_s)
    except TimeoutError:
        return refused(HTTPStatus.REQUEST_TIMEOUT, f"The body took more than {timeout_s:g} s.")
    if body is None:
        return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {most_bytes >> 20} MiB.")
    return ReplayedBody(body, receive)


async def _body(receive: Receive, most_bytes: int) -> bytes | None:
    """Return a request's whole body, None for one that is too large."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""  # gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most_bytes:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


class ReplayedBody:
    """Hands on a body that was read already, then what really comes (the end of the connection)."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        """Return the next message, as ASGI's `receive` does."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
