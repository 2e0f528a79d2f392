"""Connections to the daemon's socket; imported where there is one."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The kernel's limit for a socket's name is 107 bytes; longer ones go through the folder's descriptor.
NAME_BYTES = 100


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float | None) -> None:
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
