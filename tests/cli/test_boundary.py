"""The boundary of the command line: options anywhere, exit codes, clean streams, nothing heavy at start."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vsortd.cli.app import hoist_config
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def vsortd(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vsortd", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "--config", "a.yaml", "--once"], ["--config", "a.yaml", "run", "--once"]),
        (["--config", "a.yaml", "run"], ["--config", "a.yaml", "run"]),
        (["sort", "--config=a.yaml", "x"], ["--config=a.yaml", "sort", "x"]),
        (["sort", "--", "--config", "x"], ["sort", "--", "--config", "x"]),
    ],
)
def test_the_config_option_may_stand_anywhere(words: list[str], expected: list[str]) -> None:
    assert expected == hoist_config(words)


def test_a_config_option_without_a_file_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="needs a file"):
        hoist_config(["run", "--config"])


@pytest.mark.parametrize("own", ["", "active"])
def test_whatever_imports_torch_first_its_threads_sleep_while_they_wait(
    monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    """In `analyze` that is what looks for speech, in `doctor` what looks for a GPU, before any model is loaded."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if own:
        monkeypatch.setenv("OMP_WAIT_POLICY", own)
    code = (
        "import os, sys\nfrom vsortd.__main__ import main\nmain(['--version'])\n"
        "print('torch' in sys.modules, os.environ.get('OMP_WAIT_POLICY'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert f"False {own or 'passive'}" == done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["history"], 0),
        (["status"], 0),
        (["no-such-command"], 2),
        (["run", "--no-such-option"], 2),
        (["undo"], 2),
        (["undo", "1", "--all"], 2),
        (["undo", "17"], 3),
        (["undo", "--batch", "nope"], 2),
        (["release", "99"], 3),
        (["retry", "/no/such/file.mp4"], 3),
        (["retry", "--all"], 0),
        (["history", "--since", "yesteryear"], 2),
        (["history", "--since", "999999999999999w"], 0),
        (["undo", "--since", "999999999999999w", "--dry-run"], 0),
        (["history", "--since", "9999-12-31T23:59:59-14:00"], 0),
        (["history", "--since", "0001-01-01T00:00:00+14:00"], 0),
        (["--config", "/no/such/file.yaml", "check"], 10),
        (["--config", "/no/such/file.yaml", "run"], 10),
    ],
)
def test_exit_codes(words: list[str], code: int) -> None:
    done = vsortd(*words)
    assert code == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    if code in {2, 10}:
        assert done.stderr.strip(), "an error without a message"


@pytest.mark.parametrize(
    "words",
    [["history"], ["status"], ["undo", "--all"], ["undo", "17"], ["retry", "--all"], ["release", "--all"]],
)
def test_json_is_pure(words: list[str]) -> None:
    assert 1 == json.loads(vsortd(*words, "--json").stdout)["schema_version"]


def test_status_without_a_daemon_has_the_contracts_form() -> None:
    document = json.loads(vsortd("status", "--json").stdout)
    assert "stopped" == document["state"]
    assert {"filed", "review", "rejected", "failed", "held", "aside"} == set(document["counts"])
    assert {"name", "weights", "device"} <= set(document["model"])
    assert (0, 0, []) == (document["queued"], document["working"], document["inboxes"])


@pytest.mark.parametrize("words", [["--help"], ["status"], ["history"], ["undo", "--all"]], ids=" ".join)
def test_nothing_heavy_is_imported_for_light_commands(words: list[str]) -> None:
    code = (
        "import sys\nfrom vsortd.__main__ import main\n"
        f"main({words!r})\n"
        "heavy = {'torch', 'open_clip', 'av', 'numpy', 'watchdog', 'uvicorn', 'starlette'} & set(sys.modules)\n"
        "print('heavy:', sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "heavy: []" in done.stderr


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"set -o pipefail; {sys.executable} -m vsortd --help | head -c 10 > {tmp_path / 'out'}",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr


LEAVING = """
import atexit, os, sys, threading, time
import vsortd.__main__ as boundary

class Late:
    def __del__(self):
        os.write(1, b"torn down\\n")

def main():
    if THREAD == "left alone":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    elif THREAD == "waited for":
        threading.Thread(target=lambda: (time.sleep(1), print("so is that"))).start()
    print("done")
    return 3

sys.modules["late"] = Late()
atexit.register(lambda: print("asked to run at the end"))
boundary.main = main
boundary.script()
"""


@pytest.mark.parametrize(
    ("thread", "said"),
    [
        ("none", ["done", "asked to run at the end"]),
        ("left alone", ["done", "asked to run at the end"]),
        ("waited for", ["done", "so is that", "asked to run at the end", "torn down"]),
    ],
)
def test_a_thread_that_is_not_waited_for_is_not_torn_down_either(thread: str, said: list[str]) -> None:
    """A library's C++ would abort: a daemon that is told to stop while its model loads ended with -6.

    Where no thread is left nothing is torn down: that takes a sixth of a light command's time.
    """
    code = LEAVING.replace("THREAD", repr(thread))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50)
    assert (3, said, "") == (done.returncode, done.stdout.splitlines(), done.stderr)
