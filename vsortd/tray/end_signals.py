"""Ctrl-C and SIGTERM end the tray, also while the main thread sleeps in the desktop's own loop.

Python runs a signal's handler only between two of its own instructions, which such a loop does not get to. But the byte
that the interpreter writes for each signal is written at once, and a thread of ours reads it. PyGObject's loop takes
those bytes for itself and has the handlers run: so they write, too, and each way alone is enough.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol, Self

from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from types import TracebackType


_BY_HANDLER = 0x80  # marks a byte that a handler wrote


class _OnSignal(Protocol):
    def __call__(self, *, interrupted: bool) -> None: ...


class TraySignals:
    """Calls `on_signal` on a thread of its own for SIGINT (`interrupted`) and SIGTERM; a second SIGINT ends at once.

    Only the main thread can listen; elsewhere it does nothing.
    """

    def __init__(self, on_signal: _OnSignal) -> None:
        self._on_signal = on_signal
        self._before: dict[int, Any] = {}
        self._wakeup_before = -1

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self
        self._ear, self._clapper = socket.socketpair()
        self._clapper.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._clapper.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        self._thread = threading.Thread(target=self._listen, name="tray-signals", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._before:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._clapper.close()  # ends the reading
        self._thread.join()
        self._ear.close()

    def _handle(self, number: int, _frame: object) -> None:
        with contextlib.suppress(OSError):  # full of earlier ones, or closed: all is over
            self._clapper.send(bytes([number | _BY_HANDLER]))

    def _listen(self) -> None:
        heard: Counter[int] = Counter()
        while data := self._ear.recv(1):
            number = data[0] & ~_BY_HANDLER
            if number not in {signal.SIGINT, signal.SIGTERM}:
                continue
            heard[data[0]] += 1
            if max(heard[signal.SIGINT], heard[signal.SIGINT | _BY_HANDLER]) > 1:
                os._exit(int(ExitCode.INTERRUPTED))
            if heard.total() == 1:
                self._on_signal(interrupted=number == signal.SIGINT)
