"""`vsortd sort` and `vsortd plan`: the daemon's own planner over files that are named, now."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.addresses import files_in_inbox, local_files
from vsortd.cli.common import (
    STATE_STYLES,
    AsRootFlag,
    CsvFlag,
    JsonFlag,
    console,
    load,
    models,
    progress_bar,
    root_warning,
    say_left_alone,
    state_folder,
    telling_of_library,
)
from vsortd.cli.daemon_filing import as_the_daemon_filed
from vsortd.cli.explain import bar
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.interrupts import Interruption
from vsortd.cli.out_files import OutKind, kinds_of, only_one
from vsortd.cli.outcome_view import (
    exit_code,
    hooks,
    print_items,
    print_lines,
    print_way_back,
    say_failures,
    say_interrupted,
)
from vsortd.cli.sort_plan import sort_by_plan
from vsortd.core.outcomes import ItemState
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.errors import DaemonUnreachableError, ExitCode, UsageError
from vsortd.fetching.address import is_address

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from vsortd.config.settings import Settings
    from vsortd.core.console import Text
    from vsortd.core.tables import NameLabel
    from vsortd.pipeline.batch import OnJob, SortOutcome
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.left_alone import LeftAloneVideos
    from vsortd.pipeline.plan_report import FolderSummary
    from vsortd.pipeline.services import Services

_PAGE = (".html", ".htm")
_WORDS = "Videos, or folders to look through; also videos at https:// addresses."
OptionalPaths = Annotated[list[str] | None, Argument(metavar="PATH…", help=_WORDS)]
Paths = Annotated[list[str], Argument(metavar="PATH…", help=_WORDS)]


def sort(
    ctx: click.Context,
    words: OptionalPaths = None,
    plan_file: Annotated[
        Path | None,
        Option("--plan", metavar="FILE", help="File by a plan that `vsortd plan --out` wrote."),
    ] = None,
    learn: Annotated[
        bool, Option("--learn", help="With --plan: learn from rows that the model would have filed elsewhere.")
    ] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would happen.")] = False,
    as_root: AsRootFlag = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """File videos now, exactly as the daemon would.

    A video at a web address is fetched into the first inbox and filed from there; undo returns it to that inbox.
    """
    from vsortd.pipeline.left_alone import left_alone

    if bool(words) is (plan_file is not None) or (learn and plan_file is None):
        raise UsageError(
            "Say what to sort, in one way.", remedy="PATH…, or --plan PLAN.csv, and only with that --learn."
        )
    settings = load(ctx)
    if plan_file is not None:
        plan_file = as_on_disk(plan_file)
        return sort_by_plan(
            ctx,
            settings,
            plan_file,
            dry_run=dry_run,
            learn=learn,
            as_root=as_root,
            as_csv=as_csv,
            as_json=as_json,
        )
    words = words or []
    paths = local_files(ctx, words, settings) if dry_run else files_in_inbox(ctx, words, settings)
    with Interruption() as interruption, contextlib.ExitStack() as held:
        outcomes = None if dry_run else _by_the_daemon(settings, paths, interruption)
        if outcomes is not None and any(map(is_address, words)):
            outcomes = as_the_daemon_filed(outcomes, interruption.cancel)
        do_what_comes_after = None
        if outcomes is None:
            if warning := root_warning(as_root=as_root):
                console(stderr=True).print(warning, style="yellow")
            if not dry_run:
                do_what_comes_after = held.enter_context(hooks(settings))
            with telling_of_library(settings):
                outcomes = _run(ctx, settings, paths, dry_run=dry_run, cancel=interruption.cancel)
        others = left_alone(settings, paths)
        came = interruption.came
        _print_outcomes(outcomes, others, dry_run=dry_run, as_csv=as_csv, as_json=as_json, interrupted=came)
        if do_what_comes_after is not None:
            say_failures(do_what_comes_after(interruption.cancel))
    return int(ExitCode.INTERRUPTED) if interruption.came else exit_code(outcomes)


def _print_outcomes(
    outcomes: Sequence[SortOutcome],
    others: LeftAloneVideos,
    *,
    dry_run: bool,
    as_csv: bool,
    as_json: bool,
    interrupted: bool,
) -> None:
    if as_csv or as_json:
        more = {"interrupted": True} if interrupted else {}
        print_items(outcomes, as_csv=as_csv, left_alone=others.by_ending, **more)
        if as_csv:
            say_left_alone(others, on_stderr=True)
    elif outcomes or not interrupted:
        print_lines(outcomes, dry_run=dry_run)
        if outcomes:
            print_way_back(outcomes, dry_run=dry_run)
        else:
            note(console(), "There are no videos there.")
        say_left_alone(others)
    if interrupted:
        say_interrupted(outcomes, dry_run=dry_run)


def plan(
    ctx: click.Context,
    words: Paths,
    out: Annotated[
        list[Path] | None,
        Option(
            "--out",
            "-o",
            metavar="PATH",
            help="PLAN.csv: a table to edit, for `vsortd sort --plan`; REPORT.html: a web page with pictures; "
            "may be repeated.",
        ),
    ] = None,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Show where videos would go; nothing is touched."""
    from vsortd.pipeline.left_alone import left_alone

    settings = load(ctx)
    page, table = _outputs(out)
    paths = local_files(ctx, words, settings)
    outcomes = (
        _plan_with_files(ctx, settings, paths, page, table)
        if page or table
        else _run(ctx, settings, paths, dry_run=True)
    )
    others = left_alone(settings, paths)
    if as_csv or as_json:
        print_items(outcomes, as_csv=as_csv, left_alone=others.by_ending)
        if as_csv:
            say_left_alone(others, on_stderr=True)
    else:
        _print_tree(outcomes, settings.library)
        say_left_alone(others)
        for written in filter(None, (page, table)):
            note(console(), f"Written to {written}.", style="dim")
        if table is not None:
            then = f"Edit its columns action, folder and name, then: vsortd sort --plan {table}"
            note(console(), then, style="dim")
    return exit_code(outcomes)


def _outputs(out: Sequence[Path] | None) -> tuple[Path | None, Path | None]:
    """Return where the page is to be written, and the table. Raises UsageError before anything is looked at."""
    found = kinds_of(out, (OutKind("table", (".csv",)), OutKind("page", _PAGE)))
    page, table = only_one(found["page"]), only_one(found["table"])
    if table is not None and os.path.lexists(table):
        raise _there_already(table)
    return page, table


def _there_already(table: Path) -> UsageError:
    return UsageError(
        f"{table} is there already.",
        remedy="A plan that you may have edited is not written over: name another, or remove it first.",
        paths=[table],
    )


def _plan_with_files(
    ctx: click.Context, settings: Settings, paths: Sequence[Path], page: Path | None, table: Path | None
) -> list[SortOutcome]:
    """Plan, and write what was gathered meanwhile."""
    from datetime import datetime

    from vsortd.pipeline.plan_file import PlannedIdentities
    from vsortd.pipeline.plan_report import Gatherer

    gatherer, identities = Gatherer(), PlannedIdentities()

    def gather(services: Services, job: Job) -> None:
        identities(services, job)
        if page is not None:
            gatherer(services, job)

    outcomes = _run(ctx, settings, paths, dry_run=True, on_job=gather)
    if page is not None:
        when = f"{datetime.now().astimezone():%Y-%m-%d %H:%M}"
        _write(page, gatherer.page(outcomes, settings.library, when=when), outcomes)
    if table is not None:
        _write_table(table, identities.table(outcomes, settings.library), outcomes)
    return outcomes


def _write_table(table: Path, text: str, outcomes: Sequence[SortOutcome]) -> None:
    """Write a plan whole or not at all, and over nothing: planning takes long, and a file may have come meanwhile."""
    from vsortd.media.new_file import new_file

    try:
        with new_file(table.absolute()) as temporary:
            _write(temporary, text, outcomes, named=table)
    except UsageError as error:
        if os.path.lexists(table):
            raise _there_already(table) from error
        raise


def _write(path: Path, text: str, outcomes: Sequence[SortOutcome], *, named: Path | None = None) -> None:
    """Write a file that shows something of videos, for nobody whom one of them isn't for; errors call it `named`."""
    from vsortd.core.system.file_rights import make_for

    make_for(path, {Path(outcome.source) for outcome in outcomes})
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        name = named or path
        raise UsageError(f"Can't write {name}: {error.strerror}.", paths=[name]) from error


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
    ctx: click.Context,
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
            settings,
            state_folder(),
            paths,
            dry_run=dry_run,
            on_progress=on_progress,
            on_job=on_job,
            cancel=cancel,
            models=models(),
        )


def _print_tree(outcomes: Sequence[SortOutcome], library: Path) -> None:
    """Print each folder with its count and mean confidence, its videos with theirs; then what stays, by reason."""
    from rich.tree import Tree

    from vsortd.core.console import Text, print_tree
    from vsortd.core.tables import NameLabel
    from vsortd.pipeline.plan_report import folders, staying

    out = console()
    if not outcomes:
        note(out, "There are no videos there.")
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
    from vsortd.config.choices import placed_words
    from vsortd.core.console import Text
    from vsortd.core.tables import NameLabel

    style = STATE_STYLES.get(one.state, "")
    name, came_as = Path(one.destination).name, Path(one.source).name
    rest = Text(style="dim")
    if name != came_as:
        rest.append(f" ← {came_as}")
    rest.append(f"  {bar(one.score)} {one.score:.2f} ({one.margin:+.2f})")
    said = "; ".join(filter(None, (one.conversion, placed_words(one.how))))
    return NameLabel(Text(name, style=style), rest.append(f"  {said}" if said else ""))


def _print_sum(outcomes: Sequence[SortOutcome]) -> None:
    placed = [one for one in outcomes if one.destination]
    unsure = sum(one.state is ItemState.REVIEW for one in placed)
    parts = f"{len(placed) - unsure} would be filed, {unsure} sent to review, {len(outcomes) - len(placed)} would stay"
    note(console(), f"{parts}. Nothing was touched.", style="dim")
