"""Tab in real shells: commands, options, rule names with spaces, inboxes and ids out of the journal."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.shell_terminal import Terminal, environment_with, script, sourced
from tests.support.waiting import PATIENCE_S
from vsortd.cli.completing import SHELLS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

RULES = """\
rules:
  - name: forest
    prompts: [a forest]
    rules: [{name: night}, {name: by day}]
  - {name: Slow motion, when: {min_fps: 100}}
tags: [{name: wine}]
facets: {mood: {calm: still water, tense: a dark corridor}}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a person with a config and `vsortd` on the PATH."""
    inbox = tmp_path / "In box"
    inbox.mkdir()
    return environment_with(
        tmp_path, f"version: 2\ninboxes: [{{path: '{inbox}'}}]\nlibrary: {tmp_path / 'out'}\n{RULES}"
    )


def in_bash(environment: dict[str, str], line: str) -> list[str]:
    """Return what bash would offer at the end of a line."""
    code = (
        script(environment, "bash")
        + 'COMP_LINE=$1 COMP_POINT=${#1}\n_vsortd_completion vsortd "${1##*[ :=]}"\n'
        + 'for one in "${COMPREPLY[@]}"; do printf "%s\\n" "$one"; done\n'
    )
    done = subprocess.run(
        ["bash", "-c", code, "bash", line],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    return done.stdout.splitlines()


def test_bash_completes_commands_options_rules_and_inboxes(environment: dict[str, str], tmp_path: Path) -> None:
    assert {"history", "help"} == set(in_bash(environment, "vsortd h"))
    assert "--since" in in_bash(environment, "vsortd history --s")
    assert ["forest", "forest/night", r"forest/by\ day"] == in_bash(environment, "vsortd teach a.mp4 f")
    assert [r"Slow\ motion"] == in_bash(environment, "vsortd teach a.mp4 Sl")
    assert [str(tmp_path / r"In\ box")] == in_bash(environment, "vsortd pause --inbox /")
    assert ["warning"] == in_bash(environment, "vsortd logs --level w")
    assert ["forest/night"] == in_bash(environment, "vsortd search wood --rule forest/n")
    assert ["portrait"] == in_bash(environment, "vsortd search wood --orientation p")
    assert ["ViT-B-32-256", "ViT-B-32", "ViT-B-16-SigLIP2"] == in_bash(environment, "vsortd model fetch V")
    assert ["PE-Core-S-16-384/meta"] == in_bash(environment, "vsortd model compare sample PE-Core-S")


def test_bash_completes_tags_and_those_of_facets(environment: dict[str, str]) -> None:
    assert ["wine", "mood:calm", "mood:tense"] == in_bash(environment, "vsortd history --tag ")
    assert ["mood:calm", "mood:tense"] == in_bash(environment, "vsortd search wood --tag m")
    assert ["calm"] == in_bash(environment, "vsortd history --tag mood:c")  # behind the colon, where bash has a word


def test_bash_puts_in_a_name_with_a_space_as_one_word(environment: dict[str, str], tmp_path: Path) -> None:
    with Terminal("bash", environment, tmp_path) as terminal:
        terminal.type("vsortd teach a.mp4 Sl\t")
        terminal.wait_for(r"Slow\ motion")


def test_fish_completes_rules(environment: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("no fish here: apt install fish")
    code = f"{sourced(environment, 'fish', tmp_path)}; complete -C 'vsortd teach a.mp4 f'; complete -C 'vsortd hist'"
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
    with Terminal("zsh", environment, tmp_path) as terminal:
        terminal.type("vsortd teach a.mp4 Sl\t")
        terminal.wait_for(r"Slow\ motion")
        terminal.type("\x15vsortd hist\t")
        terminal.wait_for("vsortd history")


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
            "_VSORTD_COMPLETE": "bash",
            "_VSORTD_COMPLETE_WORDS": f"{line}\x1f",
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
