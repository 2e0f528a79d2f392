"""The jobs of the page: how far each is, calling it off, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.web.page import Page, Posted


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""

    def show(request: Request) -> Response:
        return page.render(request, "job.html", job=page.jobs.get(request.path_params["id"]))

    def cancel(request: Request, _posted: Posted) -> Response:
        job = page.jobs.get(request.path_params["id"])
        page.jobs.call_off(job)
        said = "It is being called off." if job.under_way else job.result
        return page.done(request, said, f"/jobs/{job.id}")

    return [
        Route("/jobs/{id}", page.shown(show)),
        Route("/jobs/{id}/cancel", page.action(cancel), methods=["POST"]),
    ]
