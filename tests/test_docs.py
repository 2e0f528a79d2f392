"""The README is true: its configs load, its commands exist, CI runs its test command, the demo's config is valid."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import REPOSITORY
from vsortd.cli.app import command as command_line
from vsortd.config.load import load_settings
from vsortd.doctor import demo_run
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def _commands() -> dict[str, list[str]]:
    """Return every command of the command line with its long options."""
    root = command_line()
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


PAGES = sorted((REPOSITORY / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_link_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`([\w.-]+/[\w./-]*)`", text)
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    missing = [
        name for name in named if not any((root / name).exists() for root in (REPOSITORY, REPOSITORY / "vsortd"))
    ]
    missing += [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_the_rooms_of_the_architecture_page_are_those_of_the_contract() -> None:
    contract = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(one["layers"] for one in contract["contracts"] if one["type"] == "layers")
    built = [tuple(layer.split(" | ")) for layer in layers if not layer.startswith("(")]
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = re.findall(r"```\n( __main__.*?)```", page, flags=re.DOTALL)[0]
    lines = [re.findall(r"(?:^ |│ )(\w+)", line) for line in drawn.splitlines()]
    assert built == [tuple(names) for names in lines]


def test_the_package_shows_its_rooms_and_nothing_else() -> None:
    loose = {path.name for path in (REPOSITORY / "vsortd").glob("*.py")}
    assert {"__init__.py", "__main__.py", "errors.py"} == loose


def test_each_promise_of_the_threat_model_has_a_test_that_exists() -> None:
    page = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
    promises = [line for line in page.splitlines() if line.startswith("| ") and "`tests/" in line]
    assert len(promises) >= 20
    for promise in promises:
        path, name = re.findall(r"`(tests/\S+\.py)::(\w+)`", promise)[0]
        assert f"def {name}(" in (REPOSITORY / path).read_text(encoding="utf-8"), promise
