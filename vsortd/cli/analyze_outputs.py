"""What `vsortd analyze` writes into a folder, and what it tells anew from what was written before."""

from __future__ import annotations

import csv
import io
import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsortd.cli.common import SCHEMA_VERSION, console, print_json
from vsortd.cli.edit_files import write_text
from vsortd.cli.front.output_form import FORM_PARAMETER
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk, is_folder
from vsortd.core.text import counted, encodable_json, printable_json
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.analysis.video_analysis import VideoAnalysis

_BESIDE_FROM = frozenset({"stored", "out", "as_json", FORM_PARAMETER})
_OWN_ENDING = ".analysis.json"


class ForeignForm(StrEnum):
    """Whose documents are written."""

    DEEPFFMPEG = "deepffmpeg"


def insist_on_out(files: Sequence[Path], out: Path | None, form: ForeignForm | None, only: str | None) -> None:
    """Refuse what can't be written, before the work begins. Raises UsageError."""
    if not files and out is not None:
        raise UsageError("There is nothing to measure.", remedy="Name videos, or folders that hold some.")
    if form is not None and out is None:
        raise UsageError(f"--as {form.value} needs a folder to write into.", remedy="Name it: --out DIR.")
    if form is not None and only is not None:
        raise UsageError(f"--as {form.value} holds all parts; --only excludes it.", remedy="Leave one of them out.")
    if out is not None:
        _insist_on_names(out, [name for file in files for name in _names(file, form)], files)


def insist_on_folder(folder: Path) -> None:
    """Refuse what is no folder, and can't become one. Raises UsageError."""
    if os.path.lexists(folder) and not is_folder(folder):
        raise UsageError(f"{folder} is no folder.", remedy="Name a folder.", paths=[folder])
    if not is_folder(folder.absolute().parent):
        raise UsageError(f"There is no folder {folder.absolute().parent}.", remedy="Make it first.")


def make_folder(folder: Path) -> None:
    """Make a folder if it isn't there. Raises UsageError."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"Can't make {folder}: {error.strerror}.", paths=[folder]) from error


def _insist_on_names(out: Path, names: Sequence[str], files: Sequence[Path]) -> None:
    out = as_on_disk(out)
    insist_on_folder(out)
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise UsageError(
                f"Two of the files would be written to {out / name}.",
                remedy="Write them into folders of their own.",
                paths=[out / name],
            )
        seen.add(name.casefold())
        if (out / name).absolute() in files:
            raise UsageError(f"{out / name} is to be read itself.", remedy="Name another folder.", paths=[out / name])


def _names(file: Path, form: ForeignForm | None) -> tuple[str, ...]:
    if form is ForeignForm.DEEPFFMPEG:
        return tuple(
            f"{file.stem}_{name}" for name in ("technical.json", "classifications.txt", "combined_analysis.json")
        )
    return (f"{file.name}{_OWN_ENDING}",)


def write_analyses(
    found: Sequence[VideoAnalysis], out: Path, form: ForeignForm | None, *, scene_threshold: float
) -> None:
    """Write what was measured into a folder; what couldn't be measured at all is left out. Raises UsageError."""
    out, written = as_on_disk(out), 0
    make_folder(out)
    for one in found:
        if one.reason:
            continue
        texts = [_own_text(one)] if form is None else list(_foreign_texts(one, scene_threshold))
        for name, text in zip(_names(one.path, form), texts, strict=True):
            write_text(out / name, text, one.path)
            written += 1
    note(console(stderr=True), f"Written {counted(written, 'file')} into {out}.", style="dim")


def _own_text(found: VideoAnalysis) -> str:
    return _json_text({"schema_version": SCHEMA_VERSION, "videos": [found.to_json()]})


def _json_text(document: object) -> str:
    """Return JSON in which no name steers a terminal that shows the file, as `print_json` prints it."""
    return encodable_json(printable_json(json.dumps(document, ensure_ascii=False, indent=2)), "utf-8") + "\n"


def _foreign_texts(found: VideoAnalysis, scene_threshold: float) -> Iterator[str]:
    from vsortd.analysis.deepffmpeg import combined_json, label_rows, technical_json

    technical = technical_json(found, scene_threshold=scene_threshold)
    yield _json_text(technical)
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows(label_rows(found))
    yield table.getvalue()
    yield _json_text(combined_json(found, technical))


# From what was written before


def refuse_beside_from(ctx: click.Context) -> None:
    """Refuse whatever was typed beside --from that speaks of measuring. Raises UsageError."""
    for parameter in ctx.command.params:
        name = parameter.name or ""
        source = ctx.get_parameter_source(name)
        if name in _BESIDE_FROM or source is None or source.name != "COMMANDLINE":
            continue
        raise _beside_from(parameter.opts[0] if parameter.opts[0].startswith("-") else "A video")
    if ctx.params["as_csv"]:
        raise _beside_from("--csv")


def _beside_from(told: str) -> UsageError:
    return UsageError(
        f"--from reads what was written before, and measures nothing: {told} has no place beside it.",
        remedy="Leave one of them out; --json and --out go with --from.",
    )


def tell_stored(stored: Sequence[Path], out: Path | None, *, as_json: bool) -> int:
    """Tell the summaries anew, and return the exit code. Raises UsageError for a file or key that isn't right."""
    from vsortd.analysis.stored import read_stored
    from vsortd.cli.analyze_view import print_summaries

    paths = [as_on_disk(path) for path in stored]
    found = read_stored(paths)
    if out is not None:
        _insist_on_names(out, [name for one in found for name in _names(one.path, None)], [p.absolute() for p in paths])
        write_analyses(found, out, None, scene_threshold=0)
    if as_json:
        documents: list[dict[str, Any]] = [one.to_json() for one in found]
        print_json({"schema_version": SCHEMA_VERSION, "videos": documents})
    else:
        print_summaries(found)
    return int(ExitCode.PARTIAL if any(one.reason or one.errors for one in found) else ExitCode.OK)
