"""The page as an application: the way in, what is static, and the views."""

from __future__ import annotations

import mimetypes
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from vsortd.errors import UsageError
from vsortd.web.access import ENTER, OwnPageOnly, cookie_name, session_of
from vsortd.web.api import api_routes
from vsortd.web.limited_tries import TooManyTriesError
from vsortd.web.page import asset
from vsortd.web.setup_first import SetupFirst
from vsortd.web.views import (
    clusters_view,
    doctor_view,
    duplicates_view,
    history,
    job_view,
    library_view,
    live,
    logs_view,
    media_view,
    picture_view,
    review_view,
    rules_view,
    scene_search,
    settings_view,
    setup_view,
    video_view,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from vsortd.web.page import Page, Posted

_LASTING: Final = "private, max-age=31536000, immutable"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}


def page_app(
    page: Page, *, port: int, names: Sequence[str] = (), password: Callable[[], str] | None = None
) -> Starlette:
    """Return the application; `password` returns the hashed one where one is asked for."""
    door = _Door(page, port, password)
    app = Starlette(
        routes=[
            Route("/static/{version}/{name}", _static),
            Route("/favicon.ico", _icon),
            Route(ENTER, page.shown(door.show)),
            Route(ENTER, page.action(door.enter), methods=["POST"]),
            Route("/leave", page.action(door.leave), methods=["POST"]),
            *live.routes(page),
            *history.routes(page),
            *job_view.routes(page),
            *library_view.routes(page),
            *video_view.routes(page),
            *scene_search.routes(page),
            *review_view.routes(page),
            *media_view.routes(page),
            *duplicates_view.routes(page),
            *clusters_view.routes(page),
            *picture_view.routes(page),
            *setup_view.routes(page),
            *rules_view.routes(page),
            *settings_view.routes(page),
            *logs_view.routes(page),
            *doctor_view.routes(page),
            *api_routes.routes(page, port),
        ],
        middleware=[
            Middleware(OwnPageOnly, sessions=page.sessions, port=port, names=names),
            Middleware(SetupFirst, page=page),
        ],
        exception_handlers={HTTPException: _not_there(page)},
    )
    app.router.redirect_slashes = False
    return app


def _not_there(page: Page) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if api_routes.is_of_api(request.url.path):
            return api_routes.nothing_here(error.status_code, (error.headers or {}).get("Allow", ""))
        said = UsageError("There is no such page.", remedy="The views stand at the top.")
        return page.trouble(request, said, error.status_code)

    return answer


async def _static(request: Request) -> Response:
    return _file(request.path_params["name"])


async def _icon(_request: Request) -> Response:
    return _file("icon.svg")


def _file(name: str) -> Response:
    content = asset(name)
    if content is None:
        return Response("", status_code=HTTPStatus.NOT_FOUND)
    ending = name[name.rfind(".") :]
    kind = _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, media_type=kind, headers={"Cache-Control": _LASTING})


class _Door:
    """The way in and out."""

    def __init__(self, page: Page, port: int, password: Callable[[], str] | None) -> None:
        self._page = page
        self._port = port
        self._password = password

    def show(self, request: Request) -> Response:
        to = _own_path(request.query_params.get("to", "/"))
        return self._page.render(request, "enter.html", to=to, password=self._password is not None, wrong="")

    def enter(self, request: Request, posted: Posted) -> Response:
        to = _own_path(posted.one("to", "/"))
        try:
            token = self._token(request, posted)
            wrong = (
                ""
                if token
                else "This code was used already, or is too old."
                if posted.one("code")
                else "That isn't it."
            )
        except TooManyTriesError:
            token, wrong = None, "Too many wrong tries: wait a minute, or come in with `vsortd open`."
        if token is None:
            return self._page.render(
                request,
                "enter.html",
                HTTPStatus.FORBIDDEN,
                to=to,
                password=self._password is not None,
                wrong=wrong,
            )
        answer = RedirectResponse(to, status_code=HTTPStatus.SEE_OTHER)
        secure = request.headers.get("origin", "").startswith("https:")
        answer.set_cookie(cookie_name(self._port), token, httponly=True, samesite="strict", secure=secure, path="/")
        return answer

    def _token(self, request: Request, posted: Posted) -> str | None:
        sessions, address = self._page.sessions, "" if request.client is None else request.client.host
        if self._password is not None and "password" in dict(posted.fields):
            return sessions.enter_by_password(posted.one("password"), self._password, address)
        return sessions.enter(posted.one("code").strip(), address)

    def leave(self, request: Request, posted: Posted) -> Response:
        if posted.one("everywhere"):
            self._page.sessions.leave_everywhere()
        else:
            self._page.sessions.leave(session_of(request.scope))
        answer = RedirectResponse(ENTER, status_code=HTTPStatus.SEE_OTHER)
        answer.delete_cookie(cookie_name(self._port), path="/")
        return answer


def _own_path(to: str) -> str:
    """Return an address of this page's own, / for any other."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable() else "/"
