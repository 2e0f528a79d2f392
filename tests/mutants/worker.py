"""Runs tests against one mutant after another, each in a fork of a process that has imported what takes long.

Started with a copy of the tree as its working folder; speaks JSON lines: a request on stdin, a reply on stdout. It
imports nothing of vsortd itself, so that each fork takes the mutated source.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# What the tests import, besides vsortd: once for all of them.
_HEAVY: Final = (
    "numpy",
    "pydantic",
    "loguru",
    "yaml",
    "json",
    "torch",
    "open_clip",
    "av",
    "watchdog.observers",
    "hypothesis",
    "pytest_timeout",
)
_SURVIVED, _NOTICED = "survived", "noticed"


class Recorder:
    """Notes for each test how long it takes and, with `files`, which of their lines it runs."""

    def __init__(self, files: list[str]) -> None:
        self._files = {str(Path(file).resolve()): file for file in files}
        self._lines: set[tuple[str, int]] = set()
        self.tests: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Follow one test, its fixtures included, on whatever threads it starts."""
        self._lines = set()
        begin_s = time.monotonic()
        threading.settrace(self._enter)
        sys.settrace(self._enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            entry = self.tests.setdefault(item.nodeid, {"passed": True})
            entry["seconds"] = time.monotonic() - begin_s
            entry["lines"] = sorted(self._lines)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which tests don't pass as it is: they would seem to notice everything."""
        if not report.passed:
            self.tests.setdefault(report.nodeid, {})["passed"] = False

    def _enter(self, frame: FrameType, event: str, _: object) -> Any:
        file = self._files.get(frame.f_code.co_filename)
        if file is None:
            return None
        self._lines.add((file, frame.f_lineno))
        return self._step if event == "call" else None

    def _step(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            self._lines.add((self._files[frame.f_code.co_filename], frame.f_lineno))
        return self._step


class Chosen:
    """Runs the chosen tests only, in the order in which they are named, and notes the first that fails."""

    def __init__(self, tests: list[str]) -> None:
        self._places = {test: place for place, test in enumerate(tests)}
        self.failed = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out all other tests."""
        items[:] = [item for item in items if item.nodeid in self._places]
        items.sort(key=lambda item: self._places[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the name of who noticed."""
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _run_pytest(files: list[str], plugin: object, *more: str) -> int:
    from hypothesis import HealthCheck, settings

    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    settings.load_profile("mutants")
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=line", "--no-header")
    early = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # some plugin was imported before the fork
    return int(pytest.main([*files, *quiet, *early, *more], plugins=[plugin]))


def _trace(request: dict[str, Any]) -> dict[str, Any]:
    recorder = Recorder(request["modules"])
    code = _run_pytest(request["files"], recorder)
    return {"code": code, "tests": recorder.tests}


def _try(request: dict[str, Any]) -> dict[str, Any]:
    files = list(dict.fromkeys(test.partition("::")[0] for test in request["tests"]))
    chosen = Chosen(request["tests"])
    code = _run_pytest(files, chosen, "-x")
    if code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return {"outcome": _SURVIVED, "by": ""}
    return {"outcome": _NOTICED, "by": chosen.failed or "it can't be imported"}


def _in_fork(request: dict[str, Any], output: Path) -> dict[str, Any]:
    """Answer a request in a fork with a group of processes of its own, which is ended when its time is over."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setsid()
            os.close(reading)
            with output.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            answer = _trace(request) if request["what"] == "trace" else _try(request)
            with os.fdopen(writing, "w") as pipe:
                json.dump(answer, pipe)
        except BaseException:  # noqa: BLE001 - told in the output, and by silence
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    try:
        return _answer(reading, request["timeout_s"])
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _answer(reading: int, timeout_s: float) -> dict[str, Any]:
    deadline, text = time.monotonic() + timeout_s, b""
    while True:
        if not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return {"outcome": _NOTICED, "by": f"not done within {timeout_s:.0f} s"}
        piece = os.read(reading, 1 << 16)
        if not piece:
            break
        text += piece
    if not text:  # it took the whole process down
        return {"outcome": _NOTICED, "by": "the tests' process died"}
    answer: dict[str, Any] = json.loads(text)
    return answer


def main() -> None:
    """Answer requests until there are no more."""
    for name in _HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    assert "vsortd" not in sys.modules
    gc.collect()
    gc.freeze()  # pytest collects garbage ten times at its end: not that of all these libraries
    output = Path(sys.argv[1])
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        sys.dont_write_bytecode = request["what"] == "try"  # a mutant's must not stay: same size, same second
        print(json.dumps(_in_fork(request, output)), file=replies, flush=True)


if __name__ == "__main__":
    main()
