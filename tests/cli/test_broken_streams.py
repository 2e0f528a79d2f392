"""Streams that refuse, and a folder that is gone: every command says so in a line, or goes on without; no traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.forked_commands import run_forked
from vsortd.cli.app import command as command_line
from vsortd.cli.completion_answer import ASKED_WORDS
from vsortd.cli.completion_scripts import SEPARATOR

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="/dev/full and removed working folders are Linux's"),
]

# A line for every command that ends soon by itself; FILE is a video, named from the working folder.
WORDS = {
    "run": "run --no-such", "start": "start --no-such", "stop": "stop", "pause": "pause", "resume": "resume",
    "open": "open --no-such", "web password": "web password --out FILE",
    "metrics": "metrics", "reload": "reload", "status": "status", "sort": "sort FILE",
    "fetch": "fetch http://a.example/b", "plan": "plan FILE",
    "explain": "explain FILE", "eval": "eval FILE", "index": "index --verify",
    "search": "search x --recorded-since never",
    "cluster": "cluster FILE --yes", "history": "history", "where": "where FILE", "export":
    "export history --out -", "help": "help", "undo": "undo --all --dry-run",
    "release": "release 99", "retry": "retry FILE", "rules preview": "rules preview",
    "refile": "refile --dry-run", "review": "review",
    "teach": "teach FILE nowhere",
    "corrections forget": "corrections forget --all", "corrections restore": "corrections restore 1",
    "timeline": "timeline FILE x", "classify": "classify FILE x", "analyze": "analyze FILE",
    "duplicates": "duplicates FILE", "set-aside": "set-aside FILE --dry-run", "check": "check", "config init":
    "config init --yes --out OUT --force", "config import": "config import FILE", "config migrate":
    "config migrate --dry-run", "config path": "config path",
    "config show": "config show", "config schema": "config schema", "model list": "model list",
    "model fetch": "model fetch sample", "model compare": "model compare sample --in FILE", "model bench":
    "model bench =", "doctor": "doctor --no-such", "logs": "logs", "edit": "edit --no-such",
    "completion": "completion bash", "service install": "service install --dry-run --no-tray",
    "service uninstall": "service uninstall --dry-run", "service status": "service status", "tray": "tray --no-such",
    "demo": "demo --no-such",
}  # fmt: skip
# What says what it says in a moment, with no file and no model.
QUICK = (
    "--help", "--version", "history", "status", "undo --all --dry-run", "review", "corrections", "model list", "check",
    "config show", "config path", "config schema", "completion bash", "release 99", "retry --all", "resume", "logs",
    "help", "help --man", "export history --out -", "export index --format json --out -",
)  # fmt: skip
JSON = ("history", "status", "undo --all --dry-run", "review", "corrections", "model list", "check", "config show")


def _leaves() -> set[str]:
    found, stack = set(), [("", command_line())]
    while stack:
        prefix, command = stack.pop()
        children = getattr(command, "commands", {})
        stack += [(f"{prefix} {name}".strip(), child) for name, child in children.items()]
        if not children:
            found.add(prefix)
    return found


@pytest.fixture
def home(tmp_path: Path) -> harness.Home:
    return harness.Home.make(tmp_path / "home")


def test_every_command_is_tried() -> None:
    assert _leaves() == WORDS.keys()


def _everything(out: Path) -> list[str]:
    rest = [one.replace("OUT", str(out)) for one in WORDS.values() if one not in QUICK and "FILE" not in one]
    return [*QUICK, *(f"{words} --json" for words in JSON), *rest]


@pytest.mark.few(1)
@pytest.mark.parametrize("stdout", ["/dev/full", ""], ids=["full", "closed"])
def test_a_stdout_that_refuses_or_is_closed_costs_a_line(stdout: str, home: harness.Home, tmp_path: Path) -> None:
    for end in run_forked(_everything(tmp_path / "x.yaml"), tmp_path / "said", home.environment, stdout=stdout):
        assert "Traceback" not in end.stderr, end
        assert "Exception ignored" not in end.stderr, end
        assert end.code in {0, 1, 2, 3, 11}, end
        if stdout and end.words.removesuffix(" --json") in {*QUICK} - {"logs"}:
            assert (1, "vsortd: What was to be printed can't be written: No space left on device.\n") == (
                end.code,
                end.stderr,
            ), end
        elif not stdout and end.words.removesuffix(" --json") in QUICK:
            assert (3 if "release" in end.words else 0) == end.code, end


def test_in_a_folder_that_is_gone_every_command_does_what_it_can(home: harness.Home, tmp_path: Path) -> None:
    named = [words for words in WORDS.values() if "FILE" in words]
    for end in run_forked([*QUICK, *named], tmp_path / "said", home.environment, gone=True):
        assert "Traceback" not in end.stderr, end
        assert end.code in {0, 1, 2, 3, 10, 11}, end
        if end.words in QUICK:
            assert end.code in {0, 3}, end
        if end.words in {"plan FILE", "sort FILE", "explain FILE", "retry FILE", "duplicates FILE"}:
            assert (1, "vsortd: The folder that you are in is gone.\n  Go to another one: cd\n") == (
                end.code,
                end.stderr,
            ), end


@pytest.mark.long
def test_what_an_encoding_lacks_is_escaped_and_json_stays_json(home: harness.Home, tmp_path: Path) -> None:
    (home.inbox / "Füße 日本 🎬.mp4").write_bytes(b"no video")
    home.run("run", "--once", code=None)
    commands = [*QUICK, *(f"{words} --json" for words in JSON)]
    said = run_forked(commands, tmp_path / "said", home.environment, encoding="ascii")
    for end in said:
        assert "Traceback" not in end.stderr, end
        if end.words.endswith("--json"):
            assert 1 == json.loads(end.stdout)["schema_version"]
    (named,) = {json.loads(end.stdout)["items"][0]["source"] for end in said if end.words == "history --json"}
    assert str(home.inbox / "Füße 日本 🎬.mp4") == named


@pytest.mark.few(1)
@pytest.mark.parametrize("words", ["status", "history --json", "--help", "release 99"])
def test_the_real_command_with_stderr_closed_or_full_or_no_reader(words: str, home: harness.Home) -> None:
    command = f"{sys.executable} -m vsortd {words}"
    expected = 3 if words == "release 99" else 0
    for line in (f"{command} 2>&-", f"{command} 2>/dev/full", f"{command} <&- >&- 2>&-"):
        done = subprocess.run(["bash", "-c", line], env=home.environment, capture_output=True, check=False, timeout=60)
        assert (expected, b"") == (done.returncode, done.stderr), line
    early = f"( {command}; echo $? >&2 ) | true"
    done = subprocess.run(["bash", "-c", early], env=home.environment, capture_output=True, check=False, timeout=60)
    assert done.stderr.strip() in {b"0", str(expected).encode()}


def test_a_shell_whose_tab_gets_no_answer_sees_no_traceback(home: harness.Home) -> None:
    asked = {"_VSORTD_COMPLETE": "bash", ASKED_WORDS: f"vsortd his{SEPARATOR}his"}
    environment = {**home.environment, **asked}
    command = f"{sys.executable} -m vsortd"
    said = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, check=True, timeout=60)
    assert b"history" in said.stdout
    for line in (f"{command} >/dev/full", f"{command} >&-"):
        done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, check=False, timeout=60)
        assert b"Traceback" not in done.stderr, line
        assert b"Exception ignored" not in done.stderr, line


def test_a_closed_descriptor_is_never_a_files(home: harness.Home) -> None:
    """What a library prints would go into whatever was opened first: the journal, a video."""
    code = (
        "import os, sys\nfrom vsortd.core.system.standard_streams import secure_standard_streams\n"
        "secure_standard_streams()\nopened = os.open(sys.argv[1], os.O_RDONLY)\nos.write(1, b'stray')\n"
        "os._exit(0 if opened > 2 else 1)"
    )
    line = f'{shutil.which(sys.executable)} -c "$0" "$1" <&- >&- 2>&-'
    done = subprocess.run(["bash", "-c", line, code, str(home.config)], check=False, timeout=60)
    assert 0 == done.returncode


def test_a_terminal_that_another_program_left_not_blocking_gets_everything(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom vsortd.core.system.standard_streams import secure_standard_streams\n"
        "secure_standard_streams()\nsys.stdout.write('x' * 3_000_000)\nsys.stdout.flush()"
    )
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen([sys.executable, "-c", code], stdout=writer, cwd=tmp_path.parent) as running:
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            assert 3_000_000 == len(pipe.read())
    assert 0 == running.returncode
