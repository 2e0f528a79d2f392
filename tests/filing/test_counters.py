"""Counters in names: one more than the highest there is, for the whole group, whoever else is filing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.filing.test_filing_names import is_one_name
from tests.support.disks import LIKE_ECRYPTFS, doubled
from vsortd.core.system.fault_points import Point, hooked
from vsortd.filing.counters import MOST_DIGITS, counted_stem
from vsortd.filing.file_names import NameFields
from vsortd.filing.undo import Selection, undo

if TYPE_CHECKING:
    from pathlib import Path

VIDEOS = 200


def file(bench: Any, *names: str, **more: Any) -> list[str]:
    """File videos, one after the other, and return the names that they have got."""
    with bench.filer() as (filer, _):
        items = [filer.place(bench.request(bench.drop(name), **more)) for name in names]
    return [item.destination.name for item in items]


def test_videos_are_counted_in_their_folder_and_by_their_name(bench: Any) -> None:
    bench.template = "{rule} {n:03}"
    assert ["sea 001.mp4", "sea 002.MOV"] == file(bench, "a.mp4", "b.MOV", folder=("sea",), rule="sea")
    assert ["forest-night 001.mp4"] == file(bench, "c.mp4")
    assert ["sea 003.mp4"] == file(bench, "d.mp4", folder=("sea",), rule="sea")
    bench.template = "{n} {rule}"
    assert ["1 sea.mp4", "2 sea.mp4"] == file(bench, "e.mp4", "f.mp4", folder=("sea",), rule="sea")
    bench.check()


def test_sidecars_have_their_videos_number(bench: Any) -> None:
    bench.template = "clip {n:04}"
    file(bench, "first.mp4")
    with bench.filer() as (filer, _):
        filer.place(bench.request(bench.drop("b.mov"), bench.drop("b.en.srt"), bench.drop("b.mov.xmp")))
    there = set(bench.tree(bench.library / "forest" / "night"))
    assert {"clip 0001.mp4", "clip 0002.mov", "clip 0002.en.srt", "clip 0002.mov.xmp"} == {
        path.rpartition("/")[2] for path in there
    }


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (["clip 7.mp4"], "clip 8.mp4"),
        (["CLIP 0012.srt"], "clip 13.mp4"),
        (["clip 1.mp4", "clip 5.mov", "clip 3.mp4"], "clip 6.mp4"),
        (["clip 4 (2).mp4", "clip 4a.mp4", "clip.mp4", "x clip 9.mp4"], "clip 1.mp4"),
        (["clip 20261130183005.mp4"], "clip 1.mp4"),  # a moment, no count
    ],
)
def test_the_number_is_one_more_than_the_highest_there(bench: Any, there: list[str], expected: str) -> None:
    bench.template = "clip {n}"
    for name in there:
        path = bench.library / "forest" / "night" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"theirs")
    assert [expected] == file(bench, "a.mp4")


def test_the_last_number_is_given_again_after_an_undo_and_no_hole_is_filled(bench: Any) -> None:
    bench.template = "clip {n}"
    assert ["clip 1.mp4", "clip 2.mp4", "clip 3.mp4"] == file(bench, "a.mp4", "b.mp4", "c.mp4")
    with bench.journal() as journal:
        undo(journal, Selection(ids=(2,)))
    assert ["clip 4.mp4"] == file(bench, "d.mp4")
    with bench.journal() as journal:
        undo(journal, Selection(ids=(4,)))
    assert ["clip 4.mp4"] == file(bench, "e.mp4")
    bench.check()


def test_a_dry_run_counts_like_the_real_thing(bench: Any) -> None:
    bench.template = "clip {n}"
    requests = [bench.request(bench.drop(name)) for name in ("a.mp4", "b.mov", "c.mp4")]
    with bench.filer() as (filer, _):
        foreseen: list[Path] = []
        for request in requests:
            foreseen.append(filer.preview(request, taken=foreseen).destination)
        assert foreseen == [filer.place(request).destination for request in requests]


def test_who_takes_the_number_first_pushes_the_whole_group_on(bench: Any) -> None:
    """Somebody else's file gets the sidecar's name between the choice and the move."""
    bench.template = "clip {n}"
    video, sidecar = bench.drop("a.mp4"), bench.drop("a.srt")
    taken = bench.library / "forest" / "night" / "clip 1.srt"

    def take(point: Point) -> None:
        if point is Point.PLACE_AFTER_INTENT and not taken.exists():
            taken.write_bytes(b"theirs")

    bench.theirs.add(b"theirs")
    with bench.filer() as (filer, _), hooked(take):
        item = filer.place(bench.request(video, sidecar))
    assert item.destination is not None
    assert {"clip 1.srt": b"theirs", "clip 2.mp4": b"film a.mp4", "clip 2.srt": b"film a.srt"} == {
        path.name: path.read_bytes() for path in item.destination.parent.iterdir()
    }
    bench.check()


def test_a_long_name_keeps_its_number_also_on_a_disk_that_takes_short_ones(bench: Any) -> None:
    bench.template = "{stem} {n}"
    stem = "long " * 48
    names = file(bench, f"{stem}.mp4", f"{stem}.mov")
    assert [" 1.mp4", " 2.mov"] == [name[-6:] for name in names]
    assert all(len(name) <= 255 for name in names)
    with doubled(bench.library, LIKE_ECRYPTFS), bench.filer() as (filer, _):
        short = [
            filer.place(bench.request(bench.drop(f"{number}/{stem}x.mp4"), folder=("short",))).destination.name
            for number in range(3)
        ]
    assert [" 1.mp4", " 2.mp4", " 3.mp4"] == [name[-6:] for name in short]
    assert all(len(name) <= 143 for name in short)


WORDS = st.text(max_size=300) | st.binary(max_size=300).map(os.fsdecode)


@given(WORDS, WORDS, st.integers(1, 10**MOST_DIGITS - 2), st.integers(0, 9), st.integers(30, 255))
def test_any_counted_name_is_one_name_within_its_limit_and_found_again(
    stem: str, camera: str, number: int, digits: int, limit_bytes: int
) -> None:
    spec = f":0{digits}" if digits else ""
    counted = counted_stem(f"{{stem}} {{n{spec}}} {{camera}}", NameFields(stem, camera=camera))
    assert counted is not None
    name, following = counted.at(number, limit_bytes), counted.at(number + 1, limit_bytes)
    assert is_one_name(name)
    assert len(os.fsencode(name)) <= limit_bytes
    assert name != following
    assert number + 1 == counted.highest([f"{name}.mp4", f"{following}.xmp"], limit_bytes)


SCRIPT = """
import sys
from pathlib import Path
from vsortd.config.place_options import Place
from vsortd.core.identity import Identity
from vsortd.filing.journal import Journal
from vsortd.filing.place import Filer
from vsortd.filing.placement import FilingRequest
from vsortd.filing.recover import recover
from concurrent.futures import ThreadPoolExecutor
root, mine = Path(sys.argv[1]), sys.argv[2]
with Journal.open(root / "state" / "journal.sqlite3") as journal:
    recover(journal)
    filer = Filer(journal, root / "library", Place(name="clip {n:04}"))
    def file(path):
        sidecars = tuple(one for one in [path.with_suffix(".srt")] if one.exists())
        return filer.place(FilingRequest(path, Identity.of(path), ("trip",), sidecars=sidecars))
    with ThreadPoolExecutor(4) as threads:
        left = sorted(path for path in (root / "in" / mine).iterdir() if path.suffix != ".srt")
        list(threads.map(file, left))
    filer.close()
"""


def begin(bench: Any, mine: str, fault: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCRIPT, str(bench.inbox.parent), mine]
    return subprocess.Popen(command, env={**os.environ, "VSORTD_FAULT": fault}, stderr=subprocess.PIPE)


def drop_many(bench: Any) -> None:
    """Put videos of two endings into two folders, every fifth with a sidecar."""
    bench.inbox.parent.joinpath("state").mkdir(exist_ok=True)
    with bench.journal():
        pass
    for mine in ("one", "two"):
        for number in range(VIDEOS):
            bench.drop(f"{mine}/{number:03}.{'mov' if number % 2 else 'mp4'}")
            if number % 5 == 0:
                bench.drop(f"{mine}/{number:03}.srt")


def numbers(bench: Any) -> list[int]:
    """Return the number of every video in the library, in order."""
    names = [name for name in bench.tree(bench.library) if not name.endswith(".srt")]
    found = [re.fullmatch(r"trip/clip (\d{4})\.(mp4|mov)", name) for name in names]
    return sorted(int(one[1]) for one in found if one)


def test_two_processes_and_their_threads_never_give_a_number_twice(bench: Any) -> None:
    drop_many(bench)
    for process in [begin(bench, "one"), begin(bench, "two")]:
        _, said = process.communicate(timeout=120)
        assert 0 == process.returncode, said.decode()
    assert list(range(1, 2 * VIDEOS + 1)) == numbers(bench)
    _each_sidecar_lies_with_its_video(bench)
    bench.check()


@pytest.mark.long
def test_killed_in_the_middle_nothing_is_lost_and_no_number_given_twice(bench: Any) -> None:
    drop_many(bench)
    killed, other = begin(bench, "one", "place.before_done:kill@60"), begin(bench, "two")
    for process, code in ((killed, -signal.SIGKILL), (other, 0)):
        _, said = process.communicate(timeout=120)
        assert code == process.returncode, said.decode()
    assert {} != bench.tree(bench.inbox / "one")
    again = begin(bench, "one")
    _, said = again.communicate(timeout=120)
    assert 0 == again.returncode, said.decode()
    found = numbers(bench)
    assert 2 * VIDEOS == len(found) == len(set(found))
    _each_sidecar_lies_with_its_video(bench)
    bench.check()


def _each_sidecar_lies_with_its_video(bench: Any) -> None:
    there = bench.tree(bench.library)
    sidecars = {name: data for name, data in there.items() if name.endswith(".srt")}
    assert 2 * VIDEOS // 5 == len(sidecars)
    for name, data in sidecars.items():
        (video,) = (one for one in there if one != name and one.startswith(name.removesuffix("srt")))
        assert there[video].rpartition(b".")[0] == data.rpartition(b".")[0]
