"""`vsortd help [COMMAND …]`: what `--help` of that command prints, or with --man its manual page."""

from __future__ import annotations

import sys
from typing import Annotated

import click

from vsortd.cli.command_tree import context_of
from vsortd.cli.completing import command_words
from vsortd.cli.front.declared import Argument, Option


def help_(
    ctx: click.Context,
    words: Annotated[
        list[str] | None,
        Argument(metavar="[COMMAND…]", help="A command, such as: config init.", autocompletion=command_words),
    ] = None,
    man: Annotated[bool, Option("--man", help="Print the manual page instead, as roff for man(7).")] = False,
) -> None:
    """Print the help of a command, as its --help does.

    Without a command, it shows the overview.
    """
    asked = context_of(ctx.find_root(), words or [])
    if man:
        from vsortd.cli.man_page import man_page

        sys.stdout.write(man_page(asked))
    else:
        from vsortd.cli.front.help_form import print_help

        print_help(asked)
