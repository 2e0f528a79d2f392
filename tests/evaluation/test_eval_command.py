"""`vsortd eval` as a person runs it: real clips, the real command, the sample model."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.support import harness
from tests.support.shots import Shot, render_shot
from vsortd.__main__ import main
from vsortd.judging.calibration import Calibrated, calibration_path, keep_calibration, read_calibration

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]
FRAMES = 16  # of each clip at most, to be quick
MORE = f"defaults: {{ensemble: best}}\nsampling: {{max_frames: {FRAMES}}}\n"
SHOTS = {
    "nature/forest": Shot("wood.mp4", "forest", "day"),
    "nature/snow": Shot("ski.mp4", "snow", "day", portrait=True),
    "nature/meadow": Shot("flowers.mov", "meadow", "day"),
    "sea": Shot("waves.mp4", "sea", "day"),
    "city": Shot("street.mp4", "city", "night"),
    "_none": Shot("noise.mp4", "unknown", "day"),
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Render a labelled folder once."""
    folder = tmp_path_factory.mktemp("labelled")
    for number, (place, shot) in enumerate(SHOTS.items()):
        (folder / place).mkdir(parents=True, exist_ok=True)
        render_shot(shot, folder / place / shot.name, seed=93_000_400 + number)
    return folder


@pytest.fixture
def labelled(rendered: Path, tmp_path: Path) -> Path:
    """Return a copy of the labelled folder that a test may change."""
    return shutil.copytree(rendered, tmp_path / "labelled", copy_function=shutil.copy2)


@pytest.fixture
def home(tmp_path: Path) -> harness.Home:
    """Return a person's folders; its commands run in this process, since each would load the model anew."""
    return harness.Here.make(tmp_path / "home", more=MORE)


@pytest.mark.long
def test_every_number_is_there_and_a_second_run_decodes_nothing(home: harness.Home, labelled: Path) -> None:
    before = harness.snapshot(labelled)
    first = home.json("eval", labelled)
    assert 6 == first["n"]
    assert first["corrections"] is None
    assert {"forest", "snow", "meadow"} <= {key.rpartition("/")[2] for key in first["per_rule"]}
    assert first["accuracy"] >= 5 / 6
    assert sum(first["undecided"].values()) == round(first["unsure"] * 6)
    assert 6 == sum(sum(row.values()) for row in first["confusion"].values())
    assert {"1", "2"} == set(first["accuracy_at"])
    assert 6 == first["calibration"]["before"]["top"]["n"]
    assert (6 * FRAMES, 0) == (first["sampling"]["frames_decoded"], first["sampling"]["frames_recalled"])

    second = home.json("eval", labelled)
    table = list(csv.DictReader(io.StringIO(home.run("eval", labelled, "--csv").stdout, newline="")))
    assert list(second["per_rule"]) == [row["rule"] for row in table]
    assert table[0].keys() <= {"rule", *next(iter(second["per_rule"].values()))}
    assert (0, 6 * FRAMES) == (second["sampling"]["frames_decoded"], second["sampling"]["frames_recalled"])
    assert {**first, "sampling": None} == {**second, "sampling": None}

    text = home.config.read_text().replace("prompts: [sea, ocean waves]", "prompts: [ocean, coast], min_score: 0.2")
    home.config.write_text(text)
    other = home.json("eval", labelled, "--compare")
    assert 0 == other["sampling"]["frames_decoded"]
    rows = {row["name"]: row for row in other["compare"]}
    assert other["accuracy"] == rows["as configured"]["accuracy"]
    assert FRAMES == rows["sampling: every frame"]["frames"]
    assert before == harness.snapshot(labelled)
    assert [] == home.items()


@pytest.mark.long
def test_a_broken_file_is_reported_and_not_counted(home: harness.Home, labelled: Path) -> None:
    (labelled / "sea" / "broken.mp4").write_bytes(b"no film at all" * 100)
    found = home.json("eval", labelled, code=3)
    assert 6 == found["n"]
    ((path, reason),) = [(one["path"], one["reason"]) for one in found["failed"]]
    assert str(labelled / "sea" / "broken.mp4") == path
    assert reason
    text = harness.Home(home.folder).run("eval", labelled, code=3).stdout  # in a process of its own, once
    assert "broken.mp4" in text
    assert "6 videos" in text


def test_a_folder_of_broken_files_alone_is_a_failure(home: harness.Home, tmp_path: Path) -> None:
    (tmp_path / "films" / "sea").mkdir(parents=True)
    (tmp_path / "films" / "sea" / "broken.mp4").write_bytes(b"no film")
    said = home.run("eval", tmp_path / "films", code=1).stderr
    assert "The only video below" in said


def test_a_folder_that_is_no_rule_stops_before_anything_is_done(home: harness.Home, labelled: Path) -> None:
    (labelled / "nature" / "forest").rename(labelled / "nature" / "forrest")
    said = home.run("eval", labelled, code=2).stderr
    assert "'nature/forrest' (did you mean nature/forest?)" in said
    assert not (home.folder / "state").exists()


def test_no_videos_are_a_usage_error(home: harness.Home, tmp_path: Path) -> None:
    (tmp_path / "empty" / "sea").mkdir(parents=True)
    assert "There is no video" in home.run("eval", tmp_path / "empty", code=2).stderr
    assert "There is no folder" in home.run("eval", tmp_path / "nowhere", code=2).stderr


def test_what_the_config_does_not_accept_is_left_out(home: harness.Home, labelled: Path) -> None:
    home.config.write_text(home.config.read_text().replace("rules:", "accept: {orientation: landscape}\nrules:", 1))
    found = home.json("eval", labelled)
    assert 5 == found["n"]
    assert ["ski.mp4"] == [one["path"].rpartition("/")[2] for one in found["rejected"]]


@pytest.mark.long
def test_a_temperature_is_kept_from_enough_videos_alone(home: harness.Home, labelled: Path) -> None:
    state = home.folder / "state"
    kept = keep_calibration(state, "another/model", Calibrated(2.0, 400, "2026-11-01T00:00:00Z", 0.2, 0.1)).read_bytes()
    said = home.run("eval", labelled, "--calibrate", code=3).stdout
    assert "too few videos to learn a temperature from (6; it takes 100); what was kept before stays" in said
    assert kept == calibration_path(state).read_bytes()

    for clip in [path for path in labelled.rglob("*.m*") if path.is_file()]:
        for number in range(16):  # of one video under many names the index knows all
            clip.with_name(f"{number} {clip.name}").hardlink_to(clip)
    # with which no score means anything, so that whatever the model says is better
    home.config.write_text(home.config.read_text() + "temperature: 15.0\n")
    found = home.json("eval", labelled, "--calibrate")
    assert (102, True, "") == tuple(found["calibration"][key] for key in ("n", "kept", "why_not"))
    assert found["calibration"]["gain_interval"][0] > 0
    assert ["another/model", found["model"]["key"]] == list(read_calibration(state))
    learned = read_calibration(state)[found["model"]["key"]]
    assert (102, pytest.approx(found["calibration"]["temperature"], abs=1e-4)) == (learned.n, learned.temperature)


def test_out_draws_what_is_to_be_looked_at(home: harness.Home, labelled: Path, tmp_path: Path) -> None:
    # a wrong label makes a mistake for sure
    (labelled / "nature" / "forest" / "wood.mp4").rename(labelled / "city" / "wood.mp4")
    out = tmp_path / "out"
    home.run("eval", labelled, "--out", out)
    for name in ("confusion.png", "reliability.png"):
        with Image.open(out / name) as picture:
            assert picture.width > 600
    document: dict[str, Any] = json.loads((out / "eval.json").read_text())
    assert ["city"] == [one["truth"] for one in document["mistakes"] if one["path"].endswith("wood.mp4")]
    assert len(document["mistakes"]) == len(list((out / "mistakes").glob("*.png")))


def test_drawing_without_matplotlib_says_how_to_get_it(
    home: harness.Home, labelled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert 2 == main(["eval", str(labelled), "--config", str(home.config), "--out", str(home.folder / "out")])
    assert "pip install 'vsortd[plots]'" in capsys.readouterr().err
    assert not (home.folder / "out").exists()


def test_what_was_taught_is_tried_on_the_videos_each_without_its_own_lesson(home: harness.Home, labelled: Path) -> None:
    plain = home.json("eval", labelled)
    home.json("teach", labelled / "sea" / "waves.mp4", "city", "--keep")  # a wrong lesson, and its own
    found = home.json("eval", labelled)
    assert (1, True) == (found["corrections"]["n"], found["corrections"]["used"])
    assert found["corrections"]["without"]["share"] == plain["accuracy"]
    assert found["corrections"]["with"]["share"] == found["accuracy"]
    assert found["confusion"]["sea"] == plain["confusion"]["sea"] == {"sea": 1}, "it doesn't get its own lesson"
    said = home.run("eval", labelled).stdout
    assert "1 correction: " in said
    assert "too few videos to tell whether they help; they are used" in said
