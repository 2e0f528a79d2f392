"""`vsortd index` as a person uses it: whole folders, stopped and gone on with, and true to the disk."""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness
from tests.support.takes import render_takes

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.timeout(240)]
SUBJECTS = ("forest", "sea", "snow", "city", "fire", "meadow")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Render a few videos once; one of them is long, and one is broken."""
    folder = tmp_path_factory.mktemp("rendered")
    for number, subject in enumerate(SUBJECTS):
        render_takes(folder / f"{subject}.mp4", [(subject, 4)], seed=71_000 + number)
    render_takes(folder / "long.mp4", [("sky", 150)], seed=71_100, fps=4)
    (folder / "broken.mp4").write_bytes((folder / "sea.mp4").read_bytes()[:3000])
    return folder


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    return harness.Here.make(tmp_path / "home")


@pytest.fixture
def filled(home: harness.Here, rendered: Path) -> harness.Here:
    """Return a home whose library holds three videos that nobody filed."""
    for name in ("forest.mp4", "sea.mp4", "snow.mp4"):
        shutil.copy2(rendered / name, home.library)
    return home


def rows(home: harness.Here) -> dict[str, int]:
    """Return how many frames are kept of each file."""
    with sqlite3.connect(home.folder / "state" / "index.sqlite3") as db:
        found = db.execute(
            "SELECT path, length(times_ms) / 8 FROM video JOIN frames ON frames.video = video.id"
        ).fetchall()
    db.close()
    return {os.path.basename(os.fsdecode(path)): count for path, count in found}  # noqa: PTH119


def states(document: dict[str, Any]) -> dict[str, str]:
    return {os.path.basename(item["file"]): item["state"] for item in document["items"]}  # noqa: PTH119


@pytest.mark.long
def test_a_second_run_looks_at_nothing_and_a_broken_file_fails_alone(filled: harness.Here, rendered: Path) -> None:
    shutil.copy2(rendered / "broken.mp4", filled.library)
    first = filled.json("index", code=3)
    assert {"forest.mp4": "indexed", "sea.mp4": "indexed", "snow.mp4": "indexed", "broken.mp4": "failed"} == states(
        first
    )
    assert {"forest.mp4": 4, "sea.mp4": 4, "snow.mp4": 4} == rows(filled)
    second = filled.json("index", code=3)
    table = list(csv.DictReader(io.StringIO(filled.run("index", "--csv", code=3).stdout, newline="")))
    assert [one["file"] for one in second["items"]] == [row["file"] for row in table]
    assert table[0].keys() == second["items"][0].keys()
    assert {"forest.mp4": "known", "sea.mp4": "known", "snow.mp4": "known", "broken.mp4": "failed"} == states(second)
    finer = filled.json("index", filled.library / "sea.mp4", "--fps", "2")
    assert [("indexed", 8)] == [(item["state"], item["frames"]) for item in finer["items"]]
    assert "known already" in filled.run("index", filled.library / "sea.mp4").stdout


def test_what_was_done_before_a_kill_is_kept(home: harness.Here, rendered: Path) -> None:
    shutil.copy2(rendered / "long.mp4", home.library)
    command = [sys.executable, "-m", "vsortd", "index", "--jobs", "1"]
    process = subprocess.Popen(command, env=home.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not _has_frames(home):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = rows(home)["long.mp4"]
    document = home.json("index")
    assert 150 == rows(home)["long.mp4"]
    assert [150 - before] == [item["frames"] for item in document["items"]]


def _has_frames(home: harness.Here) -> bool:
    try:
        return "long.mp4" in rows(home)
    except sqlite3.Error:
        return False


def test_the_index_follows_filings_undo_and_moves_by_hand_and_forgets_what_is_gone(
    home: harness.Here, rendered: Path
) -> None:
    for name in ("forest.mp4", "sea.mp4", "snow.mp4"):
        shutil.copy2(rendered / name, home.inbox)
    home.run("sort", home.inbox)
    filed = {item["source"]: item for item in home.items()}
    assert {item["destination"] for item in filed.values()} == set(_paths(home))
    first = filed[str(home.inbox / "forest.mp4")]
    home.run("undo", str(first["id"]))
    assert first["source"] in _paths(home)
    sea, snow = (home.library.rglob(name) for name in ("sea.mp4", "snow.mp4"))
    (home.library / "by hand").mkdir()
    shutil.move(next(sea), home.library / "by hand" / "renamed.mp4")
    next(snow).unlink()
    found = home.json("index", "--verify", code=3)
    assert 1 == found["right"]
    assert [str(home.library / "by hand" / "renamed.mp4")] == [one["to"] for one in found["moved"]]
    assert 1 == len(found["gone"])
    assert 3 == len(_paths(home))
    pruned = home.json("index", "--prune")
    assert (2, 1) == (pruned["right"], len(pruned["gone"]))
    assert {first["source"], str(home.library / "by hand" / "renamed.mp4")} == set(_paths(home))


@pytest.mark.long
def test_an_undone_conversion_is_followed_into_its_original_also_by_the_daemon(
    home: harness.Here, rendered: Path
) -> None:
    original = home.inbox / "wood.mov"
    shutil.copy2(rendered / "forest.mp4", original)
    for by_daemon in (False, True):
        home.run("sort", original)
        (filed,) = _paths(home)
        assert filed.endswith("wood.mp4")
        if by_daemon:
            home.start()
        home.run("undo", "--all")
        assert [str(original)] == _paths(home)
        home.run("release", "--all", code=None)
    assert 0 == home.stop()


def _paths(home: harness.Here) -> list[str]:
    with sqlite3.connect(home.folder / "state" / "index.sqlite3") as db:
        found = [os.fsdecode(path) for (path,) in db.execute("SELECT path FROM video")]
    db.close()
    return found


def test_a_share_that_is_away_says_nothing_about_its_videos(filled: harness.Here) -> None:
    filled.run("index")
    filled.library.rename(filled.folder / "away")
    filled.library.mkdir()
    found = filled.json("index", "--prune")
    assert (3, []) == (len(found["away"]), found["gone"])
    assert 3 == len(_paths(filled))


@pytest.mark.long
def test_the_daemon_puts_the_index_right_when_it_begins_to_watch(filled: harness.Here) -> None:
    filled.run("index")
    (filled.library / "sea.mp4").unlink()
    (filled.library / "by hand").mkdir()
    moved = filled.library / "by hand" / "wood.mp4"
    shutil.move(filled.library / "forest.mp4", moved)
    filled.start()
    right = {str(moved), str(filled.library / "snow.mp4")}
    filled.wait(lambda: set(_paths(filled)) == right, what="the index is right")
    assert 0 == filled.stop()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "nowhere is not there"),
        (("--fps", "0"), "--fps"),
        (("--workers", "2"), "--ray"),
    ],
)
def test_bad_words_are_refused_with_the_remedy(home: harness.Here, words: tuple[str, ...], said: str) -> None:
    assert said in home.run("index", *words, code=2).stderr
