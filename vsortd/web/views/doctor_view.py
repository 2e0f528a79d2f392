"""Doctor: what is here of what a quiet night needs, checked one after the other, with what to type."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.routing import Route

from vsortd.core.text import counted
from vsortd.errors import UsageError
from vsortd.web.page import is_fragment

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    view = _Doctor(page)
    return [
        Route("/doctor", page.shown(view.show)),
        Route("/doctor", page.action(view.begin), methods=["POST"]),
        Route("/doctor/parts", page.shown(view.parts)),
    ]


class _Doctor:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._job: PageJob | None = None  # the newest
        self._found: list[dict[str, str]] = []

    def show(self, request: Request) -> Response:
        return self._render(request, "doctor.html")

    def parts(self, request: Request) -> Response:
        """Answer with what changes while it is looked."""
        return self._render(request, "_doctor.html")

    def _render(self, request: Request, template: str) -> Response:
        return self._page.render(request, template, job=self._job, found=list(self._found))

    def begin(self, request: Request, _posted: Posted) -> Response:
        """Begin the checks, unless they are under way."""
        tools = self._page.host.tools
        if tools is None:
            raise UsageError("The checks can't be run from here.", remedy="At a terminal: vsortd doctor")
        config, found = self._page.host.config_path, list[dict[str, str]]()

        def run(job: PageJob) -> tuple[str, str]:
            with contextlib.closing(tools.examine(config)) as findings:
                for one in findings:
                    found.append(one)
                    job.progress(len(found), None, one["name"])
            return said_of(found), "/doctor"

        job = self._page.jobs.start("Checking", run, alone="/doctor")
        if job is not self._job:
            self._job, self._found = job, found
        if is_fragment(request):
            return self.parts(request)
        return self._page.done(request, "The checks have begun.", "/doctor")


def said_of(found: list[dict[str, str]]) -> str:
    """Say how the checks went."""
    failed = sum(one["level"] == "fail" for one in found)
    warned = sum(one["level"] == "warn" for one in found)
    if not failed and not warned:
        return f"{counted(len(found), 'check')}, and all is well."
    wrong = [f"{failed} failed"] if failed else []
    wrong += [counted(warned, "has a warning", "have a warning")] if warned else []
    return f"Of {counted(len(found), 'check')} {' and '.join(wrong)}."
