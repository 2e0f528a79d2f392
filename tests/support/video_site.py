"""A site of a test's own: real https on loopback, with a certificate of its own, and videos as sites have them.

The fetching process is told to trust that certificate, and to allow this one address: nothing else on loopback.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import trustme

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_PIECE = b"\0" * 65_536


@dataclass
class Answer:
    """What the site answers at a path.

    `says_bytes`: the Content-Length where that is a lie; `redirect`: where it leads; `endless`: the body never ends;
    `drips`: a byte at a time; `silent`: nothing comes.
    """

    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    redirect: str = ""
    says_bytes: int | None = None
    endless: bool = False
    drips: bool = False
    silent: bool = False


@dataclass
class VideoSite:
    """The site; use it as a context manager. `asked` has every path that was asked for, in their order."""

    folder: Path
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    trusted: bool = True

    def __enter__(self) -> Self:
        authority = trustme.CA()
        self.authority = self.folder / "authority.pem"
        (authority if self.trusted else trustme.CA()).cert_pem.write_to_path(self.authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": self}))
        self._server.daemon_threads = False
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"https://127.0.0.1:{self.port}{path}"

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs in its environment to fetch from here."""
        return {"SSL_CERT_FILE": str(self.authority), "VSORTD_FETCH_TEST_ALLOW": f"127.0.0.1:{self.port}"}

    def put(self, path: str, file: Path | bytes, kind: str = "video/mp4", **more: Any) -> str:
        """Have a file's bytes at a path; returns its address."""
        body = file if isinstance(file, bytes) else file.read_bytes()
        self.answers[path] = Answer(body, kind, **more)
        return self.url(path)

    def page(self, path: str, *videos: str, title: str = "A page", tracks: str = "") -> str:
        """Have a page with videos, each with the same subtitles; returns its address."""
        shown = "".join(f'<video src="{one}" type="video/mp4">{tracks}</video>' for one in videos)
        page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{shown}</body></html>"
        return self.put(path, page.encode(), "text/html; charset=utf-8")

    def wait(self, seconds: float) -> bool:
        """Wait, or until the site ends; returns whether it did."""
        return self._ended.wait(seconds)


class _Handler(BaseHTTPRequestHandler):
    """One request; `site` is set by the class that is made for each site."""

    protocol_version = "HTTP/1.0"
    site: VideoSite

    def handle(self) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            super().handle()

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        self.site.asked.append(self.path)
        missing = Answer(b"<html><body>nothing</body></html>", status=404)
        answer = self.site.answers.get(self.path.partition("?")[0], missing)
        if answer.silent:
            self.site.wait(120)
            return
        self.send_response(302 if answer.redirect else answer.status)
        if answer.redirect:
            self.send_header("Location", answer.redirect)
        self.send_header("Content-Type", answer.kind)
        if not answer.endless:
            says = len(answer.body) if answer.says_bytes is None else answer.says_bytes
            self.send_header("Content-Length", str(says))
        self.end_headers()
        if with_body:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        for at in range(len(answer.body)) if answer.drips else ():
            self.wfile.write(answer.body[at : at + 1])
            if self.site.wait(0.05):
                return
        if not answer.drips:
            self.wfile.write(answer.body)
        while answer.endless and not self.site.wait(0):
            self.wfile.write(_PIECE)

    def log_message(self, *_: object) -> None:
        pass
