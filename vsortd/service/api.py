"""The daemon's control API: what can be asked over HTTP, and how it is answered.

Used by the commands, the tray and the page alike. Version 1 of the API lives under /v1; a change that breaks a client
gets another number.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

import vsortd
from vsortd.errors import UsageError, VsortdError
from vsortd.filing.release import ReleaseVerb
from vsortd.filing.undo import Selection
from vsortd.library.search.requests import Request as SearchRequest
from vsortd.service.access import AsciiJson, LocalOnly
from vsortd.service.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from starlette.requests import Request

    from vsortd.filing.release import ReleaseReport
    from vsortd.filing.undo import UndoReport

_LARGEST = (1 << 63) - 1


class Controlled(Protocol):
    """What the API can ask of a daemon; each may raise VsortdError, whose sentence the caller gets."""

    def status(self) -> dict[str, Any]:
        """Return the status as design's `status --json` has it."""

    def health(self) -> list[str]:
        """Return what keeps the daemon from its work."""

    def metrics(self) -> str:
        """Return the numbers in Prometheus' text form."""

    def history(self, **wanted: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - passed on as it is
        """Return the items of `history --json`."""

    def events(self) -> AsyncIterator[str]:
        """Return a stream of server-sent events."""

    def pause(self, inbox: Path | None = None, for_s: float | None = None) -> dict[str, Any]:
        """Begin no further video; return the status."""

    def resume(self, inbox: Path | None = None) -> dict[str, Any]:
        """End a pause; return the status."""

    def undo(self, selection: Selection, *, dry_run: bool) -> UndoReport:
        """Take filings back."""

    def release_or_retry(self, verb: ReleaseVerb, names: Sequence[str], *, everything: bool) -> ReleaseReport:
        """Release holds, or retry refusals."""

    def sort(
        self, paths: Sequence[Path], config: str, on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> list[dict[str, Any]] | None:
        """Sort files now; return their outcomes, None where the daemon works by another config."""

    def search(self, request: SearchRequest, config: str) -> dict[str, Any] | None:
        """Return the scenes that are looked for, None where the daemon works by another config."""

    def scan(self) -> None:
        """Look through the inboxes now, asking the journal anew about every file."""

    def reload(self) -> list[str]:
        """Read the config anew and return what changed. Raises ConfigError; the old one stays in force then."""

    def stop(self) -> None:
        """End the daemon."""


def control_app(daemon: Controlled, token: str = "") -> Starlette:
    """Return the application; with a token, every request has to bring it."""
    calls = _Calls(daemon)
    gets = {"status": calls.status, "health": calls.health, "metrics": calls.metrics, "history": calls.history}
    posts = {
        "pause": calls.pause,
        "resume": calls.resume,
        "reload": calls.reload,
        "undo": calls.undo,
        "release": calls.release,
        "retry": calls.retry,
        "search": calls.search,
        "scan": calls.scan,
        "stop": calls.stop,
    }
    routes = [Route("/", _about), Route("/v1/events", calls.events), Route("/v1/sort", calls.sort, methods=["POST"])]
    routes += [Route(f"/v1/{name}", _threaded(run), methods=["GET"]) for name, run in gets.items()]
    routes += [Route(f"/v1/{name}", _threaded(run), methods=["POST"]) for name, run in posts.items()]
    return Starlette(routes=routes, middleware=[Middleware(LocalOnly, token=token)])


async def _about(_request: Request) -> Response:
    return AsciiJson({"name": "vsortd", "version": vsortd.__version__, "api": ["v1"]})


def _threaded(run: Callable[[dict[str, Any]], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Run a call on a thread with the query or the body's JSON object as its words, and tell its errors."""

    async def answer(request: Request) -> Response:
        try:
            words = dict(request.query_params) if request.method == "GET" else _object(await request.body())
            return await run_in_threadpool(run, words)
        except VsortdError as error:
            return _refusal(error)

    return answer


def _object(body: bytes) -> dict[str, Any]:
    try:
        words = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The request is no JSON: {error}.") from error
    if not isinstance(words, dict):
        raise UsageError("The request is no JSON object.")
    return words


def _refusal(error: VsortdError) -> Response:
    return AsciiJson({"ok": False, **_told(error)}, status_code=HTTPStatus.UNPROCESSABLE_ENTITY)


def _told(error: VsortdError) -> dict[str, Any]:
    said = {"error": error.title, "details": list(error.details), "remedy": error.remedy}
    return {**said, "exit_code": int(error.exit_code)}


class _Calls:
    """What each path does; words that a call doesn't know are refused."""

    def __init__(self, daemon: Controlled) -> None:
        self._daemon = daemon

    def status(self, words: dict[str, Any]) -> Response:
        _take(words)
        return AsciiJson(self._daemon.status())

    def health(self, words: dict[str, Any]) -> Response:
        _take(words)
        wrong = self._daemon.health()
        code = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return AsciiJson({"ok": not wrong, "trouble": wrong}, status_code=code)

    def metrics(self, words: dict[str, Any]) -> Response:
        _take(words)
        return PlainTextResponse(self._daemon.metrics(), media_type=CONTENT_TYPE)

    def history(self, words: dict[str, Any]) -> Response:
        last, since, tag = _take(words, last=int, since=float, tag=str)
        return AsciiJson({"items": self._daemon.history(last=last, since=since, tag=tag)})

    async def events(self, _request: Request) -> Response:
        return StreamingResponse(
            self._daemon.events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    def pause(self, words: dict[str, Any]) -> Response:
        inbox, for_s = _take(words, inbox=str, for_s=float)
        if for_s is not None and not 0 < for_s <= _LARGEST:
            raise UsageError(f"A pause of {for_s:g} s is none.", remedy="Give a time above 0.")
        return AsciiJson(self._daemon.pause(_path(inbox), for_s))

    def resume(self, words: dict[str, Any]) -> Response:
        (inbox,) = _take(words, inbox=str)
        return AsciiJson(self._daemon.resume(_path(inbox)))

    def reload(self, words: dict[str, Any]) -> Response:
        _take(words)
        return AsciiJson({"ok": True, "changed": self._daemon.reload()})

    def undo(self, words: dict[str, Any]) -> Response:
        ids, last, since, batch, everything, dry_run = _take(
            words, ids=list, last=int, since=float, batch=str, all=bool, dry_run=bool
        )
        numbers = tuple(ids or ())
        if not all(type(number) is int and 0 <= number <= _LARGEST for number in numbers):
            raise UsageError("ids are whole numbers.", remedy="See `vsortd history`.")
        selection = Selection(ids=numbers, last=last, since=since, batch=batch, all=bool(everything))
        report = self._daemon.undo(selection, dry_run=bool(dry_run))
        return AsciiJson(
            {
                "undone": [item.to_json() for item in report.undone],
                "refused": [{"id": number, "reason": reason} for number, reason in report.refused],
            }
        )

    def release(self, words: dict[str, Any]) -> Response:
        return self._release_or_retry(ReleaseVerb.RELEASE, words)

    def retry(self, words: dict[str, Any]) -> Response:
        return self._release_or_retry(ReleaseVerb.RETRY, words)

    def _release_or_retry(self, verb: ReleaseVerb, words: dict[str, Any]) -> Response:
        which, everything = _take(words, which=list, all=bool)
        found = self._daemon.release_or_retry(verb, [str(name) for name in which or ()], everything=bool(everything))
        return AsciiJson({"freed": [os.fspath(path) for path in found.freed], "refused": found.refused})

    def search(self, words: dict[str, Any]) -> Response:
        kinds = {"prompts": list, "against": list, "any_of": bool, "like": list, "window_s": float, "top": int}
        kinds |= {"under": str, "since_s": float, "orientation": list, "config": str}
        *values, config = _take(words, **kinds)
        said = {name: value for name, value in zip(kinds, values, strict=False) if value is not None}
        said |= {name: tuple(map(str, value)) for name, value in said.items() if isinstance(value, list)}
        found = self._daemon.search(SearchRequest(**said), config or "")
        return AsciiJson({"other_config": True} if found is None else found)

    def scan(self, words: dict[str, Any]) -> Response:
        _take(words)
        self._daemon.scan()
        return AsciiJson({"ok": True})

    def stop(self, words: dict[str, Any]) -> Response:
        _take(words)
        self._daemon.stop()
        return AsciiJson({"ok": True})

    async def sort(self, request: Request) -> Response:
        try:
            paths, config = _take(_object(await request.body()), paths=list, config=str)
        except VsortdError as error:
            return _refusal(error)
        files = [Path(str(path)) for path in paths or ()]
        return StreamingResponse(_sorting(self._daemon, files, config or ""), media_type="application/x-ndjson")


async def _sorting(daemon: Controlled, paths: Sequence[Path], config: str) -> AsyncIterator[str]:
    """Yield a line a step, {"done", "total"}, then {"outcomes"}, {"error", …} or {"other_config"}.

    Work ends when nobody listens any more: the file in hand is put back.
    """
    loop, lines, cancel = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]](), threading.Event()

    def say(line: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def work() -> None:
        try:
            outcomes = daemon.sort(paths, config, lambda done, total: say({"done": done, "total": total}), cancel)
            say({"other_config": True} if outcomes is None else {"outcomes": outcomes})
        except VsortdError as error:
            say(_told(error))
        except BaseException as error:  # noqa: BLE001 - who waits must hear of it
            say(_told(VsortdError(f"internal error: {error!r}")))

    threading.Thread(target=work, name="sort-now", daemon=True).start()
    try:
        while True:
            line = await lines.get()
            yield json.dumps(line) + "\n"
            if "done" not in line:
                return
    finally:
        cancel.set()


def _take(words: dict[str, Any], **kinds: type) -> list[Any]:
    """Return the words of a request in the order of their kinds, None for those not there. Raises UsageError."""
    if unknown := sorted(words.keys() - kinds.keys()):
        known = f"Known are: {', '.join(kinds)}." if kinds else "It takes none."
        raise UsageError(f"The request says {', '.join(unknown)}, which is not known here.", remedy=known)
    return [None if words.get(name) is None else _as(kind, name, words[name]) for name, kind in kinds.items()]


def _as(kind: type, name: str, value: object) -> object:
    if kind in {int, float} and isinstance(value, str | int | float) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, OverflowError):
            number = kind(value)
            if abs(number) <= _LARGEST:  # not so of what is no number
                return number
    elif type(value) is kind:
        return value
    raise UsageError(f"{name} is {value!r}, not a value of the kind {kind.__name__}.")


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
