"""System calls that fail, at every fault point: the source stays or is filed whole, and trying again works."""

from __future__ import annotations

import errno
import os
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.system.fault_points import Point, hooked, parse
from vsortd.errors import ChangedError, FilingError, StoreError
from vsortd.filing.recover import recover
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CODES = [errno.ENOSPC, errno.EACCES, errno.EIO, errno.EBUSY, errno.EXDEV, errno.EEXIST]
pytestmark = pytest.mark.timeout(120)


class Fault:
    """Fails the n-th effect, or every effect from the n-th on."""

    def __init__(self, number: int, code: int, *, lasting: bool) -> None:
        self.number, self.code, self.lasting, self.passed = number, code, lasting, 0

    def __call__(self, _point: Point) -> None:
        self.passed += 1
        if self.passed == self.number or (self.lasting and self.passed > self.number):
            raise OSError(self.code, os.strerror(self.code))


def drop(bench: Any) -> None:
    for name in ("a.mp4", "a.srt", "b.mov", "b.srt"):
        bench.drop(name)


def place(bench: Any, filer: Any) -> None:
    filer.place(bench.request(bench.inbox / "a.mp4", bench.inbox / "a.srt"))


def place_converted(bench: Any, filer: Any) -> None:
    video = bench.inbox / "b.mov"
    filer.place(bench.request(video, bench.inbox / "b.srt", converted=bench.stage(filer, video)))


def nothing(_bench: Any, _filer: Any) -> None:
    pass


def take_back(_bench: Any, filer: Any) -> None:
    report = undo(filer._journal, Selection(all=True))
    if report.refused:
        raise FilingError(report.refused[0][1])


@pytest.mark.few(3)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("apart", [False, True], ids=["one filesystem", "two filesystems"])
@pytest.mark.parametrize(
    ("before", "act", "how"),
    [
        (nothing, place, "move"),
        (nothing, place_converted, "move"),
        (place, take_back, "move"),
        (place_converted, take_back, "move"),
        (nothing, place, "copy"),
        (nothing, place, "hardlink"),
        (nothing, place, "reflink"),
        (nothing, place_converted, "copy"),
        (place, take_back, "copy"),
        (place, take_back, "hardlink"),
        (place_converted, take_back, "copy"),
    ],
)
def test_an_effect_that_fails(
    make_bench: type,
    second_filesystem: Path,
    quick_filesystem: Path,
    before: Callable[[Any, Any], None],
    act: Callable[[Any, Any], None],
    *,
    how: str,
    apart: bool,
    lasting: bool,
) -> None:
    number, passed = 0, True
    while passed:
        number += 1
        # each point sees two of the codes, which take turns
        for code in {CODES[number % len(CODES)], CODES[(number * 5 + 2) % len(CODES)]}:
            home = second_filesystem / uuid.uuid4().hex
            inbox = (quick_filesystem if apart else second_filesystem) / home.name / "in"
            bench = make_bench(inbox, home / "library", home / "state", how=how)
            drop(bench)
            passed = _fail_and_try_again(bench, before, act, Fault(number, code, lasting=lasting))
    assert number > 10


def _fail_and_try_again(
    bench: Any, before: Callable[[Any, Any], None], act: Callable[[Any, Any], None], fault: Fault
) -> bool:
    def left(bench: Any) -> bool:
        if bench.how != "move":
            there = bench.library / "forest" / "night" / ("b.mp4" if place_converted in (before, act) else "a.mp4")
            return bool(there.exists() == (act == take_back))
        return (bench.inbox / ("b.mov" if place_converted in (before, act) else "a.mp4")).exists() == (act != take_back)

    what = f"{os.strerror(fault.code)} at effect {fault.number}, {'lasting' if fault.lasting else 'once'}"
    with bench.filer() as (filer, journal):
        before(bench, filer)
        refused = False
        try:
            with hooked(fault):
                act(bench, filer)
        except (FilingError, ChangedError, StoreError):
            refused = True
        everywhere = list(bench.files().values())
        for data in bench.contents:
            assert data in everywhere, f"{data!r} is lost: {what}"
        if refused:  # the same process, the fault gone
            report = recover(journal)
            assert [] == [*report.unresolved, *report.unclear, *report.troubles], what
            if left(bench):  # else it was done, and only the saying so failed
                act(bench, filer)
    assert [] == bench.recover().lines(), what
    try:
        bench.check()
    except AssertionError as error:
        error.add_note(what)
        raise
    return fault.passed >= fault.number


def test_a_full_disk_is_a_filing_error_with_a_remedy(two_filesystems: Any) -> None:
    bench = two_filesystems
    video = bench.drop("a.mp4")
    with bench.filer() as (filer, journal):
        with hooked(parse("copy.chunk:ENOSPC")), pytest.raises(FilingError) as caught:
            filer.place(bench.request(video))
        assert "No space left" in caught.value.title
        assert "Free some space" in caught.value.remedy
        assert [] == journal.history()
        assert "filed" == filer.place(bench.request(video)).state
    bench.check()


def test_a_source_that_cannot_be_removed_is_not_stored_twice(two_filesystems: Any) -> None:
    bench = two_filesystems
    video, sidecar = bench.drop("a.mp4"), bench.drop("a.srt")
    with bench.filer() as (filer, _):
        with hooked(parse("aside.before:EACCES")), pytest.raises(FilingError):
            filer.place(bench.request(video, sidecar))
        assert {"a.mp4", "a.srt"} == set(bench.tree(bench.inbox))
        assert {} == bench.tree(bench.library)
        with hooked(parse("aside.before:EACCES@2")):  # the video's source went, its sidecar's can't
            item = filer.place(bench.request(video, sidecar))
    assert "was left" in item.reason
    assert {"a.srt"} == set(bench.tree(bench.inbox))
    assert {"forest/night/a.mp4"} == set(bench.tree(bench.library))
    bench.check()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_really_full(bench: Any, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode:
        pytest.skip("can't mount a tmpfs here")
    try:
        bench.library = disk / "library"
        video = bench.drop("big.mp4", os.urandom(200_000))
        with bench.filer() as (filer, _):
            with pytest.raises(FilingError, match="No space left"):
                filer.place(bench.request(video))
            assert [] == [path for path in bench.files() if path.is_relative_to(disk)]
            assert "filed" == filer.place(bench.request(bench.drop("small.mp4"))).state
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            with pytest.raises(FilingError, match="Read-only"):
                filer.place(bench.request(bench.drop("other.mp4")))
        bench.check()
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root may bind-mount")
def test_two_bind_mounts_of_one_filesystem(bench: Any, tmp_path: Path) -> None:
    """They share a device number, and still a rename between them is refused: it has to be tried."""
    mounted = tmp_path / "bound"
    mounted.mkdir()
    if subprocess.run(["mount", "--bind", bench.inbox, mounted], check=False).returncode:
        pytest.skip("can't bind-mount here")
    try:
        bench.inbox = mounted
        video = bench.drop("a.mp4")
        with bench.filer() as (filer, journal):
            item = filer.place(bench.request(video))
            assert [True] == [one.copied for one in journal.operations(item.id)]
            undo(journal, Selection(all=True))
        bench.check()
    finally:
        subprocess.run(["umount", mounted], check=True)
