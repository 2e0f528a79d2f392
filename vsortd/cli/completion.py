"""`vsortd completion SHELL`: the script that makes Tab complete, for files that packages install or shells read."""

from __future__ import annotations

import sys
from typing import Annotated

from vsortd.cli.completing import SHELLS, shells
from vsortd.cli.completion_scripts import SCRIPTS
from vsortd.cli.front.declared import Argument
from vsortd.errors import UsageError


def completion(
    shell: Annotated[
        str, Argument(metavar="SHELL", help=f"One of {', '.join(SHELLS)}.", autocompletion=shells)
    ] = "bash",
) -> None:
    """Print the script that makes Tab complete in a shell.

    It completes commands, options, rules, inboxes and ids.
    """
    if shell not in SHELLS:
        raise UsageError(f"No completion for {shell!r}.", remedy=f"Write one of: {', '.join(SHELLS)}.")
    sys.stdout.write(SCRIPTS[shell])
