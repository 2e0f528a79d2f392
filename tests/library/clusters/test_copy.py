"""Groups are copied into folders: whole, beside what is there, and the originals stay as they are."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.library.clusters import test_apply
from tests.library.clusters.test_apply import BATCH, group, lay
from tests.support import disks, harness
from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.core.system import reflink
from vsortd.core.system.fault_points import Point, hooked
from vsortd.errors import Cancelled, FilingError
from vsortd.library.clusters import copy_room
from vsortd.library.clusters.apply import Fate, file_piles
from vsortd.library.clusters.cluster_folders import Pile
from vsortd.pipeline.services import Services

if TYPE_CHECKING:
    from vsortd.library.clusters.apply import Applied

clip, home, settings, services = test_apply.clip, test_apply.home, test_apply.settings, test_apply.services
SUBTITLES = "1\n00:00:00,000 --> 00:00:01,000\nhello\n"


def copied(services: Services, *piles: Pile, dry_run: bool = False, cancel: threading.Event | None = None) -> Applied:
    return file_piles(services, piles, batch=BATCH, dry_run=dry_run, copies=True, cancel=cancel)


def state_of(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return all of each file's bytes and facts but when it was read last, vsortd's own folder left out."""
    found: dict[str, tuple[object, ...]] = {}
    for name in harness.snapshot(folder):
        status = (folder / name).stat()
        facts = (status.st_ino, status.st_mode, status.st_uid, status.st_mtime_ns, status.st_ctime_ns, status.st_nlink)
        found[name] = ((folder / name).read_bytes(), *facts)
    return found


def library_of(home: harness.Home) -> set[str]:
    """Return what lies in the library, the staging folder included."""
    return {str(path.relative_to(home.library)) for path in home.library.rglob("*") if path.is_file()}


def test_videos_are_copied_whole_with_their_sidecars_and_nothing_else_is_touched(
    services: Services, home: harness.Home, clip: Path
) -> None:
    old = home.folder / "Old"
    films = lay(clip, old / "one.mp4", old / "sub" / "one.mp4", home.library / "_Review" / "two.mp4")
    (old / "one.srt").write_text(SUBTITLES)
    films[0].path.chmod(0o640)
    films = [*films[1:], *lay(clip, films[0].path)]
    if sys.platform == "linux":
        os.setxattr(films[-1].path, "user.note", b"mine")
        films[-1] = _again(films[-1])
    taken = home.library / "Trips" / "beach" / "two.mp4"
    taken.parent.mkdir(parents=True)
    taken.write_text("other")
    before = state_of(home.folder)
    pile = Pile(("Trips", "beach"), (group(films),))

    dry = copied(services, pile, dry_run=True)
    assert before == state_of(home.folder)
    done = copied(services, pile)
    assert [one.destination for one in dry.items] == [one.destination for one in done.items]
    assert {Fate.COPIED} == {one.fate for one in done.items}
    assert {"copied": 3, "there": 0, "refused": 0} == done.to_json()["counts"]
    after = state_of(home.folder)
    assert before == {name: facts for name, facts in after.items() if name in before}
    made = {Path(name).name for name in after.keys() - before.keys() if name.startswith("Sorted/Trips/beach/")}
    assert {"one.mp4", "one (2).mp4", "one (2).srt", "two (2).mp4"} == made
    for one in done.items:
        assert one.destination is not None
        original, copy = one.member.film.path.stat(), one.destination.stat()
        assert one.member.film.path.read_bytes() == one.destination.read_bytes()
        assert (original.st_mode, original.st_mtime_ns) == (copy.st_mode, copy.st_mtime_ns)
        assert original.st_ino != copy.st_ino
    if sys.platform == "linux":
        assert b"mine" == os.getxattr(home.library / "Trips/beach/one (2).mp4", "user.note")
    assert SUBTITLES == (home.library / "Trips/beach/one (2).srt").read_text()
    assert [] == services.journal.history()


def _again(film: test_apply.IndexedVideo) -> test_apply.IndexedVideo:
    from dataclasses import replace

    identity = Identity.of(film.path)
    assert identity is not None
    return replace(film, identity=identity)


def test_what_lies_there_already_is_not_copied_again(services: Services, home: harness.Home, clip: Path) -> None:
    films = lay(clip, home.library / "beach" / "one.mp4")
    assert [Fate.THERE] == [one.fate for one in copied(services, Pile(("beach",), (group(films),))).items]
    assert {"beach/one.mp4"} == library_of(home)


def test_what_lies_in_its_rules_folder_of_its_year_is_not_copied_again(
    home: harness.Home, clip: Path, tmp_path: Path
) -> None:
    home.config.write_text(home.config.read_text() + 'place: {folder: "{rule}/{year}"}\n')
    films = lay(clip, home.library / "nature/snow/2023/b.mp4", home.library / "nature/snow/c.mp4")
    pile = Pile(("nature", "snow"), (group(films),))
    with Services.open(load_settings(home.config), tmp_path / "state", keep_trying=False, load_model=False) as services:
        dry, done = copied(services, pile, dry_run=True), copied(services, pile)
    assert [Fate.THERE, Fate.COPIED] == [one.fate for one in done.items] == [one.fate for one in dry.items]
    year = {f"nature/snow/2023/{name}.mp4" for name in "bc"}
    assert {*year, "nature/snow/c.mp4"} == library_of(home)


@pytest.mark.few(3)
@pytest.mark.parametrize(
    "point", [Point.COPY_CREATE, Point.COPY_CHUNK, Point.COPY_WRITTEN, Point.COPY_SYNCED, Point.FOLDER_SYNC]
)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_copy_that_fails_leaves_nothing_and_the_next_is_made(
    point: Point, number: int, services: Services, home: harness.Home, clip: Path
) -> None:
    films = lay(clip, home.folder / "Old/one.mp4", home.folder / "Old/two.mp4")
    (home.folder / "Old/one.srt").write_text(SUBTITLES)
    before = state_of(home.folder / "Old")
    copied(services, Pile(("sea",), (group(lay(clip, home.folder / "Warm/up.mp4")),)))  # folders are made and synced
    reached: list[Point] = []

    def fail(at: Point) -> None:
        begun = at is Point.COPY_CREATE or Point.COPY_CREATE in reached  # folders are synced before, too
        if begun and at in {point, Point.COPY_CREATE}:
            reached.append(at)
            if at is point and reached.count(point) == 1:
                raise OSError(number, os.strerror(number))

    with hooked(fail):
        done = copied(services, Pile(("sea",), (group(films),)))
    assert point in reached
    assert [Fate.REFUSED, Fate.COPIED] == [one.fate for one in done.items]
    assert {"sea/up.mp4", "sea/two.mp4"} == library_of(home)
    assert before == state_of(home.folder / "Old")


@pytest.mark.parametrize("point", [Point.COPY_CHUNK, Point.RENAME_BEFORE])
def test_an_interrupted_copy_leaves_nothing_half(
    point: Point, services: Services, home: harness.Home, clip: Path
) -> None:
    """Neither half a file nor a video without its subtitles; what was made before stays."""
    films = lay(clip, home.folder / "Old/one.mp4", home.folder / "Old/two.mp4")
    (home.folder / "Old/two.srt").write_text(SUBTITLES)
    reached = 0

    def interrupt(at: Point) -> None:
        nonlocal reached
        reached += at is point
        if at is point and reached == 3:
            raise KeyboardInterrupt

    with hooked(interrupt), pytest.raises(KeyboardInterrupt):
        copied(services, Pile(("sea",), (group(films),)))
    assert {"sea/one.mp4"} == library_of(home)
    assert (home.folder / "Old/one.mp4").read_bytes() == (home.library / "sea/one.mp4").read_bytes()


def test_a_copy_that_is_called_off_leaves_nothing(services: Services, home: harness.Home, clip: Path) -> None:
    films = lay(clip, home.folder / "Old/one.mp4")
    cancel = threading.Event()
    with hooked(lambda at: cancel.set() if at is Point.COPY_CREATE else None), pytest.raises(Cancelled):
        copied(services, Pile(("sea",), (group(films),)), cancel=cancel)
    assert set() == library_of(home)


def test_a_name_that_is_taken_at_the_last_moment_stays_theirs(
    services: Services, home: harness.Home, clip: Path
) -> None:
    films = lay(clip, home.folder / "Old/one.mp4")
    theirs = home.library / "sea" / "one.mp4"

    def come(at: Point) -> None:
        if at is Point.RENAME_BEFORE and not theirs.exists():
            theirs.write_text("theirs")

    with hooked(come):
        (done,) = copied(services, Pile(("sea",), (group(films),))).items
    assert theirs.with_name("one (2).mp4") == done.destination
    assert "theirs" == theirs.read_text()
    assert {"sea/one.mp4", "sea/one (2).mp4"} == library_of(home)


def test_a_name_that_is_taken_after_the_subtitles_have_theirs_costs_nothing(
    services: Services, home: harness.Home, clip: Path
) -> None:
    films = lay(clip, home.folder / "Old/one.mp4")
    (home.folder / "Old/one.srt").write_text(SUBTITLES)
    theirs = home.library / "sea" / "one.mp4"

    def come(at: Point) -> None:
        if at is Point.RENAME_BEFORE and theirs.with_suffix(".srt").exists() and not theirs.exists():
            theirs.write_text("theirs")

    with hooked(come):
        (done,) = copied(services, Pile(("sea",), (group(films),))).items
    assert (Fate.COPIED, theirs.with_name("one (2).mp4")) == (done.fate, done.destination)
    assert ("theirs", SUBTITLES) == (theirs.read_text(), theirs.with_name("one (2).srt").read_text())
    assert {"sea/one.mp4", "sea/one (2).mp4", "sea/one (2).srt"} == library_of(home)


def test_where_there_is_no_room_none_is_begun(
    services: Services, home: harness.Home, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sidecars count, too: a disk that has room for the videos alone has too little."""
    films = lay(clip, home.folder / "Old/one.mp4", home.folder / "Old/two.mp4")
    (home.folder / "Old/two.srt").write_text(SUBTITLES)
    needed = sum(path.stat().st_size for path in (home.folder / "Old").iterdir())
    monkeypatch.setattr(copy_room, "can_clone", lambda *_: False)
    for free in (needed - 1, needed):
        usage = shutil._ntuple_diskusage(needed, 0, free)
        monkeypatch.setattr(copy_room.shutil, "disk_usage", lambda _, usage=usage: usage)
        if free < needed:
            with pytest.raises(FilingError, match="the disk of") as raised:
                copied(services, Pile(("sea",), (group(films),)))
            assert "--only" in raised.value.remedy
            assert set() == library_of(home)
    copied(services, Pile(("sea",), (group(films),)))
    assert {"sea/one.mp4", "sea/two.mp4", "sea/two.srt"} == library_of(home)


def test_where_blocks_can_be_shared_copies_take_no_room(tmp_path: Path, clip: Path) -> None:
    """More of them than the disk has room for; what is written to a copy afterwards is the copy's alone."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with disks.btrfs(disk):
        one = harness.Home.make(disk / "home", inbox="settle: 50ms, incomplete_after: 1s")
        large = tmp_path / "large.mp4"
        box_bytes = shutil.disk_usage(disk).free // 2
        large.write_bytes(clip.read_bytes() + box_bytes.to_bytes(4, "big") + b"free" + os.urandom(box_bytes - 8))
        films = lay(large, one.folder / "Old/one.mp4")
        pile = Pile(("sea",), (group(films),))
        with Services.open(load_settings(one.config), tmp_path / "s", keep_trying=False, load_model=False) as opened:
            done = [found for _ in range(4) for found in copied(opened, pile).items]
        assert [Fate.COPIED] * 4 == [found.fate for found in done], done
        whole = large.read_bytes()
        paths = [found.destination for found in done if found.destination is not None]
        assert 4 == sum(path.read_bytes() == whole for path in paths)
        with paths[0].open("r+b") as file:
            file.write(b"other")
        assert whole == films[0].path.read_bytes() == paths[1].read_bytes()


def test_where_they_cannot_nothing_is_written_by_trying(tmp_path: Path) -> None:
    with (tmp_path / "one").open("w+b") as one, Path(os.devnull).open("rb") as other:
        assert not reflink.clone_bytes(other.fileno(), one.fileno())
        assert 0 == os.fstat(one.fileno()).st_size
