"""`vsortd edit`: the config in your editor; taken when it has no mistakes, and by a running daemon at once."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from vsortd.cli.common import at_terminal, confirm, console, say_retried, state_folder
from vsortd.core.output import note
from vsortd.core.text import counted
from vsortd.errors import DaemonUnreachableError, ExitCode, VsortdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.cli.config_editor import Edit
    from vsortd.config.diagnostics import Mistake


def edit(ctx: click.Context) -> int:
    """Edit the config; it is checked when you close the editor.

    A running daemon then uses it. $VISUAL and $EDITOR name the editor. If the text has a mistake, nothing is changed,
    and what you wrote is kept.
    """
    from vsortd.cli.config_editor import Edit, EditRefusedError, editor_command
    from vsortd.core.paths import find_config

    config = find_config(ctx.obj.config)
    editor = editor_command(os.environ, at_terminal=at_terminal())
    work = Edit.begin(config)
    try:
        if not _write_until_sound(work, editor):
            return int(ExitCode.OK)
    except EditRefusedError:  # says itself where the copy is
        raise
    except BaseException:
        if not work.drop_if_unchanged():
            console(stderr=True).print(f"What you wrote is kept in {work.copy}")
        raise
    warnings = work.warnings()
    work.install()
    out = console()
    for warning in warnings:
        _print_mistake(warning, str(config), "warning: ", "yellow")
    note(out, f"{config} is sound, and changed.", style="green")
    return _reload()


def _write_until_sound(work: Edit, editor: Sequence[str]) -> bool:
    """Let the user write until there are no mistakes; False where nothing was changed. Raises EditRefusedError."""
    while True:
        code = work.open_in(editor)
        if not work.copy.exists() or work.drop_if_unchanged():
            note(console(), "Nothing was changed.")
            return False
        if code != 0:
            raise work.refused(f"the editor ended with exit code {code}")
        mistakes = work.mistakes()
        if not mistakes:
            return True
        for mistake in mistakes:
            _print_mistake(mistake, work.copy.name, "", "red")
        count = counted(len(mistakes), "mistake")
        if not _wants_to_go_on(count):
            raise work.refused(f"what you wrote has {count}")


def _wants_to_go_on(count: str) -> bool:
    """Ask whether to edit again; without a terminal nobody can answer."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return False
    return confirm(f"{count}. Edit again?", default=True, stderr=True)


def _print_mistake(mistake: Mistake, file: str, what: str, style: str) -> None:
    notes = console(stderr=True)
    first, *more = mistake.lines(file)
    notes.print(f"{what}{first}", style=style)
    for line in more:
        notes.print(line)


def _reload() -> int:
    """Have a running daemon take the new config; say how it is taken else."""
    from vsortd.service.client import Client

    out = console()
    try:
        done = Client(state_folder()).reload()
    except DaemonUnreachableError:
        note(out, "No daemon runs now; the next one takes it: vsortd run")
        return int(ExitCode.OK)
    except VsortdError as error:
        notes = console(stderr=True)
        first, *more = error.lines()
        notes.print(f"The daemon did not take it: {first}", style="red")
        for line in more:
            notes.print(line)
        notes.print("Change it again: vsortd edit")
        return int(ExitCode.FAILURE)
    if done["changed"]:
        note(out, f"The daemon took it; changed: {', '.join(done['changed'])}.")
    else:
        note(out, "The daemon took it; nothing that it works by has changed.")
    say_retried(done["retried"])
    return int(ExitCode.OK)
