"""What `--help` prints: the line of use, what the command does, its parameters and commands in boxes, examples."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final, cast

from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table

from vsortd.cli.examples import BEGINNINGS, EXAMPLES, EXIT_CODES
from vsortd.cli.front.parameters import ARGUMENTS
from vsortd.core.console import PlainConsole, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import click

    from vsortd.cli.examples import Example
    from vsortd.cli.front.parameters import Shown

_LONG: Final = re.compile(r"(?<!\w)--[\w-]+")
_SHORT: Final = re.compile(r"(?<![\w-])-\w\b")


def print_help(ctx: click.Context) -> None:
    """Print the help of a command."""
    out, command = PlainConsole(), ctx.command

    def show(what: Any, above: int = 0) -> None:  # noqa: ANN401 - whatever rich can draw
        out.print(Padding(what, (above, 1, 1, 1)), soft_wrap=False)

    show(_marked(command.get_usage(ctx), "bold"), above=1)
    first, *more = inspect.cleandoc(command.help or "").split("\n\n")
    show(_marked(" ".join(first.split())))
    for paragraph in more:
        show(_marked(" ".join(paragraph.split()), "dim"))
    panels: dict[str, list[Shown]] = {ARGUMENTS: []}
    for one in cast("list[Shown]", command.get_params(ctx)):
        panels.setdefault(one.panel, []).append(one)
    for title, shown in panels.items():
        _print_panel(out, title, _parameters(shown))
    lines: Mapping[str, str] = getattr(command, "lines", {})  # of a group
    _print_panel(out, "Commands", [(Text(name, "bold cyan"), _marked(line)) for name, line in lines.items()])
    _, _, path = ctx.command_path.partition(" ")
    if examples := EXAMPLES.get(path, ()) if path else BEGINNINGS:
        show(_examples(examples, "Examples:" if path else "Begin with:"), above=1)
    if not path:
        show(Text(EXIT_CODES))


def _print_panel(out: PlainConsole, title: str, rows: Sequence[Sequence[Text]]) -> None:
    """Print a box with a table; a column that is empty in every row is left out."""
    if not rows:
        return
    table = Table(box=None, show_header=False, expand=True, pad_edge=False)
    filled = [any(row[at].plain for row in rows) for at in range(len(rows[0]))]
    last = len(filled) - 1
    for at, is_filled in enumerate(filled):
        if is_filled:
            table.add_column(no_wrap=at < last, ratio=1 if at == last else None, overflow="fold")
    for row in rows:
        table.add_row(*(cell for cell, is_filled in zip(row, filled, strict=True) if is_filled))
    out.print(Panel(table, border_style="dim", title=title, title_align="left"), soft_wrap=False)


def _parameters(shown: Iterable[Shown]) -> list[list[Text]]:
    """Return the rows: whether it is required, long and short names, what its value is, what it does."""
    rows = []
    for one in shown:
        long = [name for name in one.shown_names if not re.match(r"-\w", name)]
        short = [name for name in one.shown_names if name not in long]
        does = _marked(one.told)
        if one.more:
            does.append(f" {one.more}", "dim")
        rows.append(
            [
                Text("*" if one.required else "", "red"),
                Text(",".join(long), "bold cyan"),
                Text(",".join(short), "bold green"),
                Text(one.kind if one.panel == ARGUMENTS else one.value, "bold yellow"),
                does,
            ]
        )
    return rows


def _examples(examples: Sequence[Example], heading: str) -> Text:
    """Return examples: each on its line, what they do beside them."""
    width = max(len(line) for line, _ in examples)
    text = Text(heading)
    for line, what in examples:
        text.end_line().append(_marked(line.ljust(width))).append(f"  {what}", "dim")
    return text


def _marked(text: str, style: str = "") -> Text:
    """Return a text in which options stand out."""
    shown = Text(text, style)
    shown.highlight_regex(_LONG, "bold cyan")
    shown.highlight_regex(_SHORT, "bold green")
    return shown
