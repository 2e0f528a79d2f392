"""Videos that are set aside: where they go, that they come back just so, and what else knows of them."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.facts import clip_facts
from tests.support.filed import FiledHome
from tests.support.harness import snapshot
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.core.system.fault_points import Point, hooked
from vsortd.errors import FilingError, StoreError, UsageError, VsortdError
from vsortd.filing.database import Database
from vsortd.filing.history_query import HistoryQuery
from vsortd.filing.journal import Journal
from vsortd.filing.moved_library import follow_library
from vsortd.filing.originals import expire_originals
from vsortd.filing.passed_time import Moment, note_time
from vsortd.filing.placement import FilingRequest
from vsortd.filing.repair_disk import bring_up_to_date
from vsortd.filing.repair_entries import rebuild
from vsortd.filing.schema import JOURNAL
from vsortd.filing.stay import stay
from vsortd.filing.undo import Selection, UndoReport, undo
from vsortd.filing.whereabouts import StepKind, steps, trace, whereabouts
from vsortd.index.stored_looks import Embedded
from vsortd.learning.moves import MoveFollower
from vsortd.library.indexing.given_folders import asked_places, named_places
from vsortd.pipeline.services import Services
from vsortd.pipeline.set_aside import AsideRequest, foresee_aside, path_of_item, set_aside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.filing.records import Item


@pytest.fixture
def home(tmp_path: Path) -> FiledHome:
    return FiledHome.at(tmp_path / "home")


@pytest.fixture
def services(home: FiledHome) -> Iterator[Services]:
    settings = load_settings(home.config)
    with Services.open(settings, home.folder / "state", keep_trying=False, load_model=False) as opened:
        yield opened


def at(item: Item) -> Path:
    assert item.destination is not None
    return item.destination


def take_back(services: Services, *numbers: int) -> UndoReport:
    return undo(services.journal, Selection(ids=numbers))


def aside(services: Services, path: Path, keep: Path | None = None) -> Item:
    return set_aside(services, AsideRequest(path, keep))


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def counts(services: Services) -> dict[str, int]:
    return {name: services.journal.counts()[name] for name in ("filed", "aside", "held")}


def test_a_filed_video_goes_with_its_sidecars_and_comes_back_just_so(home: FiledHome, services: Services) -> None:
    filed = home.file("Film.mp4", "sea", "Film.en.srt", "Film.mp4.xmp")
    before = snapshot(home.library)
    item = aside(services, at(filed))
    assert (ItemState.ASIDE, at(filed), "sea", None) == (item.state, item.source, item.rule, item.to_json()["folder"])
    store = home.library / ".vsortd" / "aside" / item.transaction_id
    assert ["Film.en.srt", "Film.mp4", "Film.mp4.xmp"] == sorted(path.name for path in store.iterdir())
    assert (store / "Film.mp4", []) == (at(item), list((home.library / "sea").iterdir()))
    assert {"filed": 0, "aside": 1, "held": 0} == counts(services)

    report = take_back(services, item.id)
    assert ([item.id], set()) == ([one.id for one in report.undone], report.held)
    assert before == snapshot(home.library)
    assert not store.exists()
    assert {"filed": 1, "aside": 0, "held": 0} == counts(services)
    assert [filed.id] == [one.id for one in take_back(services, filed.id).undone]  # the filing stands, and can go, too


def test_from_an_inbox_it_comes_back_on_hold(home: FiledHome, services: Services) -> None:
    source = home.drop("New.mp4")
    item = aside(services, source)
    assert not source.exists()
    report = take_back(services, item.id)
    assert (b"New.mp4", {item.id}) == (source.read_bytes(), report.held)
    identity = Identity.of(source)
    assert identity is not None
    known = services.filer.known(source, identity)
    assert known is not None
    assert (item.id, "held") == (known.item, known.why)


def test_one_of_the_library_that_was_on_hold_comes_back_on_hold(home: FiledHome, services: Services) -> None:
    """Its move within the library was taken back, so it isn't to be moved again: not after this detour either."""
    filed = home.file("Film.mp4")
    identity = Identity.of(at(filed))
    assert identity is not None
    request = FilingRequest(at(filed), identity, ("lake",), rule="lake", came_as="Film.mp4")
    assert {services.filer.place(request).id} == take_back(services, services.journal.newest_item()).held
    for _ in range(2):
        item = aside(services, at(filed))
        assert {"filed": 0, "aside": 1, "held": 0} == counts(services)
        report = take_back(services, item.id)
        assert ({item.id}, at(filed)) == (report.held, report.back_at[item.id])
        assert {"filed": 1, "aside": 0, "held": 1} == counts(services)
        now = Identity.of(at(filed))
        assert now is not None
        known = services.filer.known(at(filed), now)
        assert known is not None
        assert (item.id, "held") == (known.item, known.why)
    services.filer.release(everything=True)
    assert set() == take_back(services, aside(services, at(filed)).id).held


def test_one_that_no_item_knows_and_again_and_again(home: FiledHome, services: Services) -> None:
    mine = home.library / "mine" / "Old.mp4"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    for turn in range(3):
        item = aside(services, mine)
        assert {"filed": 0, "aside": 1, "held": 0} == counts(services), turn
        take_back(services, item.id)
        assert b"mine" == mine.read_bytes()
    assert {"filed": 0, "aside": 0, "held": 0} == counts(services)


def test_its_name_may_be_taken_meanwhile_and_nothing_is_overwritten(home: FiledHome, services: Services) -> None:
    first = home.file("Film.mp4")
    item = aside(services, at(first))
    second = home.file("Film.mp4", mtime_s=1_700_000_500)
    assert at(first) == at(second)
    ((_, why),) = take_back(services, item.id).refused
    assert f"there is another file at {at(first)}" == why
    both = aside(services, at(second))
    assert {"filed": 0, "aside": 2, "held": 0} == counts(services)
    assert at(both).exists()
    assert at(item).exists()


def test_its_filing_can_be_undone_only_after_it(home: FiledHome, services: Services) -> None:
    filed = home.file("Film.mp4")
    item = aside(services, at(filed))
    ((_, why),) = take_back(services, filed.id).refused
    assert f"it was filed again from there: undo #{item.id} first" == why
    assert [item.id, filed.id] == [one.id for one in undo(services.journal, Selection(all=True)).undone]
    assert b"Film.mp4" == filed.source.read_bytes()


def test_a_decision_on_it_where_it_lay_is_undone_only_after_it(home: FiledHome, services: Services) -> None:
    waits = home.file("Film.mp4", "", outcome=ItemState.REVIEW)
    identity = Identity.of(at(waits))
    assert identity is not None
    decided = stay(services.journal, waits, identity, rule="", reason="", batch="", by_hand=lambda _: None)
    item = aside(services, at(waits))
    ((_, why),) = take_back(services, decided.id).refused
    assert f"it was filed again from there: undo #{item.id} first" == why
    assert {"filed": 0, "aside": 1, "held": 0} == counts(services)
    everything = [item.id, decided.id, waits.id]
    assert everything == [one.id for one in undo(services.journal, Selection(all=True)).undone]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gone.mp4", "is not there"),
        ("folder.mp4", "is no regular file"),
        ("notes.txt", "is no video by its name"),
        ("../outside.mp4", "neither in the library nor in an inbox"),
        (".vsortd/originals/x/a.mp4", "keeps for itself"),
    ],
)
def test_what_can_not_go_is_told_and_stays(home: FiledHome, services: Services, name: str, says: str) -> None:
    path = home.library.joinpath(*name.split("/")) if not name.startswith("..") else home.folder / "outside.mp4"
    if name == "folder.mp4":
        path.mkdir()
    elif name != "gone.mp4":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    before = everything(home.library)
    with pytest.raises(UsageError, match=says):
        aside(services, path)
    assert before == everything(home.library)
    assert [] == services.journal.history()


def test_what_is_aside_already_stays_so(home: FiledHome, services: Services) -> None:
    item = aside(services, at(home.file("Film.mp4")))
    with pytest.raises(UsageError, match="is aside already"):
        aside(services, path_of_item(services, item.id))
    with pytest.raises(UsageError, match="There is no item 99"):
        path_of_item(services, 99)
    at(item).unlink()
    with pytest.raises(UsageError, match=f"#{item.id} can't be set aside: it is no longer at"):
        path_of_item(services, item.id)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_a_file_that_is_being_written_stays(home: FiledHome, services: Services) -> None:
    source = home.drop("New.mp4")
    with source.open("ab"), pytest.raises(FilingError, match="is being written to"):
        aside(services, source)
    assert source.exists()


# In favour of another


def test_only_in_favour_of_another_file_that_is_in_the_library(home: FiledHome, services: Services) -> None:
    one, other = at(home.file("One.mp4")), at(home.file("Other.mp4"))
    linked = one.with_name("Linked.mp4")
    os.link(one, linked)
    kept = aside(services, at(home.file("Third.mp4")), other)
    assert f"you set it aside; {other} is kept" == kept.reason
    cases: list[tuple[Path, type[VsortdError], str]] = [
        (one, UsageError, "are one file"),
        (linked, UsageError, "are one file"),
        (home.drop("New.mp4"), UsageError, "does not lie in the library"),
        (at(kept), UsageError, "does not lie in the library"),
        (one.with_name("Gone.mp4"), FilingError, "is not there any more"),
    ]
    for keep, kind, says in cases:
        with pytest.raises(kind, match=says):
            aside(services, one, keep)
    assert one.exists()


def test_it_stays_when_the_other_goes_at_the_last_moment(home: FiledHome, services: Services) -> None:
    one, other = at(home.file("One.mp4")), at(home.file("Other.mp4"))

    def lose(point: Point) -> None:
        if point is Point.PLACE_AFTER_INTENT:
            other.unlink(missing_ok=True)

    with hooked(lose), pytest.raises(FilingError, match="is not there any more"):
        aside(services, one, other)
    assert one.exists()
    assert {"filed": 2, "aside": 0, "held": 0} == counts(services)


def test_of_two_that_go_for_one_another_at_once_one_stays(
    home: FiledHome, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = at(home.file("One.mp4")), at(home.file("Other.mp4"))
    told: list[str] = []
    both_looked, both_intend = threading.Barrier(2, timeout=20), threading.Barrier(2, timeout=20)
    place = services.filer.place

    def begin(*args: Any, **options: Any) -> Item:
        both_looked.wait()  # neither is in work when the other is looked at first
        return place(*args, **options)

    def wait(point: Point) -> None:
        if point is Point.PLACE_AFTER_INTENT:
            both_intend.wait()  # both intents are written before either looks again

    def go(path: Path, keep: Path) -> None:
        try:
            aside(services, path, keep)
        except FilingError as error:
            told.append(str(error))

    monkeypatch.setattr(services.filer, "place", begin)
    with hooked(wait):
        threads = [threading.Thread(target=go, args=pair) for pair in ((one, other), (other, one))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert any(path.exists() for path in (one, other))
    assert told
    assert all("is in work just now" in one for one in told)


def test_a_dry_run_finds_the_same_and_touches_nothing(home: FiledHome, services: Services) -> None:
    filed = home.file("Film.mp4", "sea", "Film.srt")
    before = snapshot(home.library)
    request = foresee_aside(services, AsideRequest(at(filed)))
    assert (("Film.srt",), "sea") == (tuple(path.name for path in request.sidecars), request.rule)
    assert before == snapshot(home.library)


# What else knows of it


def test_index_and_search_leave_it_out_until_it_is_back(home: FiledHome, services: Services) -> None:
    filed = home.file("Film.mp4")
    identity = Identity.of(at(filed))
    assert identity is not None
    rows = np.eye(1, 4, dtype=np.float32)
    services.index.keep(identity, at(filed), clip_facts(), "m/1", "spread", Embedded(np.zeros(1, np.int64), rows))
    item = aside(services, at(filed))
    (row,) = services.index.rows("m/1")
    assert at(item) == row.path
    for extent in (asked_places(home.library, services.index), named_places(home.library, [home.library])):
        assert [] == services.index.rows("m/1", under=extent)
    inside = named_places(home.library, [at(item).parent])  # named itself, it is asked
    assert [row.id] == [one.id for one in services.index.rows("m/1", under=inside)]


def test_its_users_moves_are_not_taken_for_it(home: FiledHome, services: Services) -> None:
    filed = home.file("Film.mp4")
    aside(services, at(filed))
    follower = MoveFollower(services, threading.Event())
    assert [] == list(follower.scan(home.library))
    assert at(filed) == at(services.journal.history(HistoryQuery(states=frozenset({ItemState.FILED})))[0])


def test_no_time_is_over_for_it_and_none_for_what_it_was_made_of(home: FiledHome, services: Services) -> None:
    filed = home.file("Clip.mov", converted=True)
    item = aside(services, at(filed))
    before = everything(home.library)
    for boot_ms in (0, 10_000):
        note_time(services.journal.db, Moment(int(time.time() * 1000), "a boot", boot_ms))
    assert [] == expire(services, home)
    assert before == everything(home.library)
    assert [item.id] == [one.id for one in take_back(services, item.id).undone]
    assert [filed.id] == [one.id for one in take_back(services, filed.id).undone]
    assert b"Clip.mov" == filed.source.read_bytes()


def expire(services: Services, home: FiledHome) -> list[str]:
    return expire_originals(services.journal, home.library, 1.0, now_s=4e9)


def test_a_library_that_moves_takes_it_along(home: FiledHome, services: Services) -> None:
    filed = home.file("Film.mp4", "sea", "Film.srt")
    item = aside(services, at(filed))
    there = home.folder / "elsewhere"
    shutil.move(home.library, there)
    follow_library(services.journal, there)
    (undone,) = take_back(services, item.id).undone
    assert there / "sea" / "Film.mp4" == undone.source
    assert ["Film.mp4", "Film.srt"] == sorted(path.name for path in (there / "sea").iterdir())


def test_the_history_tells_its_way(home: FiledHome, services: Services) -> None:
    filed = home.file("Film.mp4")
    item = aside(services, at(filed))
    traced = trace(services.journal, item)
    now = whereabouts(traced)
    assert ("aside", at(item), "") == (now.state, now.path, now.note)
    told = [(step.kind, step.path, step.text) for step in steps(traced)][-1]
    assert (StepKind.ASIDE, at(item), "you set it aside") == told
    assert [StepKind.DROPPED, StepKind.DECIDED, StepKind.FILED, StepKind.ASIDE] == [one.kind for one in steps(traced)]
    assert [item.id] == [one.id for one in services.journal.history(HistoryQuery(states=frozenset({ItemState.ASIDE})))]
    (undone,) = take_back(services, item.id).undone
    back = whereabouts(trace(services.journal, undone))
    assert ("filed", at(filed)) == (back.state, back.path)


# The journal


def test_a_journal_of_the_format_before_is_taken_over_and_no_older_vsortd_opens_it_afterwards(tmp_path: Path) -> None:
    path, before = tmp_path / "journal.sqlite3", replace(JOURNAL, steps=JOURNAL.steps[:4])
    Database(path, before, thorough=True).close()
    with Journal.open(path, thorough=True) as journal:
        assert 0 == journal.counts()["aside"]
    with pytest.raises(StoreError, match="newer"):
        Database(path, before)


def test_a_repair_holds_it_against_the_disk(home: FiledHome, services: Services) -> None:
    filed = home.file("Film.mp4")
    item = aside(services, at(filed))
    found = bring_up_to_date(services.journal, home.library, "_Review", lost=True, holds_known=False)
    assert ([], [], [], []) == (found.gone, found.found, found.came_back, found.aside)
    at(item).replace(at(filed))  # by hand
    found = bring_up_to_date(services.journal, home.library, "_Review", lost=False, holds_known=False)
    assert [at(filed)] == found.came_back
    assert {"filed": 1, "aside": 0, "held": 0} == counts(services)


def test_a_repair_without_its_entry_makes_it_again_or_tells_where_it_lies(home: FiledHome, services: Services) -> None:
    filed = home.file("Film.mp4")
    item = aside(services, at(filed))
    with Journal.open(home.folder / "fresh.sqlite3") as journal:
        found = bring_up_to_date(journal, home.library, "_Review", lost=True, holds_known=True)
        assert [at(item)] == found.aside
        assert (
            f"Set aside, and their entries are lost; they stay until you move or remove them: {at(item)}."
            in found.lines()
        )
        with journal.db.write() as db:
            assert 1 == rebuild(db, services.journal.operations(item.id), []).entries
        (again,) = journal.history()
        assert (ItemState.ASIDE, at(item), at(filed)) == (again.state, at(again), again.source)
        assert [again.id] == [one.id for one in undo(journal, Selection(all=True)).undone]
    assert b"Film.mp4" == at(filed).read_bytes()
