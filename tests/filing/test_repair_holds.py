"""What was on hold still is when the journal was mended: its file is not sorted again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.filing import holds
from vsortd.filing.copies import copies_folder, make_copy
from vsortd.filing.holds import Why
from vsortd.filing.repair import repair
from vsortd.filing.repair_disk import bring_up_to_date
from vsortd.filing.undo import Selection, undo
from vsortd.filing.whereabouts import StepKind, steps, trace, whereabouts

if TYPE_CHECKING:
    from pathlib import Path


def file(bench: Any, name: str, *, converted: bool = False) -> Any:
    video = bench.drop(name)
    with bench.filer() as (filer, _):
        more = {"converted": bench.stage(filer, video)} if converted else {}
        return filer.place(bench.request(video, **more))


def refile(bench: Any, before: Any) -> Any:
    with bench.filer() as (filer, _):
        return filer.place(bench.request(before.destination, folder=("sea",), rule="sea"), by_hand=lambda _item: None)


def set_aside(bench: Any, path: Path) -> Any:
    with bench.filer() as (filer, _):
        return filer.place(bench.aside_request(path), by_hand=lambda _item: None)


def take_back(bench: Any, *numbers: int) -> None:
    with bench.journal() as journal:
        report = undo(journal, Selection(ids=numbers))
    assert ([*numbers], []) == ([item.id for item in report.undone], report.refused)


def damage(bench: Any, table: str, *numbers: int) -> None:
    """Change rows so that their checksums no longer hold."""
    column = "id" if table == "item" else "item"
    with closing(sqlite3.connect(bench.state / "journal.sqlite3")) as db, db:
        for name in ("resealed", "change_verified"):
            db.execute(f"DROP TRIGGER IF EXISTS {table}_{name}")
        for number in numbers:
            assert db.execute(f"UPDATE {table} SET time = '?' WHERE {column} = ?", (number,)).rowcount  # noqa: S608 - constants


def mend(bench: Any) -> Any:
    done = repair(bench.state / "journal.sqlite3", bench.library, "_Review")
    assert done is not None
    return done


def is_held(bench: Any, path: Path) -> bool:
    with bench.filer() as (filer, _):
        identity = Identity.of(path)
        assert identity is not None
        known = filer.known(path, identity)
    return known is not None and known.why is Why.HELD


def test_a_file_stays_on_hold_whose_entry_has_to_be_made_again(bench: Any) -> None:
    first, last = (file(bench, f"{name}.mp4") for name in "ab")
    take_back(bench, last.id, first.id)
    damage(bench, "item", first.id, last.id)
    assert 2 == mend(bench).rebuilt
    assert [True, True] == [is_held(bench, one.source) for one in (first, last)]
    with bench.journal() as journal:
        assert 2 == journal.counts()["held"]
        assert {first.source, last.source} == {item.source for item in journal.history()}


def test_entries_that_are_made_again_take_no_number_of_another_that_is_lost(bench: Any) -> None:
    items = [file(bench, f"{name}.mp4") for name in "abc"]
    damage(bench, "item", items[0].id, items[2].id)
    assert 2 == mend(bench).rebuilt
    with bench.journal() as journal:
        assert {one.destination for one in items} == {item.destination for item in journal.history()}


def test_a_file_stays_on_hold_of_which_nothing_else_is_left(bench: Any) -> None:
    item = file(bench, "a.mp4")
    take_back(bench, item.id)
    damage(bench, "item", item.id)
    damage(bench, "operation", item.id)
    mend(bench)
    assert is_held(bench, item.source)
    with bench.journal() as journal:
        (made,) = journal.history()
        assert (ItemState.UNDONE, item.source) == (made.state, made.source)
        traced = trace(journal, made)
        assert ("held", item.source) == (whereabouts(traced).state, whereabouts(traced).path)
        assert [StepKind.DROPPED, StepKind.UNDONE] == [step.kind for step in steps(traced)]
        assert [item.source] == journal.release(ids=[made.id])


def test_what_was_on_hold_when_it_was_set_aside_is_so_when_it_lies_there_again(bench: Any) -> None:
    filed = file(bench, "a.mp4")
    moved = refile(bench, filed)
    take_back(bench, moved.id)
    assert is_held(bench, filed.destination)
    aside = set_aside(bench, filed.destination)
    aside.destination.replace(filed.destination)  # by hand
    with bench.journal() as journal:
        found = bring_up_to_date(journal, bench.library, "_Review", lost=False, holds_known=True)
    assert [filed.destination] == found.came_back
    assert is_held(bench, filed.destination)


def test_what_was_on_hold_when_it_was_set_aside_is_so_after_its_entry_was_made_again(bench: Any) -> None:
    filed = file(bench, "a.mp4")
    take_back(bench, refile(bench, filed).id)
    aside = set_aside(bench, filed.destination)
    damage(bench, "item", aside.id)
    mend(bench)
    with bench.journal() as journal:
        (again,) = [item for item in journal.history() if item.state is ItemState.ASIDE]
    take_back(bench, again.id)
    assert is_held(bench, filed.destination)


def test_a_hold_newer_than_the_entry_that_is_left_of_its_file_stays(bench: Any) -> None:
    filed = file(bench, "a.mp4")
    aside = set_aside(bench, filed.destination)
    with bench.journal() as journal:
        make_copy(journal.db.path, copies_folder(bench.state))
    with bench.journal() as journal, journal.db.write() as db:
        holds.add(db, aside.id, filed.destination, filed.identity)
    aside.destination.replace(filed.destination)
    damage(bench, "item", aside.id)
    mend(bench)
    assert is_held(bench, filed.destination)


def test_the_holds_of_a_library_that_is_away_and_of_another_name_are_made_again(bench: Any) -> None:
    plain, converted = file(bench, "a.mp4"), file(bench, "b.mov", converted=True)
    with bench.journal() as journal:
        (kept,) = [one for one in journal.operations(converted.id) if one.kind == "keep_original"]
    kept.target.unlink()  # the MP4 comes back in its place, beside where it lay
    bench.contents.pop(b"film b.mov")
    take_back(bench, converted.id, plain.id)
    with bench.journal() as journal, journal.db.write() as db:
        db.execute("DELETE FROM hold")
    bench.library.rename(bench.library.with_name("elsewhere"))
    with bench.journal() as journal:
        bring_up_to_date(journal, bench.library, "_Review", lost=True, holds_known=False)
    bench.library.with_name("elsewhere").rename(bench.library)
    assert [True, True] == [is_held(bench, plain.source), is_held(bench, converted.source.with_suffix(".mp4"))]
