"""Keeps a vsortd command running, where the system's own manager can't tell a bad config from a crash.

launchd would start a daemon that refuses its config again and again, and a Windows task has neither a log nor an
environment of its own. systemd needs none of this. `python -m vsortd.service.supervise --state DIR -- run --json-log`
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from vsortd.core.text import printable
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# What no restart mends: a wrong command line, a config with mistakes, a second daemon.
REFUSED = frozenset({int(ExitCode.USAGE), int(ExitCode.CONFIG), int(ExitCode.RUNNING)})
# How long to wait before each further start, seconds; the last counts from then on.
DELAYS_S = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
# As many failures in a row, and it stays down until somebody has looked.
GIVE_UP_AFTER = 10
# Whoever ran this long was well, and the count begins anew.
WELL_S = 1800.0
# The daemon ends within 5 s; the rest is for slow disks.
STOP_S = 15.0
# What the daemon prints besides its own log: a refused config, a traceback.
_LOG_BYTES = 1 << 20
ASK_S = 10.0  # until `vsortd stop` has been heard


class ChildProcess(Protocol):
    """What of a process is used here."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code; raises subprocess.TimeoutExpired."""

    def terminate(self) -> None:
        """Ask it to end; on Windows this kills."""

    def kill(self) -> None:
        """Kill it."""


class Supervisor:
    """Runs a command again when it fails, until it ends well, is refused, or `stop` is called."""

    def __init__(
        self,
        start: Callable[[], ChildProcess],
        *,
        ask_to_stop: Callable[[ChildProcess], None],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`start` begins the command, `ask_to_stop` has it end by itself, `say` tells people what happens."""
        self._start = start
        self._ask_to_stop = ask_to_stop
        self._say = say
        self._clock = clock
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None

    def run(self) -> int:
        """Keep it running; returns its last exit code, 0 after `stop`."""
        failures = 0
        while True:
            with self._lock:
                if self._stop.is_set():
                    return 0
                self._child = child = self._start()
            began_s = self._clock()
            code = child.wait()
            if self._stop.is_set() or code == 0:
                return 0
            if code in REFUSED:
                self._say(f"vsortd refused to start (exit code {code}); it is not started again")
                return code
            failures = 1 if self._clock() - began_s >= WELL_S else failures + 1
            if failures >= GIVE_UP_AFTER:
                self._say(f"vsortd failed {failures} times in a row (exit code {code}); it is not started again")
                return code
            delay_s = DELAYS_S[min(failures, len(DELAYS_S)) - 1]
            self._say(f"vsortd ended with exit code {code}; it starts again in {delay_s:.0f} s")
            if self._stop.wait(delay_s):
                return 0

    def stop(self, patience_s: float = STOP_S) -> None:
        """End the command within a time, by force at last: the journal sets that right at the next start."""
        with self._lock:
            self._stop.set()
            child = self._child
        if child is None:
            return
        self._ask_to_stop(child)
        try:
            child.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._say(f"vsortd did not end within {patience_s:.0f} s and was killed")
            child.kill()
            child.wait()


class Vsortd:
    """vsortd's command line with a given state folder."""

    def __init__(self, state: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._command = tuple(command)
        self._log = Path(state) / "service.log"
        self._environment = {**os.environ, **(environment or {}), "VSORTD_STATE_DIR": state}

    def start(self) -> subprocess.Popen[bytes]:
        """Begin the command; what it says goes to `service.log` in the state folder, which stays small."""
        child = subprocess.Popen(
            [_console_python(), "-P", "-m", "vsortd", *self._command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            creationflags=_NO_WINDOW,
        )
        # ends with the last process that holds the other end, and with this one
        threading.Thread(target=self._keep, args=(child.stdout,), name="service-log", daemon=True).start()
        return child

    def _keep(self, said: IO[bytes]) -> None:
        from vsortd.core.logs.file import LogFile

        log = LogFile(self._log, size_bytes=_LOG_BYTES, keep=1, say=lambda _: None)
        with said, contextlib.closing(log):
            for line in said:
                log.write(line.decode("utf-8", "replace").rstrip("\r\n"))

    def ask(self, *command: str) -> int:
        """Run another command, such as `pause`, on the same state folder; returns its exit code."""
        try:
            done = subprocess.run(
                [_console_python(), "-P", "-m", "vsortd", *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                creationflags=_NO_WINDOW,
                check=False,
                timeout=ASK_S,
            )
        except subprocess.TimeoutExpired:
            return int(ExitCode.FAILURE)
        return done.returncode

    def ask_to_stop(self, child: ChildProcess) -> None:
        """Have the command end by itself."""
        if sys.platform == "win32":  # there terminate() kills
            self.ask("stop")
        else:
            child.terminate()


# A console window would open at each start under pythonw.
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def _console_python() -> str:
    """Return python.exe where pythonw.exe runs this; the same interpreter elsewhere."""
    here = Path(sys.executable)
    return str(here.with_name("python.exe")) if here.name.lower() == "pythonw.exe" else sys.executable


def split_arguments(arguments: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Split `--state DIR -- VSORTD-COMMAND…` into folder and command. Raises ValueError for anything else."""
    if len(arguments) < 4 or arguments[0] != "--state" or arguments[2] != "--":  # noqa: PLR2004 - as written above
        raise ValueError("usage: --state DIR -- VSORTD-COMMAND…")
    return arguments[1], tuple(arguments[3:])


def main(arguments: Sequence[str]) -> int:
    """Supervise until the end. Always 0: whoever started this must not start it again for the same reason."""
    state, command = split_arguments(arguments)
    vsortd = Vsortd(state, command)
    supervisor = Supervisor(vsortd.start, ask_to_stop=vsortd.ask_to_stop, say=_say)

    def end(*_: object) -> None:
        threading.Thread(target=supervisor.stop, name="stop").start()  # a handler must not wait

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    supervisor.run()
    return 0


def _say(text: str) -> None:
    if sys.stderr is not None:  # pythonw has none
        sys.stderr.write(f"{printable(text)}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
