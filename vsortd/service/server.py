"""Serves the control API on a Unix socket that only its owner can open, or on loopback with a token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from vsortd.core.system.atomic_file import write_whole
from vsortd.core.system.descriptors import REMEDY, is_shortage, open_files_limit
from vsortd.errors import StoreError
from vsortd.service.api import control_app
from vsortd.service.client import SOCKET_NAME, TOKEN_NAME, short_socket_path
from vsortd.service.connections import (
    BACKLOG,
    HEADER_TIMEOUT_S,
    MOST_CONNECTIONS,
    MOST_HEADER_BYTES,
    Connections,
    ControlConnection,
    LibraryLog,
    Teller,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.service.api import Controlled


class _Server(uvicorn.Server):
    """Sleeps until its end; uvicorn's own wakes ten times a second, to renew a date header that nobody here reads."""

    _loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, config: uvicorn.Config, teller: Teller) -> None:
        super().__init__(config)
        self._teller = teller

    async def main_loop(self) -> None:
        """Wait until `end`."""
        asyncio.get_running_loop().set_exception_handler(self._tell)
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:  # `end` came before there was anything to wake
            await self._ended.wait()

    def _tell(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell what went wrong beside every request: connections that can't be accepted above all."""
        error, text = context.get("exception"), str(context["message"])
        if error is not None and is_shortage(error):
            text, error = f"no connection can be accepted: {error}. {REMEDY}", None
        self._teller.tell(text, text, error)

    def end(self) -> None:
        """Stop serving; from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)


class ControlServer:
    """Serves the control API on a thread of its own.

    `loopback` listens on a port of this machine instead of a Unix socket, as Windows always does; port and token lie in
    a file of mode 0600. `on_fatal` is called with what ends the serving before `stop`: a daemon that nobody can ask
    any more is none.
    """

    def __init__(
        self,
        daemon: Controlled,
        state_folder: Path,
        *,
        loopback: bool = False,
        on_fatal: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._on_fatal = on_fatal
        self._loopback = loopback or sys.platform == "win32"
        self._folder = state_folder
        self._path = state_folder / (TOKEN_NAME if self._loopback else SOCKET_NAME)
        self._token = secrets.token_urlsafe(32) if self._loopback else ""
        teller = Teller()
        connections = Connections(teller, min(MOST_CONNECTIONS, open_files_limit() // 4))
        config = uvicorn.Config(
            control_app(daemon, self._token),
            # uvicorn calls it for each connection, so it need not be a class
            http=partial(ControlConnection, connections),  # type: ignore[arg-type]
            ws="none",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            lifespan="off",
            backlog=BACKLOG,
            timeout_keep_alive=int(HEADER_TIMEOUT_S),
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MOST_HEADER_BYTES,
            date_header=False,
            server_header=False,
        )
        self._log = LibraryLog(teller)
        self._server = _Server(config, teller)
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
                remedy=REMEDY
                if is_shortage(error)
                else "Choose a state folder on a local filesystem with VSORTD_STATE_DIR.",
                paths=[self._path],
            ) from error
        library = logging.getLogger("uvicorn.error")
        library.addHandler(self._log)
        library.propagate = False  # else Python prints each line by itself
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), name="control-api", daemon=True)
        self._thread.start()

    def _serve(self, listening: socket.socket) -> None:
        try:
            self._server.run(sockets=[listening])
        except (Exception, SystemExit) as error:
            if self._on_fatal is None:
                raise
            remedy = REMEDY if is_shortage(error) else ""
            ended = StoreError(f"The control API has ended: {error!r}.", remedy=remedy, paths=[self._path])
            ended.__cause__ = error
            self._on_fatal(ended)

    def stop(self) -> None:
        """Stop serving and remove the socket."""
        self._server.end()
        if self._thread is not None:
            self._thread.join(2.0)
            logging.getLogger("uvicorn.error").removeHandler(self._log)
        if self._socket is not None:
            self._socket.close()
            self._path.unlink(missing_ok=True)

    def _listen_on_loopback(self) -> socket.socket:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            server.bind(("127.0.0.1", 0))
            server.listen(BACKLOG)
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
        server.listen(BACKLOG)
    except OSError:
        server.close()
        raise
    return server
