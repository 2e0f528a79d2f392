"""`vsortd history` on long histories: the newest at the end, fifty unless more are wanted, and all piece by piece."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.many_rows import fill_journal
from vsortd.cli.common import print_json_list, write_csv_of
from vsortd.core.console import PlainConsole
from vsortd.core.paths import journal_path
from vsortd.core.tables import Column, print_table
from vsortd.errors import StoreError
from vsortd.filing.history_query import HistoryQuery
from vsortd.filing.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNT = 1200


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    one = harness.Here.make(tmp_path_factory.mktemp("history") / "home")
    state = one.folder / "many"
    fill_journal(state, COUNT)
    one.more_environment["VSORTD_STATE_DIR"] = str(state)
    return one


def ids(text: str) -> list[int]:
    """Return the ids of a table, from above."""
    return [int(line.split()[0]) for line in text.splitlines() if line.split()[0].isdigit()]


def test_the_newest_fifty_are_listed_the_newest_at_the_end(home: harness.Here) -> None:
    done = home.run("history")
    assert list(range(COUNT - 49, COUNT + 1)) == ids(done.stdout)
    assert "the newest 50; all are listed by --all" in " ".join(done.stderr.split())
    assert "" == home.run("history", "--quiet").stderr


@pytest.mark.parametrize(("words", "count"), [("--last 3", 3), ("-n 60", 60), ("--all", COUNT), ("-n 0", COUNT)])
def test_as_many_as_are_asked_for(home: harness.Here, words: str, count: int) -> None:
    done = home.run("history", *words.split())
    assert list(range(COUNT - count + 1, COUNT + 1)) == ids(done.stdout)
    assert "" == done.stderr


def test_programs_get_all_newest_first(home: harness.Here) -> None:
    told = home.run("history", "--json").stdout
    document = json.loads(told)
    assert list(range(COUNT, 0, -1)) == [item["id"] for item in document["items"]]
    assert f"{json.dumps(document, indent=2, ensure_ascii=False)}\n" == told
    rows = list(csv.DictReader(io.StringIO(home.run("history", "--csv").stdout)))
    assert [str(item["id"]) for item in document["items"]] == [row["id"] for row in rows]
    assert [COUNT] == [item["id"] for item in home.json("history", "--last", "1")["items"]]
    assert '{\n  "schema_version": 1,\n  "items": []\n}\n' == home.run("history", "--json", "--tag", "none").stdout


def test_filters_hold_of_all_that_is_listed(home: harness.Here) -> None:
    assert [COUNT] == ids(home.run("history", "--match", f"picture {COUNT - 1}").stdout)
    assert "Nothing in the history is so." in home.run("history", "--match", "nowhere").stdout
    assert "exclude one another" in home.run("history", "--all", "--last", "2", code=2).stderr


def test_a_table_of_an_iterator_begins_before_the_last_row_is_there() -> None:
    taken, seen = [], []

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            seen.append(len(taken))
            return super().write(text)

    def rows() -> Iterator[tuple[str]]:
        for number in range(5000):
            taken.append(number)
            yield (f"row {number}",)

    out = PlainConsole()
    out.file = Watched()
    print_table(out, (Column("x"),), rows())
    assert seen[0] <= 500
    assert 1 == out.file.getvalue().count("x\n")
    assert 5000 == out.file.getvalue().count("row ")


def test_the_journal_gives_items_one_at_a_time(tmp_path: Path) -> None:
    fill_journal(tmp_path, 10)
    with Journal.open(journal_path(tmp_path)) as journal:
        found = journal.history_items(HistoryQuery(oldest_first=True))
        assert 1 == next(found).id
        found.close()  # type: ignore[attr-defined] - a generator, as it is
        assert list(range(10, 0, -1)) == [item.id for item in journal.history()]


def test_an_answer_to_a_program_is_whole_or_none(capsys: pytest.CaptureFixture[str]) -> None:
    def entries() -> Iterator[dict[str, int]]:
        for number in range(200_000):
            yield {"id": number}
        raise StoreError("The journal is damaged.")

    for tell in (lambda: print_json_list({}, "items", entries()), lambda: write_csv_of(["id"], entries())):
        with pytest.raises(StoreError):
            tell()
        assert "" == capsys.readouterr().out


def test_an_answer_without_room_says_where_and_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(StoreError, match="The answer can't be put together") as raised:
        write_csv_of(["text"], ({"text": "x" * 2**20} for _ in range(40)))
    assert str(tmp_path / "gone") in str(raised.value.remedy)
    assert "" == capsys.readouterr().out
