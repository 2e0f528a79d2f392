"""Tab in real shells: commands, options, rule names with spaces, inboxes and ids out of the journal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

import pytest

from tests.support.waiting import PATIENCE_S
from vsortd.cli.completing import SHELLS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

# The shells make READY of it, so that typing it shows something else than the prompt.
PROMPT = r"$'\x52EADY '"
RULES = """\
rules:
  - name: forest
    prompts: [a forest]
    rules: [{name: night}, {name: by day}]
  - {name: Slow motion, when: {min_fps: 100}}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a person with a config and `vsortd` on the PATH."""
    inbox = tmp_path / "In box"
    inbox.mkdir()
    config = tmp_path / "vsortd.yaml"
    config.write_text(f"version: 1\ninboxes: [{{path: '{inbox}'}}]\nlibrary: {tmp_path / 'out'}\n{RULES}")
    tools = tmp_path / "bin"
    tools.mkdir()
    command = tools / "vsortd"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vsortd "$@"\n')
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "VSORTD_CONFIG": str(config),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "TERM": "dumb",
    }


def script(environment: dict[str, str], shell: str) -> str:
    done = subprocess.run(["vsortd", "completion", shell], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def in_bash(environment: dict[str, str], line: str) -> list[str]:
    """Return what bash would offer at the end of a line."""
    words = line.split(" ")
    code = (
        script(environment, "bash")
        + f"COMP_WORDS=({line}{' ' if not words[-1] else ''}{chr(39) * 2 if not words[-1] else ''})\n"
        + "COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))\n_vsortd_completion vsortd\n"
        + 'for one in "${COMPREPLY[@]}"; do printf "%s\\n" "$one"; done\n'
    )
    done = subprocess.run(
        ["bash", "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    return [word for word in done.stdout.splitlines() if word]


def test_bash_completes_commands_options_rules_and_inboxes(environment: dict[str, str], tmp_path: Path) -> None:
    assert {"history", "help"} & set(in_bash(environment, "vsortd h")) == {"history"}
    assert "--since" in in_bash(environment, "vsortd history --s")
    assert ["forest", "forest/night", "forest/by day"] == in_bash(environment, "vsortd teach a.mp4 f")
    assert ["Slow motion"] == in_bash(environment, "vsortd teach a.mp4 Sl")
    assert [str(tmp_path / "In box")] == in_bash(environment, "vsortd pause --inbox /")
    assert ["warning"] == in_bash(environment, "vsortd logs --level w")
    assert ["forest/night"] == in_bash(environment, "vsortd search wood --under forest/n")
    assert ["portrait"] == in_bash(environment, "vsortd search wood --orientation p")
    assert ["ViT-B-32-256", "ViT-B-32", "ViT-B-16-SigLIP2"] == in_bash(environment, "vsortd model fetch V")


def test_bash_puts_in_a_name_with_a_space_as_one_word(environment: dict[str, str], tmp_path: Path) -> None:
    with Terminal(["bash", "--norc", "--noprofile", "-i"], environment) as terminal:
        terminal.type(f"PS1={PROMPT}; {_sourced(environment, 'bash', tmp_path)}\n")
        terminal.wait_for("READY ")
        terminal.type("vsortd teach a.mp4 Sl\t")
        terminal.wait_for(r"Slow\ motion")


def test_fish_completes_rules(environment: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("no fish here: apt install fish")
    code = f"{_sourced(environment, 'fish', tmp_path)}; complete -C 'vsortd teach a.mp4 f'; complete -C 'vsortd hist'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert {"forest", "forest/night", "forest/by day", "history"} <= set(offered)


def test_zsh_completes_rules(environment: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("no zsh here: apt install zsh")
    with Terminal(["zsh", "-f", "-i"], environment) as terminal:
        start = f"autoload -Uz compinit; compinit -u -D; {_sourced(environment, 'zsh', tmp_path)}"
        terminal.type(f"PS1={PROMPT}; {start}\n")
        terminal.wait_for("READY ")
        terminal.type("vsortd teach a.mp4 Sl\t")
        terminal.wait_for(r"Slow\ motion")
        terminal.type("\x15vsortd hist\t")
        terminal.wait_for("vsortd history")


def _sourced(environment: dict[str, str], shell: str, folder: Path) -> str:
    path = folder / f"completion.{shell}"
    path.write_text(script(environment, shell))
    return f"source {path}"


class Terminal:
    """An interactive shell in a terminal: types, and waits for what it shows."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._shown = b""
        self._child, self._terminal = pty.fork()
        if self._child == 0:
            os.execvpe(command[0], command, environment)  # noqa: S606 - the shell itself

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._terminal)
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait_for(self, text: str) -> None:
        """Wait until the text is shown after what was waited for before."""
        deadline = time.monotonic() + PATIENCE_S
        while text.encode() not in self._shown:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"waited in vain for {text!r}: {self._shown!r}"
            if select.select([self._terminal], [], [], left_s)[0]:
                self._shown += os.read(self._terminal, 65536)
        self._shown = self._shown.partition(text.encode())[2]


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell(environment: dict[str, str], shell: str) -> None:
    assert "_VSORTD_COMPLETE" in script(environment, shell)


@pytest.mark.parametrize(
    "line", ["vsortd teach a.mp4 ", "vsortd undo ", "vsortd retry ", "vsortd history --tag ", "vsortd undo --batch "]
)
def test_nothing_is_offered_nor_said_where_there_is_no_config_and_no_journal(
    environment: dict[str, str], line: str
) -> None:
    environment["VSORTD_CONFIG"] = "/no/such/file.yaml"
    done = subprocess.run(
        ["vsortd"],
        env={
            **environment,
            "_VSORTD_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(line.count(" ")),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (0, "", "") == (done.returncode, done.stdout.strip(), done.stderr)


def test_a_shell_that_is_not_known_is_wrong_use(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["vsortd", "completion", "tcsh"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert 2 == done.returncode
    assert "bash, zsh, fish, powershell" in done.stderr
