"""`vsortd export`: history and index as files for spreadsheets, data frames and databases."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from vsortd.cli.common import ForceFlag, console, open_journal, opened_index, progress_bar, write_as_bytes
from vsortd.cli.front.declared import Argument, Option
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk, is_folder
from vsortd.core.text import counted
from vsortd.errors import UsageError
from vsortd.library.exporting.export_formats import ENDINGS, ExportFormat, VectorType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsortd.library.exporting.export_rows import ExportTable, Row

_STDOUT = Path("-")
_TOLD_EVERY = 1000  # rows


class Exported(StrEnum):
    """What is exported."""

    HISTORY = "history"
    INDEX = "index"


def export(
    what: Annotated[
        Exported, Argument(metavar="history|index", help="What was done with each video, or what was seen in each.")
    ],
    out: Annotated[
        Path,
        Option("--out", "-o", metavar="PATH", help=".csv, .json, .jsonl (an object a line) or .parquet; - is stdout."),
    ],
    form: Annotated[ExportFormat | None, Option("--format", help="How it is written, if not by the ending.")] = None,
    vectors: Annotated[
        bool, Option("--vectors", help="With index: a row for each frame, with its time and embedding.")
    ] = False,
    model: Annotated[
        str | None,
        Option("--model", metavar="MODEL", help="With --vectors: whose, by its key, if several have looked."),
    ] = None,
    numbers: Annotated[
        VectorType,
        Option("--dtype", help="With --vectors: the numbers of a .parquet; 16 bits is all that is kept."),
    ] = VectorType.FLOAT32,
    force: ForceFlag = False,
) -> None:
    """Write the history or the index as a table.

    Rows are written one by one, and nothing is changed. The file is complete or does not exist. docs/export.md
    describes the columns.
    """
    _insist_on_index(what, model, vectors=vectors)
    chosen = _chosen(out, form)
    if out != _STDOUT:
        _insist_on_place(out, force=force)
    if chosen is ExportFormat.PARQUET:
        _insist_on_pyarrow()
    with _opened(what, model, vectors=vectors) as table, progress_bar("exporting") as on_progress:
        told = _Told(table, on_progress)
        if out == _STDOUT:
            _print(told.table, chosen)
        else:
            _write(as_on_disk(out), told.table, chosen, numbers, force=force)
    if out != _STDOUT:
        note(console(stderr=True), f"Written {counted(told.count, 'row')} to {out}.", style="dim")


def _insist_on_index(what: Exported, model: str | None, *, vectors: bool) -> None:
    if vectors and what is not Exported.INDEX:
        raise UsageError("--vectors are of the index.", remedy="Write: vsortd export index --vectors --out FILE")
    if model is not None and not vectors:
        raise UsageError("--model says whose --vectors are meant.", remedy="Add --vectors.")


def _chosen(out: Path, form: ExportFormat | None) -> ExportFormat:
    """Return the format. Raises UsageError where it isn't known, or can't go to stdout."""
    if form is not None:
        chosen = form
    elif out == _STDOUT:
        chosen = ExportFormat.CSV
    elif out.suffix.lower() in ENDINGS:
        chosen = ENDINGS[out.suffix.lower()]
    else:
        raise UsageError(
            f"{out} does not say in which format.", remedy=f"End it in {', '.join(ENDINGS)}, or add --format."
        )
    if out == _STDOUT and chosen is ExportFormat.PARQUET:
        raise UsageError("Parquet is not for stdout.", remedy="Name a file, or write --format csv, json or jsonl.")
    return chosen


def _insist_on_place(out: Path, *, force: bool) -> None:
    """Refuse what can't be written, before the work begins."""
    if is_folder(out):
        raise UsageError(f"{out} is a folder.", remedy="Name a file.", paths=[out])
    if not is_folder(out.absolute().parent):
        raise UsageError(f"There is no folder {out.absolute().parent}.", remedy="Make it first.")
    if out.exists() and not out.is_file():  # a file would take its place, and who reads from it would wait for ever
        title = f"{out} is a pipe or a device."
        raise UsageError(title, remedy="Name a file, or write to stdout: --out -", paths=[out])
    if not force and out.exists():
        raise _there_already(out)


def _there_already(out: Path) -> UsageError:
    title = f"{out} is there already; it was left as it is."
    return UsageError(title, remedy="Name another file, or replace it with --force.", paths=[out])


def _insist_on_pyarrow() -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError("Parquet needs pyarrow, which is not installed.", remedy="pip install 'vsortd[export]'")


@contextlib.contextmanager
def _opened(what: Exported, model: str | None, *, vectors: bool) -> Iterator[ExportTable]:
    """Yield the table as it is at one moment, while others go on writing. Raises StoreError, UsageError."""
    from vsortd.library.exporting.export_rows import history_table, index_table, vector_table

    if what is Exported.HISTORY:
        yield history_table(open_journal())
        return
    with opened_index() as index, index.reading() as db:
        db.execute("PRAGMA mmap_size=0")  # all of it is read, once: what is mapped would stay in memory
        yield vector_table(db, model) if vectors else index_table(db)


class _Told:
    """A table whose rows are counted as they are written."""

    def __init__(self, table: ExportTable, on_progress: Callable[[int, int], None] | None) -> None:
        from dataclasses import replace

        self.count = 0
        self.table = replace(table, rows=self._counted(table, on_progress))

    def _counted(self, table: ExportTable, on_progress: Callable[[int, int], None] | None) -> Iterator[Row]:
        for row in table.rows:
            self.count += 1
            if on_progress is not None and self.count % _TOLD_EVERY == 0:
                on_progress(self.count, max(table.total, self.count))
            yield row


def _print(table: ExportTable, form: ExportFormat) -> None:
    from vsortd.library.exporting.export_files import write_export_text

    shown = sys.stdout.isatty()
    if not shown:
        write_as_bytes()
    write_export_text(sys.stdout, form, table, shown=shown)
    sys.stdout.flush()


def _write(out: Path, table: ExportTable, form: ExportFormat, vectors: VectorType, *, force: bool) -> None:
    """Write the file whole or not at all, readable by its owner: it tells of private things. Raises UsageError."""
    from vsortd.core.system.atomic_file import whole_file
    from vsortd.library.exporting.export_files import write_export_parquet, write_export_text

    try:
        with whole_file(out, replace=force) as file:
            if form is ExportFormat.PARQUET:
                write_export_parquet(file, table, vectors)
            else:
                text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
                write_export_text(text, form, table)
                text.detach()
    except FileExistsError as error:
        raise _there_already(out) from error
    except OSError as error:
        raise UsageError(f"Can't write {out}: {error.strerror or error}.", paths=[out]) from error
