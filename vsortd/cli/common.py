"""What the commands share: the root options, JSON on stdout, tables for people, paths of the state."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsortd.core.home import with_tilde
from vsortd.core.text import printable, printable_json, storable
from vsortd.errors import DaemonUnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.console import Console
    from rich.progress import Progress

    from vsortd.config.settings import Settings
    from vsortd.filing.journal import Journal
    from vsortd.service.client import Client

__all__ = [
    "STATE_STYLES",
    "AsRootFlag",
    "JsonFlag",
    "RootOptions",
    "asking_the_daemon",
    "at_terminal",
    "confirm",
    "console",
    "load",
    "open_journal",
    "parse_since",
    "print_json",
    "progress_bar",
    "root_warning",
    "state_folder",
    "waiting",
    "write_csv",
    "write_json",
]

AsRootFlag = Annotated[bool, typer.Option("--as-root", help="Say nothing about running as root.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of text.")]

STATE_STYLES = {
    "filed": "green",
    "review": "yellow",
    "rejected": "dim",
    "failed": "red",
    "held": "cyan",
    "undone": "magenta",
}


SCHEMA_VERSION = 1  # of what --json prints


@dataclass(frozen=True, slots=True)
class RootOptions:
    """The options that stand before every command."""

    config: Path | None = None
    verbose: bool = False


def load(ctx: typer.Context) -> Settings:
    """Load the config that the command line, the environment or the config folders name. Raises ConfigError."""
    from vsortd.config.load import load_settings
    from vsortd.core.paths import find_config

    return load_settings(find_config(ctx.obj.config))


def state_folder() -> Path:
    """Return the folder of journal, index and socket."""
    from vsortd.core.paths import state_folder as folder

    return folder()


def open_journal() -> Journal | None:
    """Open the journal, or return None where nothing was ever filed."""
    from vsortd.core.paths import journal_path
    from vsortd.filing.journal import Journal
    from vsortd.filing.last_commit import leftovers

    path = journal_path(state_folder())
    with contextlib.suppress(PermissionError):  # a folder that can't be looked into is no empty one: opening says why
        if not path.exists() and not leftovers(path):
            return None
    return Journal.open(path)


@contextlib.contextmanager
def asking_the_daemon(*, alone: bool = False) -> Iterator[Client]:
    """Yield a client; where no daemon listens the block is left at its first call, and what follows it is done here.

    With `alone` only where none runs at all: one that starts would not see what is done here. Raises
    DaemonUnreachableError then, and when the daemon ended with the answer: it may have done what it was asked for.
    """
    from vsortd.service.client import Client
    from vsortd.service.lock import daemon_holds

    folder = state_folder()
    try:
        yield Client(folder)
    except DaemonUnreachableError as error:
        if error.asked or (alone and daemon_holds(folder)):
            raise


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout; names that are not valid UTF-8 come out escaped."""
    write_json(json.dumps(document, ensure_ascii=False, indent=2))


def write_json(text: str) -> None:
    """Write JSON on stdout so that no name in it steers a terminal; what it says stays the same."""
    sys.stdout.write(printable_json(text) + "\n")
    sys.stdout.flush()


def write_csv(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table on stdout: names as they are for the program that reads it, escaped on a terminal."""
    import csv

    safe = printable if sys.stdout.isatty() else storable
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(columns)
    table.writerows([safe(cell) if isinstance(cell, str | Path) else cell for cell in row] for row in rows)
    sys.stdout.flush()


def console(*, stderr: bool = False) -> Console:
    """Return a console that honours NO_COLOR and pipes, and escapes what it prints."""
    from vsortd.core.console import PlainConsole

    return PlainConsole(stderr=stderr)


def at_terminal() -> bool:
    """Tell whether somebody can be asked: keys come from a terminal, and what is printed is seen there."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def confirm(question: str, *, default: bool = False, stderr: bool = False) -> bool:
    """Ask a yes-or-no question, escaped as all that is printed."""
    return typer.confirm(with_tilde(printable(question)), default=default, err=stderr)


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield what takes (done, total): a bar on stderr, gone at the end; None where stderr is no terminal.

    It shows itself after a second, so that what is quick does not flicker; until something is known of the total it
    shows that time passes, and what else is done meanwhile.
    """
    if not _can_show_progress():
        yield None
        return
    with _shown(what) as progress:
        (task,) = progress.task_ids
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on stderr, from the first second on, that time passes, and what is done; nothing where it is no terminal."""
    if not _can_show_progress():
        yield
        return
    with _shown(what):
        yield


def _can_show_progress() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


@contextlib.contextmanager
def _shown(what: str) -> Iterator[Progress]:
    from vsortd.cli.progress import progress_line

    progress = progress_line(what)
    begin = threading.Timer(1.0, progress.start)
    begin.daemon = True
    begin.start()
    try:
        yield progress
    finally:
        begin.cancel()
        begin.join()
        progress.stop()


def root_warning(*, as_root: bool) -> str:
    """Return what is to be said where root files videos, "" elsewhere and where the person knows."""
    if as_root or sys.platform == "win32" or os.geteuid() != 0:
        return ""
    return (
        "vsortd runs as root: a fault in a decoder would have every right here, and what is filed is root's. "
        "Run it as whoever the videos belong to; --as-root silences this."
    )


def parse_since(text: str) -> float:
    """Turn `--since` into Unix seconds: an ISO date or time (local where no offset is given), or an age like 2h.

    An age beyond all dates is the first of them. Raises UsageError for anything else.
    """
    import time
    from datetime import datetime

    from vsortd.core.units import FIRST_MOMENT_S, LAST_MOMENT_S, parse_duration

    try:
        return min(datetime.fromisoformat(text).astimezone().timestamp(), LAST_MOMENT_S)
    except (ValueError, OverflowError):
        pass
    try:
        return max(time.time() - parse_duration(text), FIRST_MOMENT_S)
    except ValueError as error:
        raise UsageError(
            f"--since {text!r} is neither a time nor an age.",
            remedy="Write 2026-11-20, 2026-11-20T18:30, or an age such as 30m, 2h, 7d.",
        ) from error
