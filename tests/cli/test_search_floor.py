"""What `vsortd search` shows, only counts, and passes over: weaker scenes, copies, videos that nobody asked about."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import pytest

from tests.support import harness
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]
DEMO_CLIPS = REPOSITORY / "vsortd" / "doctor" / "clips"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    """Return a home whose library holds the eleven clips of the demo, each of a subject of its own."""
    made = harness.Here.make(tmp_path_factory.mktemp("home") / "home")
    shutil.copytree(DEMO_CLIPS, made.library, dirs_exist_ok=True)
    made.run("index")
    return made


@pytest.mark.long
def test_what_more_likely_shows_something_else_is_only_counted(home: harness.Here) -> None:
    shown, everything = home.json("search", "fire"), home.json("search", "fire", "--all")
    assert shown["scenes"] == [one for one in everything["scenes"] if one["score"] >= 0.5]
    assert 0 < shown["weaker"] == len(everything["scenes"]) - len(shown["scenes"])
    assert (0.5, 0.0) == (shown["min_score"], everything["min_score"])
    said = home.run("search", "a ball game", code=1)
    assert "Nothing here shows it clearly; 11 weaker ones: --all" in said.stdout
    table = home.run("search", "a ball game", "--csv", code=1)
    assert 1 == len(table.stdout.splitlines())
    assert "11 weaker ones: --all" in table.stderr
    best = everything["scenes"][0]["score"]
    above = home.json("search", "fire", "--min-score", str(best + 0.001), "--limit", "3", code=1)
    assert ([], 3) == (above["scenes"], above["weaker"])


@pytest.mark.long
def test_the_library_is_asked_and_a_video_in_several_files_is_one_hit(tmp_path: Path) -> None:
    """What an eval has looked at is asked by its path alone; the daemon answers as the command does."""
    snow, sea = DEMO_CLIPS / "DSC_0007.mp4", DEMO_CLIPS / "IMG_0412.MOV"
    mine = harness.Here.make(tmp_path / "mine")
    labelled, old = mine.folder / "Labelled", mine.folder / "Old"
    for folder in (labelled / "sea", labelled / "nature" / "forest", old):
        folder.mkdir(parents=True)
    filed = Path(shutil.copy2(snow, mine.library / "a.mp4"))
    shutil.copy2(snow, old / "copy.mp4")
    (old / "link.mp4").hardlink_to(filed)
    remuxed(snow, mine.library / "b.mov")
    shutil.copy2(sea, labelled / "sea")
    woods = Path(shutil.copy2(DEMO_CLIPS / "walk in the woods.mp4", mine.library))
    (labelled / "nature" / "forest" / "w.mp4").hardlink_to(woods)
    mine.run("eval", labelled)
    mine.run("index", mine.library, old)
    for daemon in (False, True):
        if daemon:
            mine.start()
        (hit,) = mine.json("search", "snow", "--limit", "1")["scenes"]
        assert str(filed) == hit["file"]
        assert {str(old / "copy.mp4"), str(old / "link.mp4"), str(mine.library / "b.mov")} == set(hit["copies"])
        assert {str(filed), str(woods)} == {one["file"] for one in mine.json("search", "sea", "--all")["scenes"]}
        there = mine.json("search", "sea", "--in", labelled, "--all")["scenes"]
        assert str(labelled / "sea" / sea.name) in {one["file"] for one in there}
    assert f"1 also: {old / 'copy.mp4'}" in mine.run("search", "snow").stdout
    assert 0 == mine.stop()
    mine.run("index", "--forget", old)
    assert [str(mine.library / "b.mov")] == mine.json("search", "snow")["scenes"][0]["copies"]


def remuxed(source: Path, target: Path) -> None:
    """Put the same packets into another container."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
