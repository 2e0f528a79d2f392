"""`vsortd analyze` as a person meets it: real files, the real command; nothing moves, and nothing is read twice."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from tests.support import harness
from tests.support.clips import encode
from tests.support.films import put_out, three_shots
from tests.support.sounds import levels, write_sound

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    return harness.Here.make(tmp_path / "home")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three shots of 2, 3 and 2 s under a tone of -23 LUFS."""
    return three_shots(tmp_path_factory.mktemp("films") / "three shots.mov")


def analysis(home: harness.Here, *words: str | Path, code: int = 0) -> dict[str, Any]:
    """Return what the command says of one file."""
    document = home.json("analyze", *words, code=code)
    (one,) = document["videos"]
    return dict(one)


def test_a_file_is_told_with_all_its_parts_and_stays_as_it_is(home: harness.Here, film: Path) -> None:
    before = harness.snapshot(film.parent)
    found = analysis(home, film)
    assert before == harness.snapshot(film.parent)
    assert "mov" == found["facts"]["format"]
    assert [0.0, 2.0, 5.0] == [shot["begin_s"] for shot in found["shots"]["shots"]]
    assert found["sound"]["integrated_lufs"] == pytest.approx(-23.0, abs=0.1)
    assert "Fast" in found["summary"]["pacing"]
    text = home.run("analyze", film).stdout
    assert "3 shots" in text
    assert "-23.0 LUFS" in text
    assert [] == home.items()


def test_what_was_measured_is_not_read_again(home: harness.Here, film: Path, tmp_path: Path) -> None:
    path = shutil.copy2(film, tmp_path / "film.mov")
    before = analysis(home, path)
    put_out(path)
    assert before == analysis(home, path)
    assert before["shots"] == analysis(home, path, "--only", "shots")["shots"]
    other = analysis(home, path, "--scene-threshold", "0.5", code=3)  # another question, for which it must be read
    assert "error" in other["shots"]
    assert before["facts"] == other["facts"]


def test_a_part_that_a_file_does_not_have_is_null_and_no_failure(home: harness.Here, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "only sound.mov", levels((-20.0, 2.0)))
    found = analysis(home, path)
    assert found["shots"] is None
    assert found["summary"] is None
    assert found["sound"]["integrated_lufs"] == pytest.approx(-20.0, abs=0.1)


def test_sound_alone_is_null_for_a_video_without_any(home: harness.Here, tmp_path: Path) -> None:
    path = encode(tmp_path / "mute.mp4", [np.full((90, 160, 3), 90, np.uint8)] * 10, fps=10)
    assert {"path": str(path), "sound": None} == analysis(home, path, "--only", "sound")


def test_a_broken_file_is_told_of_and_the_others_stand(home: harness.Here, film: Path, tmp_path: Path) -> None:
    shutil.copy2(film, tmp_path / "a.mov")
    (tmp_path / "b.mp4").write_bytes(b"no video at all")
    (tmp_path / "notes.txt").write_text("not looked at")
    videos = home.json("analyze", tmp_path, code=3)["videos"]
    told = {os.path.basename(one["path"]): one for one in videos}  # noqa: PTH119 - texts
    assert {"a.mov", "b.mp4"} <= set(told)
    assert told["b.mp4"]["error"]
    assert 3 == told["a.mov"]["shots"]["count"]
    rows = list(csv.DictReader(io.StringIO(home.run("analyze", tmp_path, "--csv", code=3).stdout, newline="")))
    assert {row["path"]: row["shots"] for row in rows}[str(tmp_path / "a.mov")] == "3"
    assert next(row["error"] for row in rows if row["path"].endswith("b.mp4"))


def test_private_leaves_out_where_and_who(home: harness.Here, clips: Path) -> None:
    path = clips / "media__dolbyVision-hdr.MOV"
    assert analysis(home, path, "--only", "facts")["facts"]["gps"] is not None
    assert "gps" not in analysis(home, path, "--only", "facts", "--private")["facts"]


def test_shots_are_written_for_other_programs(home: harness.Here, film: Path, tmp_path: Path) -> None:
    table = tmp_path / "shots.csv"
    edl, project, cuts = (tmp_path / f"shots{ending}" for ending in (".edl", ".fcpxml", ".llc.csv"))
    exports = [word for path in (edl, project, cuts) for word in ("--out", path)]
    home.run("analyze", film, "--only", "shots", "--out", f"shots={table}", *exports)
    home.run("analyze", film, "--only", "facts", "--out", f"shots={tmp_path / 'again.csv'}")
    assert table.read_bytes() == (tmp_path / "again.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(table.read_text(), newline="")))
    assert ["0.000", "2.000", "5.000"] == [row["Start Time (seconds)"] for row in rows]
    assert "three shots.mov" in edl.read_text()
    assert ["00:00:00:00", "00:00:02:00", "00:00:05:00"] == re.findall(r" C        (\S+)", edl.read_text())
    assert [["0.000", "2.000", "Shot 1"], ["2.000", "5.000", "Shot 2"], ["5.000", "7.000", "Shot 3"]] == list(
        csv.reader(io.StringIO(cuts.read_text(), newline=""))
    )
    root = ET.fromstring(project.read_text())  # noqa: S314 - our own
    assert ["0s", "2s", "5s"] == [clip.attrib["start"] for clip in root.iter("asset-clip")]
    assert film.as_uri() == next(root.iter("media-rep")).attrib["src"]
    assert ("1", "1/10s") == (
        next(root.iter("asset")).attrib["hasAudio"],
        next(root.iter("format")).attrib["frameDuration"],
    )


def test_a_files_own_timecode_is_where_its_shots_begin(home: harness.Here, tmp_path: Path) -> None:
    path = tmp_path / "camera.mov"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.metadata["timecode"] = "00:59:59;28"
        for number in range(30):
            picture = np.full((64, 64, 3), 40 + number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    home.run("analyze", path, "--only", "shots", "--out", tmp_path / "shots.edl")
    text = (tmp_path / "shots.edl").read_text()
    assert "FCM: DROP FRAME" in text
    assert "00:59:59;28 01:00:00;28 00:00:00;00 00:00:01;00" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "facts,smell"], "smell is no part"),
        (["--only", ","], "names no part"),
        (["--out", "shots=x.txt"], "does not end in .csv"),
        (["--out", "shots=x.edl"], "does not end in .csv"),
        (["--out", "x.xml"], "x.xml does not end in .png or .mp4 or .edl or .fcpxml or .csv"),
        (["--out", "no such folder/x.edl"], "no folder"),
        (["--json", "--csv"], "exclude one another"),
        (["--scene-threshold", "nan"], "--scene-threshold"),
    ],
)
def test_what_can_not_be_asked_is_refused_before_anything_is_read(
    home: harness.Here, film: Path, words: list[str], told: str
) -> None:
    refused = home.run("analyze", film, *words, code=2)
    assert told in refused.stderr


def test_nothing_is_needed_but_the_file(film: Path, tmp_path: Path) -> None:
    """No config, no model, no journal: a state folder that is empty."""
    own = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "none"),
        "VSORTD_STATE_DIR": str(tmp_path / "state"),
    }
    environment = {**os.environ, **own}
    environment.pop("VSORTD_CONFIG", None)
    words = [sys.executable, "-m", "vsortd", "analyze", str(film), "--only", "shots"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    assert "3 shots" in done.stdout


def test_a_file_that_is_not_there_is_told_of(home: harness.Here, tmp_path: Path) -> None:
    refused = home.run("analyze", tmp_path / "none.mp4", code=2)
    assert f"{tmp_path / 'none.mp4'} is not there" in refused.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("ending", "codecs"),
    [("mkv", ("libx264", "aac")), ("avi", ("mpeg4", "mp2")), ("ts", ("mpeg2video", "mp2")), ("flv", ("flv", "aac"))],
)
def test_other_containers_are_measured_like_any(
    home: harness.Here, film: Path, tmp_path: Path, ending: str, codecs: tuple[str, str]
) -> None:
    path = tmp_path / f"film.{ending}"
    with av.open(str(film)) as source, av.open(str(path), "w") as out:
        video = out.add_stream(codecs[0], rate=25)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        sound = out.add_stream(codecs[1], rate=44_100)
        for frame in source.decode():
            if isinstance(frame, av.VideoFrame):
                frame.pict_type = PictureType.NONE
                out.mux(video.encode(frame))
            else:
                out.mux(sound.encode(frame))
        out.mux(video.encode())
        out.mux(sound.encode())
    found = analysis(home, path)
    assert 3 == found["shots"]["count"]
    assert found["sound"]["integrated_lufs"] == pytest.approx(-23.0, abs=0.5)
