"""Logs: what the daemon said, by level and video, older ones as one scrolls, new ones as they come."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from starlette.responses import StreamingResponse
from starlette.routing import Route

from vsortd.core.logs.reader import LEVELS, Choice, LogCursor, LogFollower, newest_before
from vsortd.core.moments import local_moment
from vsortd.core.paths import log_path
from vsortd.errors import StoreError, UsageError
from vsortd.filing.history_query import HistoryQuery
from vsortd.web.addresses import address_of
from vsortd.web.plain_numbers import is_whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.core.logs.reader import Line
    from vsortd.web.page import Page

_ROWS: Final = 100
# Often enough to look immediate; only while a browser listens. Seconds.
_LOOK_AGAIN_S: Final = 0.5
_PING_EVERY: Final = 60  # looks


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    view = _Logs(page)
    return [Route("/logs", page.shown(view.show)), Route("/logs/events", view.events)]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines are asked for, as the address says it."""

    level: str = "info"
    video: str = ""
    before: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read an address's query. Raises UsageError."""
        level = query.get("level", "info")
        if level not in LEVELS:
            raise UsageError(f"There is no level {level}.", remedy=f"There are: {', '.join(LEVELS)}.")
        return cls(level, query.get("video", "").strip().removeprefix("#"), query.get("before", ""))

    @property
    def cursor(self) -> LogCursor | None:
        """The place before which lines are wanted. Raises UsageError."""
        try:
            return LogCursor.of(self.before) if self.before else None
        except ValueError as error:
            raise UsageError("There is no such place in the log.", remedy="Load the page anew.") from error

    def address(self, before: LogCursor) -> str:
        """Return the address of the lines before a place."""
        return address_of("/logs", ("level", self.level), ("video", self.video), ("before", str(before)))


class _Logs:
    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def _path(self) -> Path:
        return log_path(self._page.host.state_folder)

    def show(self, request: Request) -> Response:
        wanted = LogFilter.of(request.query_params)
        try:
            lines, more = newest_before(self._path, self._choice(wanted), _ROWS, wanted.cursor)
        except OSError as error:
            raise StoreError(f"The log {self._path} can't be read: {error.strerror or error}.") from error
        template = "_log_rows.html" if request.headers.get("x-fragment") == "rows" else "logs.html"
        return self._page.render(
            request,
            template,
            lines=[_row(line) for line in lines],
            more=wanted.address(more) if more is not None else "",
            wanted=wanted,
            levels=LEVELS,
            path=self._path,
        )

    def _choice(self, wanted: LogFilter) -> Choice:
        return Choice(self._id_of(wanted.video), level=wanted.level)

    def _id_of(self, video: str) -> str:
        """Return the id that the lines of a video carry: what is no number is looked for in the history first."""
        if not video or is_whole(video) or self._page.setup is not None:
            return video
        found = self._page.host.services.journal.history(HistoryQuery(last=1, text=video))
        return str(found[0].id) if found else video

    async def events(self, request: Request) -> Response:
        """Answer with lines as they are written (server-sent events)."""
        try:
            wanted = LogFilter.of(request.query_params)
            choice = await asyncio.to_thread(self._choice, wanted)
        except UsageError as error:
            return self._page.trouble(request, error)
        return StreamingResponse(
            self._follow(choice), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def _follow(self, choice: Choice) -> AsyncIterator[str]:
        row = self._page.environment.get_template("_log_row.html")
        with contextlib.suppress(OSError), LogFollower(self._path) as follower:
            yield "event: open\ndata: {}\n\n"
            looks = 0
            while True:
                for line in await asyncio.to_thread(lambda: list(follower.new())):
                    if choice.wants(line):
                        shown = _row(line)
                        html = row.render(line=shown)
                        yield f"event: line\ndata: {json.dumps({'id': shown['id'], 'html': html})}\n\n"
                await asyncio.sleep(_LOOK_AGAIN_S)
                looks += 1
                if looks % _PING_EVERY == 0:
                    yield "event: ping\ndata: {}\n\n"


def _row(line: Line) -> dict[str, Any]:
    """Return a line as the templates show it."""
    fields = line.fields
    return {
        "id": f"log-{hashlib.sha256(line.raw.encode('utf-8', 'replace')).hexdigest()[:16]}",
        "when": f"{local_moment(line.time_s):%Y-%m-%d %H:%M:%S}",
        "level": str(fields.get("level", "info")),
        "job": str(fields.get("job") or ""),
        "message": str(fields.get("message", "")),
        "traceback": str(fields.get("traceback") or ""),
    }
