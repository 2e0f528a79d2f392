"""`vsortd logs`: what the daemon said, for people; it needs no daemon."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from vsortd.cli.common import JsonFlag, console, state_folder, write_json
from vsortd.cli.completing import item_ids, levels
from vsortd.cli.front.declared import Option
from vsortd.core.moments import parse_since
from vsortd.core.output import note
from vsortd.errors import StoreError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from vsortd.core.logs.reader import Choice, Line

_LAST = 50
_STYLES = {"debug": "dim", "warning": "yellow", "error": "red", "critical": "bold red", "success": "green"}


def logs(
    follow: Annotated[bool, Option("--follow", "-f", help="Continue to show new lines; Ctrl-C ends it.")] = False,
    last: Annotated[
        int | None,
        Option("--last", "-n", metavar="N", min=0, help=f"The newest N; else {_LAST}, and all with --id or --since."),
    ] = None,
    id_: Annotated[
        str,
        Option(
            "--id",
            metavar="ID",
            help="Only one video's: its number in `history`, or the id on its lines.",
            autocompletion=item_ids,
        ),
    ] = "",
    since: Annotated[
        str | None, Option("--since", metavar="WHEN", help="Only since a time or an age (2h, 2026-11-20).")
    ] = None,
    level: Annotated[
        str,
        Option(
            "--level", metavar="LEVEL", help="Only lines of this level or a more serious one.", autocompletion=levels
        ),
    ] = "debug",
    as_json: JsonFlag = False,
) -> None:
    """Show the daemon's log, the newest at the end.

    The daemon does not have to run. With --json each line is printed as it is in the log, one JSON object a line.
    """
    from vsortd.core.logs.reader import LEVELS, Choice, LogFollower, newest
    from vsortd.core.paths import log_path

    if level.lower() not in LEVELS:
        raise UsageError(f"There is no level {level!r}.", remedy=f"Write one of: {', '.join(LEVELS)}.")
    choice = Choice(id_.removeprefix("#"), parse_since(since) if since else 0.0, level.lower())
    if last is None and not id_ and since is None:
        last = _LAST
    path = log_path(state_folder())
    try:
        with LogFollower(path) as follower:  # first, so that nothing is missed in between
            shown = newest(path, choice, last)
            _show(shown, as_json=as_json)
            if not shown:
                _say_nothing(path, choice, follow=follow)
            both = {line.raw for line in shown[-_LAST:]}  # written between the opening and the reading
            for line in follower.lines() if follow else ():
                if choice.wants(line) and line.raw not in both:
                    _show([line], as_json=as_json)
    except OSError as error:
        raise StoreError(
            f"The log {path} can't be read: {error.strerror or error}.",
            remedy=f"Ask as the user whose daemon it is, e.g.: sudo -u USER vsortd logs   (see: ls -l {path.parent})",
            paths=[path],
        ) from error


def _show(lines: list[Line], *, as_json: bool) -> None:
    if as_json:
        for line in lines:
            write_json(line.raw)
    else:
        out = console()
        for line in lines:
            _print(out, line)
    sys.stdout.flush()


def _print(out: Console, line: Line) -> None:
    from vsortd.core.console import Text
    from vsortd.core.moments import local_moment

    level = str(line.fields.get("level", "info"))
    style = _STYLES.get(level, "")
    text = Text()
    when = f"{local_moment(line.time_s):%Y-%m-%d %H:%M:%S}"
    text.append(f"{when} ", style="dim")
    text.append(f"{level:<8} ", style=style)
    if job := line.fields.get("job"):
        text.append(f"{job} ", style="dim")
    text.append(line.fields.get("message", ""), style=style)
    out.print(text)
    for more in str(line.fields.get("traceback", "")).splitlines():
        out.print(f"    {more}", style="dim")


def _say_nothing(path: Path, choice: Choice, *, follow: bool) -> None:
    """Say on stderr why nothing is shown, and what to type."""
    notes = console(stderr=True)
    if not path.exists():
        note(notes, f"There is no log in {path.parent} yet; the daemon writes it: vsortd run")
    elif choice.id:
        note(notes, f"No line is about {choice.id}; see its id in: vsortd history")
    elif not follow:
        narrowed = choice.since_s > 0 or choice.level != "debug"
        note(notes, f"There are no such lines{'; all of them: vsortd logs' if narrowed else ' yet'}.")
