"""Video: the player, when the video shows what, what was measured, where it was and why it went there."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from vsortd.core.names import nfc
from vsortd.core.outcomes import PLACED
from vsortd.errors import UsageError
from vsortd.library.timeline.by_rules import MOST_PROMPTS, is_looked_through, timeline_by_rules
from vsortd.library.usual_analysis import analyze_now, analyzed_before
from vsortd.pipeline.explanation import explain_within
from vsortd.web.addresses import address_of
from vsortd.web.page import item_id
from vsortd.web.video_page import ShownAnalysis, found_video, shown_video, timeline_rows

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.config.rules import RuleTree
    from vsortd.core.identity import Identity
    from vsortd.library.timeline.track import TimelineResult
    from vsortd.pipeline.services import Services
    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob
    from vsortd.web.video_page import ShownVideo

_KEPT: Final = 16
_MOST_CHARS: Final = 300


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    video = _Video(page)
    return [
        Route("/videos/{id}", page.shown(video.show)),
        Route("/videos/{id}/timeline", page.shown(video.timeline)),
        Route("/videos/{id}/timeline", page.action(video.look_through), methods=["POST"]),
        Route("/videos/{id}/analyze", page.action(video.analyze), methods=["POST"]),
        Route("/videos/{id}/why", page.shown(video.why)),
    ]


class _Timelines:
    """The last timelines that were asked for, by the video, what was added, and the rules."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Identity, tuple[str, ...]], tuple[RuleTree, TimelineResult]] = OrderedDict()

    def find(self, tree: RuleTree, identity: Identity, added: tuple[str, ...]) -> TimelineResult | None:
        """Return one, if the rules are still those."""
        rules, found = self._kept.get((identity, added), (None, None))
        return found if rules is tree else None

    def add(self, tree: RuleTree, identity: Identity, added: tuple[str, ...], found: TimelineResult) -> None:
        """Keep one; the oldest goes."""
        self._kept[identity, added] = (tree, found)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


class _Video:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._timelines = _Timelines()

    @property
    def _services(self) -> Services:
        return self._page.host.services

    # Looking

    def show(self, request: Request) -> Response:
        number, added = item_id(request.path_params["id"]), _prompts(request.query_params.getlist("prompt"))
        shown = shown_video(self._services, self._page.host.previews, number)
        values: dict[str, Any] = {"shown": shown, "number": number, "placed": PLACED, "analysis": ShownAnalysis()}
        if shown.path is not None and shown.identity is not None and shown.clip is not None:
            with self._page.host.borrowed() as (services, cancel):
                analysis = analyzed_before(services, shown.path, shown.identity, cancel=cancel)
            values["analysis"] = ShownAnalysis.of(analysis, shown.clip.duration_s)
        return self._page.render(request, "video.html", **values, **self._rows(shown, added))

    def _rows(self, shown: ShownVideo, added: tuple[str, ...]) -> dict[str, Any]:
        """Return what of the timeline is there already; `ready` says that it can be had at once."""
        services, identity = self._services, shown.identity
        found = None if identity is None else self._timelines.find(services.tree, identity, added)
        ready = found is None and identity is not None and is_looked_through(services, identity)
        return {"added": added, "found": found, "rows": self._shown_rows(found), "ready": ready}

    def _shown_rows(self, found: TimelineResult | None) -> list[Any]:
        return [] if found is None else timeline_rows(found, _rules_by_prompt(self._services.tree))

    # Long work

    def timeline(self, request: Request) -> Response:
        """Show the rows of the timeline, if they are there or can be had at once."""
        number, added = item_id(request.path_params["id"]), _prompts(request.query_params.getlist("prompt"))
        path, identity = found_video(self._services, number)
        services = self._services
        found = self._timelines.find(services.tree, identity, added)
        if found is None and is_looked_through(services, identity):
            found = self._looked_through(path, identity, added, None)
        values: dict[str, Any] = {
            "number": number,
            "added": added,
            "found": found,
            "rows": self._shown_rows(found),
            "ready": False,
        }
        return self._page.render(request, "timeline.html", **values)

    def look_through(self, request: Request, posted: Posted) -> Response:
        """Look through the video for what the rules ask, and what is added, as a job."""
        number, added = item_id(request.path_params["id"]), _prompts(posted.all("prompt"))
        path, identity = found_video(self._services, number)

        def run(job: PageJob) -> tuple[str, str]:
            self._looked_through(path, identity, added, job.cancel)
            return "It was looked through.", _address(number, added)

        job = self._page.jobs.start("Looking through the video", run, alone=("timeline", number, added))
        return self._page.begun(request, job)

    def _looked_through(
        self, path: Path, identity: Identity, added: tuple[str, ...], cancel: threading.Event | None
    ) -> TimelineResult:
        with self._page.host.borrowed(cancel) as (services, stop):
            found = timeline_by_rules(services, path, added, cancel=stop)
            self._timelines.add(services.tree, identity, added, found)
            return found

    def analyze(self, request: Request, _posted: Posted) -> Response:
        """Measure shots, sound and labels, as a job."""
        number = item_id(request.path_params["id"])
        path, _ = found_video(self._services, number)

        def run(job: PageJob) -> tuple[str, str]:
            with self._page.host.borrowed(job.cancel) as (services, stop):
                analyze_now(services, path, cancel=stop)
            return "It was measured.", f"/videos/{number}"

        job = self._page.jobs.start("Measuring shots, sound and labels", run, alone=("analyze", number))
        return self._page.begun(request, job)

    def why(self, request: Request) -> Response:
        """Say why the video goes where it would go now."""
        number = item_id(request.path_params["id"])
        path, _ = found_video(self._services, number)
        with self._page.host.borrowed() as (services, cancel):
            explained = explain_within(services, path, cancel=cancel)
        return self._page.render(request, "why.html", number=number, path=path, explained=explained)


def _rules_by_prompt(tree: RuleTree) -> dict[str, str]:
    found: dict[str, str] = {}
    for rule in tree.walk():
        for prompt in rule.prompts or (rule.contains.prompts if rule.contains is not None else ()):
            found.setdefault(prompt, rule.key)
    return found


def _prompts(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the sentences that were added, each once. Raises UsageError for one that is too long."""
    found = tuple(dict.fromkeys(nfc(text.strip()) for text in texts if text.strip()))
    if any(len(one) > _MOST_CHARS for one in found):
        raise UsageError(f"A sentence has at most {_MOST_CHARS} letters.")
    if len(found) > MOST_PROMPTS // 2:
        raise UsageError(f"At most {MOST_PROMPTS // 2} sentences can be added.", remedy="Take some out.")
    return found


def _address(number: int, added: tuple[str, ...]) -> str:
    return address_of(f"/videos/{number}", *(("prompt", one) for one in added))
