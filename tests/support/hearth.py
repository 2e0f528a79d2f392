"""Commands in processes of their own: started like a person would, or forked from a process that is warm already.

A process that loads a model imports torch and open_clip first: two seconds of a processor's time, in each of hundreds
of processes. A hearth has imported them once, and nothing of vsortd, and forks.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping

# What libraries don't read when they are imported, so that a fork may be given it afterwards.
_READ_LATE: Final = ("VSORTD_", "EDITOR", "VISUAL", "DISPLAY", "WAYLAND_DISPLAY", "NO_COLOR", "PYTEST_", "COLUMNS")


class Process(Protocol):
    """What is used here of a process, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its number."""

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal; None while it runs."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it still lives."""

    def kill(self) -> None:
        """Kill it, if it still lives."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code, negative for a signal. Raises subprocess.TimeoutExpired."""


def start_cold(words: list[str], environment: Mapping[str, str], log: Path) -> Process:
    """Start a command as a person does; what it says is appended to a file."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "vsortd", *words], env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )


class Hearth:
    """A process that has imported the libraries, and forks one that runs vsortd for each request."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.hearth"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._ask({}) == "warm", "the hearth doesn't burn"

    def start(self, words: list[str], environment: Mapping[str, str], log: Path, err: Path | None = None) -> Process:
        """Run a command in a fork; what it says is appended to `log`, its errors to `err` if that is another file."""
        said = {"log": str(log), "err": str(err or log)}
        request = {"words": words, "environment": dict(environment), "folder": str(Path.cwd()), **said}
        return WarmProcess(self, words, int(self._ask(request)))

    def reap(self, pid: int) -> int:
        """Return the exit code of a fork that has ended."""
        return int(self._ask({"reap": pid}))

    def close(self) -> None:
        """Put it out."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


class WarmProcess:
    """A command that the hearth forked."""

    def __init__(self, hearth: Hearth, words: list[str], pid: int) -> None:
        self.pid = pid
        self._hearth, self._words = hearth, words
        self._handle = os.pidfd_open(pid)
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal; None while it runs."""
        if self._code is None and select.select([self._handle], [], [], 0)[0]:
            self._reap()
        return self._code

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it still lives."""
        if self._code is None:
            signal.pidfd_send_signal(self._handle, sig)  # an unreaped process may still be sent one

    def kill(self) -> None:
        """Kill it, if it still lives."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code, negative for a signal. Raises subprocess.TimeoutExpired."""
        if self._code is None:
            if not select.select([self._handle], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self._words, timeout or 0)
            self._reap()
        assert self._code is not None
        return self._code

    def _reap(self) -> None:
        self._code = self._hearth.reap(self.pid)
        os.close(self._handle)


def start_warm(words: list[str], environment: Mapping[str, str], log: Path) -> Process:
    """Start a command from this process's hearth, or cold where there can be none for it."""
    hearth = _own_hearth(environment)
    return start_cold(words, environment, log) if hearth is None else hearth.start(words, environment, log)


def run_warm(
    words: list[str], environment: Mapping[str, str], *, timeout_s: float
) -> subprocess.CompletedProcess[str] | None:
    """Run a command to its end from this process's hearth; None where there can be none for it."""
    hearth = _own_hearth(environment)
    if hearth is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = hearth.start(words, environment, out, err)
        try:
            code = process.wait(timeout_s)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess(words, code, out.read_text("utf-8"), err.read_text("utf-8"))


def _own_hearth(environment: Mapping[str, str]) -> Hearth | None:
    """Return this process's hearth, if a fork of it is what a command with this environment would be."""
    if not hasattr(os, "pidfd_open"):
        return None
    hearth = _hearth_of(os.getpid())
    unlike = {name for name, _ in environment.items() ^ hearth.environment.items()}
    return None if any(not name.startswith(_READ_LATE) for name in unlike) else hearth


@functools.cache
def _hearth_of(_pid: int) -> Hearth:
    hearth = Hearth()
    atexit.register(hearth.close)
    return hearth


def tend_hearth() -> None:
    """Be the hearth: import what takes long, then fork on request until stdin ends."""
    import safetensors.torch  # noqa: F401 - for the forks, as are all of these
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401

    from vsortd.vision.open_clip_parts import bring_in

    bring_in({"vision_cfg": {"timm_model_name": "the sample model's"}})
    for name in [name for name in sys.modules if name.split(".")[0] == "vsortd"]:
        del sys.modules[name]  # each fork reads the environment anew
    for line in sys.stdin:
        request = json.loads(line)
        if "reap" in request:
            answer: Any = os.waitstatus_to_exitcode(os.waitpid(request["reap"], 0)[1])
        elif request:
            answer = os.fork()
            if answer == 0:
                _become(request)
        else:
            answer = "warm"
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _become(request: dict[str, Any]) -> None:
    """Be `python -m vsortd` with other words, environment, folder and output."""
    code = 70
    try:
        for number, path, flags in (
            (0, os.devnull, os.O_RDONLY),
            (1, request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT),
            (2, request["err"], os.O_WRONLY | os.O_APPEND | os.O_CREAT),
        ):
            opened = os.open(path, flags, 0o666)
            os.dup2(opened, number)
            os.close(opened)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        tempfile.tempdir = None  # found anew
        sys.argv = ["vsortd", *request["words"]]
        runpy.run_module("vsortd", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    tend_hearth()
