"""A world that changes under the daemon: files, folders, disks and the clock, between any two of its steps.

Gates hold the real command at a named moment (see troubles.py), so that nothing here depends on luck.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import harness, troubles

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="modes, mounts and signals"),
    pytest.mark.timeout(480),
    pytest.mark.slow,
]
DAY_S = 86400


class Town(harness.Home):
    """A home with gates, and a store of clips that are all different."""

    made = 0

    @classmethod
    def build(cls, folder: Path, **options: str) -> Town:
        options.setdefault("more", troubles.QUICK)
        one = cls.make(folder, rules=troubles.ONE_RULE, **options)
        one.gates = troubles.Gates.of(one, clock_s=-DAY_S)
        one.store = folder / "store"
        one.store.mkdir()
        return one

    gates: troubles.Gates
    store: Path

    def clip(self, name: str) -> Path:
        """Make a clip outside the inbox."""
        Town.made += 1
        return troubles.make_clip(self.store / name, number=Town.made)

    def drop(self, name: str) -> bytes:
        """Drop a clip in one go; return its bytes."""
        clip = self.clip(name)
        data = clip.read_bytes()
        clip.rename(self.inbox / name)
        return data

    def found(self) -> dict[str, str]:
        """Return what lies in the library, also vsortd's own: digest → name."""
        files = [path for path in self.library.rglob("*") if path.is_file()]
        return {digest(path.read_bytes()): path.name for path in files}

    def quiet(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        self.wait(
            lambda: (status := troubles.status(self))["working"] + status["queued"] == 0, what="nothing is left to do"
        )

    def filed(self, name: str, data: bytes) -> None:
        """Wait until these bytes are in the library, and nowhere else."""
        self.wait(lambda: digest(data) in self.found(), what=f"{name} is filed")
        self.quiet()
        assert not (self.inbox / name).exists()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    one = Town.build(tmp_path / "town")
    yield one
    end(one)


def end(one: Town) -> None:
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


# Where facts decide whether a video is judged at all, it is opened twice: to be probed, and to be sampled.
PICKY = "accept: {min_duration: 10ms}\n"
MOMENTS = {
    "sample": ".mp4",
    "convert": ".mov",
    "place.after_intent": ".mp4",
    "rename.before": ".mp4",
    "probe": ".mp4",
}


WAYS = ("replaced", "appended", "deleted")
USUAL = {
    "sample": ("replaced", "deleted"),
    "convert": ("replaced", "deleted"),
    "place.after_intent": ("appended",),
    "rename.before": ("replaced", "deleted"),
    "probe": ("replaced", "appended", "deleted"),
}


@pytest.mark.long
def test_a_video_that_changes_at_any_moment_is_filed_once_and_whole_or_not_at_all(town: Town) -> None:
    """Replaced, appended to or deleted while looked at, converted, and just before it is placed.

    `VSORTD_TEST_STEP=1` tries all cases instead of those that differ most.
    """
    ways = dict.fromkeys(MOMENTS, WAYS) if os.environ.get("VSORTD_TEST_STEP") == "1" else USUAL
    lenient = town.config.read_text()
    town.config.write_text(lenient + PICKY)
    town.start()
    if shutil.which("ffmpeg") is None:
        MOMENTS.pop("convert")
    for moment, suffix in MOMENTS.items():
        if moment == "probe":  # the last one: opened once for facts and pictures
            town.config.write_text(lenient)
            town.json("reload")
        for way in ways[moment]:
            name = f"{way} at {moment}{suffix}"
            what = f"{name}\n{town.log()[-2000:]}"
            clip, path = town.clip(name), town.inbox / name
            old = clip.read_bytes()
            new = b""
            with town.gates.held(town, moment, clip):
                if way == "replaced":
                    other = town.clip(f"new {name}")
                    new = other.read_bytes()
                    other.replace(path)
                elif way == "appended":
                    new = troubles.padded(old, name.encode())
                    with path.open("ab") as file:
                        file.write(new[len(old) :])
                else:
                    path.unlink()
            town.wait(lambda path=path: not path.exists(), what=f"{name} has left the inbox")
            town.quiet()
            found = town.found()
            assert digest(old) not in found, f"the old content was filed: {what}"
            mine = [item for item in town.items() if Path(item["source"]).name == name]
            if way == "deleted":
                assert [] == mine, what
                assert name not in {Path(one).stem + suffix for one in found.values()}, what
            else:
                assert digest(new) in found, f"the new content is lost: {what}"
                assert ["filed"] == [item["state"] for item in mine], what
                assert Path(mine[0]["destination"]).exists(), what
    assert not list(town.library.rglob("*.tmp")), "nothing half is left"
    filed = len(town.items())
    undone = town.json("undo", "--all")
    assert (filed, []) == (len(undone["undone"]), undone["refused"])
    assert {} == town.found()
    assert 0 == town.stop(within_s=60)


@pytest.mark.long
def test_the_place_decided_on_is_taken_or_leads_elsewhere_by_the_time_of_the_move(town: Town, tmp_path: Path) -> None:
    kept, elsewhere = town.library / "kept", tmp_path / "elsewhere"
    elsewhere.mkdir()
    town.start()
    first = town.drop("first.mp4")
    town.filed("first.mp4", first)

    clip = town.clip("taken.mp4")
    data = clip.read_bytes()
    with town.gates.held(town, "rename.before", clip):
        (kept / "taken.mp4").write_bytes(b"somebody's")
    town.filed("taken.mp4", data)
    assert "taken (2).mp4" == town.found()[digest(data)]
    assert b"somebody's" == (kept / "taken.mp4").read_bytes()

    # the folder goes elsewhere, a link takes its name: the video stays with the folder that was decided on
    clip = town.clip("linked.mp4")
    data = clip.read_bytes()
    with town.gates.held(town, "rename.before", clip):
        kept.rename(town.library / "was kept")
        kept.symlink_to(elsewhere)
    town.wait(lambda: not (town.inbox / "linked.mp4").exists() or bool(troubles.status(town)["trouble"]), what="an end")
    assert [] == list(elsewhere.iterdir()), "nothing leaves the library through a link"
    assert digest(data) in town.found() or data == (town.inbox / "linked.mp4").read_bytes()

    # with the link there from the start a video stays, and status says why
    late = town.drop("late.mp4")
    town.wait(
        lambda: any("late.mp4" in line for line in troubles.status(town)["trouble"]), what="status names the file"
    )
    (line,) = [line for line in troubles.status(town)["trouble"] if "late.mp4" in line]
    assert "kept" in line
    assert late == (town.inbox / "late.mp4").read_bytes()
    assert [] == list(elsewhere.iterdir())
    kept.unlink()
    town.filed("late.mp4", late)
    assert 0 == town.stop(within_s=60)


@pytest.mark.long
def test_an_inbox_that_goes_comes_back_and_forbids_itself_and_a_clock_that_jumps(tmp_path: Path) -> None:
    town = Town.build(tmp_path / "town")
    try:
        _inbox_troubles(town, tmp_path)
    finally:
        if town.inbox.is_dir():
            town.inbox.chmod(0o700)
        end(town)


def _inbox_troubles(town: Town, tmp_path: Path) -> None:
    before = troubles.without_rights()
    with (town.folder / "daemon.log").open("ab") as log:
        town.daemon = subprocess.Popen(
            [*before, sys.executable, "-m", "vsortd", "--verbose", "run"],
            env=town.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def health() -> str:
        (inbox,) = troubles.status(town)["inboxes"]
        assert "ok" == inbox["health"] or inbox["reason"], inbox
        return str(inbox["health"])

    town.wait(lambda: health() == "ok", what="the daemon watches")
    town.filed("0.mp4", town.drop("0.mp4"))

    town.inbox.rmdir()
    town.wait(lambda: health() == "missing", what="the inbox is said to be gone")
    town.inbox.mkdir()
    town.filed("1.mp4", town.drop("1.mp4"))

    away = town.folder / "away"
    town.inbox.rename(away)
    town.wait(lambda: health() == "missing", what="the inbox is said to be gone")
    clip = town.clip("2.mp4")
    data = clip.read_bytes()
    clip.rename(away / "2.mp4")
    away.rename(town.inbox)
    town.filed("2.mp4", data)
    town.filed("3.mp4", town.drop("3.mp4"))

    town.inbox.rename(away)
    town.inbox.mkdir()
    town.filed("4.mp4", town.drop("4.mp4"))

    town.inbox.chmod(0)
    town.wait(lambda: health() == "degraded", what="the inbox is said to be unreadable")
    clip = town.clip("5.mp4")
    data = clip.read_bytes()
    clip.rename(away / "5.mp4")
    town.inbox.chmod(0o700)
    (away / "5.mp4").rename(town.inbox / "5.mp4")
    town.filed("5.mp4", data)
    town.wait(lambda: health() == "ok", what="the inbox is well again")

    _links(town, tmp_path)
    _clock(town)
    assert 0 == town.stop(within_s=60)
    assert "Traceback" not in town.log()


def _links(town: Town, tmp_path: Path) -> None:
    """Only a regular file is a video: links, pipes, sockets and folders of such names are left as they are."""
    outside = tmp_path / "outside"
    outside.mkdir()
    theirs = town.clip("theirs.mp4").rename(outside / "theirs.mp4")
    (town.inbox / "link.mp4").symlink_to(theirs)
    (town.inbox / "dangling.mp4").symlink_to(outside / "nothing.mp4")
    (town.inbox / "loop.mp4").symlink_to("loop.mp4")
    (town.inbox / "linked folder").symlink_to(outside)
    (town.inbox / "folder.mp4").mkdir()
    os.mkfifo(town.inbox / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(town.inbox)  # the name of a socket may not be long
        try:
            listener.bind("socket.mp4")
        finally:
            os.chdir(here)
    hard = town.clip("hard.mp4").rename(outside / "hard.mp4")
    data = hard.read_bytes()
    os.link(hard, town.inbox / "hard.mp4")
    town.filed("hard.mp4", data)
    assert data == hard.read_bytes(), "the other name of a filed file stays"
    left = {"link.mp4", "dangling.mp4", "loop.mp4", "linked folder", "folder.mp4", "pipe.mp4", "socket.mp4"}
    assert left == {path.name for path in town.inbox.iterdir()}
    assert not left & {Path(item["source"]).name for item in town.items()}
    assert theirs.exists()


def _clock(town: Town) -> None:
    """Files of any time, before and after the clock went back by a day: each is filed once, the order stays."""
    times_ns = {"epoch.mp4": 0, "before.mp4": -(10**18), "future.mp4": 4_000_000_000 * 10**9}
    contents = {}
    for jumped in (False, True):
        if jumped:
            (town.gates.folder / "clock").touch()
        for name, time_ns in times_ns.items():
            number = f"{jumped} {name}"
            clip = town.clip(number)
            os.utime(clip, ns=(time_ns, time_ns))
            contents[number] = (clip.read_bytes(), clip.stat().st_mtime_ns)
            clip.rename(town.inbox / number)
            town.filed(number, contents[number][0])
            assert contents[number][1] == (town.library / "kept" / number).stat().st_mtime_ns
    items = town.items()
    assert items == sorted(items, key=lambda item: -int(item["id"]))
    assert list(contents)[::-1] == [Path(item["source"]).name for item in items[: len(contents)]]
    assert items[0]["time"] < items[len(times_ns)]["time"], "the clock did go back"
    (last,) = town.json("undo", "--last", "1")["undone"]
    assert "True future.mp4" == Path(last["source"]).name
    assert (town.inbox / "True future.mp4").exists()
    (town.gates.folder / "clock").unlink()
    time.sleep(2)  # long enough for the daemon to see it: it is held
    assert (town.inbox / "True future.mp4").exists()


def test_a_library_that_is_full_read_only_or_gone_is_waited_for(town: Town) -> None:
    """On another filesystem than the inbox; each time the video stays, status says why, and later it is filed."""
    with troubles.small_disk(town.library, "300k"):
        town.start()
        town.filed("0.mp4", town.drop("0.mp4"))

        def refused(name: str, data: bytes, says: str) -> None:
            town.wait(
                lambda: any(name in line and says in line for line in troubles.status(town)["trouble"]),
                what=f"status says {says}",
            )
            assert data == (town.inbox / name).read_bytes()
            assert digest(data) not in town.found()

        filling = troubles.fill(town.library)
        data = town.drop("1.mp4")
        refused("1.mp4", data, "No space left")
        filling.unlink()
        town.filed("1.mp4", data)

        subprocess.run(["mount", "-o", "remount,ro", town.library], check=True)
        data = town.drop("2.mp4")
        refused("2.mp4", data, "Read-only")
        subprocess.run(["mount", "-o", "remount,rw", town.library], check=True)
        town.filed("2.mp4", data)
        assert 0 == town.stop(within_s=60)
        assert [] == town.json("undo", "--all")["refused"]
        assert {"0.mp4", "1.mp4", "2.mp4"} == set(harness.snapshot(town.inbox))


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root may mount")
def test_a_library_that_is_bind_mounted_is_filed_into_and_waited_for_when_it_is_unmounted(
    town: Town, tmp_path: Path
) -> None:
    """Inbox and library are on one filesystem, by the device number too, yet no rename leads from one to the other."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "--bind", disk, town.library], check=False).returncode:
        pytest.skip("can't mount here")
    mounted = True
    try:
        town.start()
        assert town.library.stat().st_dev == town.inbox.stat().st_dev
        town.filed("0.mp4", town.drop("0.mp4"))
        subprocess.run(["umount", town.library], check=True)
        mounted = False
        data = town.drop("1.mp4")
        town.wait(
            lambda: any("1.mp4" in line for line in troubles.status(town)["trouble"]), what="status says what is wrong"
        )
        assert data == (town.inbox / "1.mp4").read_bytes()
        assert [] == list(town.library.iterdir()), "nothing is put where the disk is to be mounted"
        subprocess.run(["mount", "--bind", disk, town.library], check=True)
        mounted = True
        town.filed("1.mp4", data)
        assert 0 == town.stop(within_s=60)
        assert [] == town.json("undo", "--all")["refused"]
        assert {"0.mp4", "1.mp4"} == set(harness.snapshot(town.inbox))
        assert {} == harness.snapshot(town.library)
    finally:
        end(town)
        if mounted:
            subprocess.run(["umount", "--lazy", town.library], check=True)


class Past:
    """Videos filed by the filer itself into the home's journal, for the real `undo` to take back."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.before: dict[str, tuple[str, int]] = {}

    def file(self, *names: str, folder: str = "kept") -> None:
        videos = [self.town.inbox / name for name in names]
        for video in videos:
            video.write_bytes(b"film " + video.name.encode())
        self.before |= harness.snapshot(self.town.inbox)
        troubles.file_directly(self.town, *videos, folder=folder)


def test_undo_after_trouble_refuses_by_name_and_takes_back_the_rest(town: Town) -> None:  # noqa: PLR0915 - one story
    past = Past(town)
    troubled = {
        "edited.mp4": "was changed since it was filed",
        "moved.mp4": "is no longer there",
        "deleted.mp4": "is no longer there",
        "source taken.mp4": "there is another file at",
        "folder moved.mp4": "is no longer there",
        "folder a link.mp4": "kept 3",
    }
    fine = ("fine 1.mp4", "fine 2.mp4", "fine 3.mp4")
    past.file(fine[0], "edited.mp4", "moved.mp4", fine[1], "deleted.mp4", "source taken.mp4")
    past.file("folder moved.mp4", folder="kept 2")
    past.file("folder a link.mp4", folder="kept 3")
    past.file(fine[2])
    kept, outside = town.library / "kept", town.folder / "outside"
    outside.mkdir()
    with (kept / "edited.mp4").open("ab") as file:
        file.write(b", cut")
    (kept / "moved.mp4").rename(town.library / "mine.mp4")
    (kept / "deleted.mp4").unlink()
    (town.inbox / "source taken.mp4").write_bytes(b"another film")
    (town.library / "kept 2").rename(town.library / "mine")
    (town.library / "kept 3").rename(outside / "kept 3")
    (town.library / "kept 3").symlink_to(outside / "kept 3")

    # killed half-way: some are back, the rest goes on
    town.more_environment["VSORTD_FAULT"] = "rename.after:kill@2"
    assert -signal.SIGKILL == town.run("undo", "--all", code=None).returncode
    del town.more_environment["VSORTD_FAULT"]
    everywhere = harness.snapshot(town.inbox) | harness.snapshot(town.library)
    assert set(fine) <= {Path(name).name for name in everywhere}

    report = town.json("undo", "--all", code=3)
    items = {item["id"]: Path(item["source"]).name for item in town.items()}
    refused = {items[one["id"]]: one["reason"] for one in report["refused"]}
    assert set(troubled) == set(refused)
    for name, says in troubled.items():
        assert says in refused[name], name
        assert Path(name).stem in refused[name] or "kept 3 is no folder of its own" in refused[name], name
    said = town.run("undo", "--all", code=3).stdout
    assert all(says in said for says in troubled.values()), "people are told the same"
    back = harness.snapshot(town.inbox)
    assert {past.before[name] for name in fine} == {back[name] for name in fine}
    assert b"another film" == (town.inbox / "source taken.mp4").read_bytes()
    assert b"film edited.mp4, cut" == (kept / "edited.mp4").read_bytes()

    # twice: what is back is not taken again
    (done,) = [number for number, name in items.items() if name == fine[0]]
    (again,) = town.json("undo", str(done), code=3)["refused"]
    assert done == again["id"]
    assert "undone" in again["reason"] or "already" in again["reason"], again
    missing = town.json("undo", "4711", code=3)["refused"]
    assert [{"id": 4711, "reason": "there is no such item"}] == missing

    # when the trouble is put right, the rest returns too
    with (kept / "edited.mp4").open("r+b") as file:
        file.truncate(len(b"film edited.mp4"))
    digest_before, mtime_ns = past.before["edited.mp4"]
    os.utime(kept / "edited.mp4", ns=(mtime_ns, mtime_ns))
    (town.library / "mine.mp4").rename(kept / "moved.mp4")
    (town.inbox / "source taken.mp4").unlink()
    (town.library / "mine").rename(town.library / "kept 2")
    (town.library / "kept 3").unlink()
    (outside / "kept 3").rename(town.library / "kept 3")
    report = town.json("undo", "--all", code=3)
    assert ["deleted.mp4"] == [items[one["id"]] for one in report["refused"]]
    after = harness.snapshot(town.inbox)
    assert digest_before == after["edited.mp4"][0]
    assert {name: seen for name, seen in past.before.items() if name != "deleted.mp4"} == after
    assert {} == harness.snapshot(town.library)


@pytest.mark.parametrize("point", ["undo.after_intent", "rename.before", "undo.before_done", "commit.before"])
def test_undo_killed_and_given_again_takes_everything_back(town: Town, point: str) -> None:
    past = Past(town)
    past.file("a.mp4", "b.mp4", "c.mp4")
    town.more_environment["VSORTD_FAULT"] = f"{point}:kill@3"
    assert -signal.SIGKILL == town.run("undo", "--all", code=None).returncode
    del town.more_environment["VSORTD_FAULT"]
    assert [] == town.json("undo", "--all")["refused"]
    assert past.before == harness.snapshot(town.inbox)
    assert {} == harness.snapshot(town.library)
    with sqlite3.connect(town.folder / "state" / "journal.sqlite3") as db:
        assert (3,) == db.execute("SELECT count(*) FROM hold").fetchone(), "each is held, none twice"
    db.close()
