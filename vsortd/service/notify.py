"""What systemd is told (sd_notify(3)): a few datagrams, so no library for it.

Whatever goes wrong here is no reason for a video to wait: nothing raises, and without a socket nothing happens.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Self

from vsortd.core.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

# `systemctl status` shows one line; a name in it may be a stranger's, and a datagram has its limit.
STATUS_CHARS = 500
_MICRO = 1_000_000


class Notifier:
    """Tells the service manager how things stand; from any thread.

    `watchdog_s` is how often `watchdog` should be called, seconds: half of what the manager waits before it kills;
    None where it doesn't wait for it.
    """

    def __init__(self, address: str | bytes | None = None, watchdog_s: float | None = None) -> None:
        self._address = address
        self.watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID as systemd sets them."""
        variables = os.environ if environment is None else environment
        return cls(_address(variables.get("NOTIFY_SOCKET", "")), _watchdog_s(variables))

    @property
    def listens(self) -> bool:
        """Whether there is a service manager that wants to hear."""
        return self._address is not None

    def ready(self, status: str = "") -> None:
        """Say that starting, or reading the config anew, is done."""
        self._send("READY=1", *_status(status))

    def status(self, text: str) -> None:
        """Say in one line what is going on."""
        self._send(*_status(text))

    def reloading(self) -> None:
        """Say that the config is read anew; `ready` ends that."""
        # the manager tells a reload's READY from an earlier one by this time (systemd 253, Type=notify-reload)
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")  # CLOCK_MONOTONIC on Linux

    def stopping(self, status: str = "") -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1", *_status(status))

    def watchdog(self) -> None:
        """Say that the main loop still turns."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None or not lines or sys.platform == "win32":
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)  # a manager that doesn't read must not stop us
            out.connect(self._address)
            out.sendall("\n".join(lines).encode("utf-8", "backslashreplace"))


def _address(text: str) -> str | bytes | None:
    """Return the socket's address; `@` stands for the zero byte of an abstract one."""
    if text.startswith("@"):
        return b"\0" + os.fsencode(text[1:])
    return text if text.startswith("/") else None


def _watchdog_s(variables: Mapping[str, str]) -> float | None:
    try:
        period_us = int(variables.get("WATCHDOG_USEC", ""))
        meant = int(variables.get("WATCHDOG_PID", os.getpid()))  # children inherit the variables, not the duty
        half_s = period_us / 2 / _MICRO
    except (ValueError, OverflowError):
        return None
    return half_s if period_us > 0 and meant == os.getpid() else None


def _status(text: str) -> tuple[str, ...]:
    """Return the STATUS line; line ends would begin another message."""
    line = printable(" ".join(text.split()))
    return (f"STATUS={line[:STATUS_CHARS]}",) if line else ()
