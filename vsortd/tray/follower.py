"""Follows the daemon's event stream, for as long as the tray lives: gone and back is part of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict

from vsortd.errors import VsortdError
from vsortd.tray.state import KEPT_FILINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsortd.core.documents import Event, ItemDocument

# How long to wait before the daemon is looked for again: at first hardly, as when it is being restarted.
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 5.0


class HistoryEvent(TypedDict):
    """The newest items, read after each connecting; the follower's own event."""

    event: Literal["history"]
    data: list[ItemDocument]


class Followed(Protocol):
    """What the follower needs of a client. Both raise DaemonUnreachableError when no daemon answers."""

    def events(self) -> Iterator[Event]:
        """Yield events: a status at once, then what happens. Ends only with the daemon."""

    def history(self, *, last: int | None = None) -> list[ItemDocument]:
        """Return the newest items."""


class EventFollower:
    """A thread that hands on every event, the newest history after each connecting, and tells when the daemon is gone.

    `on_event` gets the client's events and HistoryEvent; `on_gone` the reason, once for each
    time it goes. Both are called on the follower's thread. `on_fatal` gets an error that is no daemon's absence.
    """

    def __init__(
        self,
        client: Followed,
        *,
        on_event: Callable[[Event | HistoryEvent], None],
        on_gone: Callable[[str], None],
        on_fatal: Callable[[BaseException], None],
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self._client = client
        self._on_event = on_event
        self._on_gone = on_gone
        self._on_fatal = on_fatal
        self._first_wait_s = first_wait_s
        self._stopped = threading.Event()
        # a daemon thread: it may sleep in the stream until the next ping, and nobody is to wait for that
        self._thread = threading.Thread(target=self._run, name="tray-follower", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, patience_s: float = 0.0) -> None:
        """Hand on nothing more; the thread itself ends with the next event."""
        self._stopped.set()
        self._thread.join(patience_s)

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - handed on: a tray that follows nothing any more must not look well
            self._on_fatal(error)

    def _follow(self) -> None:
        wait_s, there = self._first_wait_s, True  # the first absence is told, too
        while not self._stopped.is_set():
            connected = False
            reason = "the daemon ended the connection"
            try:
                for event in self._client.events():
                    if self._stopped.is_set():
                        return
                    self._on_event(event)
                    if not connected:
                        connected = there = True
                        wait_s = self._first_wait_s
                        items = self._client.history(last=KEPT_FILINGS)
                        self._on_event({"event": "history", "data": items})
            except VsortdError as error:  # gone, or it refuses (its journal is busy): both may pass
                reason = error.title
            if there and not self._stopped.is_set():
                there = False
                self._on_gone(reason)
            self._stopped.wait(wait_s)
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)
