"""The line on stderr that shows that something goes on: time passing until the total is known, then a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from vsortd.core.activity import current_activity
from vsortd.core.console import PlainConsole, Text

if TYPE_CHECKING:
    import rich.text


class _SaidColumn(ProgressColumn):
    """What is done; loading the model comes first, since all else waits for it."""

    def render(self, task: Task) -> Text:
        return Text(current_activity() or task.description)


class _CountColumn(MofNCompleteColumn):
    """How many of how many, as soon as that is known."""

    def render(self, task: Task) -> rich.text.Text:
        return Text() if task.total is None else super().render(task)


class _TimeColumn(TimeRemainingColumn):
    """How long it will take, or as long as that is unknown, how long it has taken."""

    def render(self, task: Task) -> rich.text.Text:
        return TimeElapsedColumn().render(task) if task.time_remaining is None else super().render(task)


def progress_line(what: str) -> Progress:
    """Return a line about one task, whose total isn't known yet; to be started."""
    out = PlainConsole(stderr=True)
    spinner = SpinnerColumn("dots" if out.encoding.startswith("utf") else "line")
    progress = Progress(spinner, _SaidColumn(), BarColumn(), _CountColumn(), _TimeColumn(), console=out, transient=True)
    progress.add_task(what, total=None)
    return progress
