"""A power cut at the fault points: what was written to the disk by then is all there is, and it is enough.

The disk is an ext4 image on a loop device, or one of btrfs where files are to share their blocks. The process is
killed, and the image is copied as it is at that moment, without what the kernel still holds back; then the copy takes
the image's place.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.system.fault_points import Point, hooked
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root may mount a loop device"),
    pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="no mkfs.ext4 here"),
    pytest.mark.timeout(180),
]


MAKE = {
    "ext4": (["mkfs.ext4", "-q", "-F"], 24 * 2**20),
    "btrfs": (["mkfs.btrfs", "--quiet", "--force", "--mixed"], 128 * 2**20),
}


class Disk:
    """An image, mounted."""

    def __init__(self, folder: Path, name: str, kind: str) -> None:
        self.image, self.mounted = folder / f"{name}.img", folder / name
        self.mounted.mkdir()
        command, size_bytes = MAKE[kind]
        if shutil.which(command[0]) is None:
            pytest.skip(f"no {command[0]} here")
        with self.image.open("wb") as file:
            file.truncate(size_bytes)
        subprocess.run([*command, self.image], check=True, capture_output=True)
        if not self.mount():
            pytest.skip("can't mount a loop device here")

    def mount(self) -> bool:
        return subprocess.run(["mount", "-o", "loop", self.image, self.mounted], check=False).returncode == 0

    def unmount(self) -> None:
        subprocess.run(["umount", self.mounted], check=True)

    def sync(self) -> None:
        subprocess.run(["sync", "-f", self.mounted], check=True)

    def cut(self) -> None:
        """Lose whatever did not reach the image."""
        kept = self.image.with_suffix(".cut")
        shutil.copyfile(self.image, kept)
        self.unmount()
        kept.replace(self.image)
        assert self.mount()


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Callable[..., Disk]]:
    made: list[Disk] = []

    def make(name: str, kind: str = "ext4") -> Disk:
        made.append(Disk(tmp_path, name, kind))
        return made[-1]

    yield make
    for disk in made:
        if os.path.ismount(disk.mounted):
            disk.unmount()


def place(bench: Any, **more: Any) -> None:
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.inbox / "a.mov", bench.inbox / "a.srt", **more))


def place_converted(bench: Any) -> None:
    with bench.filer() as (filer, _):
        video = bench.inbox / "a.mov"
        staged = bench.stage(filer, video)
        filer.place(bench.request(video, bench.inbox / "a.srt", converted=staged))


def place_marked(bench: Any) -> None:
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.inbox / "a.mov", bench.inbox / "a.mov.xmp"))


def put_aside(bench: Any) -> None:
    lying = bench.library / "forest" / "night"
    with bench.filer() as (filer, _):
        filer.place(bench.aside_request(lying / "a.mov", lying / "a.srt"), by_hand=lambda _: None)


def put_aside_from_the_inbox(bench: Any) -> None:
    with bench.filer() as (filer, _):
        filer.place(bench.aside_request(bench.inbox / "a.mov", bench.inbox / "a.srt"), by_hand=lambda _: None)


def take_back(bench: Any) -> None:
    with bench.journal() as journal:
        undo(journal, Selection(all=True))


def killed_at(act: Callable[[], None], number: int) -> bool:
    """Run `act` in a process of its own, killed at its n-th fault point; False if it has fewer."""
    left = number

    def hook(_point: Point) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        with hooked(hook):
            act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


STAYING = {
    "copy": ("copy", (), place),
    "converted, its source stays": ("copy", (), place_converted),
    "hard link": ("hardlink", (), place),
    "shared blocks": ("reflink", (), place),
    "undo of a copy": ("copy", (place,), take_back),
    "undo of a hard link": ("hardlink", (place,), take_back),
    "undo of shared blocks": ("reflink", (place,), take_back),
}


@pytest.mark.few(2)
@pytest.mark.parametrize("name", STAYING)
def test_the_power_goes_where_videos_stay(disks: Callable[..., Disk], make_bench: type, name: str) -> None:
    how, before, act = STAYING[name]
    cut_everywhere([disks("first", "btrfs" if how == "reflink" else "ext4")], make_bench, before, act, how)


@pytest.mark.few(3)
@pytest.mark.parametrize("apart", [False, True], ids=["one disk", "two disks"])
@pytest.mark.parametrize(
    ("before", "act"),
    [
        ((), place),
        ((), place_converted),
        ((place_converted,), take_back),
        ((), place_marked),
        ((place_marked,), take_back),
        ((place,), put_aside),
        ((), put_aside_from_the_inbox),
        ((put_aside_from_the_inbox,), take_back),
    ],
    ids=[
        *("place", "converted", "undo", "amended sidecar", "undo of an amended sidecar"),
        *("set aside", "set aside from an inbox", "undo of what was set aside"),
    ],
)
def test_the_power_goes(
    disks: Callable[..., Disk],
    make_bench: type,
    before: tuple[Callable[[Any], None], ...],
    act: Callable[[Any], None],
    *,
    apart: bool,
) -> None:
    first = disks("first")
    cut_everywhere([first, disks("second")] if apart else [first], make_bench, before, act)


def cut_everywhere(
    used: list[Disk],
    make_bench: type,
    before: tuple[Callable[[Any], None], ...],
    act: Callable[[Any], None],
    how: str = "move",
) -> None:
    """Cut the power at one point after the other; the library is on the first disk, the inbox on the last."""
    number, step = 1, int(os.environ.get("VSORTD_TEST_STEP", "9"))  # 1 for every fault point
    turn, killed = 0, True
    while killed:
        turn += 1
        home, far = used[0].mounted / str(turn), used[-1].mounted / str(turn)
        bench = make_bench(far / "in", home / "library", home / "state", how=how)
        bench.derived.add(b"mp4 of film a.mov")
        bench.drop("a.mov")
        bench.drop("a.srt")
        if place_marked in {act, *before}:
            bench.drop_marked("a.mov")
        for step_before in before:
            step_before(bench)
        for disk in used:
            disk.sync()
        killed = killed_at(partial(act, bench), number)
        for disk in used:
            disk.cut()
        report = bench.recover()
        assert [] == [*report.unresolved, *report.unclear, *report.troubles], f"at point {number}"
        assert [] == bench.recover().lines()
        try:
            bench.check()
        except AssertionError as error:
            error.add_note(f"at point {number}")
            raise
        number += step
    print(f"the power cut at {turn - 2} points, nothing lost")  # noqa: T201 - the count of a long run
    assert turn > 2
