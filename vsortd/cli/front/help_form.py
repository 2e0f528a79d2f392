"""What `--help` prints: the line of use, what the command does, its parameters and commands in boxes, examples.

Without rich, whose import and layout take longer than all the rest; each letter of our own texts takes one cell.
"""

from __future__ import annotations

import inspect
import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Final, cast

from vsortd.cli.examples import BEGINNINGS, EXAMPLES, EXIT_CODES
from vsortd.cli.front.everywhere import EVERYWHERE_PANEL
from vsortd.cli.front.parameters import ARGUMENTS, OPTIONS
from vsortd.core.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import click

    from vsortd.cli.examples import Example
    from vsortd.cli.front.parameters import ShownParameter

_LEAST_COLUMNS: Final = 40
_LEAST_PROSE: Final = 16
_MARKED: Final = re.compile(r"(?<![\w-])(--[\w-]+|-\w\b)")
_Cell = tuple[str, str]
"""A text and its style."""


def print_help(ctx: click.Context) -> None:
    """Print the help of a command."""
    out, command = Lines(), ctx.command
    columns = max(_LEAST_COLUMNS, shutil.get_terminal_size().columns)
    first, *more = inspect.cleandoc(command.help or "").split("\n\n")
    shown = ["", *_prose(out, command.get_usage(ctx), columns, "bold"), "", *_prose(out, first, columns)]
    for paragraph in more:
        shown += ["", *_prose(out, paragraph, columns, "dim")]
    shown.append("")
    panels: dict[str, list[ShownParameter]] = {ARGUMENTS: [], OPTIONS: []}
    for one in cast("list[ShownParameter]", command.get_params(ctx)):
        panels.setdefault(one.panel, []).append(one)
    if ctx.parent is not None:  # the root's, which may stand anywhere
        anywhere = [one for one in ctx.find_root().command.params if "--config" in one.opts]
        panels[EVERYWHERE_PANEL] = [*cast("list[ShownParameter]", anywhere), *panels.get(EVERYWHERE_PANEL, [])]
    for title, parameters in panels.items():
        shown += _box(out, title, _rows(parameters), columns)
    lines: Mapping[str, str] = getattr(command, "lines", {})  # of a group
    titles: Mapping[str, str] = getattr(command, "sections", {})
    sections: dict[str, list[Sequence[_Cell]]] = {}
    width = max(map(len, lines), default=0)
    for name, line in lines.items():
        sections.setdefault(titles[name], []).append(((name.ljust(width), "bold cyan"), (line, "")))
    for title, rows in sections.items():
        shown += _box(out, title, rows, columns)
    _, _, path = ctx.command_path.partition(" ")
    if examples := EXAMPLES.get(path, ()) if path else BEGINNINGS:
        shown += ["", *_examples(out, examples, "Examples:" if path else "Begin with:", columns), ""]
    if not path:
        shown += [*_prose(out, EXIT_CODES, columns), ""]
    out.write("".join(f"{line}\n" for line in shown))


def _prose(out: Lines, text: str, columns: int, style: str = "") -> Iterator[str]:
    """Yield a paragraph, in which options stand out."""
    for line in _wrapped(" ".join(text.split()), columns - 2):
        yield f" {_marked(out, line, style)}"


def _box(out: Lines, title: str, rows: Sequence[Sequence[_Cell]], columns: int) -> Iterator[str]:
    """Yield a box with a table, whose last column is prose; a column that is empty in every row is left out."""
    if not rows:
        return
    widths = [max(len(row[at][0]) for row in rows) for at in range(len(rows[0]) - 1)]
    room = columns - 4 - sum(width + 2 for width in widths if width)
    if room < _LEAST_PROSE:  # the longest values are folded
        widths[-1] = max(1, widths[-1] - (_LEAST_PROSE - room))
        room = max(_LEAST_PROSE, columns - 4 - sum(width + 2 for width in widths if width))
    corner, ends, dash, bar = _frame()
    top = f"{corner[0]}{dash} {title} ".ljust(columns - 1, dash) + corner[1]
    yield out.styled(top, "dim")
    edge = out.styled(bar, "dim")
    for row in rows:
        cells = [(_wrapped(text, width or 1), width, style) for (text, style), width in zip(row, widths, strict=False)]
        prose = _wrapped(row[-1][0], room)
        for at in range(max(len(prose), *(len(texts) for texts, _, _ in cells))):
            line = ""
            for texts, width, style in cells:
                if width:
                    text = texts[at] if at < len(texts) else ""
                    line += out.styled(text, style) + " " * (width - len(text) + 2)
            text = prose[at] if at < len(prose) else ""
            yield f"{edge} {line}{_marked(out, text, row[-1][1])}{' ' * (room - len(text))} {edge}"
    yield out.styled(f"{ends[0]}{dash * (columns - 2)}{ends[1]}", "dim")


def _rows(parameters: Iterable[ShownParameter]) -> list[list[_Cell]]:
    """Return the rows: whether it is required, long and short names, what its value is, what it does."""
    rows = []
    for one in parameters:
        long = [name for name in one.shown_names if not re.match(r"-\w", name)]
        short = [name for name in one.shown_names if name not in long]
        kind = one.value
        rows.append(
            [
                ("*" if one.required else "", "red"),
                (",".join(long), "bold cyan"),
                (",".join(short), "bold green"),
                (kind, "bold yellow"),
                (f"{one.told} {one.more}".strip(), ""),
            ]
        )
    return rows


def _examples(out: Lines, examples: Sequence[Example], heading: str, columns: int) -> Iterator[str]:
    """Yield examples: each on its line, what they do beside them, or below where it is too long."""
    yield f" {heading}"
    width = max(len(line) for line, _ in examples)
    for line, what in examples:
        if 1 + width + 2 + len(what) <= columns:
            yield f" {_marked(out, line)}{' ' * (width - len(line) + 2)}{out.styled(what, 'dim')}"
        else:
            yield f" {_marked(out, line)}"
            yield from (f"     {out.styled(text, 'dim')}" for text in _wrapped(what, columns - 6))


def _frame() -> tuple[str, str, str, str]:
    """Return upper and lower corners and the lines of a box, as far as stdout can have them."""
    try:
        "╭╮╰╯─│".encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "++", "++", "-", "|"
    return "╭╮", "╰╯", "─", "│"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(1, width), break_on_hyphens=False) or [""]


def _marked(out: Lines, text: str, style: str = "") -> str:
    """Return a text as it may be shown, in which options stand out."""
    pieces = _MARKED.split(text)  # what is between them, and they themselves, in turn
    styles = (style, "bold cyan")
    return "".join(out.styled(piece, styles[at % 2]) for at, piece in enumerate(pieces))
