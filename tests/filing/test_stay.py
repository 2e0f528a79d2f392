"""A decision on a video that stays where it lies: it waits no longer, undone it waits again; no file is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.errors import ChangedError
from vsortd.filing.follow import follow, is_known, standing_at
from vsortd.filing.queries import in_review, withdrawn
from vsortd.filing.stay import stay
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.filing.journal import Journal
    from vsortd.filing.records import Item


def wait(bench: Any, *names: str) -> Item:
    """Send a video (and its sidecars) to review."""
    video, *sidecars = [bench.drop(name) for name in names]
    request = bench.request(video, *sidecars, folder=("_Review",), rule="", outcome=ItemState.REVIEW)
    with bench.filer() as (filer, _):
        item: Item = filer.place(request)
    return item


def decide(journal: Journal, before: Item, by_hand: Callable[[Item], None] = lambda _: None) -> Item:
    identity = Identity.of(there(before))
    assert identity is not None
    return stay(journal, before, identity, rule="", reason="you said so", batch="b", by_hand=by_hand)


def there(item: Item) -> Path:
    assert item.destination is not None
    return item.destination


def test_it_waits_no_longer_and_undone_it_waits_again(bench: Any) -> None:
    waiting = wait(bench, "a.mp4", "a.srt")
    files = bench.files()
    with bench.journal() as journal:
        decided = decide(journal, waiting)
        assert ("filed", "you said so", there(waiting)) == (decided.state, decided.reason, there(decided))
        assert ([], {"filed": 1, "review": 0}) == (in_review(journal.db), counted(journal))
        assert (decided.id, True) == (
            (standing_at(journal, there(waiting)) or [decided])[0].id,
            known(journal, waiting),
        )
        (again,) = undo(journal, Selection(ids=(decided.id,))).undone
        assert (decided.id, "undone") == (again.id, again.state)
        assert [waiting.id] == [one.id for one in in_review(journal.db)]
        assert {"filed": 0, "review": 1, "held": 0} == {**counted(journal), "held": journal.counts()["held"]}
        assert {decided.id} == withdrawn(journal.db, [(decided.id, decided.transaction_id)])
        assert files == bench.files()
        assert ([waiting.id], []) == undone(journal, waiting.id)
    assert {"a.mp4", "a.srt"} == bench.tree(bench.inbox).keys()
    bench.check()


def counted(journal: Journal) -> dict[str, int]:
    return {name: journal.counts()[name] for name in ("filed", "review")}


def known(journal: Journal, item: Item) -> bool:
    identity = Identity.of(there(item))
    assert identity is not None
    return is_known(journal, there(item), identity)


def undone(journal: Journal, *ids: int) -> tuple[list[int], list[tuple[int, str]]]:
    report = undo(journal, Selection(ids=ids))
    return [item.id for item in report.undone], report.refused


def test_the_filing_before_it_is_taken_back_after_it_only(bench: Any) -> None:
    waiting = wait(bench, "a.mp4")
    with bench.journal() as journal:
        decided = decide(journal, waiting)
        assert ([], [(waiting.id, f"you decided on it since: undo #{decided.id} first")]) == undone(journal, waiting.id)
        both = Selection(ids=(waiting.id, decided.id))
        dry = undo(journal, both, dry_run=True)
        assert ([decided.id, waiting.id], []) == ([one.id for one in dry.undone], dry.refused)
        assert ([decided.id, waiting.id], []) == undone(journal, waiting.id, decided.id)
    assert {"a.mp4"} == bench.tree(bench.inbox).keys()


@pytest.mark.parametrize("what", ["gone", "changed"])
def test_whatever_became_of_the_file_what_was_decided_is_taken_back(bench: Any, what: str) -> None:
    waiting = wait(bench, "a.mp4")
    with bench.journal() as journal:
        decided = decide(journal, waiting)
        there(waiting).unlink() if what == "gone" else there(waiting).write_bytes(b"cut")
        before = bench.files()
        assert ([decided.id], []) == undone(journal, decided.id)
        assert (before, [waiting.id]) == (bench.files(), [one.id for one in in_review(journal.db)])


def test_moved_by_its_owner_it_is_followed_and_undo_brings_it_back(bench: Any) -> None:
    waiting = wait(bench, "a.mp4", "a.srt")
    with bench.journal() as journal:
        decided = decide(journal, waiting)
        now = bench.library / "elsewhere" / "a.mp4"
        now.parent.mkdir()
        there(waiting).rename(now)
        identity = Identity.of(now)
        assert identity is not None
        assert follow(journal, decided, now, identity, None, "you moved it", decided=True)
        assert ([decided.id], []) == undone(journal, decided.id)
        assert there(waiting).exists()
        assert not now.exists()
    bench.check()


def test_a_file_that_changes_meanwhile_is_not_decided_on(bench: Any) -> None:
    waiting = wait(bench, "a.mp4")
    told: list[Item] = []

    def write(item: Item) -> None:
        told.append(item)
        there(waiting).write_bytes(b"cut")

    with bench.journal() as journal:
        with pytest.raises(ChangedError, match=r"a\.mp4 changed"):
            decide(journal, waiting, write)
        assert [waiting.id] == [one.id for one in in_review(journal.db)]
        (item,) = told
        assert {item.id} == withdrawn(journal.db, [(item.id, item.transaction_id)])
        assert [] == bench.recover().lines()
