"""A library that moved: undo, retention and repair go on; one that was copied leaves its entries where they are."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.system.fault_points import Point, hooked
from vsortd.errors import FilingError, StoreError
from vsortd.filing import seals
from vsortd.filing.copies import copies_folder, make_copy
from vsortd.filing.moved_library import current_places, follow_library
from vsortd.filing.originals import expire_originals
from vsortd.filing.recover import recover
from vsortd.filing.repair import repair
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from vsortd.filing.journal import Journal

ALL = Selection(all=True)


def file_some(bench: Any) -> list[Any]:
    """File a video with a sidecar, a conversion, and one whose name is no text."""
    with bench.filer() as (filer, _):
        film = bench.drop("Film.mp4"), bench.drop("Film.srt")
        clip = bench.drop("Clip.mov")
        odd = bench.drop(os.fsdecode(b"\xff\xe4.mp4") if sys.platform == "linux" else "odd.mp4")
        return [
            filer.place(bench.request(*film)),
            filer.place(bench.request(clip, converted=bench.stage(filer, clip))),
            filer.place(bench.request(odd)),
        ]


def move(bench: Any, to: Path) -> Path:
    """Move the library as people do; returns where it was."""
    before = bench.library
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(before, to)
    bench.library = to
    return Path(before)


def follow(bench: Any) -> list[str]:
    with bench.journal() as journal:
        return follow_library(journal, bench.library)


@pytest.fixture(params=["on its filesystem", "to another filesystem"])
def moved(request: pytest.FixtureRequest, bench: Any, tmp_path: Path) -> Any:
    """File into a library and move it."""
    bench.items = file_some(bench)
    elsewhere = request.param != "on its filesystem"
    there = request.getfixturevalue("second_filesystem") / "big" / tmp_path.name if elsewhere else tmp_path / "b" / "S"
    bench.before = move(bench, there)
    return bench


def test_entries_follow_and_are_told_of_once(moved: Any) -> None:
    (line,) = follow(moved)
    assert f"The library moved from {moved.before} to {moved.library}: its 3 entries follow." == line
    assert [] == follow(moved)
    with moved.journal(thorough=True) as journal:
        for item in journal.history():
            assert item.library == moved.library
            assert item.destination.is_relative_to(moved.library)
            assert item.destination.exists()
        assert [moved.library] == current_places(journal)


def test_undo_brings_back_from_the_new_place(moved: Any) -> None:
    follow(moved)
    with moved.journal() as journal:
        report = undo(journal, ALL)
    assert ([], 3) == (report.refused, len(report.undone))
    assert {"Film.mp4", "Film.srt", "Clip.mov"} < set(moved.tree(moved.inbox))
    assert {} == moved.tree(moved.library)


def test_kept_originals_go_when_their_time_is_over(moved: Any) -> None:
    follow(moved)
    with moved.journal() as journal:
        moved.let_pass(journal, 10.0)
        (line,) = expire_originals(journal, moved.library, 5.0, now_s=4e9)
    assert "was removed" in line


def test_filing_follows_by_itself_and_the_old_place_is_not_made_again(moved: Any) -> None:
    """As in a daemon that runs while the disk is mounted at last."""
    with moved.filer() as (filer, journal):
        filer.place(moved.request(moved.drop("new.mp4")))
        assert 4 == sum(item.library == moved.library for item in journal.history())
    library, moved.library = moved.library, moved.before
    with moved.filer() as (filer, _), pytest.raises(FilingError, match="is gone"):
        filer.place(moved.request(moved.drop("newer.mp4")))
    assert not moved.before.exists()
    moved.library = library


def test_a_library_may_move_on_and_back(bench: Any, tmp_path: Path) -> None:
    file_some(bench)
    first = bench.library
    for place in (tmp_path / "two" / "S", tmp_path / "three" / "S", first):
        move(bench, place)
        assert 1 == len(follow(bench))
    with bench.journal() as journal:
        assert [] == undo(journal, ALL).refused
    bench.check()


def test_a_copy_leaves_the_entries_with_what_was_copied(bench: Any, tmp_path: Path) -> None:
    file_some(bench)
    before, copy = bench.library, tmp_path / "copy"
    shutil.copytree(before, copy)
    bench.library = copy
    for _ in range(2):
        (line,) = follow(bench)
        assert f"{copy} is a copy of {before}, which is still there" in line
    with bench.journal() as journal:
        assert {before} == {item.library for item in journal.history()}
        shutil.rmtree(before)
        assert "3 entries follow" in follow_library(journal, copy)[0]


def test_another_name_of_the_same_folder_is_no_copy(bench: Any, tmp_path: Path) -> None:
    file_some(bench)
    real = move(bench, tmp_path / "real")
    real.symlink_to(bench.library)
    assert "3 entries follow" in follow(bench)[0]


def without_marks(bench: Any) -> None:
    """Make of it a library and a journal as older versions left them."""
    with bench.journal() as journal, journal.db.write() as db:
        db.execute("DELETE FROM place")
    for mark in (bench.library / ".vsortd").glob("id-*"):
        mark.rmdir()


def test_a_library_without_a_mark_is_known_by_its_files(moved: Any) -> None:
    without_marks(moved)
    assert "its 3 entries follow" in follow(moved)[0]


def test_another_library_is_not_taken_for_one_that_is_gone(bench: Any, tmp_path: Path) -> None:
    items = file_some(bench)
    without_marks(bench)
    gone = move(bench, tmp_path / "unplugged")
    bench.library = tmp_path / "other"
    for item in items:  # of the same names, as cameras give them
        path = bench.library / item.destination.relative_to(gone)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"something else")
    (bench.library / ".vsortd").mkdir()
    assert [] == follow(bench)
    with bench.journal() as journal:
        assert {gone} == {item.library for item in journal.history()}


@pytest.mark.parametrize("grain_ns", [100, 10**7, 10**9, 2 * 10**9])
def test_times_that_a_filesystem_cuts_off_are_no_change(bench: Any, second_filesystem: Path, grain_ns: int) -> None:
    file_some(bench)
    move(bench, second_filesystem / f"fat {grain_ns}" / "S")
    for path in bench.library.rglob("*"):
        if path.is_file():
            time_ns = path.stat().st_mtime_ns
            os.utime(path, ns=(time_ns, time_ns - time_ns % grain_ns))
    follow(bench)
    with bench.journal() as journal:
        assert [] == undo(journal, ALL).refused


def test_a_file_that_was_changed_on_the_way_is_not_taken_for_what_was_filed(moved: Any) -> None:
    path = moved.library / moved.items[0].destination.relative_to(moved.before)
    path.write_bytes(b"edited meanwhile")
    follow(moved)
    with moved.journal() as journal:
        ((number, _),) = undo(journal, ALL).refused
    assert moved.items[0].id == number


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")
@pytest.mark.parametrize("point", [Point.RENAME_AFTER, Point.PLACE_BEFORE_DONE])
def test_what_a_dead_process_left_half_done_is_set_right_at_the_new_place(
    bench: Any, tmp_path: Path, point: Point
) -> None:
    file_some(bench)
    video = bench.drop("late.mp4")
    child = os.fork()
    if child == 0:
        kill = hooked(lambda there: os.kill(os.getpid(), signal.SIGKILL) if there is point else None)
        with kill, bench.filer() as (filer, _):
            filer.place(bench.request(video))
        os._exit(1)
    assert -signal.SIGKILL == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    move(bench, tmp_path / "elsewhere" / "S")
    with bench.journal() as journal:
        assert "4 entries follow" in follow_library(journal, bench.library)[0]
        report = recover(journal)
    assert [] == report.troubles
    assert ["late.mp4"] == [item.source.name for item in report.finished]
    bench.check()


def refusing(point: Point) -> Any:
    def refuse(there: Point) -> None:
        if there is point:
            raise OSError(28, "No space left on device")

    return hooked(refuse)


def test_following_that_fails_half_way_is_done_again(moved: Any) -> None:
    with moved.journal() as journal, refusing(Point.COMMIT_BEFORE), pytest.raises((StoreError, OSError)):
        follow_library(journal, moved.library)
    assert "3 entries follow" in follow(moved)[0]
    with moved.journal(thorough=True) as journal:
        assert [] == undo(journal, ALL).refused


@pytest.mark.parametrize("point", [Point.FOLDER_MAKE, Point.FOLDER_MADE])
def test_a_library_that_cannot_be_marked_is_left_for_another_time(moved: Any, point: Point) -> None:
    """As on a disk that is full, or mounted read-only."""
    without_marks(moved)
    with moved.journal() as journal, refusing(point):
        assert [] == follow_library(journal, moved.library)
    assert "3 entries follow" in follow(moved)[0]


def test_nothing_follows_while_a_video_is_being_filed(bench: Any, tmp_path: Path) -> None:
    file_some(bench)
    video = bench.drop("late.mp4")
    said: list[str] = []

    def look(there: Point) -> None:
        if there is Point.PLACE_AFTER_INTENT and not said:
            shutil.copytree(bench.library, tmp_path / "new")
            bench.library.rename(tmp_path / "away")
            said.extend(follow_library(of[0], tmp_path / "new"))
            (tmp_path / "away").rename(bench.library)

    of: list[Journal] = []
    with bench.filer() as (filer, journal):
        of.append(journal)
        with hooked(look):
            filer.place(bench.request(video))
    assert "follow when nothing is being filed" in said[0]
    bench.check()


def test_a_repair_knows_that_the_library_moved(bench: Any, tmp_path: Path) -> None:
    """Restored from a copy that was made before; what lies at the new place is not taken for new."""
    file_some(bench)
    path = bench.state / "journal.sqlite3"
    make_copy(path, copies_folder(bench.state))
    path.write_bytes(path.read_bytes()[:5000] + bytes(3000))
    move(bench, tmp_path / "big" / "S")
    done = repair(path, bench.library, "_Review")
    assert done is not None
    assert "its 3 entries follow" in " ".join(done.lines())
    assert ([], []) == (done.disk.found, done.disk.gone)
    with bench.journal() as journal:
        assert [] == undo(journal, ALL).refused


def test_the_seals_hold_after_it(moved: Any) -> None:
    follow(moved)
    with moved.journal(thorough=True) as journal, journal.db.read() as db:
        form = journal.db._form
        seals.verify(db, form.sealed, form.counted, thorough=True)
