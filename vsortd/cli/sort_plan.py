"""`vsortd sort --plan`: a plan that a person has looked through, applied as it stands."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from vsortd.cli.common import console, models, progress_bar, root_warning, state_folder, telling_of_library
from vsortd.cli.interrupts import Interruption
from vsortd.cli.outcome_view import (
    exit_code,
    hooks,
    print_items,
    print_lines,
    print_way_back,
    say_failures,
    say_interrupted,
)
from vsortd.core.outcomes import PLACED
from vsortd.core.output import note
from vsortd.core.text import counted
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from vsortd.config.settings import Settings
    from vsortd.pipeline.plan_apply import AppliedPlan


def sort_by_plan(
    ctx: click.Context,
    settings: Settings,
    plan: Path,
    *,
    dry_run: bool,
    learn: bool,
    as_root: bool,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Apply a plan and say what came of it; returns the exit code. Raises UsageError for a plan with mistakes."""
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.pipeline.plan_apply import apply_plan

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    if not dry_run and (warning := root_warning(as_root=as_root)):
        console(stderr=True).print(warning, style="yellow")
    with (
        Interruption() as interruption,
        nullcontext() if dry_run else hooks(settings) as do_what_comes_after,
        telling_of_library(settings),
    ):
        with progress_bar("looking" if dry_run else "filing") as on_progress:
            applied = apply_plan(
                settings,
                state_folder(),
                plan,
                dry_run=dry_run,
                learn=learn,
                on_progress=on_progress,
                cancel=interruption.cancel,
                models=models(),
            )
        if as_csv or as_json:
            more = {"interrupted": True} if interruption.came else {}
            done = [one.id for one in applied.done]
            print_items(applied.outcomes, as_csv=as_csv, left=applied.left, done=done, **more)
        else:
            _print(applied, dry_run=dry_run)
        if interruption.came:
            then = "" if dry_run else "The same command goes on with the rest of the plan."
            say_interrupted(applied.outcomes, dry_run=dry_run, then=then)
        if do_what_comes_after is not None:
            say_failures(do_what_comes_after(interruption.cancel))
    return int(ExitCode.INTERRUPTED) if interruption.came else _exit_code(applied)


def _print(applied: AppliedPlan, *, dry_run: bool) -> None:
    out = console()
    print_lines(applied.outcomes, dry_run=dry_run)
    if applied.done:
        note(out, f"{counted(len(applied.done), 'row')} had been filed by this plan before.", style="dim")
    if applied.left:
        note(out, f"{counted(applied.left, 'row')} left alone, as the plan says.", style="dim")
    if not applied.outcomes:
        note(out, "There is nothing to file in this plan.")
    else:
        print_way_back(applied.outcomes, dry_run=dry_run)


def _exit_code(applied: AppliedPlan) -> int:
    """Return 0 only where each row is filed, or lies where it is to be."""
    code = exit_code(applied.outcomes)
    if code == ExitCode.OK and any(one.state not in PLACED for one in applied.outcomes):
        return int(ExitCode.PARTIAL)
    return code
