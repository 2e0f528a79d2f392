"""The history by a tag: SQL leaves out what hasn't got it, whatever it is called, and no damage with it."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

import pytest

from tests.support.many_rows import fill_journal
from vsortd.core.paths import journal_path
from vsortd.errors import DamagedError
from vsortd.filing.history_query import HistoryQuery
from vsortd.filing.journal import Journal
from vsortd.filing.verified_state import VerifiedState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ODD = [
    "wine", "white wine", 'a "quoted" one', "back\\slash", "100%_", "Füße", "%", "\u212a", "line\nbreak", "x" * 1200,
    "🍷", "[]{}", "tags",
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal of which each tag is that of one item, and two have other details."""
    fill_journal(tmp_path, len(ODD) + 2)
    with Journal.open(journal_path(tmp_path)) as journal, journal.db.write() as db:
        for number, tag in enumerate(ODD, 1):
            db.execute("UPDATE item SET detail = ? WHERE id = ?", (json.dumps({"tags": ["beer", tag]}), number))
        db.execute("UPDATE item SET detail = ? WHERE id = ?", (json.dumps({"title": '"wine"'}), len(ODD) + 1))
    return journal_path(tmp_path)


@pytest.fixture(params=["every row is known to be sound", "only that all are there"])
def journal(path: Path, request: pytest.FixtureRequest) -> Iterator[Journal]:
    every_row = "every" in request.param
    if every_row:
        Journal.open(path, thorough=True).close()
    with Journal.open(path) as opened:
        assert every_row == opened.db.every_row_verified
        yield opened


def ids(journal: Journal, tag: str, **more: int) -> list[int]:
    return [item.id for item in journal.history_items(HistoryQuery(tag=tag, **more))]


def test_each_tag_is_found_however_it_is_written(journal: Journal) -> None:
    for number, tag in enumerate(ODD, 1):
        for form in ("NFC", "NFD"):
            assert [number] == ids(journal, unicodedata.normalize(form, tag)), tag
    assert list(range(len(ODD), 0, -1)) == ids(journal, "beer")
    assert [len(ODD), len(ODD) - 1] == ids(journal, "beer", last=2)


@pytest.mark.parametrize("tag", ["win", "WINE", "quoted", "", "title", "_____", "x" * 1100])
def test_what_is_none_finds_nothing(journal: Journal, tag: str) -> None:
    assert [] == ids(journal, tag)


def test_a_tag_that_the_disk_changed_is_told(path: Path) -> None:
    """And not left out, though it is looked for by what it isn't called any more."""
    known = VerifiedState(path).now()
    assert known is not None
    assert not known.every_row
    data = path.read_bytes()
    assert 1 == data.count(b"white wine")
    path.write_bytes(data.replace(b"white wine", b"whiTe wine"))
    VerifiedState(path).note(known)  # no time tells of it
    with Journal.open(path) as journal, pytest.raises(DamagedError, match="item #2 is not what was written"):
        ids(journal, "no such tag")
