"""A journal goes forward to a newer format whole or not at all, and never back."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.forked import fork, killing, trace
from tests.support.format_files import HOME, kept_formats, unpack
from vsortd.core.system.sqlite_format import format_of
from vsortd.errors import StoreError
from vsortd.filing.database import Database
from vsortd.filing.journal import Journal
from vsortd.filing.schema import JOURNAL

if TYPE_CHECKING:
    from pathlib import Path

LATER = replace(
    JOURNAL,
    steps=(
        *JOURNAL.steps,
        "ALTER TABLE item ADD COLUMN later TEXT;\n",
        "CREATE TABLE later (item INTEGER NOT NULL);\nINSERT INTO later SELECT id FROM item;\n",
    ),
)
"""The journal of a vsortd that is two formats further."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal as the present format has it, written when that was new."""
    made = tmp_path / "state" / "journal.sqlite3"
    unpack("journal", JOURNAL.version, made)
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("number", kept_formats("journal"))
def test_a_journal_that_was_kept_reads_as_it_did(tmp_path: Path, number: int) -> None:
    path = tmp_path / "state" / "journal.sqlite3"
    unpack("journal", number, path)
    with Journal.open(path, thorough=True) as journal:
        items = journal.history()
        counts = journal.counts()
    found = [(item.source.relative_to(HOME).name, str(item.state), item.rule) for item in items]
    assert [
        ("d.mp4", "undone", ""),
        ("c.mp4", "failed", ""),
        ("b.mov", "filed", "sea"),
        ("a.mp4", "filed", "forest/day"),
    ] == found
    assert {"filed": 2, "review": 0, "failed": 1, "held": 1} == {
        name: counts[name] for name in ("filed", "review", "failed", "held")
    }
    assert ("wine", "mood:calm") == items[-1].tags
    assert items[-1].destination is not None
    assert ("forest", "day", "a.mp4") == items[-1].destination.parts[-3:]


def test_the_present_format_is_among_the_kept_ones() -> None:
    assert JOURNAL.version in kept_formats("journal")


def test_it_goes_forward_with_all_it_holds_and_is_refused_by_the_vsortd_before(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        before = db.execute("SELECT id, source, state FROM item ORDER BY id").fetchall()
    database = Database(path, LATER, thorough=True)
    with database.read() as db:
        assert LATER.version == format_of(db)
        assert before == db.execute("SELECT id, source, state FROM item ORDER BY id").fetchall()
        assert [(id_,) for id_, *_ in before] == db.execute("SELECT item FROM later ORDER BY item").fetchall()
    database.close()
    there = contents(path.parent)
    with pytest.raises(
        StoreError, match=rf"is of format {LATER.version}; this vsortd knows {JOURNAL.version}"
    ) as found:
        Journal.open(path)
    assert "update this one" in found.value.remedy
    assert there == {name: data for name, data in contents(path.parent).items() if name in there}


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")
def test_killed_on_the_way_it_is_of_the_old_format_or_of_the_new_one(tmp_path: Path) -> None:
    def opening(path: Path) -> None:
        Database(path, LATER).close()

    unpack("journal", JOURNAL.version, tmp_path / "traced" / "journal.sqlite3")
    passed = trace(lambda: opening(tmp_path / "traced" / "journal.sqlite3"))
    assert ["migrate.step", "migrate.step", "migrate.after"] == passed
    formats = []
    for number in range(1, len(passed) + 1):
        path = tmp_path / str(number) / "journal.sqlite3"
        unpack("journal", JOURNAL.version, path)
        assert -9 == fork(lambda path=path: opening(path), killing(number))  # type: ignore[misc]
        with closing(sqlite3.connect(path)) as db:
            formats.append(format_of(db))
            names = [name for _, name, *_ in db.execute("PRAGMA table_info(item)")]
        assert ("later" in names) is (formats[-1] == LATER.version)
        Database(path, LATER, thorough=True).close()
    assert [JOURNAL.version, JOURNAL.version, LATER.version] == formats


def test_a_step_that_fails_leaves_the_journal_as_it_was(path: Path) -> None:
    broken = replace(LATER, steps=(*LATER.steps, "INSERT INTO nowhere VALUES (1);\n"))
    with pytest.raises(StoreError):
        Database(path, broken)
    with Journal.open(path, thorough=True) as journal:
        assert 4 == len(journal.history())
