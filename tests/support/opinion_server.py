"""A server of a test's own with a vision model, as it seems: real HTTP on loopback, and it answers as it is told.

`Behaviour.GOOD` answers as Ollama does. The others are what goes wrong with servers.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from PIL import Image

from tests.support.own_server import OwnHandler, OwnServer

DRIP_S = 0.02


class Behaviour(StrEnum):
    """How the server answers a question."""

    GOOD = "good"
    NO_SCHEMA = "no schema"  # refuses what asks for a form of answer, as older servers do
    ONLY_PLAIN = "only plain"  # ... and limits, too
    HTML = "html"
    ERROR_500 = "500"
    UNAUTHORIZED = "401"
    NOT_FOUND = "404"
    WRONG_TYPE = "wrong type"
    NO_JSON = "no JSON"
    NO_CHOICE = "no choice"
    DEEP = "deep"
    HUGE = "huge"
    ENDLESS_HEAD = "endless head"
    DRIPPING_HEAD = "dripping head"
    DRIPPING = "dripping"
    NEVER = "never"
    SLOW = "slow"  # a good answer, once it is let go
    REDIRECT = "redirect"
    COMPRESSED = "compressed"
    CLOSES = "closes"
    NO_HTTP = "no HTTP"


@dataclass
class ReceivedRequest:
    """A question as it arrived."""

    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """What was asked, in words."""
        return str(self.body["messages"][0]["content"][1]["text"])

    @property
    def picture(self) -> Image.Image:
        """What was shown."""
        kind, _, data = self.body["messages"][0]["content"][0]["image_url"]["url"].partition(",")
        assert kind == "data:image/jpeg;base64"
        return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


@dataclass
class OpinionServer(OwnServer):
    """The server; `says` is what its model says, `behaviour` how it goes. Use it as a context manager."""

    says: str = ""
    behaviour: Behaviour = Behaviour.GOOD
    elsewhere: str = "http://127.0.0.1:9/"  # where a redirect leads
    models: tuple[str, ...] = ("llava", "eyes:latest")
    asked: list[ReceivedRequest] = field(default_factory=list)

    def handler(self) -> type[OwnHandler]:
        """See `OwnServer`."""
        return _Handler

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://{self.place}/v1"

    def choose(self, rule: str, why: str = "tall trees in fog") -> None:
        """Let the model name a rule."""
        self.says = json.dumps({"why": why, "rule": rule})

    def yaml(self, more: str = "") -> str:
        """Return the config's option that asks it."""
        return f"unsure: {{ask: {self.url!r}, model: eyes{more and ', '}{more}}}\n"


class _Handler(OwnHandler):
    owner: OpinionServer

    def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
        if self.path != "/v1/models":
            self._send(404, b'{"error": "no such page"}')
        elif self.owner.behaviour is Behaviour.GOOD:
            self._send(200, json.dumps({"data": [{"id": name} for name in self.owner.models]}).encode())
        else:
            self._misbehave()

    def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.owner.asked.append(ReceivedRequest({key.casefold(): value for key, value in self.headers.items()}, body))
        behaviour = self.owner.behaviour
        if self.path != "/v1/chat/completions":
            self._send(404, b'{"error": {"message": "no such page"}}')
        elif behaviour in {Behaviour.NO_SCHEMA, Behaviour.ONLY_PLAIN} and "response_format" in body:
            self._send(400, b'{"error": {"message": "response_format is not supported"}}')
        elif behaviour is Behaviour.ONLY_PLAIN and "max_tokens" in body:
            self._send(422, b'{"error": {"message": "max_tokens is not supported"}}')
        elif behaviour in {Behaviour.GOOD, Behaviour.SLOW, Behaviour.NO_SCHEMA, Behaviour.ONLY_PLAIN}:
            if behaviour is Behaviour.SLOW:
                self.owner.over.wait(30)
            message = {"role": "assistant", "content": self.owner.says}
            self._send(200, json.dumps({"choices": [{"index": 0, "message": message}]}).encode())
        else:
            self._misbehave()

    def _misbehave(self) -> None:
        behaviour = self.owner.behaviour
        whole = {
            Behaviour.HTML: (200, b"<html>Welcome</html>", "text/html"),
            Behaviour.ERROR_500: (500, b'{"error": {"message": "out of\\nmemory \\u001b[31m"}}', "application/json"),
            Behaviour.UNAUTHORIZED: (401, b'{"error": {"message": "wrong key sk-secret"}}', "application/json"),
            Behaviour.NOT_FOUND: (404, b"", "text/plain"),
            Behaviour.WRONG_TYPE: (200, b"\x00\x01", "application/octet-stream"),
            Behaviour.NO_JSON: (200, b'{"choices": [', "application/json"),
            Behaviour.NO_CHOICE: (200, b'{"choices": []}', "application/json"),
            Behaviour.DEEP: (200, b'{"choices": ' + b"[" * 30_000, "application/json"),
        }
        if behaviour in whole:
            status, content, kind = whole[behaviour]
            self._send(status, content, kind)
        elif behaviour is Behaviour.HUGE:
            self._pour(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" " * 65_536, 0)
        elif behaviour is Behaviour.ENDLESS_HEAD:
            self._pour(b"HTTP/1.1 200 OK\r\n", b"X-Same: same\r\n" * 1_000, 0)
        elif behaviour is Behaviour.DRIPPING_HEAD:
            self._pour(b"HTTP/1.1 200 OK\r\n", b"X", DRIP_S)
        elif behaviour is Behaviour.DRIPPING:
            self._pour(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" ", DRIP_S)
        elif behaviour is Behaviour.NEVER:
            self.owner.over.wait(30)
            self.close_connection = True
        elif behaviour is Behaviour.REDIRECT:
            self._pour(
                f"HTTP/1.1 307 Go\r\nLocation: {self.owner.elsewhere}\r\nContent-Length: 0\r\n\r\n".encode(), b"", 0
            )
        elif behaviour is Behaviour.COMPRESSED:
            self._pour(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", b"", 0)
        elif behaviour is Behaviour.NO_HTTP:
            self._pour(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"", 0)
        else:
            self.close_connection = True

    def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        with contextlib.suppress(OSError):  # whoever asked may have gone
            self.end_headers()
            self.wfile.write(content)

    def _pour(self, begin: bytes, piece: bytes, pause_s: float) -> None:
        """Send something, then a piece again and again until nobody listens."""
        self.close_connection = True
        try:
            self.wfile.write(begin)
            while piece and not self.owner.over.is_set():
                self.wfile.write(piece)
                time.sleep(pause_s)
        except OSError:
            return
