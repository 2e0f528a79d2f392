"""Settings: the config to edit, what holds now and where each comes from, who is logged in, and versions."""

from __future__ import annotations

import importlib.metadata
import platform
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

import vsortd
from vsortd.config.dump import fingerprint
from vsortd.config.running_options import NEEDS_RESTART
from vsortd.core.text import counted
from vsortd.errors import UsageError, VsortdError
from vsortd.setup.config_files import read_config_text, save_config_text
from vsortd.web.editing import EditedText, difference, posted_text
from vsortd.web.effective import effective_options
from vsortd.web.page import is_fragment

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.core.documents import ReloadDocument
    from vsortd.web.page import Page, Posted

_PACKAGES: Final = ("torch", "open_clip_torch", "av", "starlette")
_HERE: Final = "/settings"


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    view = _SettingsView(page)
    return [
        Route(_HERE, page.shown(view.show)),
        Route(_HERE, page.action(view.save), methods=["POST"]),
        Route(f"{_HERE}/check", page.action(view.check), methods=["POST"]),
        Route(f"{_HERE}/reload", page.action(view.reload), methods=["POST"]),
    ]


class _SettingsView:
    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def _path(self) -> Path:
        path = self._page.host.config_path
        if path is None:
            raise UsageError("These settings come from no file, so there is none to edit.")
        return path

    def show(self, request: Request) -> Response:
        return self._show(request)

    def _show(self, request: Request, edited: EditedText | None = None, etag: str = "", problem: str = "") -> Response:
        """Show the file, or what somebody made of it; with both texts where the file is no longer that of `etag`."""
        path, settings = self._path, self._page.host.services.settings
        now = read_config_text(path)
        there = edited if edited is not None and edited.text == now.text else EditedText.checked(path, now.text)
        theirs = now.text if etag and etag != now.etag else ""
        mine = edited or there
        code = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        return self._page.render(
            request,
            "settings.html",
            code,
            **mine.values(),
            path=path,
            etag=now.etag,
            problem=problem,
            theirs=theirs,
            difference=difference(theirs, mine.text) if theirs else "",
            broken=bool(there.mistakes),
            unread=there.settings is not None and fingerprint(there.settings) != fingerprint(settings),
            options=effective_options(settings, there.document),
            page_form=self._page.host.status()["page"],
            sessions=self._page.sessions.count,
            versions=_versions(),
        )

    def check(self, request: Request, posted: Posted) -> Response:
        """Say what is wrong with a text; nothing is written."""
        edited = EditedText.checked(self._path, posted_text(posted))
        if is_fragment(request):
            return self._page.render(request, "_checked.html", **edited.values())
        return self._show(request, edited, posted.one("etag"))

    def save(self, request: Request, posted: Posted) -> Response:
        """Write a text that has no mistakes, and have the daemon work by it."""
        edited = EditedText.checked(self._path, posted_text(posted))
        if edited.settings is None:
            return self._show(request, edited, posted.one("etag"), "It was not saved: it has mistakes.")
        try:
            former = save_config_text(self._path, edited.text, posted.one("etag"))
        except VsortdError as error:
            return self._show(request, edited, posted.one("etag"), f"{error.title} {error.remedy}")
        said = f"Saved; the former text lies beside it, as {former.name}. {self._reloaded()}"
        return self._page.done(request, said, _HERE)

    def _reloaded(self) -> str:
        """Have the daemon read the config; say what came of it."""
        try:
            return said_of_reload(self._page.host.reload())
        except VsortdError as error:
            return f"vsortd goes on with the settings it had: {error}"

    def reload(self, request: Request, _posted: Posted) -> Response:
        return self._page.done(request, said_of_reload(self._page.host.reload()), _HERE)


def said_of_reload(done: ReloadDocument) -> str:
    """Say what a reload changed."""
    if not done["changed"]:
        return "Nothing that vsortd works by has changed."
    parts = [f"Changed: {', '.join(done['changed'])}."]
    if done["retried"]:
        parts.append(f"{counted(len(done['retried']), 'rejected video')} may fit now, and will be looked at again.")
    if later := sorted(NEEDS_RESTART & set(done["changed"])):
        parts.append(f"{' and '.join(later)}: from the next start on.")
    return " ".join(parts)


def _versions() -> list[tuple[str, Any]]:
    found = [("vsortd", vsortd.__version__), ("Python", platform.python_version())]
    for name in _PACKAGES:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            found.append((name, "not installed"))
    return found
