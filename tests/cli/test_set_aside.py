"""`vsortd set-aside`: named videos, and the lesser copies of duplicates; with and without a daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_duplicates import TRIP, make
from tests.support.filed import FiledHome
from tests.support.takes import render_takes

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(180)
# What was made of trip.mp4: ffmpeg's words before and after its name.
MADE: dict[str, tuple[list[str], list[str]]] = {
    "low.mp4": ([], ["-crf", "38"]),
    "cut.mp4": (["-ss", "1.3"], ["-t", "4"]),
    "late.mp4": ([], ["-vf", "tpad=start_duration=1.5:color=black"]),
    "loud.mp4": (["-f", "lavfi", "-i", "sine"], ["-crf", "38", "-shortest"]),
}


def everything(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {os.fspath(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[FiledHome]:
    made = FiledHome.at(tmp_path / "home")
    yield made
    if made.daemon is not None:
        made.daemon.kill()
        made.daemon.wait()


@pytest.mark.few(1)
@pytest.mark.parametrize("daemon", [False, True], ids=["alone", "with a daemon"])
def test_by_path_name_and_id_and_back(home: FiledHome, *, daemon: bool) -> None:
    paths = [Path(home.file(f"{name}.mp4", "sea", f"{name}.srt").destination or "") for name in ("one", "two", "three")]
    before = everything(home.library)
    if daemon:
        home.start()
    planned = home.json("set-aside", paths[0], "two.mp4", "#3", "--dry-run")
    assert (True, None, list(map(str, paths))) == (
        planned["dry_run"],
        planned["batch"],
        [one["path"] for one in planned["aside"]],
    )
    assert before == everything(home.library)

    told = home.json("set-aside", paths[0], "two.mp4", "#3")
    assert ([], [4, 5, 6]) == (told["refused"], [one["id"] for one in told["aside"]])
    inside = {
        path.relative_to(home.library).parts[:2] for path in map(Path, [one["destination"] for one in told["aside"]])
    }
    assert {(".vsortd", "aside")} == inside
    assert sorted(before.values()) == sorted(everything(home.library).values())
    counts = home.json("status")["counts"]
    assert (0, 3) == (counts["filed"], counts["aside"])
    assert {"aside"} == {item["state"] for item in home.json("history", "--state", "aside")["items"]}

    back = home.run("undo", "--batch", told["batch"]).stdout
    assert "3 undone." in back
    assert "held" not in back
    assert before == everything(home.library)


def test_what_is_wrong_with_one_costs_no_other(home: FiledHome) -> None:
    one = home.file("one.mp4").destination
    outside = home.folder / "outside.mp4"
    outside.write_bytes(b"x")
    told = home.json("set-aside", outside, str(one), code=3)
    assert ([str(one)], [str(outside)]) == (
        [each["path"] for each in told["aside"]],
        [each["path"] for each in told["refused"]],
    )
    alone = home.run("set-aside", outside, code=2).stderr
    assert f"{outside} lies neither in the library nor in an inbox." in alone
    assert outside.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "Say what to set aside"),
        (("--yes", "one.mp4"), "--yes goes with --duplicates"),
        (("--duplicates",), "asks before it begins"),
        (("--duplicates", "--json"), "asks before it begins"),
        (("no-such.mp4",), "no-such.mp4 is not there"),
    ],
)
def test_the_words_must_say_one_thing(home: FiledHome, words: tuple[str, ...], says: str) -> None:
    assert says in home.run("set-aside", *words, code=2).stderr


# Duplicates


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    trip = render_takes(folder / "trip.mp4", TRIP, seed=81_000)
    for name, (before, after) in MADE.items():
        make(trip, folder / name, before, after)
    shutil.copy2(trip, folder / "copy of trip.mp4")
    os.utime(trip, (1_700_000_000, 1_700_000_000))
    return folder


@pytest.mark.long
def test_the_lesser_copies_go_and_one_of_each_stays_whatever_is_asked_again(home: FiledHome, films: Path) -> None:
    mine = home.library / "mine"
    shutil.copytree(films, mine)
    (mine / "low.srt").write_text("words")
    elsewhere = home.folder / "elsewhere"
    shutil.copytree(films, elsewhere)
    before = everything(home.folder / "Sorted")

    planned = home.json("set-aside", "--duplicates", "--dry-run", mine)
    assert before == everything(home.library)
    goes = {Path(one["path"]).name: (one["kind"], Path(one["keep"]).name) for one in planned["aside"]}
    assert {"copy of trip.mp4": ("copy", "trip.mp4"), "low.mp4": ("same", "trip.mp4")} == goes
    stays = {Path(one["path"]).name: one["reason"] for one in planned["stay"]}
    assert {
        "cut.mp4": "one is only a part of the other",
        "late.mp4": "it is 1.5 s longer",
        "loud.mp4": "it has sound, and the other has none",
    } == stays

    home.run("set-aside", "--duplicates", "--yes", mine)
    assert {"trip.mp4", "cut.mp4", "late.mp4", "loud.mp4"} == {path.name for path in mine.iterdir()}
    again = home.json("set-aside", "--duplicates", "--yes", mine)
    assert ([], []) == (again["aside"], again["refused"])
    # what is not of the library is never the reason for anything in it to go, and does not go itself
    wider = home.json("set-aside", "--duplicates", "--yes", mine, elsewhere)
    assert [] == wider["aside"]
    home.run("undo", "--all")
    assert before == everything(home.library)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pty")
@pytest.mark.parametrize("answer", ["n", "y"])
def test_at_a_terminal_it_shows_them_and_asks(home: FiledHome, films: Path, answer: str) -> None:
    import pty

    from tests.learning.test_review_queue import Screen

    mine = home.library / "mine"
    mine.mkdir()
    for name in ("trip.mp4", "copy of trip.mp4"):
        shutil.copy2(films / name, mine / name)
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "vsortd", "set-aside", "--duplicates", str(mine)]
    with subprocess.Popen(command, env=home.environment, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        screen = Screen(process, master)
        screen.wait("copy of trip.mp4")
        screen.wait("Set 1 video aside?")
        screen.press(f"{answer}\n")
        screen.wait("vsortd undo --batch" if answer == "y" else "Nothing was set aside.")
        assert 0 == screen.end()
    left = {"trip.mp4"} if answer == "y" else {"trip.mp4", "copy of trip.mp4"}
    assert left == {path.name for path in mine.iterdir()}
