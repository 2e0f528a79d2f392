"""Pictures of videos: a thumbnail, a sheet for looking through, and the still of a moment."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from loguru import logger
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from vsortd.errors import Cancelled, UsageError, VideoError, VsortdError
from vsortd.web.answers import Json, called_off, refusal, turned_away
from vsortd.web.media_ids import open_found
from vsortd.web.page import asset
from vsortd.web.plain_numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from starlette.requests import Request

    from vsortd.core.identity import Identity
    from vsortd.media.previews import Previews
    from vsortd.web.page import Page

    _Make = Callable[[Previews, Path, Identity, Request], Response]

# An id means the same pictures for good: a number may come to name a converted video, which shows them, too.
_LASTING: Final = {"Cache-Control": "private, max-age=86400, immutable"}
_HEIGHT_PX: Final = 360
_HIGHEST_PX: Final = 9999
_LAST_MS: Final = 9_999_999_999
# Asks for a picture that says that there is none: a list of many is no trouble to be told of.
_INSTEAD: Final = "instead"
# … and so does this, which has none made either.
_KEPT: Final = "kept"


def routes(page: Page) -> list[Route]:
    """Return the addresses of pictures; each is of a video by its id, see `media_ids`."""
    return [
        Route("/thumb/{id}", _endpoint(page, _thumb)),
        Route("/sprite/{id}", _endpoint(page, _sprite)),
        Route("/sprite/{id}/times", _endpoint(page, _sprite_times)),
        Route("/still/{id}/{ms}", _endpoint(page, _still)),
    ]


def _endpoint(page: Page, make: _Make) -> Callable[[Request], Awaitable[Response]]:
    def run(request: Request) -> Response:
        try:
            with open_found(page.host.services, request.path_params["id"]) as opened:
                path, identity = opened.path, opened.identity
            return make(page.host.previews, path, identity, request)
        except UsageError as error:
            return refusal(error, HTTPStatus.NOT_FOUND)
        except VsortdError as error:
            return refusal(error)
        except VideoError as error:
            return _no_picture(request, error)
        except Cancelled:
            return called_off()
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked is told
            logger.opt(exception=error).error("the page: {} failed: {!r}", request.url.path, error)
            return turned_away(HTTPStatus.INTERNAL_SERVER_ERROR, "vsortd met an error of its own.")

    async def answer(request: Request) -> Response:
        return await run_in_threadpool(run, request)

    return answer


def _no_picture(request: Request, error: VideoError) -> Response:
    if _INSTEAD in request.query_params:
        return _placeholder()
    return turned_away(HTTPStatus.NOT_FOUND, f"There is no picture: {error.reason}.")


def _placeholder() -> Response:
    return Response(asset("no-picture.svg"), media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


def _jpeg(path: Path) -> Response:
    return Response(path.read_bytes(), media_type="image/jpeg", headers=_LASTING)


def _thumb(previews: Previews, path: Path, identity: Identity, request: Request) -> Response:
    """Answer with a thumbnail; with `?kept` only if there is one already."""
    if _KEPT in request.query_params:
        kept = previews.kept_thumb(identity)
        return _placeholder() if kept is None else _jpeg(kept)
    return _jpeg(previews.thumb(path, identity))


def _sprite(previews: Previews, path: Path, identity: Identity, _request: Request) -> Response:
    return _jpeg(previews.sprite(path, identity)[0])


def _sprite_times(previews: Previews, path: Path, identity: Identity, _request: Request) -> Response:
    return Json(previews.sprite(path, identity)[1].to_json(), headers=_LASTING)


def _still(previews: Previews, path: Path, identity: Identity, request: Request) -> Response:
    """Answer with the frame at a moment (ms); `?h=` is how high it is, px."""
    moment_ms = whole_number(request.path_params["ms"], 0, _LAST_MS, what="A moment (ms)")
    try:
        height_px = whole_number(request.query_params.get("h") or str(_HEIGHT_PX), 1, _HIGHEST_PX, what="h")
    except UsageError as error:
        return refusal(error)  # the video is there: what is asked of it is wrong
    return _jpeg(previews.still(path, identity, moment_ms / 1000, height_px))
