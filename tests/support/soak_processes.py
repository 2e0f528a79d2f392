"""The daemons that the soak kills: started like a person would, or forked from a process that is warm already."""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Protocol

from tests.support.paths import REPOSITORY
from tests.support.soak_files import check

if TYPE_CHECKING:
    from pathlib import Path


class Process(Protocol):
    """A daemon that can be killed."""

    def dead(self) -> bool:
        """Tell whether it has ended."""

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, if it still lives."""

    def wait(self) -> int:
        """Wait for its end and return its exit code, negative for a signal."""


class ColdProcess:
    """A command as a person starts it."""

    def __init__(self, words: list[str], environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vsortd", *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def dead(self) -> bool:
        """Tell whether it has ended."""
        return self._process.poll() is not None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, if it still lives."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end and return its exit code, negative for a signal."""
        return self._process.wait(120)


class Hearth:
    """A process that has imported the libraries, and forks one that runs vsortd for each request."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.soak_processes"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        check(self._ask({}) == "warm", "the hearth doesn't burn")

    def start(self, words: list[str], environment: dict[str, str], log: Path) -> WarmProcess:
        """Run a command in a fork."""
        return WarmProcess(self, int(self._ask({"words": words, "environment": environment, "log": str(log)})))

    def reap(self, pid: int) -> int:
        """Return the exit code of a fork that ends."""
        return int(self._ask({"reap": pid}))

    def close(self) -> None:
        """Put it out."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class WarmProcess:
    """A command that the hearth forked."""

    def __init__(self, hearth: Hearth, pid: int) -> None:
        self._hearth, self._pid = hearth, pid
        self._handle = os.pidfd_open(pid)
        self._code: int | None = None

    def dead(self) -> bool:
        """Tell whether it has ended."""
        return self._code is not None or bool(select.select([self._handle], [], [], 0)[0])

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, if it still lives."""
        if self._code is None:
            signal.pidfd_send_signal(self._handle, number)  # an unreaped process may still be sent one

    def wait(self) -> int:
        """Wait for its end and return its exit code, negative for a signal."""
        if self._code is None:
            check(select.select([self._handle], [], [], 120)[0], "a process doesn't end")
            self._code = self._hearth.reap(self._pid)
            os.close(self._handle)
        return self._code


def tend_hearth() -> None:
    """Be the hearth: import what takes long, then fork on request until stdin ends."""
    import open_clip  # noqa: F401 - for the forks
    import safetensors.torch  # noqa: F401
    import starlette  # noqa: F401
    import torch  # noqa: F401
    import uvicorn  # noqa: F401

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
    """Be `python -m vsortd` with other words, environment and output."""
    code = 70
    try:
        nothing, log = os.open(os.devnull, os.O_RDONLY), os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for old, new in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(old, new)
        os.environ.clear()
        os.environ.update(request["environment"])
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
