"""The README is true: its configs load, its commands exist, CI runs its test command, the demo's config is valid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import typer

from tests.support.paths import REPOSITORY
from vsortd.cli.app import app
from vsortd.config.load import load_settings
from vsortd.doctor import demo_run
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def _commands() -> dict[str, list[str]]:
    """Return every command of the command line with its long options."""
    root = typer.main.get_command(app)
    found: dict[str, list[str]] = {}
    stack = [("", root)]
    while stack:
        prefix, command = stack.pop()
        children = getattr(command, "commands", {})
        for name, child in children.items():
            stack.append((f"{prefix} {name}".strip(), child))
        if not children:
            found[prefix] = [option for one in command.params for option in one.opts if option.startswith("--")]
    return found


def test_every_yaml_snippet_of_the_readme_is_a_valid_config(tmp_path: Path) -> None:
    snippets = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    assert snippets
    for number, snippet in enumerate(snippets):
        path = tmp_path / f"{number}.yaml"
        path.write_text(snippet, encoding="utf-8")
        load_settings(path)


def test_the_demos_config_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(demo_run.CONFIG.format(inbox=tmp_path / "in", library=tmp_path / "out"), encoding="utf-8")
    assert 10 == len(load_settings(path).rules)


@pytest.mark.parametrize("command", sorted(_commands()))
def test_every_command_is_in_the_readme(command: str) -> None:
    last = command.rsplit(maxsplit=1)[-1]
    assert f"vsortd {command}" in README or re.search(rf"`vsortd {command.split(maxsplit=1)[0]}.*/ `?{last}", README)


def test_every_exit_code_is_in_the_readme() -> None:
    for code in ExitCode:
        assert re.search(rf"\| {int(code)} \| [a-z]", README), f"exit code {int(code)} is not explained"


def test_ci_runs_the_readmes_own_test_command() -> None:
    commands = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert 2 == len(commands)
    assert commands[1] in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_every_test_that_the_page_of_faults_names_exists() -> None:
    page = (REPOSITORY / "tests" / "FAULTS.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_/]+\.py)::(\w+)`", page)
    assert named
    for file, name in named:
        assert f"def {name}(" in (REPOSITORY / "tests" / file).read_text(encoding="utf-8"), f"{file} has no {name}"
