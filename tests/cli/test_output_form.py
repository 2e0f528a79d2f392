"""`--format` of every command that prints a table or a record, and its short spellings `--csv` and `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest

from tests.cli.test_quiet import every_command
from tests.support import harness
from vsortd.cli.app import command as command_line
from vsortd.cli.command_tree import context_of
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

ROOT: Any = click.Context(command_line(), info_name="vsortd")


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    return harness.Here(harness.Home.make(tmp_path / "home").folder)


def test_every_command_with_a_short_spelling_has_the_long_one_with_those_values() -> None:
    for words in every_command():
        options = {name: one for one in context_of(ROOT, words).command.params for name in one.opts}
        short = [name for name in ("csv", "json") if f"--{name}" in options]
        if short:
            assert "|".join(["text", *short]) == options["--format"].value, words


def test_long_and_short_spelling_print_the_same(home: harness.Here) -> None:
    for words in (["corrections"], ["history"]):
        for form in ("csv", "json"):
            assert home.run(*words, f"--{form}").stdout == home.run(*words, "--format", form).stdout
        assert home.run(*words).stdout == home.run(*words, "--format", "text").stdout


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--csv", "--json"], "--csv and --json exclude one another"),
        (["--format", "text", "--json"], "--format text and --json exclude one another"),
        (["--format", "xml"], "'xml' is not one of 'text', 'csv', 'json'"),
    ],
)
def test_what_contradicts_itself_or_is_none_is_wrong_use(typed: list[str], told: str, home: harness.Here) -> None:
    assert told in home.run("history", *typed, code=ExitCode.USAGE).stderr


def test_the_same_said_twice_is_said_once(home: harness.Here) -> None:
    assert home.json("history") == home.json("history", "--format", "json")
