"""Serves the control API on a Unix socket that only its owner can open, or on loopback with a token."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import sys
import threading
from typing import TYPE_CHECKING

from vsortd.core.system.atomic_file import write_whole
from vsortd.core.system.descriptors import REMEDY, is_shortage
from vsortd.errors import StoreError
from vsortd.service.api import control_app
from vsortd.service.client import SOCKET_NAME, TOKEN_NAME
from vsortd.service.local_connection import short_socket_path
from vsortd.web.connections import BACKLOG, LibraryLog, Teller
from vsortd.web.http_server import SleepingServer, server_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.service.api import Controlled


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
        teller = Teller("the control API")
        config = server_config(control_app(daemon, self._token), teller)
        self._log = LibraryLog(teller)
        self._server = SleepingServer(config, teller)
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
