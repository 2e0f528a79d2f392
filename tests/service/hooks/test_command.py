"""A command of the config as it really runs: what it is given, what is kept of it, and that it ends."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.hook_bench import HookBench, script
from tests.support.waiting import PATIENCE_S, until
from vsortd.errors import Cancelled
from vsortd.service.hooks.command import run_command
from vsortd.service.hooks.hook_outcome import HookOutcome
from vsortd.service.hooks.video_values import filled, values_of, variables

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts begin with #!, which Windows does not read")


def _run(
    program: Path, *words: str, limit_s: float = PATIENCE_S, cancel: threading.Event | None = None, **more: str
) -> HookOutcome:
    return run_command([str(program), *words], more, limit_s=limit_s, cancel=cancel or threading.Event())


def _alive(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_values_arrive_as_they_are_and_no_shell_reads_them(tmp_path: Path) -> None:
    """Names that a shell, a terminal or a parser of options would take for something else."""
    odd = "-rf $(touch gone) `x`; rm -rf ~ 'a\"\n|& é \udcff.mp4"
    program = script(tmp_path, "print([os.fsencode(word) for word in sys.argv[1:]], os.environb[b'VSORTD_NAME'])")
    with HookBench(tmp_path, "") as bench:
        values = values_of(bench.end(odd))
    words = filled([str(program), "--", "{name}", "<{name}> {{}}"], values)
    outcome = run_command(words, variables(values), limit_s=PATIENCE_S, cancel=threading.Event())
    assert outcome.well
    name = os.fsencode(odd)
    assert outcome.said == " ".join(f"{[b'--', name, b'<' + name + b'> {}']} {name!r}".split())


def test_what_no_process_can_be_given_is_left_out(tmp_path: Path) -> None:
    """A reason may hold what somebody else's file or server said."""
    program = script(tmp_path, "print(ascii(sys.argv[1:]), ascii(os.environ['VSORTD_REASON']))")
    with HookBench(tmp_path, "") as bench:
        values = values_of(bench.end(reason="a\0b \ud800"))
    words = filled([str(program), "{reason}"], values)
    outcome = run_command(words, variables(values), limit_s=PATIENCE_S, cancel=threading.Event())
    assert outcome.well
    assert "['ab ?'] 'ab ?'" == outcome.said


def test_its_environment_is_small_and_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "hunter2-hunter2")
    monkeypatch.setenv("ANYTHING_ELSE", "x")
    monkeypatch.setenv("HOME", str(tmp_path))
    program = script(tmp_path, "print(sorted(os.environ), os.getcwd(), repr(sys.stdin.read()))")
    outcome = _run(program, VSORTD_RULE="sea")
    assert outcome.well
    assert "SOME_TOKEN" not in outcome.said
    assert "ANYTHING_ELSE" not in outcome.said
    assert outcome.said.endswith(f"{tmp_path} ''")
    assert "'HOME'" in outcome.said
    assert "'VSORTD_RULE'" in outcome.said


def test_how_it_ends_is_told_with_the_last_that_it_printed(tmp_path: Path) -> None:
    program = script(tmp_path, "print('begin'); print('oh\\x1b[2J no', file=sys.stderr); sys.exit(7)")
    assert HookOutcome(well=False, told="exit code 7", said="oh\x1b[2J no begin") == _run(program)
    assert "killed by SIGKILL" == _run(script(tmp_path, "os.kill(os.getpid(), 9)", "killed")).told


def test_all_that_it_prints_is_read_and_little_kept(tmp_path: Path) -> None:
    program = script(tmp_path, "sys.stdout.write('x' * 20_000_000); print('the end')")
    outcome = _run(program)
    assert outcome.well
    assert outcome.said.endswith("xthe end")
    assert len(outcome.said) == 300


def test_at_its_time_limit_it_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    """Its child ignores the request to end, and so does it."""
    text = (
        "import signal, subprocess\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal, time;"
        " signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(600)"
    )
    outcome = _run(script(tmp_path, text), limit_s=3.0)
    assert not outcome.well
    assert "ended after 3s, its time limit" == outcome.told
    child = int(outcome.said)
    until(lambda: not _alive(child), what="its child is gone")


def test_what_it_leaves_behind_holds_nobody_up_and_goes_on(tmp_path: Path) -> None:
    text = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import sys, time; time.sleep(3); print(1)'])\n"
        "print(child.pid)"
    )
    outcome = _run(script(tmp_path, text))
    assert outcome.well
    assert _alive(int(outcome.said))


def test_it_is_ended_when_vsortd_ends(tmp_path: Path) -> None:
    cancel, noted = threading.Event(), tmp_path / "pid"
    program = script(tmp_path, f"open({str(noted)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    ended: list[type[BaseException]] = []

    def run() -> None:
        try:
            _run(program, limit_s=600, cancel=cancel)
        except Cancelled as error:
            ended.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: noted.exists() and noted.read_text(), what="it runs")
    cancel.set()
    thread.join(PATIENCE_S)
    assert [Cancelled] == ended
    assert not _alive(int(noted.read_text()))


@pytest.mark.parametrize(
    ("name", "text", "mode", "says"),
    [
        ("absent", None, 0, "No such file or directory"),
        ("plain", "#!/bin/sh\n", 0o600, "Permission denied"),
        ("empty-kind", "echo no first line", 0o700, "Exec format error"),
    ],
)
def test_what_can_not_be_run_is_told(tmp_path: Path, name: str, text: str | None, mode: int, says: str) -> None:
    program = tmp_path / name
    if text is not None:
        program.write_text(text)
        program.chmod(mode)
    outcome = _run(program)
    assert not outcome.well
    assert f"it can't be run ({says})" == outcome.told
