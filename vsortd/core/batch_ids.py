"""Batch ids: what was filed together can be undone together."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def new_batch_id() -> str:
    """Return an id that sorts by time and is short enough to type: `20261120-204512-3f`."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(1)}"


class Batches:
    """Gives videos that arrive close together one batch id; a pause of `gap_s` seconds begins a new one."""

    def __init__(self, *, gap_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap_s = gap_s
        self._clock = clock
        self._lock = threading.Lock()
        self._current = ""
        self._last = float("-inf")

    def current(self) -> str:
        """Return the batch that a video arriving now belongs to."""
        with self._lock:
            now = self._clock()
            if now - self._last > self._gap_s:
                self._current = new_batch_id()
            self._last = now
            return self._current
