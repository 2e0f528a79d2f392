"""`vsortd duplicates`: videos that are there more than once, also re-encoded, cut or resized."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.addresses import files_here
from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load,
    models,
    print_json,
    progress_bar,
    state_folder,
    write_csv,
)
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.numbers import finite
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import counted
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from vsortd.config.settings import Settings
    from vsortd.library.duplicates.find import DuplicateReport
    from vsortd.library.duplicates.groups import DuplicateGroup, NearDuplicate

_STYLES = {"copy": "green", "same": "green", "part": "cyan", "alike": "yellow"}


def duplicates(
    ctx: click.Context,
    words: Annotated[
        list[str] | None,
        Argument(
            metavar="[PATH]…",
            help="Folders or videos; else the library, and what `vsortd index` was given.",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        Path | None, Option("--out", "-o", metavar="PATH", help="Draw a PNG of each pair into a new folder.")
    ] = None,
    min_score: Annotated[
        float,
        Option("--min-score", callback=finite, min=0.0, max=1.0, help="The share of the shorter one that must match."),
    ] = 0.5,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Find videos that show the same; nothing is touched.

    Finds copies, also re-encoded, resized, letterboxed or cut ones. A pair is a copy (the same bytes), the same
    (from beginning to end), a part (one is cut out of the other), or only alike (perhaps the same). It suggests
    which file may be worth keeping: the complete one with the most pixels and data.
    """
    paths = files_here(words, "duplicates")
    settings = load(ctx)
    if pictures is not None:
        pictures = as_on_disk(pictures)
        _make_folder(pictures)
    from vsortd.core.logs.sinks import set_up_logging

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    found, drawn = _find(settings, paths, min_score, pictures)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **_with_pictures(found, drawn)})
    elif as_csv:
        _print_csv(found)
    else:
        _print(found, pictures)
    return int(ExitCode.PARTIAL if found.failed else ExitCode.OK)


def _make_folder(folder: Path) -> None:
    """Make the folder for the pictures; one that holds something already is left alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise UsageError(f"Can't make the folder {folder}: {error.strerror}.", paths=[folder]) from error
    if taken:
        raise UsageError(
            f"--out: {folder} is not empty.",
            remedy="Name a new folder, so that nothing in it is overwritten.",
            paths=[folder],
        )


def _find(
    settings: Settings, paths: list[Path], min_score: float, pictures: Path | None
) -> tuple[DuplicateReport, dict[Path, Path]]:
    """Return what was found, and the pictures by the paths of the videos."""
    from vsortd.library.duplicates.find import find_duplicates
    from vsortd.pipeline.services import Services

    with Services.open(
        settings, state_folder(), keep_trying=False, recover_first=False, models=models(late=True)
    ) as services:
        found = find_duplicates(services, paths, min_score=min_score, bar=progress_bar)
        if pictures is None or not found.groups:
            return found, {}
        from vsortd.library.duplicates.pair_sheet import draw_groups

        try:
            with progress_bar("drawing") as on_progress:
                return found, draw_groups(found.groups, services.media, pictures, on_progress=on_progress)
        except OSError as error:
            title = f"Can't write into {pictures}: {error.strerror}."
            raise UsageError(title, paths=[pictures]) from error


def _with_pictures(found: DuplicateReport, drawn: dict[Path, Path]) -> dict[str, object]:
    document = found.to_json()
    for group in document["groups"]:
        for other in group["others"]:
            picture = drawn.get(Path(other["path"]))
            other["picture"] = str(picture) if picture is not None else None
    return document


def _print_csv(found: DuplicateReport) -> None:
    from vsortd.library.duplicates.find import COLUMNS

    write_csv(COLUMNS, found.rows())


# For people


def _print(found: DuplicateReport, pictures: Path | None) -> None:
    from vsortd.core.console import Text
    from vsortd.core.units import about_size

    out = console()
    for number, group in enumerate(found.groups, 1):
        _print_group(out, number, group)
    for path, reason in found.failed:
        out.print(Text(f"{path}: {reason}", style="red"))
    if not found.videos:
        note(out, "There is no video to compare: name a folder, or look at the library first with `vsortd index`.")
        return
    spare = sum(group.spare_bytes for group in found.groups)
    groups = counted(len(found.groups), "group") if found.groups else "No duplicates"
    line = f"{groups} among {counted(found.videos, 'video')}"
    line += f", {about_size(spare)} more than once" if spare else ""
    note(out, Text(f"{line}. Nothing was deleted or moved."))
    if found.gone:
        gone = counted(found.gone, "video of the index is", "videos of the index are")
        note(out, Text(f"{gone} gone or changed: `vsortd index --prune`.", style="dim"))
    if spare:
        note(out, Text("Put the lesser ones aside with: vsortd set-aside --duplicates", style="dim"))
    if pictures is not None and found.groups:
        note(out, Text(f"Drawn into {pictures}.", style="dim"))


def _print_group(out: Console, number: int, group: DuplicateGroup) -> None:
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table
    from vsortd.library.duplicates.pair_check import PairRelation
    from vsortd.library.duplicates.pair_sheet import facts_of

    doubtful = all(duplicate.kind is PairRelation.ALIKE for duplicate in group.duplicates)
    columns = (
        Column("", ColumnKind.NUMBER, first=True),
        Column("", first=True),
        Column("", ColumnKind.NAME),
        Column("", ColumnKind.PROSE),
    )
    keep = Text("" if doubtful else "keep?", style="bold")
    said = Text(facts_of(group.keep), style="dim")
    rows = [(Text(f"{number:>3}", style="dim"), keep, Text(group.keep.path, style="bold"), said)]
    for duplicate in group.duplicates:
        kind = Text(f"{duplicate.kind.value:<6}", style=_STYLES[duplicate.kind.value])
        facts = Text(f"{facts_of(duplicate.member)}  {_relation(group, duplicate)}", style="dim")
        rows.append((Text(), kind, Text(duplicate.member.path), facts))
    print_table(out, columns, rows)
    out.print()


def _relation(group: DuplicateGroup, duplicate: NearDuplicate) -> str:
    from vsortd.library.duplicates.pair_check import PairRelation
    from vsortd.library.duplicates.pair_sheet import verdict_of

    what = verdict_of(duplicate) if duplicate.kind in {PairRelation.PART, PairRelation.ALIKE} else ""
    other = f"of {duplicate.of.path.name}" if duplicate.of.path != group.keep.path else ""
    score = f"{duplicate.score:.2f}" if duplicate.kind is not PairRelation.COPY else ""
    return ", ".join(part for part in (score, what, other) if part)
