"""The demo is the quick start: it must end well on a machine with nothing but Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import av
import pytest

from tests.support.shots import DEMO_SHOTS, FPS, SECONDS
from vsortd.doctor import demo_clips

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.shots import Shot


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_files_and_undoes_everything_and_proves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    picture = tmp_path / "demo.svg"
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", "demo", "--out", str(picture)],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "14 of 14 files are back under their names, the same by SHA-256; 0 left in the library" in done.stdout
    assert "_Duplicates" in done.stdout
    assert "half copied.mp4 stays where it is" in done.stdout
    assert [] == list(tmp_path.glob("vsortd-demo-*")), "the demo's folder was left behind"
    svg = picture.read_text(encoding="utf-8")
    assert "<svg" in svg
    assert "url(" not in svg.replace("url(#", "(#"), "the picture loads something from somewhere"


# A PyAV that opens files by other arguments than ours, as 19 does.
_OTHER_AV = """
import av

def other(*given, **named):
    raise TypeError("open() got an unexpected keyword argument")

av.open = other
"""


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_demo_that_files_nothing_fails_and_says_so(tmp_path: Path) -> None:
    """Everything lies where it lay, and yet nothing works."""
    (tmp_path / "sitecustomize.py").write_text(_OTHER_AV)
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", "demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(tmp_path)},
    )
    assert 1 == done.returncode, done.stdout + done.stderr
    assert "14 of 14 files are back" in done.stdout
    said = done.stdout.partition("not filed, for the reasons above: ")[2]
    assert {"owls.mp4", "campfire.mov"} <= set(said.partition("vsortd doctor")[0].replace("\n", " ").split(", "))
    assert "half copied.mp4" not in said


def test_the_clips_of_the_package_weigh_at_most_two_megabytes() -> None:
    assert {clip.content_of or clip.name for clip in demo_clips.CLIPS} == {
        path.name for path in demo_clips.FOLDER.iterdir()
    }
    assert sum(path.stat().st_size for path in demo_clips.FOLDER.iterdir()) <= 2_000_000


@pytest.mark.parametrize("shot", DEMO_SHOTS, ids=lambda shot: shot.name)
def test_each_clip_of_the_package_is_what_was_rendered(shot: Shot) -> None:
    with av.open(str(demo_clips.FOLDER / shot.name)) as container:
        sizes = {(frame.width, frame.height) for frame in container.decode(video=0)}
        frames = container.streams.video[0].frames
    assert (FPS * SECONDS, {(360, 640) if shot.portrait else (640, 360)}) == (frames, sizes)


@pytest.mark.timeout(60)
def test_the_first_line_comes_before_the_model_is_loaded(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "vsortd", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as demo:
        assert demo.stdout is not None
        try:
            assert b"Starting vsortd" in demo.stdout.readline()
            (folder,) = tmp_path.glob("vsortd-demo-*")
            assert not (folder / "state" / "control.sock").exists()
        finally:
            demo.send_signal(signal.SIGINT)
            demo.stdout.read()
            demo.wait()
    assert [] == list(tmp_path.glob("vsortd-demo-*")), "the demo's folder was left behind"
