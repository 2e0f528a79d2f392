"""One making of a thing at a time, however many ask for it: the others wait, and find it made."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vsortd.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TICK_S = 0.1  # how often one that waits looks at its cancel event, and hears how far the other is


@dataclass(slots=True)
class Flight:
    """What is known of a thing that is being made: the part that is done, 0 to 1."""

    done: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


class SingleFlight:
    """Lets one thread at a time be at work on each key; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, Flight] = {}

    @contextmanager
    def alone(
        self, key: str, *, cancel: threading.Event | None = None, waiting: Callable[[float], None] | None = None
    ) -> Iterator[Flight]:
        """Wait until nobody else is at work on a key, and be it in the block; who comes after somebody looks first.

        Whoever waits hears by `waiting` how far the other is, 0 to 1. Raises Cancelled when `cancel` is set.
        """
        with self._lock:
            flight = self._flights.setdefault(key, Flight())
            flight.users += 1
        try:
            _take(flight, cancel, waiting)
            try:
                flight.done = 0.0
                yield flight
            finally:
                flight.lock.release()
        finally:
            with self._lock:
                flight.users -= 1
                if not flight.users:
                    del self._flights[key]


def _take(flight: Flight, cancel: threading.Event | None, waiting: Callable[[float], None] | None) -> None:
    while not flight.lock.acquire(timeout=_TICK_S):
        if cancel is not None and cancel.is_set():
            raise Cancelled
        if waiting is not None:
            waiting(flight.done)
