"""What became of the videos of one `sort`, or would: as lines for people, as JSON, as CSV; and its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vsortd.cli.common import SCHEMA_VERSION, STATE_STYLES, console, print_json, state_folder, write_csv_of
from vsortd.core.documents import OUTCOME_FIELDS
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.output import is_quiet, note
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    import contextlib
    import threading
    from collections.abc import Callable, Sequence

    from vsortd.config.settings import Settings
    from vsortd.pipeline.batch import SortOutcome

_SHOWN_FAILURES = 5
_WOULD: Final = {
    ItemState.FILED: "would be filed",
    ItemState.REVIEW: "would go to review",
    ItemState.REJECTED: "would be rejected",
    ItemState.HELD: "would be on hold",
    ItemState.FAILED: "would fail",
}


def print_items(outcomes: Sequence[SortOutcome], *, as_csv: bool, **more: Any) -> None:  # noqa: ANN401 - of a document
    """Print the outcomes as CSV, else as a JSON document in which there is `more`."""
    if as_csv:
        write_csv_of(OUTCOME_FIELDS, [one.to_json() for one in outcomes])
        return
    print_json({"schema_version": SCHEMA_VERSION, "items": [one.to_json() for one in outcomes], **more})


def print_lines(outcomes: Sequence[SortOutcome], *, dry_run: bool) -> None:
    """Print a line for each outcome: its state, from where to where, and why; to be quiet those that failed."""
    from vsortd.config.choices import placed_words
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table

    columns = (Column("", first=True), *(Column("", ColumnKind.NAME),) * 2, Column("", ColumnKind.PROSE))
    rows = []
    for one in outcomes:
        if is_quiet() and not dry_run and one.state is not ItemState.FAILED:
            continue
        state = Text(foreseen_state(one) if dry_run else one.state, style=STATE_STYLES.get(one.state, ""))
        where = Text("→ ", style="dim").append(one.destination) if one.destination else ""
        why = "; ".join(filter(None, (one.reason, placed_words(one.how))))
        rows.append((state, one.source, where, Text(why, style="dim")))
    print_table(console(), columns, rows)


def foreseen_state(outcome: SortOutcome) -> str:
    """Return what would become of a video, in words; one that lies where it is to be is what it is."""
    if outcome.state in PLACED and not outcome.destination:
        return outcome.state
    return _WOULD.get(outcome.state, outcome.state)


def print_way_back(outcomes: Sequence[SortOutcome], *, dry_run: bool) -> None:
    """Say how all of it is taken back, or that nothing was touched."""
    if dry_run:
        note(console(), "Nothing was touched: this was a dry run.", style="dim")
    elif way := _way_back(_placed(outcomes)):
        note(console(), f"Undo all of it with: {way}", style="dim")


def say_interrupted(outcomes: Sequence[SortOutcome], *, dry_run: bool, then: str = "") -> None:
    """Say on stderr what was done before Ctrl-C, and how to take it back; --json has it on stdout."""
    placed = _placed(outcomes)
    said = "interrupted" if dry_run else f"interrupted: {len(placed)} filed, the others stay where they are"
    if placed:
        said += f". Undo it with: {_way_back(placed)}"
    console(stderr=True).print(said)
    if then:
        console(stderr=True).print(then)


def _placed(outcomes: Sequence[SortOutcome]) -> list[SortOutcome]:
    return [one for one in outcomes if one.state in PLACED and one.id is not None]


def _way_back(placed: Sequence[SortOutcome]) -> str:
    """Return what takes back videos that were placed, "" for none; those that the daemon filed have its batch."""
    return "; ".join(f"vsortd undo --batch {batch}" for batch in dict.fromkeys(one.batch for one in placed))


def exit_code(outcomes: Sequence[SortOutcome]) -> int:
    """Return 0 where none failed, else whether some did or all."""
    failed = sum(one.state is ItemState.FAILED for one in outcomes)
    if not failed:
        return int(ExitCode.OK)
    return int(ExitCode.PARTIAL if failed < len(outcomes) else ExitCode.FAILURE)


def hooks(settings: Settings) -> contextlib.AbstractContextManager[Callable[[threading.Event], list[str]]]:
    """Return what does, once entered and called, what the config says is done after videos."""
    from vsortd.service.hooks.command_hooks import hooks_of_command

    return hooks_of_command(settings, state_folder())


def say_failures(failures: Sequence[str]) -> None:
    """Say on stderr what went wrong after videos, which are filed all the same."""
    err = console(stderr=True)
    for failure in failures[:_SHOWN_FAILURES]:
        err.print(failure, style="yellow")
    if (more := len(failures) - _SHOWN_FAILURES) > 0:
        err.print(f"… and {more} more", style="yellow")
    if failures:
        err.print("The videos are filed all the same; what is not given up is tried when vsortd runs, or sorts, again.")
