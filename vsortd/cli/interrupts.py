"""Ctrl-C during work that has effects: it ends what is in hand and says what was done; a second one ends at once."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Interruption"]


class Interruption:
    """Listens for Ctrl-C, SIGTERM and a closed terminal while it is entered: `cancel` is set then.

    `tell`, where one is set, is called as well, on the main thread, in the middle of whatever that does. Only the main
    thread can listen; elsewhere nothing ever comes.
    """

    def __init__(self) -> None:
        self.cancel = threading.Event()
        self.tell: Callable[[], object] | None = None
        self._before: dict[int, Any] = {}

    @property
    def came(self) -> bool:
        """Whether the work was called off."""
        return self.cancel.is_set()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            numbers = [signal.SIGINT, signal.SIGTERM]
            if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
                numbers.append(signal.SIGHUP)
            for number in numbers:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: object) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.cancel.set()
        if self.tell is not None:
            self.tell()
