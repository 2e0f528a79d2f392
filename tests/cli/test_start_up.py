"""What a command imports: its own module alone, and nothing heavy where it only asks or tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness
from tests.support.imports import run_telling_imports
from vsortd.cli.app import command as command_line
from vsortd.cli.command_table import COMMANDS
from vsortd.cli.completion_answer import ASKED_BY, ASKED_WORDS
from vsortd.cli.completion_scripts import SEPARATOR
from vsortd.cli.front.commands import CommandEntry, Group
from vsortd.core.paths import journal_path
from vsortd.filing.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAVY = {
    *("torch", "numpy", "pydantic", "yaml", "watchdog", "av", "loguru", "open_clip", "PIL", "starlette", "uvicorn"),
    *("jinja2", "lxml", "typer", "asyncio", "markdown_it", "pygments"),
}
# What prints lines alone, and finds no daemon, needs neither of these.
LINES_ALONE = HEAVY | {"rich", "http.client"}
TABLES = {"where nothing.mp4", "logs"}


def leaves(entries: tuple[CommandEntry, ...] = COMMANDS, path: str = "") -> Iterator[tuple[str, CommandEntry]]:
    """Yield every command that does something, with its words."""
    for entry in entries:
        words = f"{path} {entry.name}".strip()
        if entry.where:
            yield words, entry
        yield from leaves(entry.below, words)


MODULES = {f"vsortd.cli.{entry.where.partition(':')[0]}" for _, entry in leaves()}


def found(words: str) -> Any:
    """Return the command that these words call."""
    command: Any = command_line()
    for word in words.split():
        command = command.commands[word]
    return command


@pytest.mark.parametrize(("words", "entry"), list(leaves()), ids=[words for words, _ in leaves()])
def test_the_one_line_of_the_table_is_that_of_the_command(words: str, entry: CommandEntry) -> None:
    """It stands there twice: a group tells it without importing the command."""
    command = found(words)
    if not isinstance(command, Group):
        assert " ".join(command.help.split("\n\n")[0].split()) == entry.line


def imported(*words: str, environment: dict[str, str]) -> set[str]:
    """Run a command; return the names of all modules that are there at its end."""
    return run_telling_imports(*words, environment=environment)[1]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return that of somebody with a config and a journal."""
    home = harness.Home.make(tmp_path / "home")
    Journal.open(journal_path(tmp_path / "state")).close()
    return {"VSORTD_STATE_DIR": str(tmp_path / "state"), "VSORTD_CONFIG": str(home.config)}


@pytest.mark.parametrize("words", [["--help"], ["help"], [], ["--version"], ["model", "--help"], ["servce"]])
def test_help_imports_no_command(words: list[str], environment: dict[str, str]) -> None:
    modules = imported(*words, environment=environment)
    assert not LINES_ALONE & modules
    assert {"vsortd.cli.help_command"} >= MODULES & modules


@pytest.mark.parametrize(
    ("words", "own"),
    [
        ("status", {"status"}),
        ("status --json", {"status"}),
        ("history", {"history"}),
        ("history --help", {"history"}),
        ("undo --all --dry-run", {"history"}),
        ("where nothing.mp4", {"where"}),
        ("pause", {"control", "status"}),
        ("resume", {"control", "status"}),
        ("release nothing.mp4", {"release"}),
        ("completion zsh", {"completion"}),
        ("logs", {"logs"}),
    ],
)
def test_a_light_command_imports_its_own_module_alone(words: str, own: set[str], environment: dict[str, str]) -> None:
    modules = imported(*words.split(), environment=environment)
    assert not (HEAVY if words in TABLES else LINES_ALONE) & modules
    assert {f"vsortd.cli.{name}" for name in own} == MODULES & modules


def test_a_dry_run_of_undo_imports_nothing_that_moves_files(environment: dict[str, str]) -> None:
    modules = imported("undo", "--all", "--dry-run", environment=environment)
    assert "vsortd.filing.undo" in modules
    assert not {f"vsortd.filing.{name}" for name in ("transfer", "recover", "fsops", "placement", "name_fit")} & modules


@pytest.mark.parametrize(
    ("line", "own"),
    [("vsortd ", set()), ("vsortd hist", set()), ("vsortd undo ", {"history"}), ("vsortd config ", set())],
)
def test_tab_imports_what_was_typed_alone(line: str, own: set[str], environment: dict[str, str]) -> None:
    asked = {ASKED_BY: "bash", ASKED_WORDS: SEPARATOR.join([line, line.rpartition(" ")[2]])}
    modules = imported(environment={**environment, **asked})
    assert not LINES_ALONE & modules
    assert {f"vsortd.cli.{name}" for name in own} == MODULES & modules
