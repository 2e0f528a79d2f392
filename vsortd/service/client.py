"""The other side of the control API, on the standard library alone, so that commands start quickly."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from vsortd.errors import ConfigError, DaemonUnreachableError, ExitCode, VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOCKET_NAME = "control.sock"
TIMEOUT_S = 5.0
RELOAD_TIMEOUT_S = 120.0  # the prompts of a large rule set are embedded meanwhile
# The kernel's limit for a socket's name is 107 bytes; longer ones go through the folder's descriptor.
NAME_BYTES = 100


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file."""
        if sys.platform == "win32":
            raise OSError("no Unix sockets here")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with short_socket_path(self._path) as name:
            self.sock.connect(name)


@contextlib.contextmanager
def short_socket_path(path: Path) -> Iterator[str]:
    """Yield a name for a socket path that fits the kernel's 107 bytes, through the folder's descriptor if need be."""
    if len(os.fsencode(path)) <= NAME_BYTES or not sys.platform.startswith("linux"):
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class Client:
    """Talks to the daemon of a state folder. Every call raises DaemonUnreachableError when none answers."""

    def __init__(self, state_folder: Path) -> None:
        self._path = state_folder / SOCKET_NAME

    def status(self) -> dict[str, Any]:
        """Return the daemon's status."""
        return self._call("GET", "/v1/status")

    def scan(self) -> None:
        """Ask for a scan now."""
        self._call("POST", "/v1/scan")

    def reload(self) -> list[str]:
        """Ask the daemon to read its config anew; return what changed. Raises VsortdError with its reason to refuse."""
        answer = self._call("POST", "/v1/reload", timeout_s=RELOAD_TIMEOUT_S)
        if not answer["ok"]:
            kind = ConfigError if answer["exit_code"] == ExitCode.CONFIG else VsortdError
            raise kind(answer["error"], remedy="The daemon goes on with the config it had.")
        return list(answer["changed"])

    def stop(self) -> None:
        """Ask the daemon to end."""
        self._call("POST", "/v1/stop")

    def _call(self, method: str, path: str, *, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        unreachable = DaemonUnreachableError(
            f"No daemon answers on {self._path.parent}.",
            remedy="Start one with `vsortd run`.",
            paths=[self._path],
        )
        # a folder that can't be looked into holds no socket for us; Path.exists would raise
        if not hasattr(socket, "AF_UNIX") or not os.path.exists(self._path):  # noqa: PTH110
            raise unreachable
        connection = _UnixConnection(self._path, timeout_s)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            body = json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise unreachable from error
        finally:
            connection.close()
        if response.status not in {HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY} or not isinstance(body, dict):
            raise unreachable
        return body
