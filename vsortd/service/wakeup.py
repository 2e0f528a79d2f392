"""What a main thread sleeps on: woken by a signal, by another thread, by the clock, or by a key.

A signal's handler runs on the main thread between any two instructions of it, so it must not take a lock that the
main thread may hold, an Event's included; a byte through a socket needs none.
"""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import threading


class Wakeup:
    """`set` wakes `wait`, from any thread or signal handler; made on the main thread, each signal sets it, too."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._main = threading.current_thread() is threading.main_thread()
        self._before = -1
        if self._main:
            self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def set(self) -> None:
        """Wake whoever waits, now or next."""
        with contextlib.suppress(OSError):  # full: it is set already; closed: nobody waits any more
            self._writer.send(b"!")

    def wait(self, seconds: float) -> None:
        """Sleep until it is set, `seconds` at most; it is no longer set then."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        if ready:
            with contextlib.suppress(BlockingIOError):
                while self._reader.recv(4096):
                    pass

    def wait_beside(self, descriptor: int) -> None:
        """Sleep until a descriptor can be read; the handlers of signals that come meanwhile run at once."""
        while True:
            ready, _, _ = select.select([self._reader.fileno(), descriptor], [], [])
            if descriptor in ready:
                return
            with contextlib.suppress(BlockingIOError):
                self._reader.recv(4096)

    def close(self) -> None:
        """Let signals go where they went before."""
        if self._main:
            signal.set_wakeup_fd(self._before)
        self._reader.close()
        self._writer.close()
