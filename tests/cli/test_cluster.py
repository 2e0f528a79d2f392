"""`vsortd cluster` as a person meets it: real clips, the sample model, folders and rules made and taken back."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from PIL import Image

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene
from vsortd.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]
SUBJECTS = {"fireworks": Light.NIGHT, "road": Light.DAY, "text slides": Light.DAY}
EACH = 5


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Home:
    """Return a person's folders, with videos in `Old` that nobody has sorted."""
    made = harness.Home.make(tmp_path_factory.mktemp("cluster") / "home", rules="rules:\n  - {name: city}\n")
    for subject, light in SUBJECTS.items():
        folder = made.folder / "Old" / subject
        folder.mkdir(parents=True)
        for number in range(EACH):
            render_scene(folder / f"{subject} {number}.mp4", Subject(subject), light, seed=number, frames=4, fps=2)
    return made


class Command:
    """Runs the command within this process, where the libraries are loaded already."""

    def __init__(self, home: harness.Home, capsys: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._capsys = capsys

    def __call__(self, *words: str | Path, code: int = 0) -> str:
        self._capsys.readouterr()
        found = main(list(map(str, words)))
        said = self._capsys.readouterr()
        self.err = said.err
        assert code == found, f"{words}: exit {found}\n{said.out}\n{said.err}"
        return said.out

    def json(self, *words: str | Path, code: int = 0) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self(*words, "--json", code=code))
        assert 1 == document["schema_version"]
        return document


@pytest.fixture
def vsortd(
    home: harness.Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_state: Path,  # noqa: ARG001 - set before, not after
) -> Command:
    """Return what runs vsortd for this home."""
    for name in ("VSORTD_STATE_DIR", "VSORTD_CONFIG"):
        monkeypatch.setenv(name, home.environment[name])
    return Command(home, capsys)


@pytest.fixture
def old(home: harness.Home) -> Path:
    """Return the folder of unsorted videos."""
    return home.folder / "Old"


def test_groups_are_found_named_drawn_and_nothing_is_looked_at_twice(
    vsortd: Command, old: Path, tmp_path: Path
) -> None:
    before = harness.snapshot(old)
    out = tmp_path / "made" / "here"
    text = vsortd("cluster", old, "--out", out)
    assert f"{3 * EACH} videos: 3 groups, 0 in none. {3 * EACH} were new to the index" in text
    report = json.loads((out / "report.json").read_text())
    groups = report["groups"]
    assert [EACH] * 3 == [group["size"] for group in groups]
    for group in groups:
        assert 1 == len({os.path.dirname(member["path"]) for member in group["members"]})  # noqa: PTH120 - texts
        assert group["name"] in text
    for picture in out.glob("*.png"):
        with Image.open(picture) as opened:
            opened.load()
    assert 4 == len(list(out.glob("*.png")))
    again = vsortd.json("cluster", old)
    assert groups == again["groups"]
    assert {"reading", "naming"} == again["seconds"].keys()  # the rest is kept
    table = list(csv.DictReader(io.StringIO(vsortd("cluster", old, "--csv"), newline="")))
    assert [group["name"] for group in groups] == [row["name"] for row in table]
    assert table[0].keys() <= groups[0].keys()
    vsortd("index", old)
    assert "new to the index" not in vsortd("cluster")  # without a folder: the library and what was given
    assert before == harness.snapshot(old)


def test_a_preview_moves_nothing_apply_files_and_undo_brings_everything_back(
    vsortd: Command, home: harness.Home, old: Path
) -> None:
    (old / "road" / "road 1.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nleft\n")
    before = harness.snapshot(home.folder)
    number = group_of(vsortd, old, "road")
    wanted = ["--only", str(number), "--rename", f"{number}=on the way", "--into", "Trips"]
    preview = vsortd("cluster", old, "--preview", *wanted)
    assert f"on the way  {EACH}  group {number}, new folder" in preview
    assert "road 1.mp4" in vsortd("cluster", old, "--apply", "--dry-run", *wanted)
    files = {name: value for name, value in before.items() if not name.startswith("state")}
    assert files == without_state(home)

    changed = old / "road" / "road 3.mp4"
    applied = vsortd.json("cluster", old, "--apply", "--yes", *wanted)["applied"]
    assert {"filed": EACH, "there": 0, "refused": 0} == applied["counts"]
    way = home.library / "Trips" / "on the way"
    assert {*(f"road {number}.mp4" for number in range(EACH)), "road 1.srt"} == {one.name for one in way.iterdir()}
    assert not changed.exists()
    assert {("Trips/on the way", applied["batch"])} == {
        (item["rule"], item["batch"]) for item in vsortd.json("history")["items"]
    }

    assert EACH == len(vsortd.json("undo", "--batch", applied["batch"])["undone"])
    assert files == without_state(home)
    assert 3 == len(vsortd.json("cluster", old)["groups"])  # the index knows them where they are again


def group_of(vsortd: Command, old: Path, folder: str) -> int:
    """Return the number of the group whose videos lie in a folder."""
    groups = vsortd.json("cluster", old)["groups"]
    return int(next(group["number"] for group in groups if str(old / folder) in group["folders"]))


def without_state(home: harness.Home) -> dict[str, tuple[str, int]]:
    """Return every file but vsortd's own."""
    return {name: value for name, value in harness.snapshot(home.folder).items() if not name.startswith("state")}


def test_a_person_at_a_terminal_is_asked_first(
    vsortd: Command, home: harness.Home, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = without_state(home)
    typed = io.StringIO("n\n")
    monkeypatch.setattr(typed, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    said = vsortd("cluster", old, "--apply", "--only", "1")
    assert f"File {EACH} videos into 1 folder of {home.library}?" in said
    assert before == without_state(home)


def test_rules_are_written_checked_taught_and_sort_a_new_arrival_likewise(
    vsortd: Command, home: harness.Home, old: Path, tmp_path: Path
) -> None:
    file = tmp_path / "groups.yaml"
    number = group_of(vsortd, old, "fireworks")
    document = vsortd.json("cluster", old, "--out", file, "--learn", "--rename", f"{number}=sky/party")
    check = document["rules"]["check"]
    assert (3 * EACH, False) == (check["accuracy"]["n"], check["poor"])
    assert check["accuracy"]["share"] >= 0.9
    assert 3 * EACH == len(document["rules"]["taught"])
    text = file.read_text()
    assert f"of {3 * EACH} are right" in text
    assert document["rules"]["rules"] == yaml.safe_load(text)["rules"]

    config = tmp_path / "vsortd.yaml"
    config.write_text(home.config.read_text().partition("rules:")[0] + text)
    vsortd("check", "--config", config)
    arrival = render_scene(tmp_path / "new.mp4", Subject.FIREWORKS, Light.NIGHT, seed=99, frames=4, fps=2)
    (item,) = vsortd.json("sort", "--dry-run", arrival, "--config", config)["items"]
    assert ("filed", "sky/party") == (item["state"], item["rule"])
    assert vsortd.json("corrections", "--config", config)["used"]

    again = vsortd("cluster", old, "--out", file)  # it is ours, so it may be replaced
    assert "are right with the examples" in again
    assert document["rules"]["rules"] != yaml.safe_load(file.read_text())["rules"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--dry-run"], "--dry-run says how --apply or --copy does it"),
        (["--learn"], "--learn says how --out RULES.yaml"),
        (["--only", "1"], "--only says how"),
        (["--preview", "--apply"], "--preview files nothing"),
        (["--apply"], "There is no terminal here"),
        (["--apply", "--json"], "There is no terminal here"),
        (["--preview", "--rename", "beach"], "--rename beach names no group or no name"),
        (["--out", "film.mp4"], "does not end in .yaml or .yml"),
        (["--preview", "--into", "/elsewhere"], "is not in the library"),
        (["--min-size", "1"], "min-size"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_remedy(words: list[str], says: str, vsortd: Command, old: Path) -> None:
    vsortd("cluster", old, *words, code=2)
    assert says in vsortd.err
    assert "Traceback" not in vsortd.err


def test_a_config_is_never_written_over(vsortd: Command, home: harness.Home, old: Path) -> None:
    before = home.config.read_bytes()
    vsortd("cluster", old, "--out", home.config, code=2)
    assert "did not write it" in vsortd.err
    assert before == home.config.read_bytes()


def test_a_folder_without_videos_and_one_with_a_broken_one_are_told(vsortd: Command, tmp_path: Path) -> None:
    vsortd("cluster", tmp_path / "nowhere", code=2)
    assert "is not there" in vsortd.err
    vsortd("cluster", tmp_path, code=2)
    assert "There is no video below" in vsortd.err
    (tmp_path / "broken.mp4").write_bytes(b"nothing of the kind" * 50)
    document = vsortd.json("cluster", tmp_path, code=3)
    assert [str(tmp_path / "broken.mp4")] == [one["path"] for one in document["failed"]]
    assert document["failed"][0]["reason"]
