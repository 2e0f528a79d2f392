"""Tables: a line an item into a pipe, whole names; on a terminal nothing is folded and nothing wider than it is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.tree import Tree

from vsortd.core.console import PlainConsole, Text, print_tree
from vsortd.core.tables import Column, ColumnKind, NameLabel, print_table, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = (
    Column("id", ColumnKind.NUMBER, first=True),
    Column("time", first=True),
    Column("state", first=True),
    Column("video", ColumnKind.NAME),
    Column("where", ColumnKind.NAME),
    Column("why", ColumnKind.PROSE),
)
LONG = "A walk in the woods on a very cold morning of the second week of January, with the dog, part 2 of 3.final.mp4"
WIDE = "日本語の長い名前のビデオがここにあります日本語の長い名前のビデオがここにあります.mp4"
EMOJI = "👩🏽 🎬 e\u0301te\u0301 " * 12 + ".mov"
WHY = "nature/forest: 0.70, 0.46 ahead of nature/meadow (8 frames); stays .mov: trimmed (20 of 25 frames are hidden)"
ROWS = [(str(number), "2026-11-29 06:41:32", "filed", name, "nature/forest", WHY) for number, name in
        enumerate((LONG, WIDE, EMOJI, "a.mp4"), 9)]  # fmt: skip


class Terminal(io.StringIO):
    """What says that it is one."""

    def isatty(self) -> bool:
        return True


def printed(rows: Sequence[Sequence[str | Text]], columns: Sequence[Column], cells: int | None) -> list[str]:
    out = PlainConsole()
    out.file = io.StringIO() if cells is None else Terminal()
    out.width = cells or 80
    print_table(out, columns, rows)
    return out.file.getvalue().splitlines()


def test_into_a_pipe_an_item_is_a_line_with_every_name_whole() -> None:
    head, *lines = printed(ROWS, COLUMNS, None)
    assert ["id", "time", "state", "video", "where", "why"] == head.split()
    assert len(ROWS) == len(lines)
    for row, line in zip(ROWS, lines, strict=True):
        assert all(cell in line for cell in row)


def test_colours_that_are_asked_for_make_no_pipe_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert LONG in printed(ROWS, COLUMNS, None)[1]


@pytest.mark.parametrize("cells", [20, 40, 59])
def test_a_narrow_terminal_gets_two_lines_an_item_with_both_ends_of_the_name(cells: int) -> None:
    lines = printed(ROWS, COLUMNS, cells)
    assert 2 * len(ROWS) == len(lines)
    assert cells >= max(map(cell_len, lines))
    for (_, _, _, name, _, _), line in zip(ROWS, lines[::2], strict=True):
        shown = line.split(maxsplit=1)[1]
        head, dots, tail = shown.partition("…")
        assert name.startswith(head.rstrip())
        assert name.endswith(tail)
        assert bool(dots) == (cell_len(name) > cells - 4)
        assert name[-4:] == shown[-4:]


@pytest.mark.parametrize("cells", [60, 80, 120, 200])
def test_a_wider_one_folds_no_name_and_tells_all_of_why(cells: int) -> None:
    lines = printed(ROWS, COLUMNS, cells)
    assert cells >= max(map(cell_len, lines))
    assert len(ROWS) == sum(line.endswith((".mp4", ".mov")) for line in lines)
    assert len(ROWS) == " ".join(line.strip() for line in lines).count(WHY)


def test_where_all_fits_an_item_is_one_line_below_its_headings() -> None:
    lines = printed(ROWS[-1:], COLUMNS, 200)
    assert 2 == len(lines)
    assert lines[0].index("video") == lines[1].index("a.mp4")


def test_numbers_keep_their_headings_on_the_second_line() -> None:
    columns = (Column("", ColumnKind.NAME), *(Column(name, ColumnKind.NUMBER) for name in ("videos", "precision")))
    assert ["a rule of a long name", "  videos 3  precisio…"] == printed(
        [("a rule of a long name", "3", "0.50")], columns, 21
    )


@pytest.mark.parametrize("cells", [0, 1, 5])
def test_a_terminal_that_says_it_has_no_columns_gets_something(cells: int) -> None:
    assert 2 * len(ROWS) == len(printed(ROWS, COLUMNS, cells or 1))


@given(st.text(st.characters(exclude_categories=("C", "Z"))), st.integers(1, 60))
def test_a_shortened_name_fits_and_keeps_its_ends(name: str, cells: int) -> None:
    short = shortened(Text(name), cells).plain
    if cell_len(name) <= cells:
        assert name == short
        return
    head, dots, tail = short.partition("…")
    assert dots
    assert cell_len(short) <= cells
    assert name.startswith(head)
    assert name.endswith(tail)


@pytest.mark.parametrize("cells", [None, 20, 40, 200])
def test_a_name_in_a_tree_is_shortened_on_a_terminal_and_whole_by_pipe(cells: int | None) -> None:
    tree = Tree("library")
    tree.add("forest").add(NameLabel(Text(LONG), Text("  0.70 (+0.46)")))
    out = PlainConsole()
    out.file = io.StringIO() if cells is None else Terminal()
    out.width = cells or 80
    print_tree(out, tree)
    lines = [line.strip() for line in out.file.getvalue().splitlines()[2:]]
    if cells is None or cells == 200:
        assert [f"└── {LONG}  0.70 (+0.46)"] == lines
        return
    assert [".mp4", "0.70 (+0.46)"] == [lines[0][-4:], lines[1]]
    assert cells >= max(map(cell_len, out.file.getvalue().splitlines()))


def test_marks_stay_with_their_letters() -> None:
    name = "e\u0301" * 30
    head, _, tail = shortened(Text(name), 11).plain.partition("…")
    assert ("e\u0301" * 5, "e\u0301" * 5) == (head, tail)


def test_styles_outlive_the_shortening() -> None:
    short = shortened(Text("x" * 30, style="red"), 11)
    assert "red" == short.style
