"""Disks that refuse names, and disks that can neither rename without replacing nor link: real ones, and doubles."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.disks import LIKE_EXFAT, doubled, exfat, image_mounted
from tests.support.troubles import mounted, small_disk, without_rights
from vsortd.core.system import rename_noreplace as renaming
from vsortd.core.system.fault_points import Point, hooked
from vsortd.core.system.file_times import give_times
from vsortd.errors import FilingError
from vsortd.filing import fsops
from vsortd.filing.open_folder import OpenFolder
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the system's own rules hold there")
ALL = Selection(all=True)


# Renames


@pytest.mark.parametrize("at_home", ["inbox", "library", "both"])
def test_a_disk_without_no_replace_renames_and_links_serves_as_inbox_and_library(
    bench: Any, disk: Path, at_home: str
) -> None:
    if at_home in {"inbox", "both"}:
        bench.inbox = disk / "in"
        bench.inbox.mkdir()
    if at_home in {"library", "both"}:
        bench.library = disk / "Sorted"
    video, sidecar = bench.drop("a.mp4"), bench.drop("a.srt")
    with bench.filer() as (filer, journal):
        assert "filed" == filer.place(bench.request(video, sidecar)).state
        assert {"forest/night/a.mp4", "forest/night/a.srt"} == set(bench.tree(bench.library))
        assert {} == bench.tree(bench.inbox)
        again = bench.drop("later/a.mp4")
        assert bench.library / "forest/night/a (2).mp4" == filer.place(bench.request(again)).destination
        assert [] == undo(journal, ALL).refused
    assert {"a.mp4", "a.srt", "later/a.mp4"} == set(bench.tree(bench.inbox))
    bench.check()


def test_what_is_set_aside_onto_such_a_disk_comes_back_under_its_own_name(bench: Any, disk: Path) -> None:
    bench.library = disk / "Sorted"
    names = ("a: what?.mp4", "a: what?.srt") if os.name != "nt" else ("a.mp4", "a.srt")
    video, sidecar = map(bench.drop, names)
    with bench.filer() as (filer, journal):
        item = filer.place(bench.aside_request(video, sidecar), by_hand=lambda _: None)
        assert ("aside", {}) == (item.state, bench.tree(bench.inbox))
        assert 2 == len(list(item.destination.parent.iterdir()))
        assert [] == undo(journal, ALL).refused
        assert not item.destination.parent.exists()
    assert set(names) == set(bench.tree(bench.inbox))
    bench.check()


def test_a_name_is_reserved_before_a_rename_that_might_replace(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"film")
    seen = []

    def look(point: Point) -> None:
        if point is Point.NAME_RESERVED:
            seen.append((source.read_bytes(), renaming.is_reservation("b", None, "mine") is False, target.exists()))

    with doubled(tmp_path, LIKE_EXFAT), hooked(look):
        way = renaming.rename_noreplace(str(source), str(target), None, None, mark="mine")
    assert "reserved" == way
    assert [(b"film", True, True)] == seen
    assert b"film" == target.read_bytes()
    assert not source.exists()


@pytest.mark.parametrize("what", ["written over", "written to", "replaced", "made a folder", "removed and made"])
def test_a_file_that_takes_a_reserved_name_is_never_replaced(tmp_path: Path, what: str) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"film")
    theirs = b"t" * len(renaming.reservation("mine"))

    def take(point: Point) -> None:
        if point is not Point.NAME_RESERVED:
            return
        if what == "written to":
            with target.open("r+b") as file:
                file.write(b"theirs")
            return
        if what == "replaced":
            other = tmp_path / "c"
            other.write_bytes(theirs)
            other.replace(target)
            return
        if what in {"made a folder", "removed and made"}:
            target.unlink()
        if what == "made a folder":
            target.mkdir()
        else:
            target.write_bytes(theirs)

    with doubled(tmp_path, LIKE_EXFAT), hooked(take), pytest.raises(FileExistsError):
        renaming.rename_noreplace(str(source), str(target), None, None, mark="mine")
    assert b"film" == source.read_bytes()
    if what == "made a folder":
        assert target.is_dir()
    else:
        assert b"vsortd" not in target.read_bytes()[:6]
        assert target.read_bytes()


def test_a_rename_that_fails_takes_its_reservation_with_it(tmp_path: Path) -> None:
    with doubled(tmp_path, LIKE_EXFAT), pytest.raises(FileNotFoundError):
        renaming.rename_noreplace(str(tmp_path / "none"), str(tmp_path / "b"), None, None)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("written", [None, 3])
def test_a_name_that_cannot_be_reserved_on_a_full_disk_is_left_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int | None
) -> None:
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if written is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:written])

    (tmp_path / "a").write_bytes(b"film")
    monkeypatch.setattr(os, "write", full)
    with doubled(tmp_path, LIKE_EXFAT), pytest.raises(OSError, match="No space left"):
        renaming.rename_noreplace(str(tmp_path / "a"), str(tmp_path / "b"), None, None)
    assert ["a"] == [path.name for path in tmp_path.iterdir()]


def test_a_reservation_of_another_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(renaming.reservation("another's"))
    folder = OpenFolder.open(tmp_path)
    fsops.release_name(folder, "b", "mine")
    assert (tmp_path / "b").exists()
    fsops.release_name(folder, "b", "another's")
    assert [] == list(tmp_path.iterdir())
    folder.close()


def test_a_conversion_is_undone_though_its_disk_gives_new_inodes_when_it_is_mounted_anew(
    bench: Any, tmp_path: Path
) -> None:
    disk, bench.resolution_ns = tmp_path / "disk", 2_000_000_000
    bench.library = disk / "Sorted"
    video = bench.drop("a.mov")
    with exfat(disk):
        with bench.filer() as (filer, _):
            item = filer.place(bench.request(video, converted=bench.stage(filer, video)))
        before = item.destination.stat().st_ino
        said = subprocess.run(["findmnt", "-no", "SOURCE", disk], capture_output=True, text=True, check=True).stdout
        subprocess.run(["umount", disk], check=True)
        subprocess.run(["mount.exfat-fuse", said.strip(), disk], check=True, capture_output=True)
        list((bench.library / ".vsortd").rglob("*"))  # numbers are given in the order in which files are asked for
        assert before != item.destination.stat().st_ino
        with bench.journal() as journal:
            assert [] == undo(journal, ALL).refused
        assert {"a.mov"} == set(bench.tree(bench.inbox))
        bench.check()


@pytest.mark.parametrize("refused", ["utime", "fchmod"])
def test_a_disk_that_was_mounted_for_another_user_keeps_no_times_or_modes_and_is_filed_onto(
    two_filesystems: Any, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """Only the owner may set them, and FAT, exFAT, NTFS and shares have the owner that they were mounted with."""
    bench = two_filesystems
    bench.resolution_ns = 2**63
    video = bench.drop("a.mp4")

    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    with bench.filer() as (filer, journal):
        with monkeypatch.context() as patch:
            patch.setattr(os, refused, forbidden)
            assert "filed" == filer.place(bench.request(video)).state
        assert [] == undo(journal, ALL).refused
    assert {"a.mp4"} == set(bench.tree(bench.inbox))


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_on_which_folders_cannot_be_synced_is_filed_onto(
    bench: Any, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fsync = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    video = bench.drop("a.mp4")
    with bench.filer() as (filer, _):
        assert "filed" == filer.place(bench.request(video)).state
    bench.check()


@pytest.mark.parametrize("mtime_ns", [2**63, -(2**70), 2**80])
def test_a_time_that_no_call_can_hold_is_left_out(tmp_path: Path, mtime_ns: int) -> None:
    file = tmp_path / "a.mp4"
    file.touch()
    before = file.stat().st_mtime_ns
    kept = give_times(file, 0, mtime_ns)
    assert kept == (before != file.stat().st_mtime_ns)


# Folders that nothing can be taken out of


def test_nothing_is_copied_out_of_a_folder_that_is_mounted_read_only(two_filesystems: Any) -> None:
    bench = two_filesystems
    video = bench.drop("a.mp4")
    with mounted(["--bind", bench.inbox], bench.inbox), bench.filer() as (filer, _):
        subprocess.run(["mount", "-o", "remount,bind,ro", bench.inbox], check=True)
        points: list[Point] = []
        with hooked(points.append), pytest.raises(FilingError, match="Read-only file system") as caught:
            filer.place(bench.request(video))
        assert not caught.value.lasting, "it goes on when the card's lock is off"
        assert Point.COPY_CREATE not in points
        subprocess.run(["mount", "-o", "remount,bind,rw", bench.inbox], check=True)
        assert "filed" == filer.place(bench.request(video)).state
    bench.check()


def test_to_see_whether_a_file_may_be_removed_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"film")
    before = (file.stat().st_ctime_ns, tmp_path.stat().st_mtime_ns)
    folder = OpenFolder.open(tmp_path)
    fsops.try_removal(folder, "a.mp4")
    folder.close()
    assert before == (file.stat().st_ctime_ns, tmp_path.stat().st_mtime_ns)


MOVE = """
import sys
from pathlib import Path
from vsortd.core.identity import Identity
from vsortd.errors import FilingError
from vsortd.filing import fsops
from vsortd.filing.open_folder import OpenFolder
source, target = map(Path, sys.argv[1:])
try:
    fsops.rename(
        OpenFolder.open(source), "a.mp4", OpenFolder.open(target), "a.mp4", Identity.of(source / "a.mp4"), "mark"
    )
except FilingError as error:
    print(error.title)
"""


@pytest.mark.parametrize("locked", ["in", "out"])
def test_of_two_folders_the_one_that_forbids_the_move_is_named(tmp_path: Path, locked: str) -> None:
    folders = [tmp_path / name for name in ("in", "out")]
    for folder in folders:
        folder.mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(b"film")
    (tmp_path / locked).chmod(0o555)
    command = [*without_rights(), sys.executable, "-c", MOVE, *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (tmp_path / locked).chmod(0o755)
    doing = "move away" if locked == "in" else "move to"
    assert f"Could not {doing} {tmp_path / locked / 'a.mp4'}: Permission denied" in done.stdout


PROBE = """
import sys
from pathlib import Path
from vsortd.errors import FilingError
from vsortd.filing import fsops
from vsortd.filing.open_folder import OpenFolder
try:
    fsops.try_removal(OpenFolder.open(Path(sys.argv[1])), "a.mp4")
except FilingError as error:
    print(error.title)
"""


@pytest.mark.parametrize("how", ["a folder that may not be written", "a foreign file in a sticky folder"])
def test_rights_that_keep_a_file_in_its_folder_are_seen(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    file = folder / "a.mp4"
    file.write_bytes(b"film")
    command = without_rights()
    if how.startswith("a foreign"):
        if not command:
            pytest.skip("only root can give files away")
        os.chown(folder, 12345, 12345)
        os.chown(file, 12345, 12345)
        folder.chmod(stat.S_ISVTX | 0o777)
    else:
        folder.chmod(0o555)
    done = subprocess.run([*command, sys.executable, "-c", PROBE, folder], capture_output=True, text=True, check=True)
    folder.chmod(0o755)
    assert f"Could not move away {file}" in done.stdout


# Room


def test_a_file_for_which_there_is_no_room_is_not_copied_in_vain(two_filesystems: Any, tmp_path: Path) -> None:
    bench = two_filesystems
    bench.library = tmp_path / "small" / "Sorted"
    video = bench.drop("big.mp4", os.urandom(400_000))
    points: list[Point] = []
    refused = pytest.raises(FilingError, match="No space left")
    with small_disk(tmp_path / "small", "256k"), bench.filer() as (filer, _), hooked(points.append), refused as caught:
        filer.place(bench.request(video))
    assert not caught.value.lasting
    assert Point.COPY_CHUNK not in points


def test_a_file_that_is_too_large_for_the_filesystem_is_not_begun(bench: Any, tmp_path: Path) -> None:
    bench.library = tmp_path / "old" / "Sorted"
    video = bench.inbox / "a.mp4"
    video.touch()
    os.truncate(video, 17 * 1024**3)  # ext2 with small blocks ends at 16 GiB, FAT at 4
    points: list[Point] = []
    make, mount = ["mkfs.ext2", "-q", "-F", "-b", "1024"], ["mount", "-t", "ext2"]
    old = image_mounted(make, mount, tmp_path / "image", tmp_path / "old")
    refused = pytest.raises(FilingError, match="File too large")
    with old, bench.filer() as (filer, _), hooked(points.append), refused as caught:
        filer.place(bench.request(video))
    assert caught.value.lasting
    assert "4 GiB" in caught.value.remedy
    assert Point.COPY_CHUNK not in points
    assert video.exists()


def test_a_file_that_turns_out_too_large_fails_for_good(two_filesystems: Any) -> None:
    bench = two_filesystems
    video = bench.drop("a.mp4")

    def too_large(point: Point) -> None:
        if point is Point.COPY_CHUNK:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    with bench.filer() as (filer, _), hooked(too_large), pytest.raises(FilingError, match="4 GiB") as caught:
        filer.place(bench.request(video))
    assert caught.value.lasting
    bench.check()
