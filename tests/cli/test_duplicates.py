"""`vsortd duplicates` on renders and what ffmpeg makes of them: what is found, what not; nothing is touched."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.support import harness
from tests.support.takes import render_takes
from vsortd.media.ffmpeg import find_ffmpeg

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(120)
TRIP = [("forest", 2.4), ("city", 2.1), ("snow", 2.5)]
# What was made of trip.mp4: ffmpeg's words before and after its name.
MADE: dict[str, tuple[list[str], list[str]]] = {
    "low.mp4": ([], ["-crf", "38"]),
    "small.mov": ([], ["-vf", "scale=160:-2", "-crf", "28"]),
    "boxed.mp4": ([], ["-vf", "pad=320:240:0:30"]),
    "late.mp4": ([], ["-vf", "tpad=start_duration=1.5:color=black"]),
    "cut.mp4": (["-ss", "1.3"], ["-t", "4"]),
}
# Two takes from a tripod, each with a red box, hardly to be seen in grey, that jumps once.
TAKES = {"take1.mp4": ((40, 110), (240, 110)), "take2.mp4": ((140, 20), (140, 140))}
BOX = "drawbox=x={0}:y={1}:w=20:h=20:color=red:t=fill:enable='{2}(t,1.2)'"
BLACK = ["-vf", "tpad=start_duration=2:color=black"]
STRANGERS = {"sea1.mp4": "sea", "sea2.mp4": "sea", "meadow.mp4": "meadow"}


def make(source: Path, target: Path, before: list[str], after: list[str]) -> None:
    command = [str(find_ffmpeg()), "-nostdin", "-loglevel", "error", *before, "-i", str(source), *after]
    subprocess.run([*command, "-c:v", "libx264", "-preset", "ultrafast", str(target)], check=True)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Render once: a trip and what was made of it; strangers: two that begin with 2 s of black, two of one place."""
    folder = tmp_path_factory.mktemp("films")
    trip = render_takes(folder / "trip.mp4", TRIP, seed=81_000)
    for name, (before, after) in MADE.items():
        make(trip, folder / name, before, after)
    shutil.copy(trip, folder / "copy of trip.mp4")
    for number, (name, subject) in enumerate(STRANGERS.items()):
        stranger = render_takes(folder / name, [(subject, 2.5)], seed=82_000 + number)
        if subject == "sea":
            make(stranger, folder / f"black {name}", [], BLACK)
            stranger.unlink()
    for name, (first, then) in TAKES.items():
        boxes = f"{BOX.format(*first, 'lt')},{BOX.format(*then, 'gte')}"
        make(folder / "meadow.mp4", folder / name, [], ["-vf", boxes])
    (folder / "meadow.mp4").unlink()
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    """Return a home whose index grows from test to test."""
    return harness.Here.make(tmp_path_factory.mktemp("home") / "home")


def others(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the only group's others by name."""
    (group,) = document["groups"]
    return {one["path"].rpartition("/")[2]: one for one in group["others"]}


def test_copies_and_what_was_made_of_a_video_are_one_group_and_strangers_in_none(
    home: harness.Here, films: Path, tmp_path: Path
) -> None:
    before = harness.snapshot(films)
    document = home.json("duplicates", films, "--out", tmp_path / "pairs")
    assert before == harness.snapshot(films)
    (group,) = document["groups"]
    keep = group["keep"]["path"].rpartition("/")[2]
    assert keep in {"trip.mp4", "copy of trip.mp4", "late.mp4"}
    found = others(document)
    assert {*MADE, "trip.mp4", "copy of trip.mp4"} == {*found, keep}
    assert "part" == found["cut.mp4"]["kind"]
    assert found["cut.mp4"]["begins_s"] == pytest.approx(1.3 + (1.5 if keep == "late.mp4" else 0), abs=0.15)
    assert {"same", "copy"} >= {one["kind"] for name, one in found.items() if name != "cut.mp4"}
    assert all(one["score"] >= 0.8 for one in found.values())
    for one in found.values():
        with Image.open(one["picture"]) as picture:
            assert picture.width > 600
    assert len(found) == len(list((tmp_path / "pairs").iterdir()))
    assert 11 == document["videos"]
    assert [] == home.items()


def test_without_a_path_what_was_given_is_compared_and_what_is_gone_is_passed_over(
    home: harness.Here, films: Path
) -> None:
    home.run("index", films / "trip.mp4", films / "copy of trip.mp4", films / "low.mp4")
    (films / "copy of trip.mp4").rename(films / "gone")
    try:
        document = home.json("duplicates")
    finally:
        (films / "gone").rename(films / "copy of trip.mp4")
    assert 1 == document["gone"]
    assert "copy" not in {one["kind"] for one in others(document).values()}


def test_a_table_for_programs_has_a_line_for_each_file(home: harness.Here, films: Path) -> None:
    named = [films / name for name in ("trip.mp4", "copy of trip.mp4", "cut.mp4", "take1.mp4")]
    lines = list(csv.DictReader(io.StringIO(home.run("duplicates", *named, "--csv").stdout)))
    assert [("1", "keep"), ("1", "copy"), ("1", "part")] == [(line["group"], line["kind"]) for line in lines]
    assert lines[0]["path"] == lines[2]["of"]


def test_people_read_what_is_what_and_that_nothing_was_deleted(home: harness.Here, films: Path) -> None:
    text = home.run("duplicates", films / "trip.mp4", films / "cut.mp4", films / "take1.mp4").stdout
    assert "keep?" in text
    assert "a part of it, from 0:01." in text
    assert "1 group among 3 videos" in text
    assert "Nothing was deleted or moved." in text
    assert "take1.mp4" not in text


def test_nothing_alike_is_no_failure(home: harness.Here, films: Path, tmp_path: Path) -> None:
    found = home.run(
        "duplicates", *(films / name for name in ("take1.mp4", "take2.mp4", "black sea1.mp4", "black sea2.mp4"))
    )
    assert "No duplicates among 4 videos" in found.stdout
    fresh = harness.Here.make(tmp_path / "fresh")
    assert "There is no video to compare" in fresh.run("duplicates").stdout


def test_a_broken_video_is_named_and_the_others_are_compared(home: harness.Here, films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    for name in ("trip.mp4", "low.mp4"):
        shutil.copy2(films / name, folder)
    (folder / "broken.mp4").write_bytes(b"no film at all" * 100)
    document = home.json("duplicates", folder, code=3)
    assert ["broken.mp4"] == [one["path"].rpartition("/")[2] for one in document["failed"]]
    assert 1 == len(document["groups"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--csv", "--json"], "exclude one another"),
        (["nowhere"], "is not there"),
        (["--out", "{full}"], "is not empty"),
        (["--out", "{file}"], "Can't make the folder"),
    ],
)
def test_wrong_use_is_said_before_the_work(home: harness.Here, tmp_path: Path, words: list[str], said: str) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "holiday.png").write_bytes(b"dear")
    places = {"{full}": str(full), "{file}": str(full / "holiday.png")}
    found = home.run("duplicates", *(places.get(word, word) for word in words), code=2)
    assert said in found.stderr
    assert b"dear" == (full / "holiday.png").read_bytes()
