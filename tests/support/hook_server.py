"""A server of a test's own that things are posted to: real HTTP on loopback, and it answers as it is told."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.own_server import OwnHandler, OwnServer


@dataclass
class Posted:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class HookServer(OwnServer):
    """The server; `statuses` are what it answers, the last one for all that follow. Use it as a context manager.

    With `held` it answers nothing until `over` is set.
    """

    statuses: list[int] = field(default_factory=lambda: [204])
    says: bytes = b""
    location: str = ""
    held: bool = False
    posted: list[Posted] = field(default_factory=list)

    def handler(self) -> type[OwnHandler]:
        """See `OwnServer`."""
        return _Handler

    @property
    def url(self) -> str:
        """Where things are posted to."""
        return f"http://{self.place}/hook/"

    @property
    def bodies(self) -> list[Any]:
        """What was posted."""
        return [one.body for one in self.posted]

    def status(self) -> int:
        """Return the next answer's status."""
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


class _Handler(OwnHandler):
    owner: HookServer

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {key.casefold(): value for key, value in self.headers.items()}
        self.owner.posted.append(Posted(self.path, headers, body))
        if self.owner.held:
            self.owner.over.wait(60)
        with contextlib.suppress(OSError):  # whoever asked may have gone
            self.send_response(self.owner.status())
            if self.owner.location:
                self.send_header("Location", self.owner.location)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(self.owner.says)))
            self.end_headers()
            self.wfile.write(self.owner.says)
