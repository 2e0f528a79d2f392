"""Asking what may never answer: a call on a share that hangs can't be ended, only no longer waited for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Patience:
    """Makes one call at a time on a thread of its own, and waits for it only so long; thread-safe."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None

    def ask(self, call: Callable[[], T], otherwise: T) -> T:
        """Return what a call returns, or `otherwise` if it takes too long, or an earlier one still does.

        Raises what the call raises.
        """
        found: list[T] = []
        raised: list[BaseException] = []

        def run() -> None:
            try:
                found.append(call())
            except BaseException as error:  # noqa: BLE001 - handed on
                raised.append(error)

        with self._lock:
            if self._asking is not None and self._asking.is_alive():
                return otherwise
            # a daemon thread: the process ends without it
            self._asking = threading.Thread(target=run, name="patience", daemon=True)
            self._asking.start()
            self._asking.join(self._patience_s)
        if raised:
            raise raised[0]
        return found[0] if found else otherwise
