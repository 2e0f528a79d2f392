"""The daemon's control API: what can be asked over HTTP, and how it is answered.

Used by the commands, the tray and the page alike. Version 1 of the API lives under /v1; a change that breaks a client
gets another number.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

import vsortd
from vsortd.core.text import printable
from vsortd.errors import Cancelled, VsortdError
from vsortd.filing.release import ReleaseVerb
from vsortd.filing.undo import Selection
from vsortd.service.access import LocalOnly
from vsortd.service.metrics import CONTENT_TYPE
from vsortd.service.request_models import (
    CALLS,
    EmbedRequest,
    EmbedTextsRequest,
    HistoryRequest,
    LendModelRequest,
    NowhereRequest,
    PauseRequest,
    PreviewRulesRequest,
    ReleaseRequest,
    ResumeRequest,
    SceneSearchRequest,
    SetAsideRequest,
    SortFilesRequest,
    StopSortingRequest,
    UndoRequest,
)
from vsortd.web.answers import STOPPING, Json, called_off, error_document, refusal, turned_away

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    import numpy as np
    import numpy.typing as npt
    from starlette.requests import Request

    from vsortd.core.documents import (
        ItemDocument,
        LessonDocument,
        OutcomeDocument,
        PreviewAnswerDocument,
        ReloadDocument,
        SearchDocument,
        StatusDocument,
        WayInDocument,
    )
    from vsortd.filing.history_query import HistoryQuery
    from vsortd.filing.release import ReleaseReport
    from vsortd.filing.undo import UndoReport
    from vsortd.library.search.requests import Request as SearchRequest
    from vsortd.service.lending import ModelLender
    from vsortd.web.request_model import NothingMore


class Controlled(Protocol):
    """What the API can ask of a daemon; each may raise VsortdError, whose sentence the caller gets."""

    @property
    def lender(self) -> ModelLender:
        """Return what lends the loaded models."""

    def status(self) -> StatusDocument:
        """Return the status as design's `status --json` has it."""

    def health(self) -> list[str]:
        """Return what keeps the daemon from its work."""

    def way_in(self) -> WayInDocument:
        """Return the address that lets one browser in to the page."""

    def metrics(self) -> str:
        """Return the numbers in Prometheus' text form."""

    def history(self, query: HistoryQuery) -> list[ItemDocument]:
        """Return the items of `history --json` that fit."""

    def events(self) -> AsyncIterator[str]:
        """Return a stream of server-sent events."""

    def pause(self, inbox: Path | None = None, for_s: float | None = None) -> StatusDocument:
        """Begin no more videos; return the status."""

    def resume(self, inbox: Path | None = None) -> StatusDocument:
        """End a pause; return the status."""

    def undo(self, selection: Selection, *, dry_run: bool) -> UndoReport:
        """Take filings back."""

    def nowhere(self, number: int) -> LessonDocument:
        """Learn that an item that waits for review belongs nowhere; return what came of it."""

    def set_aside(self, video: Path | int, *, keep: Path | None = None, batch: str = "") -> ItemDocument:
        """Set a video aside, by its path or its item's id; return its new item."""

    def release_or_retry(self, verb: ReleaseVerb, names: Sequence[str], *, everything: bool) -> ReleaseReport:
        """Release holds, or retry refusals."""

    def sort(
        self, paths: Sequence[Path], config: str, on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> list[OutcomeDocument] | None:
        """Sort files now; return their outcomes, None where the daemon works by another config."""

    def search(self, request: SearchRequest, config: str) -> SearchDocument | None:
        """Return the scenes that are looked for, None where the daemon works by another config."""

    def preview_text(
        self, asked: PreviewRulesRequest, on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> PreviewAnswerDocument | None:
        """Return what a config would change of all that is filed, None where the asker has to find out itself."""

    def scan(self) -> None:
        """Look through the inboxes now, asking the journal anew about every file."""

    def reload(self) -> ReloadDocument:
        """Read the config anew; return what changed and is tried again. Raises ConfigError; the old one stays then."""

    def stop(self) -> None:
        """End the daemon."""


_SHOWN_CHARS = 80


def control_app(daemon: Controlled, token: str = "") -> Starlette:
    """Return the application; with a token, every request has to bring it."""
    calls = _Calls(daemon)
    routes = [
        Route("/", _about),
        Route("/v1/events", calls.events),
        Route("/v1/sort", calls.sort, methods=["POST"]),
        Route("/v1/preview_rules", calls.preview_rules, methods=["POST"]),
        _call("status", calls.status),
        _call("health", calls.health),
        _call("metrics", calls.metrics),
        _call("way_in", calls.way_in),
        _call("lend_model", calls.lend_model),
        _call("embed_texts", calls.embed_texts),
        _embedding("embed_pictures", calls.embed_pictures),
        _embedding("embed_windows", calls.embed_windows),
        _call("history", calls.history),
        _call("pause", calls.pause),
        _call("resume", calls.resume),
        _call("reload", calls.reload),
        _call("undo", calls.undo),
        _call("nowhere", calls.nowhere),
        _call("set_aside", calls.set_aside),
        _call("release", partial(calls.release_or_retry, ReleaseVerb.RELEASE)),
        _call("retry", partial(calls.release_or_retry, ReleaseVerb.RETRY)),
        _call("search", calls.search),
        _call("stop_sorting", calls.stop_sorting),
        _call("scan", calls.scan),
        _call("stop", calls.stop),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(LocalOnly, token=token)],
        exception_handlers={HTTPException: _no_such_call},
    )
    app.router.redirect_slashes = False  # there is one address for each call
    return app


async def _about(_request: Request) -> Response:
    return Json({"name": "vsortd", "version": vsortd.__version__, "api": ["v1"]})


async def _no_such_call(request: Request, error: Exception) -> Response:
    """Answer what no route takes: 404, or 405 for another method than the route's."""
    assert isinstance(error, HTTPException)
    status, path = HTTPStatus(error.status_code), printable(request.scope["path"][:_SHOWN_CHARS])
    allowed = (error.headers or {}).get("Allow")
    title = f"{path} is not called by {request.method}." if allowed else f"There is no call {path}."
    remedy = f"It is called by {allowed}." if allowed else "GET / tells which versions of the API there are."
    return turned_away(status, title, remedy, headers=error.headers)


def _call(name: str, run: Callable[[Any], Response]) -> Route:
    """Return the route of a call, run on a thread with what the request brings."""
    method, model = CALLS[name]

    async def answer(request: Request) -> Response:
        try:
            asked = model.of_query(request.query_params) if method == "GET" else model.of_body(await request.body())
            return await run_in_threadpool(run, asked)
        except VsortdError as error:
            return refusal(error)
        except Cancelled:
            return called_off()

    return Route(f"/v1/{name}", answer, methods=[method])


def _embedding(name: str, embed: Callable[[str, bytes], Response]) -> Route:
    """Return the route of a call whose body are the bytes of what is embedded."""

    async def answer(request: Request) -> Response:
        try:
            asked = EmbedRequest.of_query(request.query_params)
            return await run_in_threadpool(embed, asked.model or "", await request.body())
        except VsortdError as error:
            return refusal(error)

    return Route(f"/v1/{name}", answer, methods=["POST"])


def _rows(rows: npt.NDArray[np.float32] | None) -> Response:
    """Return the answer to what was embedded: float32 rows [n, dim], little-endian, in C order."""
    if rows is None:
        return turned_away(HTTPStatus.CONFLICT, "Another model is loaded here.")
    return Response(rows.astype("<f4", copy=False).tobytes(), media_type="application/octet-stream")


class _Calls:
    """What each path does."""

    def __init__(self, daemon: Controlled) -> None:
        self._daemon = daemon
        self._sorting: dict[str, threading.Event] = {}  # what calls each sort off, by its ticket

    def status(self, _asked: NothingMore) -> Response:
        return Json(self._daemon.status())

    def health(self, _asked: NothingMore) -> Response:
        wrong = self._daemon.health()
        code = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return Json({"ok": not wrong, "trouble": wrong}, status_code=code)

    def metrics(self, _asked: NothingMore) -> Response:
        return PlainTextResponse(self._daemon.metrics(), media_type=CONTENT_TYPE)

    def way_in(self, _asked: NothingMore) -> Response:
        return Json(self._daemon.way_in())

    def history(self, asked: HistoryRequest) -> Response:
        return Json({"items": self._daemon.history(asked.query)})

    async def events(self, _request: Request) -> Response:
        return StreamingResponse(
            self._daemon.events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    def pause(self, asked: PauseRequest) -> Response:
        return Json(self._daemon.pause(asked.inbox_path, asked.for_s))

    def resume(self, asked: ResumeRequest) -> Response:
        return Json(self._daemon.resume(asked.inbox_path))

    def reload(self, _asked: NothingMore) -> Response:
        return Json({"ok": True, **self._daemon.reload()})

    def undo(self, asked: UndoRequest) -> Response:
        ids = tuple(asked.ids or ())
        selection = Selection(ids=ids, last=asked.last, since=asked.since, batch=asked.batch, all=bool(asked.all))
        return Json(self._daemon.undo(selection, dry_run=bool(asked.dry_run)).to_json())

    def nowhere(self, asked: NowhereRequest) -> Response:
        return Json(self._daemon.nowhere(asked.id or 0))

    def set_aside(self, asked: SetAsideRequest) -> Response:
        keep = None if asked.keep is None else Path(asked.keep)
        return Json(self._daemon.set_aside(asked.video, keep=keep, batch=asked.batch or ""))

    def release_or_retry(self, verb: ReleaseVerb, asked: ReleaseRequest) -> Response:
        report = self._daemon.release_or_retry(verb, asked.which or (), everything=bool(asked.all))
        return Json(report.to_json())

    def search(self, asked: SceneSearchRequest) -> Response:
        found = self._daemon.search(asked.wanted(), asked.config or "")
        return Json({"other_config": True} if found is None else found)

    def lend_model(self, asked: LendModelRequest) -> Response:
        found = self._daemon.lender.model(asked)
        return Json({"other_model": True} if found is None else {"model": found})

    def embed_pictures(self, key: str, body: bytes) -> Response:
        return _rows(self._daemon.lender.pictures(key, body))

    def embed_windows(self, key: str, body: bytes) -> Response:
        return _rows(self._daemon.lender.windows(key, body))

    def embed_texts(self, asked: EmbedTextsRequest) -> Response:
        return _rows(self._daemon.lender.texts(asked))

    def scan(self, _asked: NothingMore) -> Response:
        self._daemon.scan()
        return Json({"ok": True})

    def stop(self, _asked: NothingMore) -> Response:
        self._daemon.stop()
        return Json({"ok": True})

    async def sort(self, request: Request) -> Response:
        try:
            asked = SortFilesRequest.of_body(await request.body())
        except VsortdError as error:
            return refusal(error)
        files = [Path(name) for name in asked.paths or ()]
        return StreamingResponse(self._sort(files, asked), media_type="application/x-ndjson")

    async def _sort(self, files: Sequence[Path], asked: SortFilesRequest) -> AsyncIterator[str]:
        ticket, cancel = asked.ticket, threading.Event()
        if ticket is not None:
            self._sorting[ticket] = cancel
        try:
            async for line in _told(partial(self._sorted, files, asked.config or ""), "sort-now", cancel):
                yield line
        finally:
            if ticket is not None and self._sorting.get(ticket) is cancel:
                del self._sorting[ticket]

    def _sorted(
        self, files: Sequence[Path], config: str, on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> dict[str, Any]:
        outcomes = self._daemon.sort(files, config, on_progress, cancel)
        return {"other_config": True} if outcomes is None else {"outcomes": outcomes}

    async def preview_rules(self, request: Request) -> Response:
        try:
            asked = PreviewRulesRequest.of_body(await request.body())
        except VsortdError as error:
            return refusal(error)
        lines = _told(partial(self._previewed, asked), "preview-rules", threading.Event())
        return StreamingResponse(lines, media_type="application/x-ndjson")

    def _previewed(
        self, asked: PreviewRulesRequest, on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> dict[str, Any]:
        found = self._daemon.preview_text(asked, on_progress, cancel)
        return {"other_config": True} if found is None else {"preview": found}

    def stop_sorting(self, asked: StopSortingRequest) -> Response:
        cancel = self._sorting.get(asked.ticket or "")
        if cancel is not None:
            cancel.set()
        return Json({"ok": cancel is not None})


async def _told(
    run: Callable[[Callable[[int, int], None], threading.Event], dict[str, Any]], name: str, cancel: threading.Event
) -> AsyncIterator[str]:
    """Yield a line a step of work, {"done", "total"}, then what it returns, or {"error", …}.

    It is run on a thread of this name. Work ends when nobody listens any more, or `cancel` is set: a sort puts the file
    in hand back, and its outcomes are of what was done.
    """
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]]()

    def say(line: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def work() -> None:
        try:
            say(run(lambda done, total: say({"done": done, "total": total}), cancel))
        except VsortdError as error:
            say(error_document(error))
        except Cancelled:
            say(error_document(VsortdError(STOPPING)))
        except BaseException as error:  # noqa: BLE001 - who waits must hear of it
            say(error_document(VsortdError(f"internal error: {error!r}")))

    threading.Thread(target=work, name=name, daemon=True).start()
    try:
        while True:
            line = await lines.get()
            yield json.dumps(line) + "\n"
            if "done" not in line:
                return
    finally:
        cancel.set()
