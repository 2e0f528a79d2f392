"""Tab in real shells: commands, options, rule names with spaces, inboxes and ids out of the journal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from vsortd.cli.completing import SHELLS

if TYPE_CHECKING:
    from pathlib import Path

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
    done = subprocess.run(["bash", "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=30)
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
    typed = in_a_terminal(
        ["bash", "--norc", "--noprofile", "-i"],
        [
            f"PS1='READY '\n{_sourced(environment, 'bash', tmp_path)}\n",
            "echo vsortd >/dev/null\n",
            "vsortd teach a.mp4 Sl\t",
        ],
        environment,
    )
    assert r"Slow\ motion" in typed


def test_fish_completes_rules(environment: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("no fish here: apt install fish")
    code = f"{_sourced(environment, 'fish', tmp_path)}; complete -C 'vsortd teach a.mp4 f'; complete -C 'vsortd hist'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert {"forest", "forest/night", "forest/by day", "history"} <= set(offered)


def test_zsh_completes_rules(environment: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("no zsh here: apt install zsh")
    typed = in_a_terminal(
        ["zsh", "-f", "-i"],
        [
            f"PS1='READY '; autoload -Uz compinit; compinit -u -D; {_sourced(environment, 'zsh', tmp_path)}\n",
            "vsortd teach a.mp4 Sl\t",
            "\x15vsortd hist\t",
        ],
        environment,
    )
    assert r"Slow\ motion" in typed
    assert "vsortd history" in typed


def _sourced(environment: dict[str, str], shell: str, folder: Path) -> str:
    path = folder / f"completion.{shell}"
    path.write_text(script(environment, shell))
    return f"source {path}"


def in_a_terminal(command: list[str], lines: list[str], environment: dict[str, str]) -> str:
    """Type into an interactive shell, waiting after each line until it is quiet; return all that it showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(command[0], command, environment)  # noqa: S606 - the shell itself
    shown = b""
    try:
        for line in lines:
            shown += _read_until_quiet(terminal)
            os.write(terminal, line.encode())
        shown += _read_until_quiet(terminal)
    finally:
        os.close(terminal)
        os.kill(child, 9)
        os.waitpid(child, 0)
    return shown.decode("utf-8", "replace")


def _read_until_quiet(terminal: int, quiet_s: float = 1.0, within_s: float = 15.0) -> bytes:
    shown, end = b"", time.monotonic() + within_s
    while time.monotonic() < end and select.select([terminal], [], [], quiet_s)[0]:
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            break
    return shown


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
        timeout=30,
    )
    assert (0, "", "") == (done.returncode, done.stdout.strip(), done.stderr)


def test_a_shell_that_is_not_known_is_wrong_use(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["vsortd", "completion", "tcsh"], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert 2 == done.returncode
    assert "bash, zsh, fish, powershell" in done.stderr
