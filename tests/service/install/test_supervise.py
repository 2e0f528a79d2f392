"""The supervisor of launchd's agent, Windows' task and Windows' service: what it starts again, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from vsortd.errors import ExitCode
from vsortd.service import supervise
from vsortd.service.supervise import DELAYS_S, GIVE_UP_AFTER, REFUSED, WELL_S, Supervisor, Vsortd, split_arguments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.service.supervise import ChildProcess


class Ended:
    """A process that has ended with a code; `ran_s` passed meanwhile."""

    def __init__(self, code: int, clock: list[float], ran_s: float = 1.0) -> None:
        self.code, self._clock, self._ran_s = code, clock, ran_s

    def wait(self, timeout: float | None = None) -> int:  # noqa: ARG002 - a process's form
        self._clock[0] += self._ran_s
        return self.code

    def terminate(self) -> None:
        pytest.fail("it has ended")

    kill = terminate


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[float], list[str]]]:
    """Return what runs a supervisor over processes that end at once, and gives its code, its waits and its words."""

    def run(*codes: int, ran_s: float = 1.0) -> tuple[int, list[float], list[str]]:
        clock, waits, said = [0.0], [], []
        left = list(codes)
        supervisor = Supervisor(
            lambda: Ended(left.pop(0), clock, ran_s),
            ask_to_stop=lambda _: None,
            say=said.append,
            clock=lambda: clock[0],
        )
        monkeypatch.setattr(supervisor._stop, "wait", waits.append)
        return supervisor.run(), waits, said

    return run


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_what_no_restart_mends_is_not_started_again(supervised: Callable[..., tuple], code: int) -> None:
    assert {ExitCode.USAGE, ExitCode.CONFIG, ExitCode.RUNNING} == REFUSED
    result, waits, said = supervised(code)
    assert (code, []) == (result, waits)
    assert "refused" in said[0]


def test_crashes_are_started_again_ever_later_and_not_for_ever(supervised: Callable[..., tuple]) -> None:
    result, waits, said = supervised(*[1] * GIVE_UP_AFTER)
    assert 1 == result
    assert [*DELAYS_S, DELAYS_S[-1], DELAYS_S[-1]] == waits
    assert "not started again" in said[-1]


def test_a_long_run_begins_the_count_anew(supervised: Callable[..., tuple]) -> None:
    result, waits, _ = supervised(*[1] * 20, 0, ran_s=WELL_S)
    assert (0, {DELAYS_S[0]}, 20) == (result, set(waits), len(waits))


def test_a_good_end_is_the_end(supervised: Callable[..., tuple]) -> None:
    assert (0, [], []) == supervised(0)


def test_stopping_ends_the_process_and_by_force_what_does_not_listen() -> None:
    said: list[str] = []
    deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    supervisor = Supervisor(lambda: child, ask_to_stop=lambda one: one.terminate(), say=said.append)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(supervisor.run()))
    thread.start()
    while supervisor._child is None:
        time.sleep(0.01)

    supervisor.stop(0.3)

    thread.join(5)
    child.stdout.close()
    assert [0] == codes
    assert -signal.SIGKILL == child.returncode
    assert "was killed" in said[0]


def test_stopping_while_it_waits_begins_nothing_more() -> None:
    started: list[ChildProcess] = []

    def start() -> ChildProcess:
        started.append(Ended(1, [0.0]))
        return started[-1]

    supervisor = Supervisor(start, ask_to_stop=lambda _: None, say=lambda _: None)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    while not started:
        time.sleep(0.01)
    supervisor.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert 1 == len(started)


def test_a_refused_config_is_said_in_the_services_log(tmp_path: Path) -> None:
    """The real command, as launchd and the task run it: it ends with 0, and the log says why."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "vsortd.service.supervise", "--state", str(tmp_path / "state"), "--"),
            *("--config", str(tmp_path / "none.yaml"), "run"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "VSORTD_STATE_DIR": "/nowhere"},
    )
    assert 0 == done.returncode, done.stderr
    assert "not started again" in done.stderr
    assert "does not exist" in (tmp_path / "state" / "service.log").read_text()


def test_the_arguments_are_checked() -> None:
    assert ("/s", ("run", "--", "x")) == split_arguments(["--state", "/s", "--", "run", "--", "x"])
    for wrong in ([], ["--state", "/s"], ["--state", "/s", "run", "x"], ["--state", "/s", "--"]):
        with pytest.raises(ValueError, match="usage"):
            split_arguments(wrong)


def test_under_pythonw_the_command_runs_with_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise.sys, "executable", "/v/Scripts/pythonw.exe")
    assert "/v/Scripts/python.exe" == supervise._console_python()


def test_the_other_commands_ask_the_same_state_folder(tmp_path: Path) -> None:
    assert ExitCode.UNREACHABLE == Vsortd(str(tmp_path), ()).ask("stop")
