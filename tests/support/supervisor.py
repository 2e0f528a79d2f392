"""A service manager for tests: starts the command of an installed unit as systemd does, and hears what it says."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def unquoted(text: str) -> list[str]:
    """Read a line of a unit as systemd does."""
    return [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(text)]


class Supervisor:
    """Starts ExecStart of a unit with its Environment and a notify socket, and hears what it says."""

    def __init__(self, unit: Path, folder: Path) -> None:
        text = unit.read_text()
        self.command = unquoted(re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)[0])
        lines = re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
        self.variables = dict(word.split("=", 1) for line in lines for word in unquoted(line))
        (refused,) = re.findall(r"^RestartPreventExitStatus=(.*)$", text, re.MULTILINE)
        self.refused = [int(code) for code in refused.split()]
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(str(folder / "notify"))
        self.heard: list[str] = []
        self.log = folder / "service.out"
        self.process: subprocess.Popen[bytes] | None = None
        self._address = str(folder / "notify")

    def start(self, watchdog_s: float = 1.0) -> None:
        bare = {key: os.environ[key] for key in ("HOME", "PATH") if key in os.environ}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **bare,
                    **self.variables,
                    "NOTIFY_SOCKET": self._address,
                    "WATCHDOG_USEC": str(int(watchdog_s * 1e6)),
                },
            )

    def hear(self, wanted: Callable[[list[str]], bool], within_s: float = 45) -> None:
        """Listen until something has been said."""
        deadline = time.monotonic() + within_s
        while not wanted(self.heard):
            self.ear.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                self.heard += self.ear.recv(8192).decode().split("\n")
            except TimeoutError:
                pytest.fail(f"heard only {self.heard}\n{self.log.read_text()[-4000:]}")

    def end(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self) -> None:
        self.ear.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
