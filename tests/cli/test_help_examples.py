"""Every command's help ends with examples, and each of them is a line that vsortd understands."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.cli.app import command as command_line
from vsortd.cli.app import hoist_config
from vsortd.cli.examples import EXAMPLES, EXIT_CODES
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

ROOT: Any = command_line()


def commands() -> dict[str, Any]:
    """Return every command that does something by itself."""
    found: dict[str, Any] = {}
    stack = [("", ROOT)]
    while stack:
        prefix, command = stack.pop()
        children = getattr(command, "commands", {})
        stack += [(f"{prefix} {name}".strip(), child) for name, child in children.items()]
        if prefix and (not children or command.invoke_without_command):
            found[prefix] = command
    return found


def vsortd_lines(example: str) -> list[list[str]]:
    """Return the words behind each `vsortd` of a shell line."""
    inner = re.sub(r".*\$\((.*)\).*", r"\1", example)
    parts = re.split(r"&&|\||>", re.sub(r"'[^']*\|?[^']*'", "x", inner) if "jq" in inner else inner)
    lines = [shlex.split(part) for part in parts]
    named = [[word for word in line if not word.startswith(("EDITOR=", "VISUAL="))] for line in lines]
    return [line[1:] for line in named if line[:1] == ["vsortd"]]


@pytest.mark.few(12)
@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_examples_and_shows_them(name: str) -> None:
    assert name in EXAMPLES, f"write examples of `vsortd {name}` into vsortd/cli/examples.py"
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", *name.split(), "--help"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    for line, what in EXAMPLES[name]:
        assert line in done.stdout
        assert what in done.stdout


@pytest.mark.parametrize("example", [line for name in sorted(EXAMPLES) for line, _ in EXAMPLES[name]])
def test_every_example_parses(example: str) -> None:
    lines = vsortd_lines(example)
    assert lines
    for words in lines:
        context, command, rest = None, ROOT, hoist_config(words)
        while True:
            context = command.make_context("vsortd", rest, parent=context)
            left = (
                context._protected_args if hasattr(context, "_protected_args") else context.protected_args
            ) + context.args
            if not getattr(command, "commands", None) or not left:
                break
            name, command, rest = command.resolve_command(context, left)
            assert command is not None, f"there is no command {name}"


def test_the_help_tells_every_exit_code() -> None:
    done = subprocess.run([sys.executable, "-m", "vsortd", "--help"], capture_output=True, text=True, check=True)
    told = " ".join(done.stdout.split())
    for code in ExitCode:
        assert re.search(rf"\b{int(code)} [a-z]", EXIT_CODES)
        assert re.search(rf"\b{int(code)} [a-z]", told)


LISTINGS = [
    ["status"],
    ["history"],
    ["undo", "--all", "--dry-run"],
    ["logs"],
    ["model", "list"],
    ["check"],
    ["config", "show"],
    ["review"],
    ["rules", "preview"],
    ["refile", "--dry-run"],
    ["corrections"],
    ["--help"],
    ["lgs"],
]


@pytest.mark.few(3)
@pytest.mark.parametrize("words", LISTINGS, ids=" ".join)
def test_no_color_takes_the_colours_out_of_every_listing(words: list[str], tmp_path: Path) -> None:
    config = tmp_path / "vsortd.yaml"
    config.write_text(
        f"version: 2\ninboxes: [{{path: {tmp_path}}}]\nlibrary: {tmp_path}/out\nmodel: sample\n"
        "rules: [{name: forest}]\n"
    )
    environment = {**os.environ, "VSORTD_CONFIG": str(config), "TERM": "xterm-256color", "NO_COLOR": "1"}
    shown = in_a_terminal([sys.executable, "-m", "vsortd", *words], environment)
    assert shown.strip()
    assert not re.findall(r"\x1b\[[\d;]*(?:3\d|4\d|9\d|38;|48;)[\d;]*m", shown), shown


def test_a_terminal_without_no_color_gets_colours() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    shown = in_a_terminal([sys.executable, "-m", "vsortd", "--help"], {**environment, "TERM": "xterm-256color"})
    assert re.search(r"\x1b\[[\d;]*3\d", shown)


def in_a_terminal(command: list[str], environment: dict[str, str]) -> str:
    """Run a command whose output is a terminal; return what it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:  # Linux's way to say that the other end was closed
        pass
    finally:
        os.close(ours)
    process.wait(30)
    return shown.decode("utf-8", "replace")
