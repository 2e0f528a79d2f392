"""`vsortd analyze` as a person meets it: real files, the real command; nothing moves, and nothing is read twice."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from tests.support import harness
from tests.support.sounds import levels, write_sound

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)
FPS = 10


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    return harness.Here.make(tmp_path / "home")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three shots of 2, 3 and 2 s, each of its own noise, under a tone of -23 LUFS."""
    pictures = []
    for number, seconds in enumerate((2, 3, 2)):
        rng = np.random.default_rng(number)
        small = rng.integers(40 + 60 * number, 100 + 60 * number, (9, 16, 3), dtype=np.uint8)
        pictures += [np.kron(small, np.ones((20, 20, 1), np.uint8))] * (seconds * FPS)
    path = tmp_path_factory.mktemp("films") / "three shots.mov"
    return write_sound(path, levels((-23.0, 7.0)), pictures=pictures, fps=FPS)


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
    """The bytes are put out while size, time and inode stay: what needs them would fail."""
    path = shutil.copy2(film, tmp_path / "film.mov")
    before = analysis(home, path)
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"\0" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
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
    table, edl = tmp_path / "shots.csv", tmp_path / "shots.edl"
    home.run("analyze", film, "--only", "shots", "--shots-csv", table, "--edl", edl)
    home.run("analyze", film, "--only", "facts", "--shots-csv", tmp_path / "again.csv")
    assert table.read_bytes() == (tmp_path / "again.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(table.read_text(), newline="")))
    assert ["0.000", "2.000", "5.000"] == [row["Start Time (seconds)"] for row in rows]
    assert "three shots.mov" in edl.read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "facts,smell"], "smell is no part"),
        (["--only", ","], "names no part"),
        (["--shots-csv", "x.txt"], "does not end in .csv"),
        (["--shots-csv", "x.edl"], "does not end in .csv"),
        (["--edl", "x.csv"], "does not end in .edl"),
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
