"""Rights that a file gives a program never travel, and what vsortd keeps is its owner's alone."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness, troubles
from vsortd.core.system import private_files
from vsortd.core.system.fault_points import Point, hooked
from vsortd.core.system.private_files import private_file, private_folder
from vsortd.errors import StoreError
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, mounts and signals")


def modes(folder: Path) -> dict[str, int]:
    found = {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}
    return {name: mode for name, mode in found.items() if not stat.S_ISSOCK((folder / name).lstat().st_mode)}


def test_set_uid_and_set_gid_stay_behind_when_a_video_is_copied(two_filesystems: Any) -> None:
    """To the library, and back by undo; the other bits come along."""
    with two_filesystems.filer() as (filer, journal):
        video = two_filesystems.drop("a.mp4")
        video.chmod(0o6755)
        item = filer.place(two_filesystems.request(video))
        assert item.destination is not None
        assert 0o755 == stat.S_IMODE(item.destination.stat().st_mode)
        item.destination.chmod(0o6750)
        os.utime(item.destination, ns=(item.identity.mtime_ns, item.identity.mtime_ns))
        (back,) = undo(journal, Selection(all=True)).undone
        assert 0o750 == stat.S_IMODE(back.source.stat().st_mode)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="no second filesystem: only root may")
def test_attributes_of_the_kernels_security_stay_behind(two_filesystems: Any) -> None:
    with two_filesystems.filer() as (filer, _):
        video = two_filesystems.drop("a.mp4")
        for name in ("security.vsortd-test", "user.origin"):
            try:
                os.setxattr(video, name, b"camera")
            except OSError as error:
                pytest.skip(f"no second filesystem: with attributes ({error.strerror})")
        item = filer.place(two_filesystems.request(video))
        assert "security.vsortd-test" not in os.listxattr(item.destination)


def readers(folder: Path) -> dict[str, int]:
    """Return who but the owner may do what with each file below a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_what_is_made_of_a_video_is_for_whom_the_video_was_at_every_moment(either: Any, mode: int) -> None:
    """A conversion with its sidecar, whatever the umask; and what undo brings back."""
    video, sidecar = either.drop("Clip.MOV"), either.drop("Clip.srt")
    for path in (video, sidecar):
        path.chmod(mode)
    seen: list[dict[str, int]] = []

    def look(_: Point) -> None:
        seen.extend(readers(folder) for folder in (either.library, either.inbox))

    before = os.umask(0)
    try:
        with either.filer() as (filer, journal):
            staged = either.stage(filer, video)
            staged.path.chmod(0o600)  # as the converter makes it
            with hooked(look):
                item = filer.place(either.request(video, sidecar, converted=staged))
                assert item.destination is not None
                assert mode == stat.S_IMODE(item.destination.stat().st_mode)
                assert 1 == len(undo(journal, Selection(all=True)).undone)
    finally:
        os.umask(before)
    assert seen
    for found in seen:
        assert {} == {name: hex(bits) for name, bits in found.items() if bits & ~mode}
    assert [mode, mode] == [stat.S_IMODE(path.stat().st_mode) for path in (video, sidecar)]


@pytest.mark.skipif(sys.platform != "linux", reason="attributes are read on Linux")
def test_a_conversion_has_the_attributes_of_its_video(bench: Any) -> None:
    video = bench.drop("Clip.MOV")
    os.setxattr(video, "user.tags", b"holiday")
    with bench.filer() as (filer, _):
        item = filer.place(bench.request(video, converted=bench.stage(filer, video)))
    assert b"holiday" == os.getxattr(item.destination, "user.tags")


@pytest.mark.skipif(os.geteuid() != 0 if sys.platform != "win32" else True, reason="only root may give files away")
def test_what_root_makes_belongs_to_whom_the_video_and_the_folder_belong(either: Any) -> None:
    """A daemon of root's on a person's folders: they must be able to use what it makes."""
    either.library.mkdir()
    os.chown(either.library, 4321, 4322)
    os.chown(either.inbox, 4321, 4322)
    video = either.drop("sub/Clip.MOV")
    os.chown(video, 4321, 4323)
    with either.filer() as (filer, journal):
        item = filer.place(either.request(video, converted=either.stage(filer, video)))
        assert item.destination is not None
        assert (4321, 4323) == (item.destination.stat().st_uid, item.destination.stat().st_gid)
        for folder in (item.destination.parent, item.destination.parent.parent):
            assert (4321, 4322) == (folder.stat().st_uid, folder.stat().st_gid)
        video.parent.rmdir()
        undo(journal, Selection(all=True))
    assert (4321, 4322) == (video.parent.stat().st_uid, video.parent.stat().st_gid)
    assert (4321, 4323) == (video.stat().st_uid, video.stat().st_gid)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(tmp_path / "home", more=troubles.QUICK, rules=troubles.ONE_RULE)
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


@pytest.mark.long
def test_a_converted_video_is_its_owners_alone_as_it_was(tmp_path: Path) -> None:
    """By the real command, whatever the umask."""
    more = "convert: {mov: transcode}\n" + troubles.QUICK
    one = harness.Home.make(tmp_path / "home", more=more, rules=troubles.ONE_RULE)
    troubles.make_clip(one.inbox / "a.mov")
    (one.inbox / "a.mov").chmod(0o600)
    before = os.umask(0)
    try:
        one.run("sort", one.inbox)
    finally:
        os.umask(before)
    (mp4,) = one.library.rglob("a.mp4")
    assert 0o600 == stat.S_IMODE(mp4.stat().st_mode)


def test_everything_in_the_state_folder_is_its_owners_alone(home: harness.Home) -> None:
    """Whatever the umask: after a filing, while the daemon runs."""
    before = os.umask(0)
    try:
        home.start()
    finally:
        os.umask(before)
    troubles.make_clip(home.inbox / "a.mp4")
    home.wait(lambda: ["filed"] == [item["state"] for item in home.items()], what="it is filed")
    state = home.folder / "state"
    assert 0o700 == stat.S_IMODE(state.stat().st_mode)
    found = modes(state)
    assert {"journal.sqlite3", "journal.sqlite3-wal", "index.sqlite3", "examples.db", "daemon.lock"} <= set(found)
    wanted = {name: 0o700 if (state / name).is_dir() else 0o600 for name in found}
    assert wanted == found


@pytest.mark.long
def test_a_state_folder_of_an_older_version_is_closed_without_a_word(home: harness.Home) -> None:
    state = home.folder / "state"
    home.run("sort", home.inbox)
    home.run("history")
    state.mkdir(exist_ok=True)
    troubles.make_clip(home.inbox / "a.mp4")
    home.run("sort", home.inbox)
    state.chmod(0o755)
    for path in state.glob("*.sqlite3"):
        path.chmod(0o644)
    done = home.run("history")
    assert "" == done.stderr
    assert 0o700 == stat.S_IMODE(state.stat().st_mode)
    assert 0o600 == stat.S_IMODE((state / "journal.sqlite3").stat().st_mode)


@pytest.mark.long
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_state_folder_that_others_can_write_to_is_refused(home: harness.Home, mode: int) -> None:
    state = home.folder / "state"
    state.mkdir()
    state.chmod(mode)
    for words in (("run", "--once"), ("pause",), ("start",)):
        done = home.run(*words, code=1)
        assert f"{state} can be written to by others" in done.stderr, words
        assert f"chmod 700 {state}" in done.stderr
    assert [] == list(state.iterdir())
    doctor = home.run("doctor", "--quick", code=1)
    assert "can be written to by others" in " ".join(doctor.stdout.split())


@pytest.mark.long
def test_no_link_is_followed_in_the_state_folder(home: harness.Home, tmp_path: Path) -> None:
    state = home.folder / "state"
    state.mkdir(mode=0o700)
    for name in ("journal.sqlite3", "index.sqlite3", "examples.db", "daemon.lock"):
        there = tmp_path / f"elsewhere-{name}"
        there.write_bytes(b"")
        (state / name).unlink(missing_ok=True)
        (state / name).symlink_to(there)
        done = home.run("run", "--once", code=1)
        assert str(state) in done.stderr, name
        assert "Traceback" not in done.stderr
        assert b"" == there.read_bytes(), name
        (state / name).unlink()


def test_the_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may use it, but not by sudo, which would leave files there that the user may not write."""
    owner = tmp_path.stat().st_uid
    folder = tmp_path / "state"
    private_folder(folder)
    monkeypatch.setattr(private_files.os, "geteuid", lambda: owner + 1)
    with pytest.raises(StoreError, match="belongs to another user"):
        private_folder(folder)
    monkeypatch.setattr(private_files.os, "geteuid", lambda: 0)
    private_folder(folder)
    if owner:
        monkeypatch.setenv("SUDO_UID", str(owner))
        with pytest.raises(StoreError, match="Leave sudo out"):
            private_folder(folder)


def test_a_file_is_made_for_its_owner_alone_and_never_through_a_link(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private_file(tmp_path / "a", create=True)
    finally:
        os.umask(before)
    assert 0o600 == stat.S_IMODE((tmp_path / "a").stat().st_mode)
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="is a link"):
        private_file(tmp_path / "b", create=True)
    assert not (tmp_path / "nowhere").exists()
