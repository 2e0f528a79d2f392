"""`vsortd sort` and `vsortd plan`: the daemon's own planner over files that are named, now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsortd.cli.common import (
    SCHEMA_VERSION,
    STATE_STYLES,
    JsonFlag,
    console,
    load,
    print_json,
    printable,
    progress_bar,
    state_folder,
)
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.oneshot import Outcome
    from vsortd.settings import Settings

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help="Videos, or folders to look through.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sort")(sort)
    app.command("plan")(plan)


def sort(
    ctx: typer.Context,
    paths: Paths,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """File videos now: looked at, decided and placed exactly as the daemon would."""
    settings = load(ctx)
    outcomes = _run(ctx, settings, paths, dry_run=dry_run)
    if as_json:
        _print_items(outcomes)
    else:
        _print_lines(outcomes, dry_run=dry_run)
    return _exit_code(outcomes)


def plan(ctx: typer.Context, paths: Paths, as_json: JsonFlag = False) -> int:
    """Show where videos would go, as a tree; nothing is touched."""
    settings = load(ctx)
    outcomes = _run(ctx, settings, paths, dry_run=True)
    if as_json:
        _print_items(outcomes)
    else:
        _print_tree(outcomes, settings.library)
    return _exit_code(outcomes)


def _run(ctx: typer.Context, settings: Settings, paths: Sequence[Path], *, dry_run: bool) -> list[Outcome]:
    from vsortd.logs import set_up_logging
    from vsortd.oneshot import sort_paths

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    with progress_bar("looking" if dry_run else "filing") as on_progress:
        return sort_paths(settings, state_folder(), paths, dry_run=dry_run, on_progress=on_progress)


def _print_items(outcomes: Sequence[Outcome]) -> None:
    print_json({"schema_version": SCHEMA_VERSION, "items": [one.to_json() for one in outcomes]})


def _print_lines(outcomes: Sequence[Outcome], *, dry_run: bool) -> None:
    from rich.text import Text

    out = console()
    for one in outcomes:
        line = Text()
        line.append(f"{one.state:<9}", style=STATE_STYLES.get(one.state, ""))
        line.append(printable(one.source))
        if one.destination:
            line.append(" → ", style="dim").append(printable(one.destination))
        line.append(f"  {printable(one.reason)}", style="dim")
        out.print(line)
    if not outcomes:
        out.print("No videos there.")
    elif dry_run:
        out.print("Nothing was touched: this was a dry run.", style="dim")
    elif any(one.state in {"filed", "review"} and one.id is not None for one in outcomes):
        out.print(f"Undo all of it with: vsortd undo --batch {outcomes[0].batch}", style="dim")


def _print_tree(outcomes: Sequence[Outcome], library: Path) -> None:
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(printable(library), style="bold"))
    folders: dict[tuple[str, ...], Any] = {(): root}
    placed = [one for one in outcomes if one.destination]
    counts: dict[tuple[str, ...], int] = {}
    for one in placed:
        parts = Path(one.destination).parent.relative_to(library).parts
        for depth in range(len(parts) + 1):
            counts[parts[:depth]] = counts.get(parts[:depth], 0) + 1
    for parts in sorted(counts):
        if parts:
            label = Text(printable(parts[-1])).append(f"  {counts[parts]}", style="dim")
            folders[parts] = folders[parts[:-1]].add(label)
    for one in sorted(placed, key=lambda item: item.destination):
        parts = Path(one.destination).parent.relative_to(library).parts
        label = Text(printable(Path(one.destination).name), style=STATE_STYLES.get(one.state, ""))
        label.append(f"  {_bar(one.score)} {one.score:.2f} ({one.margin:+.2f})", style="dim")
        folders[parts].add(label)
    out = console()
    out.print(root)
    for one in outcomes:
        if not one.destination:
            line = Text(f"{one.state:<9}", style=STATE_STYLES.get(one.state, ""))
            out.print(line.append(printable(f"{one.source}  {one.reason}"), style="dim"))


def _bar(share: float, width: int = 10) -> str:
    return "█" * round(share * width) + "░" * (width - round(share * width))


def _exit_code(outcomes: Sequence[Outcome]) -> int:
    failed = sum(one.state == "failed" for one in outcomes)
    if not failed:
        return int(ExitCode.OK)
    return int(ExitCode.PARTIAL if failed < len(outcomes) else ExitCode.FAILURE)
