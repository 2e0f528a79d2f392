"""`vsortd completion SHELL`: the script that makes Tab complete, for files that packages install or shells read."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vsortd.cli.completing import SHELLS, shells
from vsortd.errors import UsageError

# Not typer's own for bash: that breaks names with spaces, such as a rule's; `filenames` has bash quote them.
_BASH = """\
# Tab completion of vsortd for bash: eval "$(vsortd completion bash)"
_vsortd_completion() {
    local IFS=$'\\n'
    mapfile -t COMPREPLY < <(
        COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _VSORTD_COMPLETE=complete_bash "$1" 2>/dev/null
    )
}
complete -o default -o filenames -F _vsortd_completion vsortd
"""


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
    sys.stdout.write(script_for(shell))


def script_for(shell: str) -> str:
    """Return the script of a shell out of SHELLS."""
    if shell == "bash":
        return _BASH
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # there in every version, unlisted

    script = get_completion_script(prog_name="vsortd", complete_var="_VSORTD_COMPLETE", shell=shell)
    return script.lstrip("\n") + "\n"
