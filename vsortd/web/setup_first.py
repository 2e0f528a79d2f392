"""Before there is a config that can be used, the views that need one lead to the setup."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse

from vsortd.web.access import ENTER
from vsortd.web.api.api_routes import is_of_api
from vsortd.web.bodies import refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from vsortd.web.page import Page

SETUP: Final = "/setup"
_THERE: Final = (SETUP, ENTER, "/leave", "/static", "/favicon.ico", "/jobs", "/logs", "/doctor")


class SetupFirst:
    """Lets through what works without a config while there is none; afterwards the setup leads to Live."""

    def __init__(self, app: ASGIApp, page: Page) -> None:
        self._app = app
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it."""
        setting_up = self._page.setup is not None
        path = scope.get("path", "")
        fits = _is_below(path, _THERE) if setting_up else not _is_below(path, (SETUP,))
        if scope["type"] != "http" or fits:
            await self._app(scope, receive, send)
        elif scope["method"] == "GET" and not is_of_api(path):
            to = SETUP if setting_up else "/"
            await RedirectResponse(to, status_code=HTTPStatus.SEE_OTHER)(scope, receive, send)
        else:
            title = "There is no config yet." if setting_up else "The config is written already."
            await refused(HTTPStatus.CONFLICT, title, "Load the page anew.")(scope, receive, send)


def _is_below(path: str, addresses: tuple[str, ...]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in addresses)
