"""What goes to a terminal is escaped there and nowhere else: a string is one line, and says what it says."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.tree import Tree

from tests.support.paths import REPOSITORY
from vsortd.__main__ import main
from vsortd.cli.common import write_csv
from vsortd.core.console import PlainConsole, Text, print_tree
from vsortd.core.text import printable, printable_json, storable

STEERING = "".join(chr(code) for code in range(sys.maxunicode) if not chr(code).isprintable())
BYTES = os.fsdecode(b"a\xffb")


def printed(*things: object, **options: object) -> str:
    out = PlainConsole()
    out.file = io.StringIO()
    out.print(*things, **options)
    return out.file.getvalue()


def test_printable_leaves_nothing_that_steers_and_escapes_once() -> None:
    told = printable(STEERING)
    assert told.isprintable()
    assert told == printable(told)
    assert r"\x1b\x9b\n\x85\u2028\u202e\udcff" == printable("\x1b\x9b\n\x85\u2028\u202e\udcff")
    assert "é 日本 [red] \\x" == printable("é 日本 [red] \\x")


def test_storable_escapes_undecodable_bytes_alone() -> None:
    assert "a\\udcffb\n\u202e\x1b👨\u200d👩" == storable(f"{BYTES}\n\u202e\x1b👨\u200d👩")


@pytest.mark.parametrize("text", [STEERING[:65], "\x7f\x9b\u2028\u202e\U000e0001", "a\nb", "👨\u200d👩 é", "plain"])
def test_json_says_the_same_and_steers_nothing(text: str) -> None:
    document = {text: [text, 1]}
    told = printable_json(json.dumps(document, ensure_ascii=False, indent=1))
    assert document == json.loads(told)
    assert all(char.isprintable() or char == "\n" for char in told)


def test_json_has_a_name_that_is_no_utf_8_as_text() -> None:
    assert [storable(BYTES)] == json.loads(printable_json(json.dumps([BYTES], ensure_ascii=False)))


def test_a_string_is_one_plain_line_wherever_it_is_printed() -> None:
    name = "a\n[red]b[/red]\x1b[1m:smile:\u202e\t"
    table = Table(title=name, show_header=True)
    table.add_column(name)
    table.add_row(name)
    tree = Tree(name)
    tree.add(name)
    shown = r"a\n[red]b[/red]\x1b[1m:smile:\u202e\t"
    assert f"{shown}\n" == printed(name)
    assert f"{shown}\n" == printed(Text(name, style="bold"))
    assert f"x{shown}\ny\n" == printed(Text("x").append(name, "dim").end_line().append("y"))
    assert 3 == printed(table).count(shown)
    assert f"{shown}\n└── {shown}\n" == printed(tree)


def test_what_is_no_text_is_printed_as_its_text() -> None:
    assert "/a\\nb\n" == printed(type("Path", (), {"__str__": lambda _: "/a\nb"})())


def test_a_deep_tree_loses_no_name() -> None:
    tree = branch = Tree("top")
    for level in range(100):
        branch = branch.add(f"name{level}")
    out = PlainConsole()
    out.file = io.StringIO()
    width = out.width
    print_tree(out, tree)
    assert all(f"name{level}\n" in out.file.getvalue() for level in range(100))
    assert width == out.width


# Where text goes to the terminal without the console, and why that is no hole.
RAW = {
    "vsortd/__main__.py": "the boundary of errors",
    "vsortd/analysis/shot_exports.py": "into a file, and numbers alone",
    "vsortd/cli/analyze_outputs.py": "into a file, and numbers and labels alone",
    "vsortd/cli/common.py": "JSON and questions",
    "vsortd/cli/app.py": "the version",
    "vsortd/cli/completion.py": "a script of ours",
    "vsortd/cli/config.py": "YAML of config/dump, which escapes as YAML does",
    "vsortd/cli/control.py": "metrics, escaped line by line",
    "vsortd/cli/help_command.py": "a manual page, in ASCII",
    "vsortd/cli/migrate.py": "how two texts of a config differ, escaped line by line",
    "vsortd/cli/open_page.py": "the page's own address",
    "vsortd/cli/review.py": "one line that is drawn anew, escaped",
    "vsortd/core/csv_table.py": "CSV, escaped on a terminal",
    "vsortd/core/edit_exports.py": "into a file, and escaped",
    "vsortd/core/lines.py": "escaped part by part",
    "vsortd/core/logs/sinks.py": "the boundary of the log",
    "vsortd/core/spreadsheet_cells.py": "into a file alone",
    "vsortd/doctor/apart.py": "JSON in ASCII, to the process that began it",
    "vsortd/service/supervise.py": "escaped",
}


ROUND = ("sys.stdout.write", "sys.stderr.write", "click.echo", "click.confirm", "click.prompt", "csv.writer", "print(")


def test_nothing_goes_round_the_console() -> None:
    """A new way to the terminal is written down above, with the reason why no name can steer it."""
    found = set()
    for path in sorted((REPOSITORY / "vsortd").rglob("*.py")):
        name = path.relative_to(REPOSITORY).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node).startswith(ROUND):
                found.add(name)
            elif isinstance(node, ast.ImportFrom) and node.module == "rich.text":
                found.add(f"{name} takes rich's own Text")
    assert RAW.keys() == found


@pytest.mark.parametrize(("a_terminal", "name"), [(True, r"a\x1b\udcff\nb"), (False, "a\x1b\\udcff\nb")])
def test_a_table_has_names_as_they_are_unless_it_is_shown(
    *, a_terminal: bool, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: a_terminal)
    write_csv(("file", "score"), [("a\x1b\udcff\nb", 0.5)])
    assert [["file", "score"], [name, "0.5"]] == list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))


def test_the_home_folder_is_a_tilde_in_whatever_is_printed_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """In lines, tables, trees and styled text; what stands in a file is shown as it stands there."""
    monkeypatch.setenv("HOME", "/srv/ann")
    out = PlainConsole()
    out.file = io.StringIO()
    table = Table("x")
    table.add_row("/srv/ann/in")
    out.print("in /srv/ann/in", Text("/srv/ann/a").append(" → ").append(Path("/srv/ann/b")))
    out.print(table)
    out.print(Tree("/srv/ann/c"))
    assert "/srv/ann" not in out.file.getvalue()
    assert "in ~/in ~/a → ~/b" in out.file.getvalue()
    out.print(Text.exact("ExecStart=x --config /srv/ann/d\x1b"))
    assert "ExecStart=x --config /srv/ann/d\\x1b" in out.file.getvalue()


def test_an_error_names_the_home_folder_as_people_type_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", "/srv/ann")
    assert 10 == main(["--config", "/srv/ann/none.yaml", "run"])
    assert "The config file ~/none.yaml (--config) does not exist." in capsys.readouterr().err
