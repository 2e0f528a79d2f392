"""A server of a test's own: real HTTP on loopback, on a thread that ends with it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType


class OwnHandler(BaseHTTPRequestHandler):
    """Answers for the server that is its `owner`, and prints nothing."""

    owner: Any
    protocol_version = "HTTP/1.1"
    timeout = 10

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(kw_only=True)
class OwnServer:
    """The server; use it as a context manager. `port` 0 takes any, `over` lets go what never answers."""

    over: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def handler(self) -> type[OwnHandler]:
        """Return what answers requests."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        handler = type("Handler", (self.handler(),), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._http.daemon_threads = False
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="own-server")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def place(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.port}"
