"""The routes of the page's API, made from its table; each answers JSON, and refuses in one form."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, get_origin

from loguru import logger
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from vsortd.errors import (
    Cancelled,
    ChangedError,
    FilingError,
    ModelError,
    StoreError,
    UsageError,
    VideoError,
    VsortdError,
)
from vsortd.learning.review_queue import NotWaitingError
from vsortd.setup.config_files import ConfigChangedError
from vsortd.web.answers import Json, NotThereError, called_off, refusal, turned_away
from vsortd.web.api.daemon_operations import MatchWantedError
from vsortd.web.api.openapi import openapi_document
from vsortd.web.api.operation import VERSION, Call, placed
from vsortd.web.api.operations import OPERATIONS
from vsortd.web.api.video_operations import NotLookedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from vsortd.web.api.operation import ApiOperation
    from vsortd.web.page import Page
    from vsortd.web.request_model import RequestModel

    _Endpoint = Callable[[Request], Awaitable[Response]]

_STATUSES: Final[tuple[tuple[type[VsortdError], HTTPStatus], ...]] = (
    (NotThereError, HTTPStatus.NOT_FOUND),
    (NotWaitingError, HTTPStatus.CONFLICT),
    (NotLookedError, HTTPStatus.CONFLICT),
    (FilingError, HTTPStatus.CONFLICT),
    (MatchWantedError, HTTPStatus.PRECONDITION_REQUIRED),
    (ConfigChangedError, HTTPStatus.PRECONDITION_FAILED),
    (ModelError, HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
)


def routes(page: Page, port: int) -> list[Route]:
    """Return the addresses of the API."""
    described = openapi_document(port)

    async def description(_request: Request) -> Response:
        return Json(described)

    made = [
        Route(one.path, _streaming(page, one) if one.stream else _endpoint(page, one), methods=[one.method])
        for one in OPERATIONS
        if not one.elsewhere
    ]
    return [Route(f"{VERSION}/openapi.json", description), *made]


def is_of_api(path: str) -> bool:
    """Tell whether an address is one of the API."""
    return path.startswith(f"{VERSION}/")


def _streaming(page: Page, operation: ApiOperation[Any]) -> _Endpoint:
    stream = operation.stream
    assert stream is not None

    async def answer(request: Request) -> Response:
        try:
            _asked(operation, request, b"")
        except UsageError as error:
            return refusal(error)
        return stream(page, request)

    return answer


def _endpoint(page: Page, operation: ApiOperation[Any]) -> _Endpoint:
    run = operation.run
    assert run is not None

    def answered(request: Request, body: bytes) -> Response:
        try:
            there = placed(request.path_params)  # first: of what isn't there nothing can be asked
            done = run(Call(page, request, _asked(operation, request, body), there))
        except (Exception, Cancelled) as error:  # noqa: BLE001 - whatever it is, who asked is told
            return _refused(request, error)
        return done if isinstance(done, Response) else Json(done, status_code=operation.status)

    async def answer(request: Request) -> Response:
        return await run_in_threadpool(answered, request, await request.body())

    return answer


def _asked(operation: ApiOperation[Any], request: Request, body: bytes) -> RequestModel:
    """Return what a request asks. Raises UsageError."""
    model: type[RequestModel] = operation.asks
    if not operation.in_query:
        return model.of_body(body)
    query = request.query_params
    many = {name for name, one in model.model_fields.items() if _is_list(one.annotation)}
    return model.of_query({name: query.getlist(name) if name in many else query[name] for name in query})


def _is_list(kind: Any) -> bool:  # noqa: ANN401 - an annotation
    return get_origin(kind) is list or any(map(_is_list, getattr(kind, "__args__", ())))


def _refused(request: Request, error: BaseException) -> Response:
    if isinstance(error, VsortdError):
        found = (status for kind, status in _STATUSES if isinstance(error, kind))
        return refusal(error, next(found, HTTPStatus.UNPROCESSABLE_ENTITY))
    if isinstance(error, VideoError):
        gone = isinstance(error, ChangedError)
        status = HTTPStatus.CONFLICT if gone else HTTPStatus.UNPROCESSABLE_ENTITY
        return turned_away(status, error.sentence)
    if isinstance(error, Cancelled):
        return called_off()
    logger.opt(exception=error).error("the page: {} failed: {!r}", request.url.path, error)
    return turned_away(
        HTTPStatus.INTERNAL_SERVER_ERROR, "vsortd met an error of its own.", "`vsortd logs --level error` tells more."
    )


def nothing_here(status: int, allowed: str) -> Response:
    """Return the answer to what no operation takes."""
    title = f"It is called by {allowed}." if allowed else "There is no such operation."
    headers = {"Allow": allowed} if allowed else {}
    return turned_away(
        HTTPStatus(status), title, f"{VERSION}/openapi.json describes those that there are.", headers=headers
    )
