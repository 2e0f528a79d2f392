"""What `vsortd analyze` draws and cuts, as a person meets it: real files, the real command, read back."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image

from tests.support import harness
from tests.support.films import FPS, SHOT_COLOURS, SHOTS_S, three_shots
from tests.support.sounds import levels, write_sound

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    return harness.Here.make(tmp_path / "home")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three shots of 2, 3 and 2 s, each of its own colour, under a tone of -23 LUFS."""
    return three_shots(tmp_path_factory.mktemp("films") / "three shots.mov")


def shows(picture: Image.Image) -> int:
    """Return which of the shots a picture is of."""
    mean = np.asarray(picture.convert("RGB"), float).mean(axis=(0, 1))
    return int(np.argmin([np.abs(mean - colour).sum() for colour in SHOT_COLOURS])) + 1


def test_a_picture_and_a_video_for_each_shot_go_into_folders(home: harness.Here, film: Path, tmp_path: Path) -> None:
    thumbs, scenes = tmp_path / "thumbs", tmp_path / "scenes"
    before = harness.snapshot(film.parent)
    done = home.run("analyze", film, "--only", "facts", "--out", f"thumbs={thumbs}", "--out", f"split={scenes}")
    assert before == harness.snapshot(film.parent)
    assert f"3 pictures written to {thumbs}" in " ".join(done.stderr.split())
    pictures = sorted(thumbs.iterdir())
    assert [f"three shots-shot-{number:03d}.jpg" for number in (1, 2, 3)] == [path.name for path in pictures]
    assert [(1, (320, 180)), (2, (320, 180)), (3, (320, 180))] == [
        (shows(image), image.size) for image in map(Image.open, pictures)
    ]
    videos = sorted(scenes.iterdir())
    assert [f"three shots-shot-{number:03d}.mp4" for number in (1, 2, 3)] == [path.name for path in videos]
    for number, (path, seconds) in enumerate(zip(videos, SHOTS_S, strict=True), 1):
        with av.open(os.fspath(path)) as video:
            shown = [shows(frame.to_image()) for frame in video.decode(video=0)]
            assert video.streams.audio
        assert [number] * seconds * FPS == shown


def test_what_is_there_is_not_written_over(home: harness.Here, film: Path, tmp_path: Path) -> None:
    """One name that is taken, and nothing is written at all."""
    for kind, name in (("thumbs", "three shots-shot-002.jpg"), ("split", "three shots-shot-003.mp4")):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / name).write_bytes(b"mine")
        refused = home.run("analyze", film, "--out", f"{kind}={folder}", code=2)
        assert "exists already" in refused.stderr
        assert [name] == [path.name for path in folder.iterdir()]
        assert b"mine" == (folder / name).read_bytes()


def test_the_plot_and_the_sheet_are_pictures(home: harness.Here, film: Path, tmp_path: Path) -> None:
    plot, sheet, jpeg = tmp_path / "plot.png", tmp_path / "sheet.png", tmp_path / "sheet.jpg"
    document = home.json("analyze", film, "--only", "facts", "--out", plot, "--out", f"sheet={sheet}")
    assert {"facts", "shots", "sound", "summary"} <= set(document["videos"][0])  # what was drawn was measured
    home.run("analyze", film, "--only", "facts", "--out", f"sheet={jpeg}")
    with Image.open(plot) as image, Image.open(sheet) as cells, Image.open(jpeg) as other:
        assert [("PNG", 1650), ("PNG", 996), ("JPEG", 996)] == [
            (one.format, one.width) for one in (image, cells, other)
        ]


def test_the_video_is_drawn_over_with_what_was_measured(home: harness.Here, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "drawn.mp4"
    words = ["--text-color", "#00ff00", "--border-color", "blue", "--font-size", "24"]
    done = home.run("analyze", film, "--only", "facts", "--out", out, *words)
    assert "pcm_s24le" in done.stderr  # a sound that no MP4 has
    with av.open(os.fspath(out)) as video:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in video.decode(video=0)]
    assert 7 * FPS == len(frames)
    green = [(frame[:, :, 1] - frame[:, :, [0, 2]].max(axis=2) > 80).nonzero() for frame in (frames[5], frames[25])]
    for rows, _ in green:
        assert rows.min() < 40  # the time and the shot
        assert rows.max() > 150  # the bar of loudness
    refused = home.run("analyze", film, "--out", out, code=2)
    assert "exists already" in " ".join(refused.stderr.split())


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_it_is_played_by_what_is_installed(home: harness.Here, film: Path, tmp_path: Path) -> None:
    tools, got = tmp_path / "tools", tmp_path / "got.nut"
    tools.mkdir()
    home.more_environment["PATH"] = str(tools)
    refused = home.run("analyze", film, "--play", code=1)
    assert "Install mpv" in " ".join(refused.stderr.split())
    script = tools / "ffplay"
    script.write_text(f"#!{sys.executable}\nimport sys\nopen({str(got)!r}, 'wb').write(sys.stdin.buffer.read())\n")
    script.chmod(0o755)
    home.run("analyze", film, "--play")
    with av.open(os.fspath(got)) as video:
        assert 7 * FPS == sum(1 for _ in video.decode(video=0))


def test_a_sound_has_a_plot_and_no_sheet(home: harness.Here, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "only sound.mov", levels((-20.0, 4.0)))
    home.run("analyze", path, "--out", tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size
    for option in (["--out", f"sheet={tmp_path / 'sheet.png'}"], ["--out", f"thumbs={tmp_path / 'thumbs'}"]):
        refused = home.run("analyze", path, *option, code=1)
        assert "it has no pictures" in " ".join(refused.stderr.split())
    assert not (tmp_path / "sheet.png").exists()


def test_other_containers_have_pictures_but_can_not_be_split(home: harness.Here, film: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(os.fspath(film)) as source, av.open(os.fspath(path), "w", format="matroska") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    home.run("analyze", path, "--out", f"thumbs={tmp_path / 'thumbs'}")
    assert [1, 2, 3] == [shows(Image.open(one)) for one in sorted((tmp_path / "thumbs").iterdir())]
    refused = home.run("analyze", path, "--out", f"split={tmp_path / 'scenes'}", code=1)
    assert "Scenes are cut out of MP4 and MOV" in " ".join(refused.stderr.split())


@pytest.mark.parametrize(
    "refused",
    [
        (["--out", "x.jpg"], "does not end in .png"),
        (["--out", "sheet=x.gif"], "does not end in .png or .jpg"),
        (["--out", "gone/x.png"], "There is no folder"),
        (["--out", "thumbs=gone/away"], "There is no folder"),
        (["--out", "split=taken"], "is no folder"),
        (["--out", "x.mov"], "x.mov does not end in .png or .mp4"),
        (["--out", "x.mp4", "--box-color", "rainbow"], "--box-color 'rainbow' is no colour"),
        (["--out", "x.mp4", "--font-size", "2"], "--font-size"),
    ],
)
def test_what_can_not_be_made_is_refused_before_anything_is_read(
    home: harness.Here, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: tuple[list[str], str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_bytes(b"")
    words, told = refused
    assert told in " ".join(home.run("analyze", film, *words, code=2).stderr.split())


@pytest.mark.skipif(sys.platform == "win32", reason="not everybody may make links there")
def test_the_picture_itself_is_not_drawn_over_by_any_name(home: harness.Here, tmp_path: Path) -> None:
    picture, link = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (64, 36)).save(picture)
    link.symlink_to(picture)
    before = picture.read_bytes()
    for kind in ("", "sheet="):
        refused = home.run("analyze", picture, "--out", f"{kind}{link}", code=2)
        assert "is the video itself" in " ".join(refused.stderr.split())
    assert before == picture.read_bytes()


def test_they_are_made_of_one_video(home: harness.Here, film: Path, tmp_path: Path) -> None:
    shutil.copy2(film, tmp_path / "a.mov")
    shutil.copy2(film, tmp_path / "b.mov")
    refused = home.run("analyze", tmp_path / "a.mov", tmp_path / "b.mov", "--out", tmp_path / "x.png", code=2)
    assert "x.png takes one video; there are 2" in " ".join(refused.stderr.split())
