"""The root of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import click

from vsortd.cli.command_table import COMMANDS, SECTIONS
from vsortd.cli.front.commands import CommandEntry, Group
from vsortd.cli.front.declared import Option
from vsortd.errors import UsageError


@dataclass(frozen=True, slots=True)
class RootOptions:
    """The options that stand before every command."""

    config: Path | None = None
    verbose: bool = False


def _version(value: bool) -> None:  # noqa: FBT001 - one switch
    if value:
        from vsortd import __version__

        click.echo(f"vsortd {__version__}")
        raise click.exceptions.Exit(0)


def root(
    ctx: click.Context,
    config_file: Annotated[
        Path | None,
        Option("--config", help="The config file; else $VSORTD_CONFIG, else the user's, else the site's."),
    ] = None,
    verbose: Annotated[
        bool, Option("--verbose", "-v", help="Say more in the log, with the times of each stage.")
    ] = False,
    _: Annotated[
        bool, Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Keep what stands before every command."""
    ctx.obj = RootOptions(config=config_file, verbose=verbose)


@cache
def command() -> Group:
    """Return the whole command line; what is called is imported then."""
    line = "Drop videos into a folder; they file themselves by what they show. Every move can be undone."
    sections = {entry.name: title for title, entries in SECTIONS.items() for entry in entries}
    return Group(CommandEntry("vsortd", line, below=COMMANDS), root, sections=sections)


def hoist_config(argv: list[str]) -> list[str]:
    """Move `--config F` to the front, so that it may stand anywhere on the line. Raises UsageError without a value."""
    front: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(argv):
        word = argv[position]
        if word == "--":
            rest += argv[position:]
            break
        if word == "--config":
            if position + 1 >= len(argv):
                raise UsageError("--config needs a file.", remedy="Write --config FILE.")
            front = ["--config", argv[position + 1]]
            position += 2
            continue
        if word.startswith("--config="):
            front = [word]
        else:
            rest.append(word)
        position += 1
    return front + rest
