"""Who may see the page, and what a browser may do with it: checked before anything is looked at.

A page elsewhere can send requests to this one, and a name elsewhere can be made to point here. So the Host must be the
listener's own, whatever changes something must come from the page itself (its Origin), and everything but the way in
needs the session's cookie. The headers of every answer keep a browser from running anything that isn't ours.
"""

from __future__ import annotations

import ipaddress
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse

from vsortd.web.bodies import PHOTO_BYTES, PHOTO_TIMEOUT_S, ReplayedBody, body_read, refused
from vsortd.web.connections import CONNECTION

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from vsortd.web.sessions import PageSession, PageSessions

SESSION: Final = "page_session"
"""Under this name a request's state has its session."""
ENTER: Final = "/enter"
PHOTO: Final = "/search/photo"
"""Here alone a body may be as large as a photo."""
_OPEN: Final = (ENTER, "/static/", "/favicon.ico")
_SAFE: Final = frozenset({"GET", "HEAD"})
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "X-Frame-Options": "DENY",
}


def cookie_name(port: int) -> str:
    """Return the cookie's name: browsers share cookies between the ports of a host."""
    return f"vsortd-{port}"


class OwnPageOnly:
    """Let in who has a session; answer the others with 401, 403, 408, 413, or the way in."""

    def __init__(self, app: ASGIApp, sessions: PageSessions, *, port: int, names: Collection[str] = ()) -> None:
        """`names` are those besides this machine's own by which it may be asked for, in lower case."""
        self._app = app
        self._sessions = sessions
        self._port = port
        self._names = {"localhost", *(name.lower() for name in (*names, *_own_names()))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it and close its connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = self._stranger(scope, headers) or self._outsider(scope, headers)
        if answer is None:
            read = await (_photo_read(receive) if scope["path"] == PHOTO else body_read(receive))
            if isinstance(read, ReplayedBody):
                await self._app(scope, read, _with_headers(send))
                return
            answer = read
        await answer(scope, receive, _with_headers(send))

    def _stranger(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the answer to what a page or a name elsewhere sends."""
        host = headers.get("host", "")
        if not self._is_own(host, scope):
            return refused(HTTPStatus.FORBIDDEN, "This page isn't asked for by that name.", "See `web: {names: …}`.")
        if scope["method"] in _SAFE:
            if headers.get("sec-fetch-site", "none") in {"same-origin", "none"} or _is_visit(scope, headers):
                return None
            return refused(HTTPStatus.FORBIDDEN, "Other pages are not answered here.")
        # a form of a page without referrers says null of itself; the other header no page can write
        origin, site = headers.get("origin", ""), headers.get("sec-fetch-site")
        if urlsplit(origin).netloc != host and not (origin == "null" and site == "same-origin"):
            return refused(HTTPStatus.FORBIDDEN, "Only the page itself may change anything.")
        return None

    def _is_own(self, host: str, scope: Scope) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.path or (port not in {self._port, None}):
            return False
        if name in self._names:
            return port == self._port or name != "localhost"
        here = (scope.get("server") or ("", 0))[0]
        try:
            return port == self._port and ipaddress.ip_address(name) == ipaddress.ip_address(here)
        except ValueError:
            return False

    def _outsider(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the way in for who has no session, None for who has one, or needs none."""
        token = cookie_parser(headers.get("cookie", "")).get(cookie_name(self._port), "")
        session = self._sessions.session(token) if token else None
        if session is not None:
            scope.setdefault("state", {})[SESSION] = session
            if (connection := scope["state"].get(CONNECTION)) is not None:
                connection.proven()
            return None
        path = scope["path"]
        if any(path == one or (one.endswith("/") and path.startswith(one)) for one in _OPEN):
            return None
        if scope["method"] in _SAFE and "text/html" in headers.get("accept", "") and "x-fragment" not in headers:
            return RedirectResponse(f"{ENTER}?to={quote(_wanted(scope))}", status_code=HTTPStatus.SEE_OTHER)
        return refused(HTTPStatus.UNAUTHORIZED, "Nobody is logged in here.", "`vsortd open` lets you in.")


async def _photo_read(receive: Receive) -> ReplayedBody | Response:
    return await body_read(receive, most_bytes=PHOTO_BYTES, timeout_s=PHOTO_TIMEOUT_S)


def session_of(scope: Scope) -> PageSession:
    """Return the session of a request that was let in."""
    session: PageSession = scope["state"][SESSION]
    return session


def _wanted(scope: Scope) -> bytes:
    """Return the address that is asked for, with its query, as it stands in a link."""
    query = scope.get("query_string", b"")
    return quote(scope["path"]).encode("ascii") + (b"?" + query if query else b"")


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Tell whether a person follows a link from elsewhere: a whole page, in a window of its own."""
    to = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    return scope["method"] == "GET" and to == ("navigate", "document")


def _own_names() -> list[str]:
    name = socket.gethostname()
    return [name, f"{name.partition('.')[0]}.local"] if name else []


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sent
