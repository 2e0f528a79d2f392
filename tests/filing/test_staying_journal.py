"""The journal of videos that stay in the inbox: repaired, taken over from the former format, and asked by indexes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.filing.test_staying import METHODS, is_done, place, take_back
from vsortd.core.identity import Identity
from vsortd.errors import StoreError
from vsortd.filing.database import Database
from vsortd.filing.journal import insert_item
from vsortd.filing.repair_disk import bring_up_to_date
from vsortd.filing.repair_entries import rebuild
from vsortd.filing.schema import JOURNAL
from vsortd.filing.staying import find_done

if TYPE_CHECKING:
    from tests.filing.conftest import Bench


@pytest.mark.parametrize("how", METHODS)
def test_an_entry_that_is_made_again_of_its_operations_knows_that_the_source_stayed(bench: Bench, how: str) -> None:
    bench.how = how
    video = bench.drop("a.mp4")
    item = place(bench)
    with bench.journal() as journal:
        operations = journal.operations(item.id)
    bench.state = bench.state.with_name("repaired")
    with bench.journal() as journal, journal.db.write() as db:
        assert 1 == rebuild(db, operations, []).entries
    with bench.journal() as journal:
        assert [item.how] == [one.how for one in journal.history()]
    assert is_done(bench, video)
    assert [] == take_back(bench).refused
    assert ({"a.mp4": b"film a.mp4"}, {}) == (bench.tree(bench.inbox), bench.tree(bench.library))


@pytest.mark.parametrize("how", METHODS)
def test_an_entry_whose_operations_are_lost_is_undone_by_what_lies_on_the_disk(bench: Bench, how: str) -> None:
    bench.how = how
    video = bench.drop("a.mp4")
    item = place(bench)
    bench.state = bench.state.with_name("repaired")
    with bench.journal() as journal:
        with journal.db.write() as db:
            insert_item(db, item)
        assert 1 == bring_up_to_date(journal, bench.library, "_Review", lost=False, holds_known=True).mended
    assert is_done(bench, video)
    assert [] == take_back(bench).refused
    assert ({"a.mp4": b"film a.mp4"}, {}) == (bench.tree(bench.inbox), bench.tree(bench.library))


def test_a_repair_takes_no_source_that_stayed_for_one_that_came_back(bench: Bench) -> None:
    bench.how = "copy"
    video = bench.drop("a.mp4")
    item = place(bench)
    assert item.destination is not None
    item.destination.unlink()
    with bench.journal() as journal:
        found = bring_up_to_date(journal, bench.library, "_Review", lost=False, holds_known=True)
        assert ([], [item.destination]) == (found.came_back, found.gone)
    assert is_done(bench, video)


def test_a_journal_of_the_former_format_is_taken_over_and_remembers_what_stays(bench: Bench) -> None:
    bench.how = "copy"
    former = replace(JOURNAL, steps=JOURNAL.steps[:3])
    Database(bench.state / "journal.sqlite3", former).close()
    video = bench.drop("a.mp4")
    place(bench)
    assert is_done(bench, video)
    with pytest.raises(StoreError, match="newer"):
        Database(bench.state / "journal.sqlite3", former)


def test_what_is_done_is_found_by_indexes_however_long_the_history_is(bench: Bench) -> None:
    with bench.journal() as journal, journal.db.read() as db:
        asked: list[str] = []
        db.set_trace_callback(asked.append)
        identity = Identity(1, 2, 3, 4)
        assert find_done(db, bench.inbox / "a.mp4", identity) is None
        db.set_trace_callback(None)
        plans = [" ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")) for sql in asked]
    assert 2 == len(plans)
    assert "operation_stayed_source" in plans[0]
    assert "operation_stayed_inode" in plans[1]
