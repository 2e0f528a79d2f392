"""Who is connected to the control API, or the page: so many at once, each with so much time to say what it wants.

On loopback any program of the machine can connect, whoever runs it. It must not keep the owner out by connections that
it only holds, nor cost more than their number. So a connection counts as a stranger's until a request of it has brought
the token (on the Unix socket: until a request has come); when there are too many, the stranger that came first goes.
"""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import h11
from loguru import logger
from uvicorn.protocols.http.h11_impl import H11Protocol

from vsortd.web.answers import turned_away

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

# The tray, a page and some scripts hold a connection each. As many of strangers come in between an owner's connect and
# the reading of its request as are accepted at once (BACKLOG), a few times over.
MOST_CONNECTIONS = 256
# How many may wait to be accepted, and how many asyncio accepts before it looks at those that it has.
BACKLOG = 64
# Until the whole header of a request is there, and, after an answer, of the next one; seconds.
HEADER_TIMEOUT_S = 5.0
# The longest header by far is a search in the history by a tag.
MOST_HEADER_BYTES = 16 * 1024
CONNECTION = "connection"
"""Under this name a request's state has the connection that it came by."""
# Trouble of one kind is told at once, and then so often.
TELL_EVERY_S = 60.0


class Teller:
    """Logs what strangers of `who` can cause: each kind at once, then one line a minute that says how often it came."""

    def __init__(self, who: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._who = who
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}  # when last, and how often since

    def tell(self, kind: str, text: str, error: BaseException | None = None) -> None:
        """Say it, unless this kind was told within the last minute."""
        now_s = self._clock()
        when_s, unsaid = self._told.get(kind, (float("-inf"), 0))
        if now_s - when_s < TELL_EVERY_S:
            self._told[kind] = (when_s, unsaid + 1)
            return
        self._told[kind] = (now_s, 0)
        since = f" ({unsaid} times more since this was last said)" if unsaid else ""
        logger.opt(exception=error).warning("{}: {}{}", self._who, text, since)


class LibraryLog(logging.Handler):
    """Hands what uvicorn logs to a teller: its lines are caused by whoever connects."""

    def __init__(self, teller: Teller) -> None:
        super().__init__(logging.WARNING)
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of it; lines of one kind come from one place."""
        error = record.exc_info[1] if record.exc_info else None
        kind = f"{record.pathname}:{record.lineno}:{type(error).__name__}"
        self._teller.tell(kind, record.getMessage().strip(), error)


class Connections:
    """Those that are open; lives on one event loop."""

    def __init__(self, teller: Teller, most: int = MOST_CONNECTIONS) -> None:
        self._teller = teller
        self._most = most
        self._strangers: dict[ControlConnection, None] = {}  # in the order in which they came
        self._proven: set[ControlConnection] = set()

    def come(self, one: ControlConnection) -> None:
        """Note one that begins; where there are too many, the oldest stranger is dropped, this one at last."""
        self._strangers[one] = None
        if len(self._strangers) + len(self._proven) > self._most:
            oldest = next(iter(self._strangers))
            self.go(oldest)
            oldest.drop()
            self._teller.tell(
                "too many",
                f"more than {self._most} connections at once; the oldest that has asked for nothing is dropped. "
                "Some program of this machine opens them.",
            )

    def prove(self, one: ControlConnection) -> None:
        """Note that one is the owner's."""
        if one in self._strangers:
            del self._strangers[one]
            self._proven.add(one)

    def go(self, one: ControlConnection) -> None:
        """Note that one has ended."""
        self._strangers.pop(one, None)
        self._proven.discard(one)


class ControlConnection(H11Protocol):
    """One connection: uvicorn's own, with an end for those that only hold it.

    `timeout_keep_alive` of uvicorn ends with the first byte that comes, so one byte now and then kept a connection for
    good.
    """

    def __init__(self, connections: Connections, **parts: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**parts)
        self.app_state = {**self.app_state, CONNECTION: self}
        self._table = connections
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the wait for a request."""
        super().connection_made(transport)
        self._expect_request()
        self._table.come(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._expect_nothing()
        self._table.go(self)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Take what has come; a whole header ends the wait for it."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._expect_nothing()

    def on_response_complete(self) -> None:
        """Wait for the next request; what is left of this one's body has as long."""
        if not self.transport.is_closing():
            self._expect_request()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP in the form of all refusals; amid an answer only the end is left."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.drop()
            return
        answer = turned_away(HTTPStatus.BAD_REQUEST, msg, headers={"connection": "close"})
        head = h11.Response(status_code=answer.status_code, headers=answer.raw_headers)
        for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:  # what is answered just now is answered in vain
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def proven(self) -> None:
        """Say that a request came that is the owner's."""
        self._table.prove(self)

    def drop(self) -> None:
        """End it now."""
        self.transport.abort()

    def _expect_request(self) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(HEADER_TIMEOUT_S, self.drop)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
