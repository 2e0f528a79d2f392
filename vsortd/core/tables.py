"""Tables for people, all of them printed here: no name is ever folded.

Into a pipe or a file an item is one line with every name whole, so that `grep` finds it. On a terminal that is wide
enough it is one line too; on a narrower one it is two, and a name that does not fit is shortened in its middle, so that
beginning and ending stay. What is no name (why something was done) goes on in further lines, and is cut on a terminal
of less than 60 cells.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.measure import Measurement

from vsortd.core.console import Text, is_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions

NARROW_CELLS: Final = 60
_LEAST_CELLS: Final = 10  # of a terminal that says it has less, or none
_GAP: Final = "  "
_IN_PART: Final = 500  # rows whose widths are looked at together
_AT_ONCE: Final = 200  # lines that rich gets together: one by one costs twice the time


class ColumnKind(Enum):
    """What the cells of a column are."""

    WORD = auto()  # short: a state, a time
    NUMBER = auto()  # stands to the right; on a second line its heading stands before it
    NAME = auto()  # shortened in its middle
    PROSE = auto()  # goes on in further lines


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `first`: it stays on the first of two lines."""

    heading: str
    kind: ColumnKind = ColumnKind.WORD
    first: bool = False


def print_table(
    out: Console, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]], *, header: str = "bold"
) -> None:
    """Print a table in the form that fits; `header` is the style of the headings, which stand over one line an item.

    Of an iterator a part of the rows is in memory at a time, and columns become wider from one part to the next only.
    """
    widths = [0] * len(columns)
    begun = False
    for part in _parts(rows):
        cells = [[one if isinstance(one, Text) else Text(one) for one in row] for row in part]
        widths = [max(width, cell_len(one.heading), *(cell_len(row[at].plain) for row in cells))
                  for at, (one, width) in enumerate(zip(columns, widths, strict=True))]  # fmt: skip
        _print_part(out, columns, cells, widths, header=None if begun else header)
        begun = True


def _parts(rows: Iterable[Sequence[str | Text]]) -> Iterator[list[Sequence[str | Text]]]:
    left = iter(rows)
    while part := list(itertools.islice(left, _IN_PART)):
        yield part


def _print_part(
    out: Console,
    columns: Sequence[Column],
    cells: Sequence[Sequence[Text]],
    widths: Sequence[int],
    *,
    header: str | None,
) -> None:
    """Print some rows, with the headings over them unless `header` is None."""
    width = max(_LEAST_CELLS, out.width) if is_shown(out) else None
    if width is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= width:
        headings = [] if header is None or not any(one.heading for one in columns) else [
            [Text(one.heading, style=header) for one in columns]
        ]  # fmt: skip
        lines = (_grid(columns, row, widths) for row in (*headings, *cells))
    else:
        dots = _dots(out)
        lines = (line for row in cells for line in _two_lines(columns, row, widths, width, dots))
    while some := list(itertools.islice(lines, _AT_ONCE)):
        out.print(*some, sep="\n")


def _grid(columns: Sequence[Column], row: Sequence[Text], widths: Sequence[int]) -> Text:
    line = Text()
    for at, (column, cell, width) in enumerate(zip(columns, row, widths, strict=True)):
        pad = " " * (width - cell_len(cell.plain))
        if column.kind is ColumnKind.NUMBER:
            line.append(pad).append(cell)
        else:
            line.append(cell).append(pad if at < len(columns) - 1 else "")
        line.append(_GAP if at < len(columns) - 1 else "")
    line.rstrip()
    return line


def _two_lines(
    columns: Sequence[Column], row: Sequence[Text], widths: Sequence[int], width: int, dots: str
) -> Iterator[Text]:
    """Yield the first line, with the name; then the rest, below it."""
    narrow = width < NARROW_CELLS
    above = _above(columns, narrow=narrow)
    fixed = sum(widths[at] + len(_GAP) for at in above if columns[at].kind is not ColumnKind.NAME)
    room = max(1, width - fixed)
    line = Text()
    for at in above:
        cell = row[at]
        if columns[at].kind is ColumnKind.NAME:
            line.append(shortened(cell, room, dots))
            break
        pad = " " * (widths[at] - cell_len(cell.plain))
        line.append(pad if columns[at].kind is ColumnKind.NUMBER else "").append(cell)
        line.append(pad if columns[at].kind is not ColumnKind.NUMBER else "").append(_GAP)
    line.rstrip()
    yield shortened(line, width, dots)
    number = columns[0].kind is ColumnKind.NUMBER
    indent = " " * (min(widths[0], width // 4) + len(_GAP) if number else len(_GAP))
    yield from _below(columns, row, [at for at in range(len(columns)) if at not in above], (indent, width, dots))


def _above(columns: Sequence[Column], *, narrow: bool) -> list[int]:
    """Return which columns the first line has: what leads up to the name, where it is narrow only the number."""
    name = next((at for at, one in enumerate(columns) if one.kind is ColumnKind.NAME), 0)
    wanted = [at for at in range(name) if columns[at].first and (not narrow or columns[at].kind is ColumnKind.NUMBER)]
    return [*wanted, name]


def _below(
    columns: Sequence[Column], row: Sequence[Text], rest: Sequence[int], place: tuple[str, int, str]
) -> Iterator[Text]:
    """Yield the second line, and what of the prose does not fit on it."""
    indent, width, dots = place
    room = max(1, width - len(indent))
    lines: list[Text] = []
    for at in rest:
        cell, column = row[at], columns[at]
        if not cell.plain.strip():
            continue
        if column.kind is ColumnKind.NUMBER and column.heading:
            cell = Text(f"{column.heading} ").append(cell)
        fits = bool(lines) and cell_len(lines[-1].plain) + len(_GAP) + cell_len(cell.plain) <= room
        if lines and (fits or width < NARROW_CELLS):
            lines[-1].append(_GAP).append(shortened(cell, room, dots) if column.kind is ColumnKind.NAME else cell)
        elif column.kind is ColumnKind.PROSE and width >= NARROW_CELLS:
            lines += _wrapped(cell, room)
        else:
            lines.append(Text().append(shortened(cell, room, dots) if column.kind is not ColumnKind.PROSE else cell))
    for line in lines:
        yield Text(indent).append(_cut(line, room, dots) if width < NARROW_CELLS else shortened(line, room, dots))


def _wrapped(text: Text, width: int) -> list[Text]:
    """Return prose in lines of at most so many cells, broken between words; a longer word has a line of its own."""
    lines, begin, end, cells = [], 0, 0, 0
    for word in re.finditer(r"\S+", text.plain):
        more = cell_len(text.plain[end : word.end()])
        if end > begin and cells + more > width:
            lines.append(Text().append(text[begin:end]))
            begin, cells = word.start(), cell_len(word[0])
        else:
            cells += more
        end = word.end()
    return [*lines, Text().append(text[begin:end])]


class NameLabel:
    """A line of a tree that begins with a name: where it does not fit, the rest is put on a second line."""

    def __init__(self, name: Text, rest: Text | None = None) -> None:
        self._name = name
        self._rest = Text() if rest is None else rest

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield it as wide as there is room."""
        whole = Text().append(self._name).append(self._rest)
        if cell_len(whole.plain) <= options.max_width:
            yield whole
            return
        yield shortened(self._name, options.max_width, _dots(console))
        if self._rest.plain.strip():
            yield Text(self._rest.plain.strip(), self._rest.style)

    def __rich_measure__(self, _console: Console, _options: ConsoleOptions) -> Measurement:
        """Tell how wide it may be."""
        cells = cell_len(self._name.plain) + cell_len(self._rest.plain)
        return Measurement(min(_LEAST_CELLS, cells), cells)


def shortened(text: Text, width: int, dots: str = "…") -> Text:
    """Return a text of at most `width` cells: without its middle where it has more."""
    if cell_len(text.plain) <= width:
        return text
    parts, sizes = _measured(text.plain)
    room = max(0, width - len(dots))
    tail = _fitting(list(reversed(sizes)), (room + 1) // 2)
    head = _fitting(sizes, room - sum(sizes[len(sizes) - tail :]) if tail else room)
    begin = sum(map(len, parts[:head]))
    end = sum(map(len, parts[len(parts) - tail :])) if tail else 0
    short = Text(style=text.style).append(text[:begin]).append(dots[: max(1, width)])
    return short.append(text[len(text.plain) - end :]) if end else short


def _cut(text: Text, width: int, dots: str) -> Text:
    if cell_len(text.plain) <= width:
        return text
    parts, sizes = _measured(text.plain)
    kept = sum(map(len, parts[: _fitting(sizes, width - len(dots))]))
    short = Text().append(text[:kept])
    short.rstrip()
    return short.append(dots)


def _fitting(sizes: Sequence[int], room: int) -> int:
    """Return how many of the sizes, from the first on, fit."""
    count = 0
    for size in sizes:
        if size > room:
            break
        room -= size
        count += 1
    return count


def _measured(text: str) -> tuple[Sequence[str], list[int]]:
    """Return the letters and the cells that each takes."""
    if text.isascii():
        return text, [1] * len(text)
    parts = _clusters(text)
    return parts, [cell_len(part) for part in parts]


def _clusters(text: str) -> list[str]:
    """Return the letters, each with the marks that belong to it: they take no cells, and mean nothing alone."""
    parts: list[str] = []
    for char in text:
        if parts and (cell_len(char) == 0 or "\U0001f3fb" <= char <= "\U0001f3ff"):
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def _dots(out: Console) -> str:
    try:
        "…".encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return "..."
    return "…"
