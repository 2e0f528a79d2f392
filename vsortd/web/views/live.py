"""Live: how vsortd is, what is in work, what became of the last videos, and what failed, as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import StreamingResponse
from starlette.routing import Route

from vsortd.core.text import counted
from vsortd.core.units import about_duration, parse_duration
from vsortd.errors import UsageError
from vsortd.filing.history_query import HistoryQuery
from vsortd.filing.release import ReleaseVerb
from vsortd.web.dismissed import Dismissed
from vsortd.web.page import item_id

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.web.page import Page, Posted

_LAST: Final = 12
_FAILED: Final = 20


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    live = _Live(page)
    return [
        Route("/", page.shown(live.show)),
        Route("/live/parts", page.shown(live.parts)),
        Route("/events", live.events),
        Route("/pause", page.action(live.pause), methods=["POST"]),
        Route("/resume", page.action(live.resume), methods=["POST"]),
        Route("/scan", page.action(live.scan), methods=["POST"]),
        Route("/items/{id}/retry", page.action(live.retry), methods=["POST"]),
        Route("/items/{id}/dismiss", page.action(live.dismiss), methods=["POST"]),
    ]


class _Live:
    def __init__(self, page: Page) -> None:
        self._page = page

    def show(self, request: Request) -> Response:
        return self._page.render(request, "live.html", **self._state())

    def parts(self, request: Request) -> Response:
        """Answer with the parts of the view that change."""
        return self._page.render(request, "_live.html", **self._state())

    def _state(self) -> dict[str, Any]:
        host = self._page.host
        journal, status = host.services.journal, host.status()
        away = Dismissed(host.services.state_folder).ids()
        failed, failed_count = journal.standing_failures(without=away, most=_FAILED)
        return {
            "status": status,
            "loading_s": host.services.model.loading_s,
            "work": host.in_hand(),
            "last": [item.to_json() for item in journal.history(HistoryQuery(last=_LAST))],
            "failed": [item.to_json() for item in failed],
            "failed_more": failed_count - len(failed),
            "left_alone": _left_alone([one["left_alone"] for one in status["inboxes"]]),
        }

    async def events(self, request: Request) -> Response:
        """Answer with what happens, as it happens (server-sent events)."""
        del request
        return StreamingResponse(
            self._page.host.events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    def pause(self, request: Request, posted: Posted) -> Response:
        text = posted.one("for")
        try:
            for_s = parse_duration(text) if text else None
        except ValueError as error:
            raise UsageError(f"{text} is no time.", remedy="Such as 1h or 30m.") from error
        self._page.host.pause(None, for_s)
        said = f"Paused for {about_duration(for_s)}." if for_s else "Paused until you go on."
        return self._page.done(request, said, "/")

    def resume(self, request: Request, _posted: Posted) -> Response:
        self._page.host.resume()
        return self._page.done(request, "vsortd goes on.", "/")

    def scan(self, request: Request, _posted: Posted) -> Response:
        self._page.host.scan()
        return self._page.done(request, "Looking through the inboxes.", "/")

    def retry(self, request: Request, _posted: Posted) -> Response:
        number = item_id(request.path_params["id"])
        report = self._page.host.release_or_retry(ReleaseVerb.RETRY, [str(number)], everything=False)
        if not report.freed:
            raise UsageError("This video no longer waits for another try.", remedy="History says what became of it.")
        return self._page.done(request, "It is tried again.", "/")

    def dismiss(self, request: Request, _posted: Posted) -> Response:
        """Show a failure no longer; it stays in the history, and the video where it is."""
        number = item_id(request.path_params["id"])
        Dismissed(self._page.host.services.state_folder).add(number)
        return self._page.done(request, "Dismissed. The video stays where it is; History still lists it.", "/")


def _left_alone(counts: list[dict[str, int]]) -> str:
    """Say how many videos are left alone because of their ending, "" for none."""
    total: dict[str, int] = {}
    for one in counts:
        for ending, number in one.items():
            total[ending] = total.get(ending, 0) + number
    if not total:
        return ""
    return f"{counted(sum(total.values()), 'other video')} left alone ({', '.join(sorted(total))})"
