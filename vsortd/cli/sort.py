"""`vsortd sort` and `vsortd plan`: the daemon's own planner over files that are named, now."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsortd.cli.common import (
    SCHEMA_VERSION,
    STATE_STYLES,
    AsRootFlag,
    CsvFlag,
    JsonFlag,
    console,
    load,
    one_form,
    print_json,
    progress_bar,
    root_warning,
    state_folder,
    telling_of_library,
    write_csv_of,
)
from vsortd.cli.explain import bar, insist_on_ending
from vsortd.cli.interrupts import Interruption
from vsortd.core.documents import OUTCOME_FIELDS
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.paths import as_on_disk
from vsortd.errors import DaemonUnreachableError, ExitCode, UsageError

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from vsortd.config.settings import Settings
    from vsortd.core.console import Text
    from vsortd.core.tables import NameLabel
    from vsortd.pipeline.batch import OnJob, SortOutcome
    from vsortd.pipeline.plan_report import FolderSummary

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help="Videos, or folders to look through.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sort")(sort)
    app.command("plan")(plan)


def sort(
    ctx: typer.Context,
    paths: Paths,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_root: AsRootFlag = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """File videos now: looked at, decided and placed exactly as the daemon would."""
    one_form(as_csv=as_csv, as_json=as_json)
    settings = load(ctx)
    with Interruption() as interruption:
        outcomes = None if dry_run else _by_the_daemon(settings, paths, interruption)
        if outcomes is None:
            if warning := root_warning(as_root=as_root):
                console(stderr=True).print(warning, style="yellow")
            with telling_of_library(settings):
                outcomes = _run(ctx, settings, paths, dry_run=dry_run, cancel=interruption.cancel)
    if as_csv or as_json:
        _print_items(outcomes, as_csv=as_csv, interrupted=interruption.came)
    elif outcomes or not interruption.came:
        _print_lines(outcomes, dry_run=dry_run)
    if interruption.came:
        _say_interrupted(outcomes, dry_run=dry_run)
        return int(ExitCode.INTERRUPTED)
    return _exit_code(outcomes)


def _say_interrupted(outcomes: Sequence[SortOutcome], *, dry_run: bool) -> None:
    """Say on stderr what was done before Ctrl-C, and how to take it back; --json has it on stdout."""
    placed = [one for one in outcomes if one.state in PLACED and one.id is not None]
    said = "interrupted" if dry_run else f"interrupted: {len(placed)} filed, the others stay where they are"
    if placed:
        said += f". Undo it with: vsortd undo --batch {placed[0].batch}"
    console(stderr=True).print(said)


def plan(
    ctx: typer.Context,
    paths: Paths,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="REPORT.html", help="Write it as one web page with pictures, too.")
    ] = None,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Show where videos would go, as a tree; nothing is touched."""
    one_form(as_csv=as_csv, as_json=as_json)
    settings = load(ctx)
    html = None if html is None else as_on_disk(html)
    outcomes = _plan_with_page(ctx, settings, paths, html) if html else _run(ctx, settings, paths, dry_run=True)
    if as_csv or as_json:
        _print_items(outcomes, as_csv=as_csv)
    else:
        _print_tree(outcomes, settings.library)
        if html is not None:
            console().print(f"Written to {html}.", style="dim")
    return _exit_code(outcomes)


def _plan_with_page(ctx: typer.Context, settings: Settings, paths: Sequence[Path], html: Path) -> list[SortOutcome]:
    """Plan, and write the report meanwhile gathered."""
    from datetime import datetime

    from vsortd.core.system.file_rights import make_for
    from vsortd.pipeline.plan_report import Gatherer

    insist_on_ending(html, ".html", ".htm")
    gatherer = Gatherer()
    outcomes = _run(ctx, settings, paths, dry_run=True, on_job=gatherer)
    when = f"{datetime.now().astimezone():%Y-%m-%d %H:%M}"
    page = gatherer.page(outcomes, settings.library, when=when)
    make_for(html, {Path(outcome.source) for outcome in outcomes})
    try:
        html.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"Can't write {html}: {error.strerror}.", paths=[html]) from error
    return outcomes


def _by_the_daemon(settings: Settings, paths: Sequence[Path], interruption: Interruption) -> list[SortOutcome] | None:
    """Let a daemon do it that has the model loaded; None if none runs, or one that works by another config."""
    from vsortd.config.dump import fingerprint
    from vsortd.pipeline.batch import SortOutcome
    from vsortd.service.client import Client

    client, ticket = Client(state_folder()), secrets.token_hex(8)

    def stop() -> None:
        with contextlib.suppress(DaemonUnreachableError):  # it has ended: the answer says so, too
            client.stop_sorting(ticket)

    interruption.tell = stop
    try:
        with progress_bar("filing") as on_progress:
            found = client.sort([path.absolute() for path in paths], fingerprint(settings), on_progress, ticket)
    except DaemonUnreachableError as error:
        if error.asked:  # some may be filed already
            raise
        return None
    finally:
        interruption.tell = None
    return None if found is None else [SortOutcome.from_json(one) for one in found]


def _run(
    ctx: typer.Context,
    settings: Settings,
    paths: Sequence[Path],
    *,
    dry_run: bool,
    on_job: OnJob | None = None,
    cancel: threading.Event | None = None,
) -> list[SortOutcome]:
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.pipeline.batch import sort_paths

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    with progress_bar("looking" if dry_run else "filing") as on_progress:
        return sort_paths(
            settings, state_folder(), paths, dry_run=dry_run, on_progress=on_progress, on_job=on_job, cancel=cancel
        )


def _print_items(outcomes: Sequence[SortOutcome], *, as_csv: bool, interrupted: bool = False) -> None:
    if as_csv:
        write_csv_of(OUTCOME_FIELDS, [one.to_json() for one in outcomes])
        return
    more = {"interrupted": True} if interrupted else {}
    print_json({"schema_version": SCHEMA_VERSION, "items": [one.to_json() for one in outcomes], **more})


def _print_lines(outcomes: Sequence[SortOutcome], *, dry_run: bool) -> None:
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table

    out = console()
    columns = (Column("", first=True), *(Column("", ColumnKind.NAME),) * 2, Column("", ColumnKind.PROSE))
    rows = []
    for one in outcomes:
        state = Text(one.state, style=STATE_STYLES.get(one.state, ""))
        where = Text("→ ", style="dim").append(one.destination) if one.destination else ""
        rows.append((state, one.source, where, Text(one.reason, style="dim")))
    print_table(out, columns, rows)
    if not outcomes:
        out.print("There are no videos there.")
    elif dry_run:
        out.print("Nothing was touched: this was a dry run.", style="dim")
    elif any(one.state in PLACED and one.id is not None for one in outcomes):
        out.print(f"Undo all of it with: vsortd undo --batch {outcomes[0].batch}", style="dim")


def _print_tree(outcomes: Sequence[SortOutcome], library: Path) -> None:
    """Print each folder with its count and mean confidence, its videos with theirs; then what stays, by reason."""
    from rich.tree import Tree

    from vsortd.core.console import Text, print_tree
    from vsortd.core.tables import NameLabel
    from vsortd.pipeline.plan_report import folders, staying

    out = console()
    if not outcomes:
        out.print("There are no videos there.")
        return
    root = Tree(Text(library, style="bold"))
    nodes: dict[tuple[str, ...], Tree] = {}
    for folder in folders(outcomes, library):
        node = nodes[folder.parts] = nodes[folder.parts[:-1]].add(_folder_line(folder)) if folder.parts else root
        for one in folder.outcomes:
            node.add(_video_line(one))
    if nodes:
        print_tree(out, root)
    for group in staying(outcomes):
        stays = Tree(Text(f"Stays: {group.reason}").append(f"  {len(group.outcomes)}", style="bold"))
        for one in group.outcomes:
            why = Text("" if one.reason == group.reason else f"  {one.reason}", style="dim")
            stays.add(NameLabel(Text(one.source, style=STATE_STYLES.get(one.state, "")), why))
        print_tree(out, stays)
    _print_sum(outcomes)


def _folder_line(folder: FolderSummary) -> Text:
    from vsortd.core.console import Text

    style = "yellow" if folder.undecided == folder.count else "green"
    line = Text(folder.parts[-1], style="bold").append(f"  {folder.count}  ", style="bold")
    line.append(bar(folder.mean_score), style=f"{style} not bold")
    return line.append(f" {folder.mean_score:.2f} on average", style="dim not bold")


def _video_line(one: SortOutcome) -> NameLabel:
    from vsortd.core.console import Text
    from vsortd.core.tables import NameLabel

    style = STATE_STYLES.get(one.state, "")
    name, came_as = Path(one.destination).name, Path(one.source).name
    rest = Text(style="dim")
    if name != came_as:
        rest.append(f" ← {came_as}")
    rest.append(f"  {bar(one.score)} {one.score:.2f} ({one.margin:+.2f})")
    return NameLabel(Text(name, style=style), rest.append(f"  {one.conversion}" if one.conversion else ""))


def _print_sum(outcomes: Sequence[SortOutcome]) -> None:
    placed = [one for one in outcomes if one.destination]
    unsure = sum(one.state is ItemState.REVIEW for one in placed)
    parts = f"{len(placed) - unsure} would be filed, {unsure} sent to review, {len(outcomes) - len(placed)} would stay"
    console().print(f"{parts}. Nothing was touched.", style="dim")


def _exit_code(outcomes: Sequence[SortOutcome]) -> int:
    failed = sum(one.state is ItemState.FAILED for one in outcomes)
    if not failed:
        return int(ExitCode.OK)
    return int(ExitCode.PARTIAL if failed < len(outcomes) else ExitCode.FAILURE)
