"""What recovery makes of a disk that changed while nobody looked, of poison, and of living processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.core.system.fault_points import Point, hooked, parse
from vsortd.errors import FilingError
from vsortd.filing import recover as recover_module
from vsortd.filing.holds import Why
from vsortd.filing.placement import ConvertedFile
from vsortd.filing.recover import recover
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")


def killed(act: Callable[[], object], fault: str) -> None:
    """Run `act` in a process of its own that is killed at a fault point."""
    child = os.fork()
    if child == 0:
        try:
            with hooked(parse(fault)):
                act()
        finally:
            os._exit(0)
    assert -signal.SIGKILL == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), f"{fault} was not reached"


def place(bench: Any, *sidecars: str) -> Callable[[], object]:
    def act() -> None:
        with bench.filer() as (filer, _):
            filer.place(bench.request(bench.inbox / "a.mp4", *(bench.inbox / name for name in sidecars)))

    return act


def take_back(bench: Any) -> Callable[[], object]:
    def act() -> None:
        with bench.journal() as journal:
            undo(journal, Selection(all=True))

    return act


def target(bench: Any) -> Any:
    return bench.library / "forest" / "night" / "a.mp4"


def test_a_source_that_was_deleted_meanwhile_is_reported(bench: Any) -> None:
    bench.drop("a.mp4")
    killed(place(bench), "place.after_intent:kill")
    (bench.inbox / "a.mp4").unlink()
    report = bench.recover()
    assert 1 == len(report.unclear)
    assert "became what neither" in report.lines()[0]
    assert [] == bench.recover().lines()
    with bench.journal() as journal:
        assert ["failed"] == [item.state for item in journal.history()]


def test_a_filed_copy_that_was_edited_meanwhile_is_left_with_its_source(two_filesystems: Any) -> None:
    bench = two_filesystems
    bench.drop("a.mp4")
    killed(place(bench), "publish.after:kill")
    target(bench).write_bytes(b"edited")
    assert 1 == len(bench.recover().unclear)
    assert b"edited" == target(bench).read_bytes()
    assert b"film a.mp4" == (bench.inbox / "a.mp4").read_bytes()
    assert [] == bench.recover().lines()


def test_a_copy_with_other_bytes_never_costs_the_source(two_filesystems: Any) -> None:
    bench = two_filesystems
    bench.drop("a.mp4")
    killed(place(bench), "publish.after:kill")
    status = target(bench).stat()
    with target(bench).open("r+b") as file:  # as a disk that lied about its sync might leave it
        file.write(b"FILM")
    os.utime(target(bench), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert 1 == len(bench.recover().unclear)
    assert b"film a.mp4" == (bench.inbox / "a.mp4").read_bytes()


def test_a_new_file_under_the_old_name_is_left_alone(bench: Any) -> None:
    bench.drop("a.mp4")
    killed(place(bench), "place.before_done:kill")
    bench.drop("a.mp4", b"a new film")
    assert 1 == len(bench.recover().finished)
    assert b"a new film" == (bench.inbox / "a.mp4").read_bytes()
    bench.check()


def test_a_file_that_slipped_under_the_old_name_just_before_the_kill_gets_it_back(two_filesystems: Any) -> None:
    bench = two_filesystems
    bench.drop("a.mp4")
    (bench.inbox / "other").write_bytes(b"another film")

    def act() -> None:
        def slip(point: Point) -> None:
            if point is Point.ASIDE_BEFORE:
                (bench.inbox / "other").replace(bench.inbox / "a.mp4")
            if point is Point.ASIDE_AFTER:
                os.kill(os.getpid(), signal.SIGKILL)

        with hooked(slip):
            place(bench)()

    killed(act, "recover.item:kill")
    assert 1 == len(bench.recover().finished)
    assert {"a.mp4": b"another film"} == bench.tree(bench.inbox)
    assert {"forest/night/a.mp4": b"film a.mp4"} == bench.tree(bench.library)


def test_a_sidecar_that_changed_meanwhile_stays(bench: Any) -> None:
    bench.drop("a.mp4")
    bench.drop("a.srt")
    killed(place(bench, "a.srt"), "file.sync:kill@2")
    bench.drop("a.srt", b"edited")
    bench.contents.pop(b"film a.srt")
    (item,) = bench.recover().finished
    assert "a.srt was left" in item.reason
    assert b"edited" == (bench.inbox / "a.srt").read_bytes()
    bench.check()


def test_an_unmounted_library_is_waited_for(two_filesystems: Any) -> None:
    bench = two_filesystems
    bench.drop("a.mp4")
    killed(place(bench), "publish.after:kill")
    away = bench.library.with_name("unmounted")
    bench.library.rename(away)
    for _ in range(2):
        report = bench.recover()
        assert 1 == len(report.unresolved)
        assert "is gone" in report.lines()[0]
    away.rename(bench.library)
    assert 1 == len(bench.recover().finished)
    bench.check()


def test_the_hold_stands_before_the_file_is_back(bench: Any) -> None:
    bench.drop("a.mp4")
    place(bench)()
    killed(take_back(bench), "rename.after:kill")
    path = bench.inbox / "a.mp4"
    with bench.filer() as (filer, _):
        assert Why.HELD is filer.known(path, Identity.of(path)).why
    assert ["undone"] == [item.state for item in bench.recover().finished]
    with bench.filer() as (filer, _):
        assert Why.HELD is filer.known(path, Identity.of(path)).why


def test_an_undo_that_did_not_happen_holds_nothing(bench: Any) -> None:
    bench.drop("a.mp4")
    place(bench)()
    killed(take_back(bench), "undo.after_intent:kill")
    assert ["filed"] == [item.state for item in bench.recover().rolled_back]
    with bench.journal() as journal:
        assert {"filed": 1, "review": 0, "rejected": 0, "failed": 0, "held": 0, "aside": 0} == journal.counts()


@pytest.mark.parametrize("how", ["held", "rejected"])
@pytest.mark.parametrize("fault", ["place.after_intent", "rename.before"])
def test_a_filing_that_did_not_happen_leaves_a_video_on_hold_or_refused(bench: Any, how: str, fault: str) -> None:
    path = bench.drop("a.mp4")
    if how == "held":
        place(bench)()
        take_back(bench)()
    else:
        with bench.filer() as (filer, _):
            filer.record(path, Identity.of(path), ItemState.REJECTED, "too short")

    def known() -> Any:
        with bench.filer() as (filer, journal):
            return filer.known(path, Identity.of(path)), journal.counts()[how]

    before = known()
    assert (how, 1) == (before[0].why, before[1])
    killed(place(bench), f"{fault}:kill")
    assert ["rolled_back"] == [item.item_state for item in bench.recover().rolled_back]
    assert before == known()
    with bench.filer() as (filer, _), hooked(parse("rename.before:ENOSPC")), pytest.raises(FilingError):
        filer.place(bench.request(path))
    assert before == known()
    killed(place(bench), "place.before_done:kill")  # this one happened
    assert ["filed"] == [item.state for item in bench.recover().finished]
    with bench.journal() as journal:
        assert 0 == journal.counts()[how]
    bench.check()


def test_undo_and_place_set_right_what_a_dead_process_left(bench: Any) -> None:
    bench.drop("a.mp4")
    place(bench)()
    killed(take_back(bench), "undo.after_intent:kill")
    with bench.journal() as journal:
        assert 1 == len(undo(journal, Selection(last=1)).undone)
    killed(place(bench), "place.after_intent:kill")
    with bench.filer() as (filer, _):
        assert "filed" == filer.place(bench.request(bench.inbox / "a.mp4")).state
    bench.check()


def test_an_unexpected_error_over_an_item_leaves_it_for_the_next_time(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.drop("a.mp4")
    place(bench)()
    killed(take_back(bench), "undo.after_intent:kill")
    recovered = recover_module._recover_item

    def odd(_journal: Any, item: Any, *_more: Any) -> None:
        raise OverflowError(f"date value out of range, of {item.source.name}")

    monkeypatch.setattr(recover_module, "_recover_item", odd)
    with bench.journal() as journal:
        report = recover(journal)
        assert 1 == len(report.unresolved)
        assert "OverflowError: date value out of range" in " ".join(report.lines())
        monkeypatch.setattr(recover_module, "_recover_item", recovered)
        report = recover(journal)
        assert ([], 1) == (report.unresolved, len([*report.finished, *report.rolled_back]))
    bench.check()


def test_what_a_dead_process_worked_on_is_free_again(bench: Any) -> None:
    video = bench.drop("a.mp4")

    def die() -> None:
        with bench.filer() as (filer, _):
            filer.begin_work(video, Identity.of(video))
            os.kill(os.getpid(), signal.SIGKILL)

    killed(die, "recover.item:kill")
    with bench.filer() as (filer, _):
        assert filer.known(video, Identity.of(video)) is None


def test_a_living_process_is_not_recovered(bench: Any) -> None:
    video = bench.drop("a.mp4")
    lines: list[str] = []

    def look(point: Point) -> None:
        if point is Point.RENAME_AFTER and not lines:
            with bench.journal() as other:
                report = recover(other)
                lines.extend([*report.lines(), "looked"])

    with bench.filer() as (filer, _):
        filer.record(video, Identity.of(video), ItemState.FAILED, "so that the journal exists")
        with hooked(look):
            filer.place(bench.request(video))
    assert ["looked"] == lines
    bench.check()


def test_many_processes_recover_at_once(bench: Any) -> None:
    for number in range(4):
        bench.drop("a.mp4", b"film %d" % number)
        killed(place(bench), "place.before_done:kill")
    reports: list[Any] = []
    threads = [threading.Thread(target=lambda: reports.append(bench.recover())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # each later placing of the same name set the one before it right
    assert 1 == sum(len(report.finished) for report in reports)
    bench.check()


# Poison


def test_the_second_death_sets_a_file_aside_until_it_changes_or_retry(bench: Any) -> None:
    video, other = bench.drop("a.mp4"), bench.drop("b.mp4")

    def die() -> None:
        with bench.filer() as (filer, _):
            filer.begin_work(other, Identity.of(other))
            filer.end_work(other, Identity.of(other))
            assert "" == filer.begin_work(video, Identity.of(video))
            os.kill(os.getpid(), signal.SIGKILL)

    killed(die, "recover.item:kill")
    assert [] == bench.recover().set_aside
    killed(die, "recover.item:kill")
    (item,) = bench.recover().set_aside
    assert ("failed", video) == (item.state, item.source)
    assert [] == bench.recover().set_aside
    with bench.filer() as (filer, journal):
        assert Why.FAILED is filer.known(video, Identity.of(video)).why
        assert "died 2 times" in filer.begin_work(video, Identity.of(video))
        assert 1 == journal.counts()["failed"]
        assert "" == filer.begin_work(other, Identity.of(other))
        assert [video] == journal.retry(ids=[item.id])
        assert "" == filer.begin_work(video, Identity.of(video))


def test_a_death_counts_only_for_files_whose_turn_had_come(bench: Any) -> None:
    video, waiting = bench.drop("a.mp4"), bench.drop("b.mp4")

    def die() -> None:
        with bench.filer() as (filer, _):
            for one in (video, waiting):
                filer.begin_work(one, Identity.of(one), at_risk=False)
            filer.risk(video)
            os.kill(os.getpid(), signal.SIGKILL)

    killed(die, "recover.item:kill")
    assert [] == bench.recover().set_aside
    with bench.filer() as (filer, _):
        assert filer.suspect(video, Identity.of(video))
        assert not filer.suspect(waiting, Identity.of(waiting))
    killed(die, "recover.item:kill")
    assert [video] == [item.source for item in bench.recover().set_aside]


def test_a_death_with_a_changed_file_begins_a_new_count(bench: Any) -> None:
    for data in (b"one", b"two!", b"three"):
        video = bench.drop("a.mp4", data)

        def die(video: Any = video) -> None:
            with bench.filer() as (filer, _):
                filer.begin_work(video, Identity.of(video))
                os.kill(os.getpid(), signal.SIGKILL)

        killed(die, "recover.item:kill")
        assert [] == bench.recover().set_aside


def test_an_orderly_end_is_no_death(bench: Any) -> None:
    video = bench.drop("a.mp4")
    for _ in range(3):
        with bench.filer() as (filer, _journal):
            filer.begin_work(video, Identity.of(video))
        assert [] == bench.recover().set_aside


def test_a_death_while_filing_is_not_the_videos_fault(bench: Any) -> None:
    video = bench.drop("a.mp4")

    def die() -> None:
        with bench.filer() as (filer, _):
            filer.begin_work(video, Identity.of(video))
            filer.place(bench.request(video))

    for _ in range(3):
        killed(die, "place.after_intent:kill")
        assert [] == bench.recover().set_aside


# Staging


def test_what_a_dead_process_was_converting_goes_and_a_living_ones_stays(bench: Any) -> None:
    video = bench.drop("a.mov")

    def die() -> None:
        with bench.filer() as (filer, _):
            bench.stage(filer, video)
            os.kill(os.getpid(), signal.SIGKILL)

    killed(die, "recover.item:kill")
    staging = bench.library / ".vsortd" / "staging"
    (dead,) = staging.iterdir()
    stranger = staging / "of another state folder"
    stranger.mkdir()
    with bench.filer() as (filer, _):
        mine = bench.stage(filer, video).path
        bench.recover()
        assert not dead.exists()
        assert mine.exists()
        with pytest.raises(FilingError, match="No such file"):
            filer.place(
                bench.request(bench.drop("b.mov"), converted=ConvertedFile(dead / "x.mp4", ConversionKind.REMUX))
            )
    assert [stranger] == list(staging.iterdir())
