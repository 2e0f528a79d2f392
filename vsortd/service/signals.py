"""What signals mean to the daemon."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class DaemonSignals:
    """SIGTERM and SIGINT end the daemon, a second SIGINT at once; SIGHUP reloads. Only the main thread can listen."""

    def __init__(self, on_stop: Callable[[bool], None], on_reload: Callable[[], None]) -> None:
        self._on_stop = on_stop
        self._on_reload = on_reload
        self._before: dict[int, Any] = {}
        self._asked = False

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._handle)
        if sys.platform != "win32":
            self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: self._on_reload())

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: object) -> None:
        interrupted = number == signal.SIGINT
        if interrupted and self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self._on_stop(interrupted)
