"""The daemon's control API: HTTP on a Unix socket in the state folder that only its owner can open.

The socket file is made with mode 0600. A page in a browser can't reach a Unix socket; Host and Origin are
checked all the same, so that the same application may listen on loopback where there are no Unix sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vsortd.errors import StoreError, VsortdError
from vsortd.service.client import SOCKET_NAME, short_socket_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

_HOSTS = {b"localhost", b"vsortd"}


class Controlled(Protocol):
    """What the API can ask of a daemon."""

    def status(self) -> dict[str, object]:
        """Return the status as design's `status --json` has it."""

    def scan(self) -> None:
        """Look through the inboxes now, asking the journal anew about every file."""

    def reload(self) -> list[str]:
        """Read the config anew and return what changed. Raises ConfigError; the old one stays in force then."""

    def stop(self) -> None:
        """End the daemon."""


def control_app(daemon: Controlled) -> Starlette:
    """Return the application: `GET /v1/status`, `POST /v1/scan`, `POST /v1/reload`, `POST /v1/stop`."""

    async def status(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(daemon.status))

    def command(action: Callable[[], None]) -> Callable[[Request], object]:
        async def run(_request: Request) -> Response:
            await run_in_threadpool(action)
            return JSONResponse({"ok": True})

        return run

    async def reload(_request: Request) -> Response:
        try:
            changed = await run_in_threadpool(daemon.reload)
        except VsortdError as error:
            return JSONResponse(
                {"ok": False, "error": str(error), "exit_code": int(error.exit_code)},
                status_code=HTTPStatus.UNPROCESSABLE_ENTITY,
            )
        return JSONResponse({"ok": True, "changed": changed})

    return Starlette(
        routes=[
            Route("/v1/status", status, methods=["GET"]),
            Route("/v1/scan", command(daemon.scan), methods=["POST"]),
            Route("/v1/reload", reload, methods=["POST"]),
            Route("/v1/stop", command(daemon.stop), methods=["POST"]),
        ],
        middleware=[Middleware(_LocalOnly)],
    )


class _LocalOnly:
    """Refuse requests that name another host or come from a web page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            host = headers.get(b"host", b"").split(b":")[0]
            if host not in _HOSTS or b"origin" in headers:
                await JSONResponse({"error": "not for you"}, status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


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
    """Serves the control API on a thread of its own."""

    def __init__(self, daemon: Controlled, state_folder: Path) -> None:
        self._path = state_folder / SOCKET_NAME
        config = uvicorn.Config(
            control_app(daemon),
            log_config=None,
            access_log=False,
            lifespan="off",
            limit_concurrency=64,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=1,
            date_header=False,
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind the socket and serve. Raises StoreError when the state folder can't hold a socket."""
        if sys.platform == "win32":
            return  # no Unix sockets in CPython there; the commands then work on the journal alone
        try:
            self._socket = _bind(self._path)
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
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()


def _bind(path: Path) -> socket.socket:
    """Bind a listening socket with mode 0600, in place of one that a dead daemon left (the daemon lock is held)."""
    if sys.platform == "win32":
        raise OSError("no Unix sockets here")
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
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
