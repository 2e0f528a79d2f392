"""`vsortd completion SHELL`: the script that makes Tab complete, for files that packages install or shells read."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vsortd.cli.completing import SHELLS, shells
from vsortd.cli.completion_scripts import SCRIPTS
from vsortd.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("completion")(completion)


def completion(
    shell: Annotated[
        str, typer.Argument(metavar="SHELL", help=f"One of {', '.join(SHELLS)}.", autocompletion=shells)
    ] = "bash",
) -> None:
    """Print the script that makes Tab complete commands, options, rules, inboxes and ids in a shell."""
    if shell not in SHELLS:
        raise UsageError(f"No completion for {shell!r}.", remedy=f"Write one of: {', '.join(SHELLS)}.")
    sys.stdout.write(SCRIPTS[shell])
