"""Serves the control API on a Unix socket that only its owner can open, or on loopback with a token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import sys
import threading
from typing import TYPE_CHECKING

import uvicorn

from vsortd.core.system.atomic_file import write_whole
from vsortd.errors import StoreError
from vsortd.service.api import control_app
from vsortd.service.client import SOCKET_NAME, TOKEN_NAME, short_socket_path

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.service.api import Controlled


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
