"""Videos of every container on their way, by the real commands: taken where the inbox wants them, filed whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject, render_clip
from tests.support.containers import KINDS, write_video
from tests.support.harness import Here, Home

if TYPE_CHECKING:
    from collections.abc import Callable

_OLD_S = 1_700_000_000


@pytest.fixture(scope="module")
def forests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one walk in the forest in every container."""
    folder = tmp_path_factory.mktemp("forests")
    pictures = list(render_clip(Subject.FOREST, Light.DAY, seed=7, width_px=320, height_px=180, frames=50, fps=25))
    for kind in KINDS:
        path = write_video(folder / f"walk in {kind}.{kind}", pictures)
        os.utime(path, (_OLD_S, _OLD_S))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Callable[[str], Home]:
    """Return a home whose inbox takes some extensions, "" as by default."""

    def make(extensions: str) -> Home:
        more = f", extensions: {extensions}" if extensions else ""
        return Here.make(tmp_path / "home", inbox=f"settle: 0.1s, incomplete_after: 0.3s{more}")

    return make


def _filed(home: Home) -> set[str]:
    return {str(path.relative_to(home.library)) for path in home.library.rglob("walk*")}


@pytest.mark.long
def test_an_inbox_of_all_files_every_container(home: Callable[[str], Home], forests: Path) -> None:
    here = home("all")
    before = {path.name: path.read_bytes() for path in forests.iterdir()}
    for path in forests.iterdir():
        shutil.copy2(path, here.inbox)
    here.run("sort", here.inbox)
    assert {f"nature/forest/{name}" for name in before} == _filed(here)
    assert before == {path.name: path.read_bytes() for path in here.library.rglob("walk*")}
    here.run("undo", "--batch", here.items()[0]["batch"])
    assert set(before) == {path.name for path in here.inbox.iterdir()}


def test_without_a_wish_only_mp4_and_mov_are_taken(home: Callable[[str], Home], forests: Path) -> None:
    here = home("")
    for path in forests.iterdir():
        shutil.copy2(path, here.inbox)
    here.run("sort", here.inbox)
    assert {"nature/forest/walk in mp4.mp4"} == _filed(here)


def test_an_inbox_takes_what_it_is_told(home: Callable[[str], Home], forests: Path) -> None:
    here = home("[mkv, m2ts]")
    for path in forests.iterdir():
        shutil.copy2(path, here.inbox)
    here.run("sort", here.inbox)
    assert {"nature/forest/walk in mkv.mkv", "nature/forest/walk in m2ts.m2ts"} == _filed(here)


def test_a_video_that_is_named_is_taken_whatever_its_container(home: Callable[[str], Home], forests: Path) -> None:
    here = home("")
    for path in forests.iterdir():
        shutil.copy2(path, here.inbox)
    here.run("sort", *sorted(here.inbox.iterdir()))
    assert len(KINDS) == len(_filed(here))


def test_classify_looks_at_every_container(home: Callable[[str], Home], forests: Path) -> None:
    files = home("").json("classify", *sorted(forests.iterdir()), "a forest", "the sea")["files"]
    assert len(KINDS) == len(files)
    assert {"a forest"} == {one["labels"][0]["label"] for one in files}


@pytest.mark.parametrize("kind", ["ts", "mkv"])
def test_a_video_of_another_container_is_explained(home: Callable[[str], Home], forests: Path, kind: str) -> None:
    assert "nature/forest" == home("").json("explain", forests / f"walk in {kind}.{kind}")["decision"]["rule"]


def test_half_copies_are_left_alone_and_told_of(home: Callable[[str], Home], forests: Path) -> None:
    here = Home(home("all").folder)  # in a process of its own: it ends before its model is loaded
    for path in forests.iterdir():
        half = here.inbox / f"half{path.suffix}"
        half.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 1])
        os.utime(half, (_OLD_S, _OLD_S))
    here.run("sort", here.inbox, code=1)
    assert len(KINDS) == len(list(here.inbox.iterdir()))
    told = {Path(item["source"]).name: item["reason"] for item in here.items()}
    assert {f"half.{kind}" for kind in KINDS} == set(told)
    assert all("missing" in reason for reason in told.values()), told


def test_a_file_that_is_not_what_its_name_promises_is_told_of(home: Callable[[str], Home], forests: Path) -> None:
    here = Home(home("all").folder)
    shutil.copy2(forests / "walk in mkv.mkv", here.inbox / "walk.mp4")
    shutil.copy2(forests / "walk in mp4.mp4", here.inbox / "walk.avi")
    here.run("sort", here.inbox, code=1)
    told = {Path(item["source"]).name: item["reason"] for item in here.items()}
    assert "neither MP4 nor MOV but looks like a Matroska" in told["walk.mp4"]
    assert "not AVI but looks like an MP4" in told["walk.avi"]
    assert not _filed(here)


def test_no_scene_is_cut_out_of_another_container(home: Callable[[str], Home], forests: Path, tmp_path: Path) -> None:
    target = tmp_path / "scene.mp4"
    done = home("").run("search", "forest", "--in", forests / "walk in mkv.mkv", "--out", target, code=2)
    assert "Scenes are cut out of MP4 and MOV" in done.stderr
    assert "is Matroska or WebM" in done.stderr
    assert not target.exists()
