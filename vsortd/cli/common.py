"""What the commands share: the root options, JSON on stdout, tables for people, paths of the state."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Final, TextIO, cast

import click

from vsortd.cli.front.declared import FormSwitch, Option
from vsortd.core.home import with_tilde
from vsortd.core.output import is_quiet, note
from vsortd.core.text import counted, encodable_json, printable, printable_json
from vsortd.errors import DaemonUnreachableError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.console import Console
    from rich.progress import Progress

    from vsortd.config.settings import Settings
    from vsortd.core.lines import Lines
    from vsortd.filing.journal import Journal
    from vsortd.index.store import Index
    from vsortd.judging.model_source import ModelSource
    from vsortd.pipeline.left_alone import LeftAloneVideos
    from vsortd.service.client import Client

__all__ = [
    "STATE_STYLES",
    "AsRootFlag",
    "CsvFlag",
    "ForceFlag",
    "JsonFlag",
    "asking_the_daemon",
    "at_terminal",
    "confirm",
    "console",
    "lines",
    "load",
    "load_if_any",
    "models",
    "open_journal",
    "opened_index",
    "print_json",
    "print_json_list",
    "progress_bar",
    "root_warning",
    "say_left_alone",
    "say_retried",
    "shows_progress",
    "state_folder",
    "telling_of_library",
    "waiting",
    "write_as_bytes",
    "write_csv",
    "write_csv_of",
    "write_json",
]

ForceFlag = Annotated[bool, Option("--force", help="Replace an existing file.")]
AsRootFlag = Annotated[bool, Option("--as-root", help="Say nothing about running as root.")]
CsvFlag = Annotated[bool, FormSwitch("--csv", help="Short for --format csv.")]
JsonFlag = Annotated[bool, FormSwitch("--json", help="Short for --format json.")]

_IN_MEMORY: Final = 32 << 20  # bytes of an answer, before a file takes it

STATE_STYLES = {
    "filed": "green",
    "review": "yellow",
    "rejected": "dim",
    "failed": "red",
    "held": "cyan",
    "undone": "magenta",
    "aside": "blue",
}


_MOST_RETRIED = 20  # named by a reload
SCHEMA_VERSION = 1  # of what --json prints


def load(ctx: click.Context) -> Settings:
    """Load the config that the command line, the environment or the config folders name. Raises ConfigError."""
    from vsortd.config.load import load_settings
    from vsortd.core.paths import find_config

    return load_settings(find_config(ctx.obj.config))


def load_if_any(ctx: click.Context) -> Settings | None:
    """Load the config, None where there is none and none is named; as `load`."""
    from vsortd.core.paths import site_config, user_config

    named = ctx.obj.config is not None or os.environ.get("VSORTD_CONFIG")
    return load(ctx) if named or any(path.is_file() for path in (user_config(), site_config())) else None


def state_folder() -> Path:
    """Return the folder of journal, index and socket."""
    from vsortd.core.paths import state_folder as folder

    return folder()


def models(*, late: bool = False) -> ModelSource:
    """Return where models come from: a daemon that has them loaded, else this process.

    `late` is for what may well be answered without: they are loaded for what is neither indexed nor known of texts.
    """
    from vsortd.judging.model_source import LateModels
    from vsortd.service.borrowed_models import BorrowedModels

    return BorrowedModels(state_folder(), LateModels() if late else None)


def open_journal() -> Journal | None:
    """Open the journal, or return None where nothing was ever filed. It is closed when the command ends."""
    from click import get_current_context

    from vsortd.core.paths import journal_path
    from vsortd.filing.journal import Journal
    from vsortd.filing.last_commit import leftovers

    path = journal_path(state_folder())
    with contextlib.suppress(PermissionError):  # a folder that can't be looked into is no empty one: opening says why
        if not path.exists() and not leftovers(path):
            return None
    journal = Journal.open(path)
    if (context := get_current_context(silent=True)) is not None:
        context.call_on_close(journal.close)
    _follow_library(journal)
    return journal


@contextlib.contextmanager
def opened_index() -> Iterator[Index]:
    """Yield the index, without a model. Raises StoreError."""
    from vsortd.core.paths import index_path
    from vsortd.index.store import Index

    with contextlib.closing(Index(index_path(state_folder()))) as index:
        yield index


@contextlib.contextmanager
def telling_of_library(settings: Settings) -> Iterator[None]:
    """Tell of a library that moved before this, or that is made in it: the log of a command says errors only."""
    journal = open_journal()
    if journal is not None:
        journal.close()
    there = settings.library.is_dir()
    yield
    if not there and settings.library.is_dir():
        note(lines(stderr=True), f"Made the folder {settings.library}.", style="dim")


def _follow_library(journal: Journal) -> None:
    """Let the entries follow a library that moved, if the config names another place than they do.

    A config that can't be read is another command's business, and so is a library while a daemon runs.
    """
    from vsortd.core.paths import find_config
    from vsortd.errors import ConfigError, FilingError
    from vsortd.filing.moved_library import current_places

    try:
        config, known = find_config(_config_option()), current_places(journal)
        if not known or library_by_its_line() in known:
            return
        from vsortd.config.load import load_settings
        from vsortd.service.lock import daemon_holds

        library = load_settings(config).library
        if library in known or daemon_holds(state_folder()):
            return
        from vsortd.pipeline.moved_places import follow_everywhere

        for line in follow_everywhere(journal, state_folder(), library):
            note(lines(stderr=True), line, style="dim")
    except (ConfigError, FilingError, OSError):
        return


def library_by_its_line() -> Path | None:
    """Return the library as the config's line has it, None where that isn't plain to see.

    To read the config as it is meant takes longer than most commands do.
    """
    import re

    from vsortd.core.paths import find_config
    from vsortd.errors import ConfigError

    with contextlib.suppress(ConfigError, OSError, ValueError, RuntimeError):
        text = find_config(_config_option()).read_text("utf-8")
        if named := re.search(r"""^library:\s*["']?([~/].*?)["']?\s*(?:\s#.*)?$""", text, re.MULTILINE):
            return Path(named[1]).expanduser()
    return None


def _config_option() -> Path | None:
    from click import get_current_context

    context = get_current_context(silent=True)
    return None if context is None or context.obj is None else context.obj.config


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


def lines(*, stderr: bool = False) -> Lines:
    """Return what prints lines and no tables, without rich."""
    from vsortd.core.lines import Lines

    return Lines(stderr=stderr)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout; names that are not valid UTF-8 come out escaped."""
    write_json(json.dumps(document, ensure_ascii=False, indent=2))


def print_json_list(head: Mapping[str, Any], name: str, entries: Iterable[Mapping[str, Any]]) -> None:
    """Print what `print_json` would of `{**head, name: [*entries]}` once all are there, in memory one at a time."""
    import textwrap

    begin = json.dumps({**head, name: []}, ensure_ascii=False, indent=2).removesuffix("]\n}")
    written = False
    with _whole() as out:
        for entry in entries:
            text = textwrap.indent(json.dumps(entry, ensure_ascii=False, indent=2), "    ")
            _write_json(f",\n{text}" if written else f"{begin}\n{text}", out)
            written = True
        _write_json("\n  ]\n}\n" if written else f"{begin}]\n}}\n", out)


@contextlib.contextmanager
def _whole() -> Iterator[TextIO]:
    """Yield what takes output for stdout, which gets all of it at the end: where something fails before, nothing.

    A part would be another answer: a program may not look at the exit code. What is long lies in a temporary file.
    Raises StoreError where that can't be written.
    """
    import shutil
    import tempfile

    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="") as spool:
        yield cast("TextIO", _Gathering(spool))
        spool.seek(0)
        shutil.copyfileobj(spool, sys.stdout)
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class _Gathering:
    """Writes into a temporary file; what goes wrong there is told as that, and nothing else is."""

    spool: IO[str]

    def write(self, text: str) -> int:
        try:
            return self.spool.write(text)
        except OSError as error:
            import tempfile

            raise StoreError(
                f"The answer can't be put together: {error.strerror or error}.",
                remedy=f"Make room in {tempfile.tempdir}, or name another folder by TMPDIR.",
            ) from error


def write_json(text: str) -> None:
    """Write JSON on stdout so that no name in it steers a terminal; what it says stays the same in any encoding."""
    _write_json(f"{text}\n")
    sys.stdout.flush()


def _write_json(text: str, out: TextIO | None = None) -> None:
    (out or sys.stdout).write(encodable_json(printable_json(text), sys.stdout.encoding or "utf-8"))


def write_csv(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table on stdout, see `core.csv_table`: UTF-8, names as they are for the program that reads it."""
    from vsortd.core.csv_table import write_table

    shown = sys.stdout.isatty()
    if not shown:
        write_as_bytes()
    with _whole() as out:
        write_table(out, columns, rows, shown=shown)


def write_as_bytes() -> None:
    """Have stdout write UTF-8 from now on, and line ends as they are told, wherever it leads."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")


def write_csv_of(columns: Sequence[str], entries: Iterable[Mapping[str, Any]]) -> None:
    """Write the entries of a JSON document as a table; lists and mappings as their JSON, null as nothing."""
    from vsortd.core.csv_table import cells_of

    write_csv(columns, cells_of(columns, entries))


def console(*, stderr: bool = False) -> Console:
    """Return a console that honours NO_COLOR and pipes, and escapes what it prints."""
    from vsortd.core.console import PlainConsole

    return PlainConsole(stderr=stderr)


def at_terminal() -> bool:
    """Tell whether somebody can be asked: keys come from a terminal, and what is printed is seen there."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def confirm(question: str, *, default: bool = False, stderr: bool = False) -> bool:
    """Ask a yes-or-no question, escaped as all that is printed."""
    return click.confirm(with_tilde(printable(question)), default=default, err=stderr)


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Yield what takes (done, total): a bar on stderr, gone at the end; None where stderr is no terminal.

    It shows itself after a second, so that what is quick does not flicker; until something is known of the total it
    shows that time passes, and what else is done meanwhile.
    """
    if not shows_progress():
        yield None
        return
    with _shown(what) as progress:
        (task,) = progress.task_ids
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on stderr, from the first second on, that time passes, and what is done; nothing where it is no terminal."""
    if not shows_progress():
        yield
        return
    with _shown(what):
        yield


def shows_progress() -> bool:
    """Tell whether it is shown on stderr that something goes on: on a terminal that is not to be quiet."""
    return not is_quiet() and sys.stderr is not None and sys.stderr.isatty()


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


def say_retried(paths: Sequence[str]) -> None:
    """Name the rejected videos that a changed config may take, and that are looked at again."""
    if not paths:
        return
    out = lines()
    looked_at = "are" if len(paths) > 1 else "is"
    note(out, f"{counted(len(paths), 'rejected video')} may fit now, and {looked_at} looked at again:")
    for path in paths[:_MOST_RETRIED]:
        note(out, f"  {path}")
    if len(paths) > _MOST_RETRIED:
        note(out, f"  and {len(paths) - _MOST_RETRIED} more; see `vsortd history`")


def say_left_alone(others: LeftAloneVideos, *, on_stderr: bool = False) -> None:
    """Say how many videos were passed over for their endings, and what would take them; nothing where none were."""
    if others.line:
        note(lines(stderr=on_stderr), f"{others.line}.", style="dim")


def root_warning(*, as_root: bool) -> str:
    """Return what is to be said where root files videos, "" elsewhere and where the person knows."""
    if as_root or sys.platform == "win32" or os.geteuid() != 0:
        return ""
    return (
        "vsortd runs as root: a fault in a decoder would have every right here. "
        "Run it as whoever the videos belong to; --as-root silences this."
    )
