"""Videos that are copied or linked into the library, and stay where they are."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.filing.conftest import Bench
from tests.support.disks import mounted
from tests.support.forked import fork
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.core.system.fault_points import Point
from vsortd.filing.follow import follow
from vsortd.filing.holds import KnownFile, Why
from vsortd.filing.undo import Selection, UndoReport, undo

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.filing.records import Item

METHODS = ("copy", "hardlink", "reflink")
ALL = Selection(all=True)


def place(bench: Bench, name: str = "a.mp4", *sidecars: str, **more: Any) -> Item:
    with bench.filer() as (filer, _):
        return filer.place(bench.request(bench.inbox / name, *(bench.inbox / one for one in sidecars), **more))


def place_converted(bench: Bench) -> Item:
    with bench.filer() as (filer, _):
        video = bench.inbox / "b.mov"
        return filer.place(bench.request(video, converted=bench.stage(filer, video)))


def known(bench: Bench, path: Path) -> KnownFile | None:
    identity = Identity.of(path)
    assert identity is not None
    with bench.filer() as (filer, _):
        return filer.known(path, identity)


def is_done(bench: Bench, path: Path) -> bool:
    found = known(bench, path)
    return found is not None and found.why is Why.DONE


def is_held(bench: Bench, path: Path) -> bool:
    found = known(bench, path)
    return found is not None and found.why is Why.HELD


def take_back(bench: Bench) -> UndoReport:
    with bench.journal() as journal:
        return undo(journal, ALL)


@pytest.fixture(params=METHODS)
def staying(request: pytest.FixtureRequest, either: Bench) -> Bench:
    """Let each method place videos on one filesystem, and across two."""
    either.how = request.param
    return either


@pytest.fixture(params=METHODS)
def near(request: pytest.FixtureRequest, bench: Bench) -> Bench:
    """Let each method place videos on one filesystem."""
    bench.how = request.param
    return bench


def test_source_and_sidecars_stay_and_the_library_has_them_whole(staying: Bench) -> None:
    video, subtitles = staying.drop("Film.mp4"), staying.drop("Film.en.srt")
    item = place(staying, "Film.mp4", "Film.en.srt")
    there = staying.library / "forest" / "night"
    assert {"Film.mp4": b"film Film.mp4", "Film.en.srt": b"film Film.en.srt"} == staying.tree(staying.inbox)
    assert {"Film.mp4", "Film.en.srt"} == {path.name for path in there.iterdir()}
    assert (there / "Film.mp4").stat().st_mtime_ns == video.stat().st_mtime_ns
    assert (there / "Film.en.srt").read_bytes() == subtitles.read_bytes()
    one_disk = video.stat().st_dev == there.stat().st_dev
    linked = staying.how == "hardlink" and one_disk
    assert linked == (video.stat().st_ino == (there / "Film.mp4").stat().st_ino)
    assert item.how == ("hardlink" if linked else "copy")
    if staying.how == "hardlink" and not one_disk:
        assert item.reason.endswith("no hard link can be had there (Invalid cross-device link): copied")
    staying.check()


def test_a_disk_that_can_shares_the_blocks(sharing_filesystem: Path) -> None:
    root = sharing_filesystem / uuid.uuid4().hex
    bench = Bench(root / "in", root / "library", root / "state", how="reflink")
    data = os.urandom(1 << 20)
    bench.drop("a.mp4", data)
    item = place(bench)
    assert ("reflink", "looks like it") == (item.how, item.reason)
    assert item.destination is not None
    assert item.destination.read_bytes() == data
    assert item.destination.stat().st_ino != (bench.inbox / "a.mp4").stat().st_ino
    assert _shares_blocks(item.destination)
    assert [] == take_back(bench).refused
    assert {"a.mp4": data} == bench.tree(bench.inbox)
    assert {} == bench.tree(bench.library)
    bench.check()


def _shares_blocks(path: Path) -> bool:
    """Ask the filesystem whether the first extent of a file is shared (linux/fiemap.h)."""
    import fcntl
    import struct

    request = bytearray(struct.pack("=QQLLLL", 0, 1 << 40, 1, 0, 1, 0) + bytes(56))
    with path.open("rb") as file:
        fcntl.ioctl(file, 0xC020660B, request)
    return bool(struct.unpack_from("=L", request, 32 + 40)[0] & 0x2000)


def test_a_source_that_stays_is_done_also_under_another_name(near: Bench) -> None:
    video = near.drop("a.mp4")
    item = place(near)
    found = known(near, video)
    assert found == KnownFile(Why.DONE, f"it was filed already, as {item.destination}, and stays", item.id)
    renamed = near.inbox / "sub" / "b.mp4"
    renamed.parent.mkdir()
    video.rename(renamed)
    assert is_done(near, renamed)
    near.contents[b"film a.mp4"] = renamed
    near.check()


@pytest.mark.parametrize("how", ["copy", "reflink"])
def test_a_source_that_changes_is_a_new_video(bench: Bench, how: str) -> None:
    bench.how = how
    video = bench.drop("a.mp4")
    first = place(bench)
    bench.drop("a.mp4", b"another film")
    bench.replaced.add(b"film a.mp4")
    assert known(bench, video) is None
    second = place(bench)
    assert first.destination is not None
    assert second.destination == first.destination.with_name("a (2).mp4")
    assert is_done(bench, video)
    bench.check()


def test_a_linked_file_that_is_edited_by_any_name_stays_done(bench: Bench) -> None:
    bench.how = "hardlink"
    video = bench.drop("a.mp4")
    item = place(bench)
    assert item.destination is not None
    item.destination.write_bytes(b"edited")
    os.utime(item.destination, ns=(5, 5))
    assert is_done(bench, video)
    report = take_back(bench)
    assert ([item.id], [], {item.id: video}) == ([one.id for one in report.undone], report.refused, report.back_at)
    assert {"a.mp4": b"edited"} == bench.tree(bench.inbox)
    assert {} == bench.tree(bench.library)
    assert is_held(bench, video)


def test_a_new_file_with_the_name_of_a_linked_one_is_a_new_video(bench: Bench) -> None:
    bench.how = "hardlink"
    video = bench.drop("a.mp4")
    place(bench)
    video.unlink()
    bench.drop("a.mp4", b"another film")
    assert known(bench, video) is None


def test_undo_removes_what_was_made_and_holds_the_source(staying: Bench) -> None:
    video = staying.drop("a.mp4")
    staying.drop("a.srt")
    item = place(staying, "a.mp4", "a.srt")
    inode = video.stat().st_ino
    report = take_back(staying)
    assert ([], {item.id}, {item.id: video}) == (report.refused, report.stayed, report.back_at)
    assert {"a.mp4": b"film a.mp4", "a.srt": b"film a.srt"} == staying.tree(staying.inbox)
    assert inode == video.stat().st_ino
    assert {} == staying.tree(staying.library)
    assert is_held(staying, video)
    with staying.journal() as journal:
        assert [video] == journal.release(everything=True)
    assert known(staying, video) is None
    assert ItemState.FILED is place(staying, "a.mp4", "a.srt").state
    staying.check()


def test_a_dry_undo_touches_nothing_and_says_the_same(near: Bench) -> None:
    video = near.drop("a.mp4")
    place(near)
    before = near.files(), near.dump()
    with near.journal() as journal:
        report = undo(journal, ALL, dry_run=True)
    assert ({1}, {1: video}) == (report.stayed, report.back_at)
    assert before == (near.files(), near.dump())


def test_undo_leaves_a_copy_that_was_edited(bench: Bench) -> None:
    bench.how = "copy"
    bench.drop("a.mp4")
    item = place(bench)
    assert item.destination is not None
    item.destination.write_bytes(b"edited")
    report = take_back(bench)
    assert [(item.id, f"{item.destination} was changed since it was filed")] == report.refused
    assert b"edited" == item.destination.read_bytes()
    assert is_done(bench, bench.inbox / "a.mp4")


def test_undo_leaves_a_sidecar_that_was_edited_and_says_so(bench: Bench) -> None:
    bench.how = "copy"
    bench.drop("a.mp4")
    bench.drop("a.srt")
    place(bench, "a.mp4", "a.srt")
    edited = bench.library / "forest" / "night" / "a.srt"
    edited.write_bytes(b"edited")
    report = take_back(bench)
    assert f"{edited} was changed since it was filed and stays" in report.undone[0].reason
    assert {"forest/night/a.srt": b"edited"} == bench.tree(bench.library)


def test_undo_brings_the_last_copy_back_where_the_source_was(staying: Bench) -> None:
    video = staying.drop("a.mp4")
    staying.drop("a.srt")
    place(staying, "a.mp4", "a.srt")
    video.unlink()
    (staying.inbox / "a.srt").unlink()
    report = take_back(staying)
    assert ([], set(), {1: video}) == (report.refused, report.stayed, report.back_at)
    assert "a.mp4 came back from the library, since a.mp4 was gone or changed" in report.undone[0].reason
    assert {"a.mp4": b"film a.mp4", "a.srt": b"film a.srt"} == staying.tree(staying.inbox)
    assert {} == staying.tree(staying.library)
    assert is_held(staying, video)
    staying.check()


def test_undo_does_not_remove_the_last_copy_where_another_file_has_the_source_s_name(near: Bench) -> None:
    video = near.drop("a.mp4")
    item = place(near)
    video.unlink()
    video.write_bytes(b"another film")
    near.theirs.add(b"another film")
    report = take_back(near)
    assert [(item.id, f"there is another file at {video}")] == report.refused
    assert {"forest/night/a.mp4": b"film a.mp4"} == near.tree(near.library)


def test_undo_knows_a_source_that_was_renamed_in_its_folder(near: Bench) -> None:
    video = near.drop("a.mp4")
    place(near)
    renamed = video.rename(near.inbox / "b.mp4")
    near.contents[b"film a.mp4"] = renamed
    report = take_back(near)
    assert ([], {1: renamed}) == (report.refused, report.back_at)
    assert {"b.mp4": b"film a.mp4"} == near.tree(near.inbox)
    assert is_held(near, renamed)
    near.check()


def test_undo_of_a_copy_that_its_owner_removed_lets_the_source_be_sorted_again(near: Bench) -> None:
    video = near.drop("a.mp4")
    item = place(near)
    assert item.destination is not None
    item.destination.unlink()
    assert is_done(near, video)
    report = take_back(near)
    assert f"{item.destination} was no longer there" in report.undone[0].reason
    assert is_held(near, video)
    near.check()


def test_of_neither_copy_nor_source_nothing_is_undone(near: Bench) -> None:
    video = near.drop("a.mp4")
    item = place(near)
    assert item.destination is not None
    item.destination.unlink()
    video.unlink()
    assert [(item.id, f"{item.destination} is no longer there")] == take_back(near).refused


def test_the_source_of_a_conversion_stays_and_nothing_is_kept_of_it(staying: Bench) -> None:
    video = staying.drop("b.mov")
    item = place_converted(staying)
    assert ("copy", {"forest/night/b.mp4": b"mp4 of film b.mov"}) == (item.how, staying.tree(staying.library))
    assert {"b.mov": b"film b.mov"} == staying.tree(staying.inbox)
    assert not (staying.library / ".vsortd" / "originals").exists()
    assert is_done(staying, video)
    staying.check()
    assert [] == take_back(staying).refused
    assert {"b.mov": b"film b.mov"} == staying.tree(staying.inbox)
    assert {} == staying.tree(staying.library)
    assert is_held(staying, video)
    staying.check()


def test_undo_of_a_conversion_whose_source_is_gone_gives_the_mp4(near: Bench) -> None:
    video = near.drop("b.mov")
    place_converted(near)
    video.unlink()
    assert [] == take_back(near).refused
    assert {"b.mp4": b"mp4 of film b.mov"} == near.tree(near.inbox)
    assert {} == near.tree(near.library)


def test_what_lies_in_the_library_is_moved_on(near: Bench) -> None:
    video = near.drop("a.mp4")
    first = place(near)
    assert first.destination is not None
    with near.filer() as (filer, _):
        second = filer.place(near.request(first.destination, folder=("sea",)))
    assert ("move", {"sea/a.mp4": b"film a.mp4"}) == (second.how, near.tree(near.library))
    assert is_done(near, video)
    with near.journal() as journal:
        refused = undo(journal, Selection(ids=(first.id,))).refused
        assert [(first.id, f"it was filed again from there: undo #{second.id} first")] == refused
    if near.how == "hardlink":
        assert second.destination is not None
        os.utime(second.destination, ns=(5, 5))
        assert is_done(near, video)
        os.utime(second.destination, ns=(first.identity.mtime_ns, first.identity.mtime_ns))
    assert [second.id, first.id] == [one.id for one in take_back(near).undone]
    assert ({"a.mp4": b"film a.mp4"}, {}) == (near.tree(near.inbox), near.tree(near.library))


def test_a_copy_that_its_owner_moved_in_the_library_is_removed_from_there(near: Bench) -> None:
    near.drop("a.mp4")
    item = place(near)
    assert item.destination is not None
    moved = item.destination.rename(near.library / "a moved.mp4")
    identity = Identity.of(moved)
    assert identity is not None
    with near.journal() as journal:
        assert follow(journal, item, moved, identity, None, "", decided=False)
    assert [] == take_back(near).refused
    assert ({"a.mp4": b"film a.mp4"}, {}) == (near.tree(near.inbox), near.tree(near.library))


@pytest.mark.parametrize("how", METHODS)
def test_a_source_is_no_duplicate_of_what_was_made_of_it(bench: Bench, how: str) -> None:
    bench.how, bench.on_duplicate = how, "skip"
    video = bench.drop("a.mp4")
    place(bench)
    take_back(bench)
    with bench.journal() as journal:
        journal.release(everything=True)
    item = place(bench)
    assert ItemState.FILED is item.state
    (bench.inbox / "twin.mp4").write_bytes(video.read_bytes())
    assert f"the same bytes as {item.destination}" == place(bench, "twin.mp4").reason


@pytest.mark.parametrize("stop", [Point.UNDO_AFTER_INTENT, Point.ASIDE_BEFORE, Point.ASIDE_AFTER])
def test_a_source_that_goes_while_undo_takes_its_copy_away_is_not_the_last_to_go(bench: Bench, stop: Point) -> None:
    bench.how = "copy"
    video = bench.drop("a.mp4")
    place(bench)

    def die(point: Point) -> None:
        if point is stop:
            os.kill(os.getpid(), signal.SIGKILL)

    assert -signal.SIGKILL == fork(lambda: take_back(bench), die)
    video.unlink()
    assert [] == bench.recover().troubles
    assert {"forest/night/a.mp4": b"film a.mp4"} == bench.tree(bench.library)
    assert [] == take_back(bench).refused
    assert {"a.mp4": b"film a.mp4"} == bench.tree(bench.inbox)


@pytest.mark.parametrize("how", METHODS)
def test_a_folder_that_is_mounted_read_only_is_copied_from(two_filesystems: Bench, how: str) -> None:
    bench = two_filesystems
    bench.how = how
    bench.drop("a.mp4")
    with mounted(["--bind", str(bench.inbox)], bench.inbox):
        subprocess.run(["mount", "-o", "remount,bind,ro", bench.inbox], check=True)
        assert ItemState.FILED is place(bench).state
        assert is_done(bench, bench.inbox / "a.mp4")
        assert [] == take_back(bench).refused
    assert {} == bench.tree(bench.library)
    bench.check()


@pytest.mark.parametrize("how", ["copy", "hardlink"])
def test_a_link_to_the_library_is_no_source(bench: Bench, how: str) -> None:
    """The inbox's folder was put away, and its name leads into the library: what is seen there is the only file."""
    bench.how = how
    video = bench.drop("card/a.mp4")
    item = place(bench, "card/a.mp4")
    assert item.destination is not None
    video.unlink()
    video.parent.rmdir()
    video.parent.symlink_to(item.destination.parent, target_is_directory=True)
    report = take_back(bench)
    assert item.destination.is_file()
    assert [item.id] == [number for number, _ in report.refused]


def test_where_a_sidecar_alone_comes_back_the_video_is_held(bench: Bench) -> None:
    bench.how = "copy"
    video, subtitles = bench.drop("a.mp4", b"ten bytes."), bench.drop("a.srt", b"four")
    item = place(bench, "a.mp4", "a.srt")
    assert item.destination is not None
    item.destination.unlink()
    subtitles.unlink()
    assert [] == take_back(bench).refused
    assert b"four" == subtitles.read_bytes()
    assert is_held(bench, video)


def test_a_source_is_looked_for_though_its_library_is_not_known(bench: Bench) -> None:
    """As of items that a repair made while the library's disk was away."""
    bench.how = "copy"
    video = bench.drop("a.mp4")
    place(bench)
    with bench.journal() as journal, journal.db.write() as db:
        db.execute("UPDATE item SET library = NULL")
    assert is_done(bench, video)
