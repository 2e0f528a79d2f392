"""The daemon's control API: HTTP on a Unix socket that only its owner can open, or on loopback with a token.

Used by the commands, the tray and the page alike. Version 1 of the API lives under /v1; a change that breaks a client
gets another number. A page in a browser can't reach a Unix socket, and can't know the token; Host and Origin are
checked all the same, nothing is ever allowed across origins, and what a request may bring, and how long it may take to
bring it, is limited.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import socket
import sys
import threading
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

import vsortd
from vsortd.core.system.atomic_file import write_whole
from vsortd.errors import StoreError, UsageError, VsortdError
from vsortd.filing.undo import Selection
from vsortd.library.search.requests import Request as SearchRequest
from vsortd.service.client import SOCKET_NAME, TOKEN_NAME, short_socket_path
from vsortd.service.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from vsortd.filing.release import LetGo
    from vsortd.filing.undo import UndoReport

MAX_BODY_BYTES = 1 << 20  # a hundred thousand ids
BODY_TIMEOUT_S = 10.0
_HOSTS = {"localhost", "127.0.0.1", "vsortd"}
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

    def let_go(self, verb: str, words: Sequence[str], *, everything: bool) -> LetGo:
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
    return Starlette(routes=routes, middleware=[Middleware(_LocalOnly, token=token)])


async def _about(_request: Request) -> Response:
    return _Json({"name": "vsortd", "version": vsortd.__version__, "api": ["v1"]})


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
    return _Json({"ok": False, **_told(error)}, status_code=HTTPStatus.UNPROCESSABLE_ENTITY)


def _told(error: VsortdError) -> dict[str, Any]:
    said = {"error": error.title, "details": list(error.details), "remedy": error.remedy}
    return {**said, "exit_code": int(error.exit_code)}


class _Json(JSONResponse):
    """JSON in ASCII: names that are no UTF-8 can be told of, too."""

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - starlette's own
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


class _Calls:
    """What each path does; words that a call doesn't know are refused."""

    def __init__(self, daemon: Controlled) -> None:
        self._daemon = daemon

    def status(self, words: dict[str, Any]) -> Response:
        _take(words)
        return _Json(self._daemon.status())

    def health(self, words: dict[str, Any]) -> Response:
        _take(words)
        wrong = self._daemon.health()
        code = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        return _Json({"ok": not wrong, "trouble": wrong}, status_code=code)

    def metrics(self, words: dict[str, Any]) -> Response:
        _take(words)
        return PlainTextResponse(self._daemon.metrics(), media_type=CONTENT_TYPE)

    def history(self, words: dict[str, Any]) -> Response:
        last, since, tag = _take(words, last=int, since=float, tag=str)
        return _Json({"items": self._daemon.history(last=last, since=since, tag=tag)})

    async def events(self, _request: Request) -> Response:
        return StreamingResponse(
            self._daemon.events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    def pause(self, words: dict[str, Any]) -> Response:
        inbox, for_s = _take(words, inbox=str, for_s=float)
        if for_s is not None and not 0 < for_s <= _LARGEST:
            raise UsageError(f"A pause of {for_s:g} s is none.", remedy="Give a time above 0.")
        return _Json(self._daemon.pause(_path(inbox), for_s))

    def resume(self, words: dict[str, Any]) -> Response:
        (inbox,) = _take(words, inbox=str)
        return _Json(self._daemon.resume(_path(inbox)))

    def reload(self, words: dict[str, Any]) -> Response:
        _take(words)
        return _Json({"ok": True, "changed": self._daemon.reload()})

    def undo(self, words: dict[str, Any]) -> Response:
        ids, last, since, batch, everything, dry_run = _take(
            words, ids=list, last=int, since=float, batch=str, all=bool, dry_run=bool
        )
        numbers = tuple(ids or ())
        if not all(type(number) is int and 0 <= number <= _LARGEST for number in numbers):
            raise UsageError("ids are whole numbers.", remedy="See `vsortd history`.")
        selection = Selection(ids=numbers, last=last, since=since, batch=batch, all=bool(everything))
        report = self._daemon.undo(selection, dry_run=bool(dry_run))
        return _Json(
            {
                "undone": [item.to_json() for item in report.undone],
                "refused": [{"id": number, "reason": reason} for number, reason in report.refused],
            }
        )

    def release(self, words: dict[str, Any]) -> Response:
        return self._let_go("release", words)

    def retry(self, words: dict[str, Any]) -> Response:
        return self._let_go("retry", words)

    def _let_go(self, verb: str, words: dict[str, Any]) -> Response:
        which, everything = _take(words, which=list, all=bool)
        found = self._daemon.let_go(verb, [str(word) for word in which or ()], everything=bool(everything))
        return _Json({"freed": [os.fspath(path) for path in found.freed], "refused": found.refused})

    def search(self, words: dict[str, Any]) -> Response:
        kinds = {"prompts": list, "against": list, "any_of": bool, "like": list, "window_s": float, "top": int}
        kinds |= {"under": str, "since_s": float, "orientation": list, "config": str}
        *values, config = _take(words, **kinds)
        said = {name: value for name, value in zip(kinds, values, strict=False) if value is not None}
        said |= {name: tuple(map(str, value)) for name, value in said.items() if isinstance(value, list)}
        found = self._daemon.search(SearchRequest(**said), config or "")
        return _Json({"other_config": True} if found is None else found)

    def scan(self, words: dict[str, Any]) -> Response:
        _take(words)
        self._daemon.scan()
        return _Json({"ok": True})

    def stop(self, words: dict[str, Any]) -> Response:
        _take(words)
        self._daemon.stop()
        return _Json({"ok": True})

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


class _LocalOnly:
    """Refuse what comes from elsewhere, is too large, or takes too long to say what it wants."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").rpartition(":")
        name = host[0] if host[0] and host[2].isdigit() else host[2]
        if name not in _HOSTS or b"origin" in headers or headers.get(b"sec-fetch-site", b"none") != b"none":
            await _Json({"error": "not for you"}, status_code=HTTPStatus.FORBIDDEN)(scope, receive, send)
            return
        bearer = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if self._token and not hmac.compare_digest(bearer, self._token):
            await _Json({"error": "the token is wrong"}, status_code=HTTPStatus.UNAUTHORIZED)(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(_body(receive), BODY_TIMEOUT_S)
        except TimeoutError:
            await _Json({"error": "too slow"}, status_code=HTTPStatus.REQUEST_TIMEOUT)(scope, receive, send)
            return
        if body is None:
            await _Json({"error": "too large"}, status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)(scope, receive, send)
            return
        await self._app(scope, _Replay(body, receive), send)


async def _body(receive: Receive) -> bytes | None:
    """Return a request's whole body, None for one that is too large."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""  # gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


class _Replay:
    """Hands on a body that was read already, then what really comes (the end of the connection)."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Server(uvicorn.Server):
    """Sleeps until its end; uvicorn's own wakes ten times a second, to renew a date header that nobody here reads."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Wait until `end`."""
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:  # `end` came before there was anything to wake
            await self._ended.wait()

    def end(self) -> None:
        """Stop serving; from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)


class ControlServer:
    """Serves the control API on a thread of its own.

    `loopback` listens on a port of this machine instead of a Unix socket, as Windows always does; port and token lie in
    a file of mode 0600.
    """

    def __init__(self, daemon: Controlled, state_folder: Path, *, loopback: bool = False) -> None:
        self._loopback = loopback or sys.platform == "win32"
        self._folder = state_folder
        self._path = state_folder / (TOKEN_NAME if self._loopback else SOCKET_NAME)
        self._token = secrets.token_urlsafe(32) if self._loopback else ""
        config = uvicorn.Config(
            control_app(daemon, self._token),
            log_config=None,
            access_log=False,
            lifespan="off",
            limit_concurrency=64,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=64 * 1024,
            date_header=False,
            server_header=False,
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen and serve. Raises StoreError when the state folder can't hold a socket, or the token."""
        try:
            for name in (SOCKET_NAME, TOKEN_NAME):  # left by a dead daemon, or by one that listened elsewhere
                (self._folder / name).unlink(missing_ok=True)
            self._socket = self._listen_on_loopback() if self._loopback else _bind(self._path)
        except OSError as error:
            raise StoreError(
                f"The control socket {self._path} can't be made: {error.strerror or error}.",
                remedy="Choose a state folder on a local filesystem with VSORTD_STATE_DIR.",
                paths=[self._path],
            ) from error
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="control-api", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and remove the socket."""
        self._server.end()
        if self._thread is not None:
            self._thread.join(2.0)
        if self._socket is not None:
            self._socket.close()
            self._path.unlink(missing_ok=True)

    def _listen_on_loopback(self) -> socket.socket:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            server.bind(("127.0.0.1", 0))
            server.listen(64)
            port = server.getsockname()[1]
            write_whole(self._path, json.dumps({"port": port, "token": self._token, "pid": os.getpid()}))
        except OSError:
            server.close()
            raise
        return server


def _bind(path: Path) -> socket.socket:
    """Bind a listening socket with mode 0600 (the daemon lock is held, so nobody else's is in its place)."""
    if sys.platform == "win32":
        raise OSError("no Unix sockets here")
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_socket_path(path) as name:
            before = os.umask(0o177)
            try:
                server.bind(name)
            finally:
                os.umask(before)
        server.listen(64)
    except OSError:
        server.close()
        raise
    return server
