"""What every view works with: the daemon behind it, the templates, and how requests are read and answered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote

import jinja2
from loguru import logger
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

import vsortd
from vsortd.errors import Cancelled, UsageError, VideoError, VsortdError
from vsortd.web import wording
from vsortd.web.access import SESSION
from vsortd.web.answers import STOPPING
from vsortd.web.page_jobs import PageJobs
from vsortd.web.plain_numbers import whole_or_none

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request

    from vsortd.web.host import PageHost, SetupHost
    from vsortd.web.page_jobs import PageJob
    from vsortd.web.sessions import PageSession, PageSessions

_FRAGMENT: Final = "x-fragment"
_MOST_FIELDS: Final = 100_000


@dataclass(frozen=True, slots=True)
class View:
    """An entry of the page's navigation: its name, address, and the key that leads there after `g`."""

    name: str
    address: str
    key: str


VIEWS: Final = (
    View("Live", "/", "l"),
    View("Review", "/review", "r"),
    View("Library", "/library", "b"),
    View("Search", "/search", "s"),
    View("Clusters", "/clusters", "c"),
    View("Duplicates", "/duplicates", "d"),
    View("History", "/history", "h"),
    View("Rules", "/rules", "u"),
    View("Settings", "/settings", "e"),
    View("Logs", "/logs", "o"),
    View("Doctor", "/doctor", "t"),
)
"""The views, in the order in which they are offered."""

SETUP_VIEWS: Final = (View("Setup", "/setup", "s"), *VIEWS[-2:])
"""Those that there are before there is a config."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The fields of a form."""

    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, body: bytes) -> Posted:
        """Read a body (application/x-www-form-urlencoded). Raises UsageError."""
        try:
            text = body.decode("ascii")
            return cls(
                tuple(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)),
            )
        except ValueError as error:
            raise UsageError("The form can't be read.", remedy="Load the page anew, and try again.") from error

    def one(self, name: str, default: str = "") -> str:
        """Return the last value of a field."""
        return next((value for key, value in reversed(self.fields) if key == name), default)

    def all(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value for key, value in self.fields if key == name]

    def ids(self, name: str = "id") -> tuple[int, ...]:
        """Return the item ids of a field. Raises UsageError."""
        return tuple(item_id(value) for value in self.all(name))

    def chosen(self) -> tuple[int, ...]:
        """Return the items that were chosen, each once: one in each field `id`, many in `ids`. Raises UsageError."""
        many = [part for value in self.all("ids") for part in value.split(",") if part]
        return tuple(dict.fromkeys((*self.ids(), *map(item_id, many))))


def item_id(text: str) -> int:
    """Return the id that a text names. Raises UsageError."""
    from vsortd.filing.item_ids import LARGEST_ID

    if (number := whole_or_none(text, 1, LARGEST_ID)) is not None:
        return number
    raise UsageError("No video has this id.", remedy="History lists those that there are.")


@dataclass
class Page:
    """What the views share."""

    host: PageHost
    sessions: PageSessions
    jobs: PageJobs = field(default_factory=PageJobs)
    setup: SetupHost | None = None  # while there is no config that can be used

    @cached_property
    def environment(self) -> jinja2.Environment:
        """The templates, in which every value is escaped unless it is markup of ours."""
        made = jinja2.Environment(
            loader=jinja2.PackageLoader("vsortd.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        made.filters |= wording.FILTERS
        made.globals |= {"version": vsortd.__version__, "static": static_address()}
        return made

    def render(self, request: Request, template: str, code: int = 200, **values: Any) -> Response:  # noqa: ANN401
        """Return a page, or for a request of a script the part that it asks for."""
        session: PageSession | None = request.scope.get("state", {}).get(SESSION)
        alone = is_fragment(request)
        said = session.take_said() if session is not None and not alone else []
        html = self.environment.get_template(template).render(
            request=request,
            here=request.url.path,
            said=said,
            alone=alone,
            logged_in=session is not None,
            views=VIEWS if self.setup is None else SETUP_VIEWS,
            **values,
        )
        return HTMLResponse(html, status_code=code)

    def done(self, request: Request, said: str, back: str, part: Response | None = None) -> Response:
        """Answer what was done: a script gets the sentence with a part of the page, a browser goes `back`."""
        if is_fragment(request):
            answer = part or HTMLResponse("")
            answer.headers["X-Said"] = quote(said)
            return answer
        session: PageSession = request.scope["state"][SESSION]
        session.said.append(said)
        return RedirectResponse(back, status_code=HTTPStatus.SEE_OTHER)

    def begun(self, request: Request, job: PageJob, said: str = "It has begun.", part: str = "job.html") -> Response:
        """Answer that a piece of work goes on: a script gets how far it is, as `part` says; a browser goes there."""
        if is_fragment(request):
            return self.render(request, part, job=job)
        return self.done(request, said, f"/jobs/{job.id}")

    def left(self, request: Request, said: str, to: str) -> Response:
        """Answer what was done where the page that is shown is no longer right: go to another, which says it."""
        session: PageSession = request.scope["state"][SESSION]
        session.said.append(said)
        if not is_fragment(request):
            return RedirectResponse(to, status_code=HTTPStatus.SEE_OTHER)
        return HTMLResponse("", headers={"X-Go": to})

    def shown(self, run: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of a view, whose errors are shown."""

        async def answer(request: Request) -> Response:
            try:
                return await run_in_threadpool(run, request)
            except (Exception, Cancelled) as error:  # noqa: BLE001 - whatever it is, who asked is told
                return self.trouble(request, error)

        return answer

    def action(self, run: Callable[[Request, Posted], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of what a form does, whose errors are shown."""

        async def answer(request: Request) -> Response:
            try:
                posted = Posted.of(await request.body())
                return await run_in_threadpool(run, request, posted)
            except (Exception, Cancelled) as error:  # noqa: BLE001 - whatever it is, who asked is told
                return self.trouble(request, error)

        return answer

    def trouble(
        self, request: Request, error: Exception | Cancelled, code: int = HTTPStatus.UNPROCESSABLE_ENTITY
    ) -> Response:
        """Show an error, with its remedy."""
        details: Sequence[str] = ()
        if isinstance(error, VsortdError):
            title, details, remedy = error.title, error.details, error.remedy
        elif isinstance(error, VideoError):
            title, remedy = error.sentence, ""
        elif isinstance(error, Cancelled):
            title, remedy, code = STOPPING, "", HTTPStatus.SERVICE_UNAVAILABLE
        else:
            logger.opt(exception=error).error("the page: {} failed: {!r}", request.url.path, error)
            title, remedy, code = "vsortd met an error of its own.", "`vsortd logs --level error` tells more.", 500
        return self.render(request, "trouble.html", code, title=title, details=details, remedy=remedy)


def view_address(address: str, default: str = "/history") -> str:
    """Return the view to go back to, if it is one of our own addresses, else `default`."""
    number = address.removeprefix("/videos/")
    is_video = number != address and number.isascii() and number.isdigit()
    return address if is_video or address in {"/", "/history", "/review", "/library", "/rules"} else default


def is_fragment(request: Request) -> bool:
    """Tell whether a script asks for a part of a page."""
    return _FRAGMENT in request.headers


def asset(name: str) -> bytes | None:
    """Return a file of `static/`, None where there is none of this name."""
    if not name.replace(".", "").replace("-", "").isalnum() or name.startswith("."):
        return None
    found = resources.files("vsortd.web") / "static" / name
    return found.read_bytes() if found.is_file() else None


def static_address() -> str:
    """Return the folder of addresses of `static/`, another one for each content, so that browsers may keep it."""
    names: Sequence[str] = sorted(one.name for one in (resources.files("vsortd.web") / "static").iterdir())
    content = b"".join(name.encode() + (asset(name) or b"") for name in names)
    return f"/static/{hashlib.sha256(content).hexdigest()[:12]}"
