"""README and docs are true: their configs load, their commands and links exist, CI runs the README's test command."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.pages import PAGES as MADE
from tests.support.paths import REPOSITORY
from vsortd.cli.app import command as command_line
from vsortd.config.dump import config_schema
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
            options = [option for one in command.params for option in (*one.opts, *one.secondary_opts)]
            found[prefix] = [option for option in options if option.startswith("--")]
    return found


PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BESIDE = [REPOSITORY / "SECURITY.md", REPOSITORY / "CHANGELOG.md"]
each_page = pytest.mark.parametrize("page", [*PAGES, *BESIDE], ids=lambda page: page.name)
# What a part of a config is put into.
REST = {"inboxes": "[{path: ~/Videos/Inbox}]", "library": "~/Videos/Sorted", "rules": "[{name: forest}, {name: sea}]"}


@each_page
def test_every_config_that_a_page_shows_is_valid(page: Path, tmp_path: Path) -> None:
    for number, snippet in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)):
        missing = [f"{key}: {value}\n" for key, value in REST.items() if not re.search(rf"(?m)^{key}:", snippet)]
        path = tmp_path / f"{number}.yaml"
        path.write_text(snippet + "".join(missing), encoding="utf-8")
        load_settings(path)


@each_page
def test_every_command_that_a_page_shows_exists_with_its_options(page: Path) -> None:
    text = page.read_text("utf-8")
    shown = [line for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()]
    shown += re.findall(r"`(vsortd [^`\n]+)`", text)
    wrong = []
    for line in shown:
        words = shlex.split(line.replace("$(", " "), comments=True)
        for at, word in enumerate(words):
            if (word == "vsortd" or word.endswith("/bin/vsortd")) and words[0] != "docker":
                end = next((n for n, one in enumerate(words[at:], at) if one in {"&&", "||", "|", ";"}), len(words))
                wrong += [f"{line}: {what}" for what in _unknown(words[at + 1 : end])]
    assert [] == wrong


def _unknown(words: list[str]) -> list[str]:
    """Return what of a command line, without `vsortd`, there is not."""
    commands = _commands()
    while words and words[0].startswith("--"):  # those of every command; one of them takes a value
        words = words[2:] if words[0] == "--config" else words[1:]
    if not words:
        return []
    names = [name for name in (" ".join(words[:2]), words[0]) if name in commands]
    if not names:
        return [] if any(name.startswith(f"{words[0]} ") for name in commands) else [words[0]]
    known = {*commands[names[0]], "--config", "--help", "--quiet", "--color", "--verbose", "--version"}
    return [option for word in words for option in re.findall(r"^\[?(--[a-z][\w-]*)", word) if option not in known]


def test_the_demos_config_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(demo_run.CONFIG.format(inbox=tmp_path / "in", library=tmp_path / "out"), encoding="utf-8")
    assert 10 == len(load_settings(path).rules)


@pytest.mark.parametrize("name", MADE)
def test_a_page_that_is_made_is_what_would_be_made(name: str) -> None:
    assert MADE[name]() == (REPOSITORY / "docs" / name).read_text("utf-8"), ".ci/task pages makes it anew"


def test_every_command_key_and_exit_code_has_its_place_on_a_page() -> None:
    commands, settings = (MADE[name]() for name in ("commands.md", "settings.md"))
    assert [] == [name for name in _commands() if f"### vsortd {name}\n" not in commands]
    assert [] == [code for code in ExitCode if not re.search(rf"\| {int(code)} \| \w", commands)]
    assert [] == [key for key in config_schema()["properties"] if f"\n| `{key}` | " not in settings]
    assert [] == re.findall(r"\S*\de[+-]\d+", settings), "a bound that nobody can read"
    assert [] == re.findall(r"(?m)^.*\|  \|$", settings), "a key without a word"


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    assert len(README.splitlines()) <= 155
    assert [] == [page.name for page in PAGES[1:] if f"](docs/{page.name}" not in README]


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


# How names of files of the project end, wherever else a text may write a path.
_OURS = (".py", ".md", ".toml", ".json")


@each_page
def test_every_file_and_link_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`([\w.-]+/[\w./-]*)`", text)
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    roots = (REPOSITORY, REPOSITORY / "vsortd")
    ours = [
        name for name in named if name.endswith(_OURS) or any((root / name.split("/")[0]).is_dir() for root in roots)
    ]
    missing = [name for name in ours if not any((root / name).exists() for root in roots)]
    missing += [link for link in links if not (page.parent / link).exists()]
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', text)
    missing += [name for name in pictures if not (page.parent / name).exists()]
    assert not missing


@each_page
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    lost = []
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            there = (page.parent / target) if target else page
            lost += [f"{target}#{anchor}"] if anchor not in _anchors(there) else []
    assert [] == lost


def _anchors(page: Path) -> set[str]:
    """Return what links may name of a page: its headings as GitHub spells them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_rooms_of_the_architecture_page_are_those_of_the_contract() -> None:
    contract = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(one["layers"] for one in contract["contracts"] if one["type"] == "layers")
    built = [tuple(layer.split(" | ")) for layer in layers if not layer.startswith("(")]
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = re.findall(r"```\n( __main__.*?)```", page, flags=re.DOTALL)[0]
    lines = [re.findall(r"(?:^ |│ )(\w+)", line) for line in drawn.splitlines()]
    assert built == [tuple(names) for names in lines]


def test_what_the_architecture_page_says_is_in_a_file_is_defined_there() -> None:
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+)`[^`\n]{0,40}?\b(?:in|of)\s+`([\w/]+\.py)`", page)
    assert len(named) >= 10
    for name, file in named:
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        assert re.search(rf"(?m)^(?:(?:def|class) {name}\b|{name}\b.* = )", text), f"{file} defines no {name}"


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
