"""Names that a disk refuses: made to fit with their sidecars, on real disks and on doubles."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.disks import LIKE_ECRYPTFS, WINDOWS, Disk, doubled
from vsortd.core.names import portable
from vsortd.core.system.fault_points import Point, hooked
from vsortd.errors import FilingError
from vsortd.filing.name_fit import NameFit, shortened
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the system's own rules hold there")
ALL = Selection(all=True)


def test_a_name_that_the_library_s_disk_refuses_is_made_to_fit_with_its_sidecars(bench: Any, disk: Path) -> None:
    bench.library = disk / "Sorted"
    video, sidecar = bench.drop("What? a: b.mp4"), bench.drop("What? a: b.en.srt")
    points: list[Point] = []
    with bench.filer() as (filer, _), hooked(points.append):
        item = filer.place(bench.request(video, sidecar))
    assert {"forest/night/What_ a_ b.mp4", "forest/night/What_ a_ b.en.srt"} == set(bench.tree(bench.library))
    assert "takes no `?` and `:`" in item.reason
    assert 2 == points.count(Point.COPY_CHUNK), "each file was copied once, whatever was tried before"
    with bench.journal() as journal:
        assert [] == undo(journal, ALL).refused
    assert {"What? a: b.mp4", "What? a: b.en.srt"} == set(bench.tree(bench.inbox))
    bench.check()


def test_a_rule_whose_folder_the_disk_refuses_gets_one_that_fits_and_keeps_it(bench: Any, disk: Path) -> None:
    bench.library = disk / "Sorted"
    with bench.filer() as (filer, _):
        for name in ("a.mp4", "b.mp4"):
            item = filer.place(bench.request(bench.drop(name), folder=("Q: what?", "<night>")))
            assert disk / "Sorted" / "Q_ what_" / "_night_" / name == item.destination
        later = bench.request(bench.drop("c.mp4"), folder=("Q: what?", "<night>"))
        assert disk / "Sorted" / "Q_ what_" / "_night_" / "c.mp4" == filer.preview(later).destination
    bench.check()


def test_a_name_that_is_no_text_gets_one_that_is(bench: Any, disk: Path) -> None:
    bench.library = disk / "Sorted"
    video = bench.drop(os.fsdecode(b"caf\xe9: 1.mp4"))
    with bench.filer() as (filer, journal):
        item = filer.place(bench.request(video, folder=("x",)))
        assert disk / "Sorted" / "x" / "caf__ 1.mp4" == item.destination
        assert "takes no bytes that are no text and `:`" in item.reason
        assert [] == undo(journal, ALL).refused
    bench.check()


def test_a_dry_run_tells_what_a_disk_of_that_kind_may_refuse(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    request = bench.request(bench.drop("a: b.mp4"))
    with bench.filer() as (filer, _):
        assert "looks like it" == filer.preview(request).reason
        monkeypatch.setattr("vsortd.filing.name_fit.filesystem_type", lambda _: "exfat")
        found = filer.preview(request)
        plain = filer.preview(bench.request(bench.drop("c.mp4")))
    assert bench.library / "forest/night/a: b.mp4" == found.destination
    assert "(exfat) refuses that name, it becomes forest/night/a_ b.mp4" in found.reason
    assert "looks like it" == plain.reason


def test_two_names_that_become_one_stay_two_files(bench: Any, disk: Path) -> None:
    bench.library = disk / "Sorted"
    with bench.filer() as (filer, _):
        for name in ("a:b.mp4", "a?b.mp4"):
            filer.place(bench.request(bench.drop(name), folder=("x",)))
        video, *sidecars = (bench.drop(name) for name in ("c.mp4", "c.?.srt", "c.:.srt"))
        filer.place(bench.request(video, *sidecars, folder=("x",)))
    wanted = {"x/a_b.mp4", "x/a_b (2).mp4", "x/c.mp4", "x/c._.srt", "x/c._.2.srt"}
    assert wanted == set(bench.tree(bench.library))
    bench.check()


def test_a_converted_video_s_original_is_kept_under_a_name_that_fits(bench: Any, disk: Path) -> None:
    bench.library = disk / "Sorted"
    video = bench.drop("Take: 1.mov")
    with bench.filer() as (filer, journal):
        converted = bench.stage(filer, video)
        item = filer.place(bench.request(video, converted=converted, folder=("x",)))
        assert disk / "Sorted" / "x" / "Take_ 1.mp4" == item.destination
        assert [] == undo(journal, ALL).refused
    assert {"Take: 1.mov"} == set(bench.tree(bench.inbox))
    bench.check()


def test_undo_onto_a_disk_that_refuses_the_old_name_says_where_the_video_is(bench: Any, disk: Path) -> None:
    """The inbox was on the machine's own disk when the video came, and is on another one now."""
    video, sidecar = bench.drop("What: a.mp4"), bench.drop("What: a.srt")
    with bench.filer() as (filer, journal):
        item = filer.place(bench.request(video, sidecar))
        bench.inbox.rmdir()
        bench.inbox.symlink_to(disk)
        report = undo(journal, ALL)
        assert [] == report.refused
        assert bench.inbox / "What_ a.mp4" == report.back_at[item.id]
        assert {"What_ a.mp4", "What_ a.srt"} == {path.name for path in disk.iterdir()}
        back = bench.request(bench.inbox / "What_ a.mp4")
        known = filer.known(back.source, back.identity)
    assert known is not None
    assert "held" == known.why
    bench.inbox.unlink()


@pytest.mark.parametrize("length", [144, 200, 255])
def test_a_name_that_is_too_long_for_the_disk_is_cut_with_its_sidecars(bench: Any, length: int) -> None:
    stem = "ü" * ((length - 4) // 2)
    video, sidecar = bench.drop(f"{stem}.mp4"), bench.drop(f"{stem}.srt")
    with doubled(bench.library.parent, LIKE_ECRYPTFS), bench.filer() as (filer, _):
        item = filer.place(bench.request(video, sidecar, folder=("rule " * 38,)))
    assert item.destination is not None
    short, ending = item.destination.name[:-4], item.destination.name[-4:]
    assert ".mp4" == ending
    assert stem.startswith(short)
    assert len(os.fsencode(item.destination.name)) <= 143
    assert len(os.fsencode(item.destination.parent.name)) <= 143
    assert item.destination.with_suffix(".srt").exists()
    bench.check()


def test_a_name_that_nothing_makes_fit_fails_for_good_before_anything_is_copied(two_filesystems: Any) -> None:
    bench = two_filesystems
    ascii_only = Disk(names=re.compile(r"[^\x00-\x7f]"))
    video = bench.drop("Übung.mp4")
    points: list[Point] = []
    refused = pytest.raises(FilingError)
    with (
        doubled(bench.library.parent, ascii_only),
        bench.filer() as (filer, _),
        hooked(points.append),
        refused as caught,
    ):
        filer.place(bench.request(video))
    assert caught.value.lasting
    assert "`Ü`" in str(caught.value)
    assert "vsortd retry" in caught.value.remedy
    assert Point.COPY_CHUNK not in points
    bench.check()


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=4), st.sampled_from([255, 143, 64]))
def test_fitted_names_are_names_everywhere_and_differ(names: list[str], most_bytes: int) -> None:
    fitted = NameFit(portable=True, most_bytes=most_bytes).names([f"{name}.mp4" for name in names])
    assert all(WINDOWS.search(name) is None for name in fitted)
    if most_bytes == 255:
        assert len(names) == len({name.casefold() for name in fitted})


@given(st.text(max_size=300).map(lambda text: text.replace("\0", "")), st.binary(max_size=40))
def test_a_portable_name_is_text_and_stays_as_it_is_when_made_so_again(text: str, raw: bytes) -> None:
    for name in (text, os.fsdecode(raw.replace(b"\0", b""))):
        once = portable(name)
        assert once == portable(once)
        assert once.encode()
        assert WINDOWS.search(once) is None


def test_a_name_that_fits_everywhere_stays() -> None:
    for name in ("Film.mp4", "Ünder (2).mp4", unicodedata.normalize("NFD", "Übung.mp4"), "😀.mp4"):
        assert name == portable(name)
    assert ["a (2).mp4", "a (2).en.srt"] == shortened(["aaaa (2).mp4", "aaaa (2).en.srt"], 12)
