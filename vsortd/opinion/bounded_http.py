"""One request to a server that isn't trusted: bounded in time and size, to an address that was checked.

No proxies of the environment, no redirects, no cookies, no compression; what the host's name stands for is looked up
once, each of its addresses is checked, and it is one of these that is connected to.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import h11

from vsortd.core.server_address import refusal
from vsortd.core.system.patience import Patience
from vsortd.core.text import printable
from vsortd.errors import Cancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from vsortd.core.server_address import ServerAddress

# How often a waiting call looks at its cancel event.
_TICK_S: Final = 0.1
# Looking a name up can't be ended, only no longer waited for.
_LOOKUP_S: Final = 5.0
_HEAD_BYTES: Final = 16_384
_PIECE_BYTES: Final = 65_536

_UNDER_WAY: Final = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK})

_Where = tuple[socket.AddressFamily, tuple[str | int, ...]]


class NoAnswerError(Exception):
    """A server gave no answer that can be used; `reason` says why, for people.

    `of_question`: it may be due to what was asked; else another question would have fared no better.
    """

    def __init__(self, reason: str, *, of_question: bool = False) -> None:
        super().__init__(reason)
        self.reason = printable(reason)
        self.of_question = of_question


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered: its status, the kind of its content ("application/json"), and the content itself."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes requests to one server, within `limit_s` seconds from the look-up to the last of `most_bytes` at most.

    `anywhere`: it may be outside this machine and one's own network. `cancel` ends what is under way.
    """

    server: ServerAddress
    limit_s: float
    most_bytes: int
    anywhere: bool = False
    cancel: threading.Event | None = None
    _lookup: Patience = field(default_factory=lambda: Patience(_LOOKUP_S), repr=False)

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", *, until_s: float | None = None
    ) -> Reply:
        """Ask for a path below the server's, at most until a moment of `time.monotonic`.

        Raises NoAnswerError, Cancelled.
        """
        call = _Call(self, time.monotonic() + self.limit_s if until_s is None else until_s)
        try:
            call.connect()
            return call.exchange(method, f"{self.server.path}{path}", headers, body)
        except (h11.RemoteProtocolError, h11.LocalProtocolError) as error:
            raise NoAnswerError(f"it does not speak HTTP as it should ({error})") from error
        except ssl.SSLError as error:
            raise NoAnswerError(f"no secure connection: {error.reason or error}") from error
        except OSError as error:
            raise NoAnswerError(f"the connection broke off ({error.strerror or error})") from error
        finally:
            call.close()

    def addresses(self) -> list[str]:
        """Return what the host's name stands for, every one of it checked. Raises NoAnswerError."""
        return [str(where[0]) for _, where in self._found()]

    def _found(self) -> list[_Where]:
        """Return families and socket addresses to connect to, each checked. Raises NoAnswerError."""
        host, port = self.server.host, self.server.port
        nothing: list[_Where] = []
        try:
            found = self._lookup.ask(lambda: _looked_up(host, port), nothing)
        except (OSError, UnicodeError) as error:
            raise NoAnswerError(f"{host} can't be looked up ({getattr(error, 'strerror', None) or error})") from error
        if not found:
            raise NoAnswerError(f"{host} can't be looked up: there is no answer")
        for _, where in found:
            if why := refusal(str(where[0]), anywhere=self.anywhere, encrypted=self.server.encrypted):
                raise NoAnswerError(f"nothing is sent to {host} ({where[0]}): {why}")
        return found


class _Call:
    """A connection, from its beginning to its end."""

    def __init__(self, caller: Caller, deadline_s: float) -> None:
        self._caller = caller
        self._deadline_s = deadline_s
        self._socket: socket.socket | None = None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def connect(self) -> None:
        """Connect to the first address that accepts. Raises NoAnswerError, Cancelled, OSError."""
        refused: OSError | None = None
        for family, where in self._caller._found():  # noqa: SLF001 - two classes of one thing
            try:
                self._connect_to(family, where)
                break
            except OSError as error:
                refused = error
                self.close()
        else:
            said = refused and (refused.strerror or str(refused))
            raise NoAnswerError(f"nobody answers there ({said})") from refused
        if self._caller.server.encrypted:
            assert self._socket is not None
            self._socket.settimeout(self._left_s())
            context = ssl.create_default_context()
            self._socket = context.wrap_socket(self._socket, server_hostname=self._caller.server.host)

    def _connect_to(self, family: socket.AddressFamily, where: tuple[str | int, ...]) -> None:
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        begun = self._socket.connect_ex(where)
        if begun not in _UNDER_WAY:
            raise OSError(begun, os.strerror(begun))
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_WRITE)
            while begun and not selector.select(min(_TICK_S, self._left_s())):
                pass
        if error := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a request and return the answer. Raises NoAnswerError, Cancelled, OSError, h11's errors."""
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
        named = [("Host", self._caller.server.place), ("Connection", "close"), ("User-Agent", "vsortd")]
        request = h11.Request(
            method=method,
            target=target,
            headers=[*named, ("Content-Length", str(len(body))), *headers.items()],
        )
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            self._send(connection.send(event) or b"")
        return self._answer(connection)

    def _answer(self, connection: h11.Connection) -> Reply:
        received, content = 0, bytearray()
        head: h11.Response | None = None
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                piece = self._receive()
                if not piece and head is None:
                    raise NoAnswerError("it closed the connection without an answer")
                received += len(piece)
                if received > 2 * self._caller.most_bytes + _HEAD_BYTES:  # also what holds no content: endless heads
                    raise NoAnswerError("its answer has no end", of_question=True)
                connection.receive_data(piece)
            elif isinstance(event, h11.Response):
                head = event
                _refuse_kind(event)
            elif isinstance(event, h11.Data):
                content += event.data
                if len(content) > self._caller.most_bytes:
                    most = f"{self._caller.most_bytes:,}"
                    raise NoAnswerError(f"its answer is longer than {most} bytes", of_question=True)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                kind = _header(head, b"content-type").partition(";")[0].strip().casefold()
                return Reply(head.status_code, kind, bytes(content))

    def _send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[self._ready().send(left[:_PIECE_BYTES]) :]
            except TimeoutError:
                continue

    def _receive(self) -> bytes:
        while True:
            try:
                return self._ready().recv(_PIECE_BYTES)
            except TimeoutError:
                continue

    def _ready(self) -> socket.socket:
        assert self._socket is not None
        self._socket.settimeout(min(_TICK_S, self._left_s()))
        return self._socket

    def _left_s(self) -> float:
        """Return how much time is left, more than none. Raises NoAnswerError, Cancelled."""
        if self._caller.cancel is not None and self._caller.cancel.is_set():
            raise Cancelled
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise NoAnswerError(f"there was no whole answer within {self._caller.limit_s:g} s", of_question=True)
        return left_s


def _looked_up(host: str, port: int) -> list[_Where]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, tuple(part for part in where if not isinstance(part, bytes))) for family, *_, where in found]


def _refuse_kind(head: h11.Response) -> None:
    """Refuse what sends elsewhere, and what is compressed: nobody asked for it, and its size says nothing."""
    if 300 <= head.status_code < 400:  # noqa: PLR2004 - HTTP's redirects
        raise NoAnswerError(f"it sends elsewhere ({head.status_code}), where nobody follows")
    if _header(head, b"content-encoding").strip().casefold() not in {"", "identity"}:
        raise NoAnswerError("its answer is compressed, which nobody asked for")


def _header(head: h11.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in head.headers if key == name), "")
