"""Running a command of the config: no shell, nothing to read, little environment, and an end to it at its time limit.

It runs in a group of processes of its own, all of which are ended with it: at the time limit, and when vsortd ends.
What it leaves behind when it ends by itself goes on. On Windows its descendants are ended as far as they still hang
together (`taskkill /T`).
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
from typing import TYPE_CHECKING, Final

from vsortd.core.system.child_environment import least_environment
from vsortd.core.units import format_duration
from vsortd.errors import Cancelled
from vsortd.service.hooks.hook_outcome import HookOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# So much of the end of what it prints is kept, and told.
_TAIL_BYTES: Final = 4_096
_TOLD_CHARS: Final = 300
_PIECE_BYTES: Final = 65_536
# How often it is seen whether it has ended.
_TICK_S: Final = 0.05
# Between the request to end and the end; vsortd itself has 5 seconds to stop.
_GRACE_S: Final = 0.5
# What was printed before the end is there at once; who holds the pipe longer is somebody that it left behind.
_LAST_WORDS_S: Final = 0.5
# Beyond what decoders get: scripts look for their own files below the home, and tell the desktop.
_MORE_NAMES: Final = (
    "HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
    "USERPROFILE", "USERNAME", "APPDATA", "LOCALAPPDATA", "COMSPEC",
)  # fmt: skip


def run_command(
    words: Sequence[str], variables: Mapping[str, str], *, limit_s: float, cancel: threading.Event
) -> HookOutcome:
    """Run a command to its end, for `limit_s` seconds at most. Raises Cancelled once `cancel` is set."""
    more = {name: value for name in _MORE_NAMES if (value := os.environ.get(name)) is not None}
    try:
        process = _start(words, least_environment(more | dict(variables)))
    except (OSError, ValueError) as error:  # not there, not executable, no program, arguments too long
        return HookOutcome(well=False, told=f"it can't be run ({getattr(error, 'strerror', None) or error})")
    tail = _Tail(process)
    ended = False
    try:
        ended = _wait(process, limit_s, cancel)
    finally:
        if not ended:
            end_group(process)
        said = tail.text()
    if not ended:
        return HookOutcome(well=False, told=f"ended after {format_duration(limit_s)}, its time limit", said=said)
    return HookOutcome(well=process.returncode == 0, told=_exit(process.returncode), said=said)


def _start(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home raises where there is none
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        list(words),
        env=dict(environment),
        cwd=home if os.path.isdir(home) else os.path.abspath(os.sep),  # noqa: PTH100, PTH112 - a text
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        creationflags=flags,
    )


def _wait(process: subprocess.Popen[bytes], limit_s: float, cancel: threading.Event) -> bool:
    """Return whether it ended in time. Raises Cancelled."""
    until_s = time.monotonic() + limit_s
    while process.poll() is None:
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            return False
        if cancel.wait(min(_TICK_S, left_s)):
            raise Cancelled
    return True


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started: first it is asked to."""
    if sys.platform == "win32":
        taskkill = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "taskkill.exe"
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                [taskkill, "/T", "/F", "/PID", str(process.pid)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=_GRACE_S,
                creationflags=subprocess.CREATE_NO_WINDOW,
            )
        process.kill()
    else:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        _signal_group(process.pid, signal.SIGKILL)  # also when it is gone itself: others of the group may not be
    process.wait()


if sys.platform != "win32":

    def _signal_group(group: int, number: signal.Signals) -> None:
        # macOS refuses to signal a group of which all that is left waits for its parent
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


class _Tail:
    """The end of what a process prints: all of it is read, however much, and little kept."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._pipe = process.stdout
        self._kept = b""
        # a daemon thread: what the command has left behind may hold the pipe for ever
        self._thread = threading.Thread(target=self._read, name="hook-output", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return the last of what it said, on one line."""
        self._thread.join(_LAST_WORDS_S)
        said = " ".join(self._kept.decode("utf-8", "replace").split())
        return said if len(said) <= _TOLD_CHARS else f"…{said[1 - _TOLD_CHARS :]}"

    def _read(self) -> None:
        with self._pipe as pipe:
            while piece := os.read(pipe.fileno(), _PIECE_BYTES):
                self._kept = (self._kept + piece)[-_TAIL_BYTES:]
