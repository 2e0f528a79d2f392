"""The labels of `vsortd analyze`, and what they are the ground of: renders whose scenes are known, real models."""

from __future__ import annotations

import csv
import io
import shutil
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from tests.support import harness
from tests.support.films import put_out
from tests.support.sounds import levels, write_sound
from tests.support.takes import render_takes
from tests.support.tiny_clap import make_tiny_clap
from tests.support.tiny_models import make_tiny

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

# The units that the summary reads on, asked by words that the model in the package was taught.
OWN = """\
[VisualStyle]
(Animation)
A city street.
(LiveAction)
The sea.
[ContentPurpose]
(Storytelling)
The sea.
(Informational)
Text slides.
(RealityCapture)
A forest.
[Mood]
(Emotional)
Snow.
(Exciting)
A city street.
(Lighthearted)
A meadow.
(Tense)
Ocean waves.
(Imaginative)
A forest.
"""


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    return harness.Here.make(tmp_path / "home")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return five seconds of the sea, then five of a city."""
    return render_takes(tmp_path_factory.mktemp("films") / "two.mp4", [("sea", 5), ("city", 5)], seed=7)


@pytest.fixture
def categories(tmp_path: Path) -> Path:
    path = tmp_path / "own.txt"
    path.write_text(OWN)
    return path


def analysis(home: harness.Here, *words: str | Path, code: int | None = 0) -> dict[str, Any]:
    """Return what the command says of one file."""
    (one,) = home.json("analyze", *words, code=code)["videos"]
    return dict(one)


_CODECS = {"mkv": "libx264", "avi": "mpeg4", "ts": "mpeg2video"}
_RATES = {"mpeg2video": 25}  # it has none of 10; the frames' times stay what they are


def reencoded(film: Path, path: Path, codec: str) -> Path:
    """Write a film's pictures into another container."""
    with av.open(str(film)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=_RATES.get(codec, 10))
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.bit_rate = 1_000_000
        for frame in source.decode(video=0):
            frame.pict_type = PictureType.NONE
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


@pytest.mark.long
def test_labels_have_their_course_and_the_summary_its_ground(home: harness.Here, film: Path, categories: Path) -> None:
    found = analysis(home, film, "--categories", categories)
    mood = next(unit for unit in found["labels"]["units"] if unit["unit"] == "Mood")
    assert ["Tense"] * 5 + ["Exciting"] * 5 == [max(one["labels"], key=one["labels"].get) for one in mood["tenths"]]
    counts = {one["label"]: one["count"] for one in found["labels"]["labels"] if one["unit"] == "Mood"}
    assert (5, 5, 0) == (counts["Tense"], counts["Exciting"], counts["Emotional"])
    assert ("own.txt", 10) == (found["labels"]["source"], found["labels"]["frames"])
    summary = found["summary"]
    assert ["Tense"] * 5 + ["Exciting"] * 5 == [part["mood"] for part in summary["course"]]
    assert {"Tense", "Exciting"} == {one["mood"] for one in summary["mood"]["elements"][:2]}
    assert "Storytelling" in summary["content_type"]["probabilities"]
    assert [] != summary["content_type"]["terms"]
    # One jump in nine steps, from one mood to another: at most 1/9 of the distance of what has nothing in common.
    assert 0 < summary["consistency"]["distance"] < 1 / 9 + 0.03
    text = home.run("analyze", film, "--categories", categories).stdout
    assert "Content Type: " in text
    assert "Course: Tense 0.0 to 5.0 s, Exciting 5.0 to 10.0 s" in text
    assert "Top classifications, picture: " in text
    table = io.StringIO(home.run("analyze", film, "--categories", categories, "--csv").stdout, newline="")
    (row,) = csv.DictReader(table)
    assert summary["mood"]["mood"] == row["mood"]
    assert (summary["content_type"]["type"], "Moderate") == (row["content_type"], row["pacing"])


def test_labels_are_not_looked_for_again_and_no_model_is_loaded(
    home: harness.Here, film: Path, categories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.copy2(film, tmp_path / "two.mp4")
    before = analysis(home, path, "--categories", categories)
    put_out(path)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("vsortd.vision.factory.load_encoder", never)
    assert before == analysis(home, path, "--categories", categories)
    renamed = shutil.copy2(categories, tmp_path / "the same words.txt")
    assert before["labels"] == analysis(home, path, "--only", "labels", "--categories", renamed)["labels"]


def test_other_labels_are_another_question_for_frames_that_are_there(
    home: harness.Here, film: Path, tmp_path: Path
) -> None:
    path = shutil.copy2(film, tmp_path / "two.mp4")
    labels = tmp_path / "labels.txt"
    labels.write_text("the sea\na forest\n")
    first = analysis(home, path, "--only", "labels", "--labels", labels)["labels"]
    assert {"the sea": 5, "a forest": 0} == {one["label"]: one["count"] for one in first["labels"]}
    put_out(path)
    labels.write_text("a city street\na forest\n")
    second = analysis(home, path, "--only", "labels", "--labels", labels)["labels"]
    assert 5 == second["labels"][0]["count"]
    assert "a city street" == second["labels"][0]["label"]


def test_the_model_in_the_package_says_that_it_does_not_know_the_words(home: harness.Here, film: Path) -> None:
    found = analysis(home, film)
    assert None is found["labels"]["labels"]
    assert "doesn't know the words" in found["labels"]["why"]
    assert found["labels"]["why"] == found["summary"]["content_type"]["why"]
    assert None is found["summary"]["mood"]["mood"]
    asked = analysis(home, film, "--only", "labels", code=3)
    assert "doesn't know the words" in asked["labels"]["error"]
    assert "--model" in asked["labels"]["error"]


@pytest.mark.long
def test_any_model_that_knows_words_is_asked_the_categories_in_the_package(
    home: harness.Here, film: Path, tmp_path: Path
) -> None:
    """A model of random weights: what it says means nothing, but it says it of everything."""
    make_tiny(tmp_path / "tiny.safetensors")
    found = analysis(home, film, "--model", f"tiny={tmp_path / 'tiny.safetensors'}")
    labels = found["labels"]
    assert ["VisualStyle", "ImageQuality", "ContentPurpose", "Mood"] == [unit["unit"] for unit in labels["units"]]
    for unit in labels["units"]:
        assert pytest.approx(1.0, abs=1e-3) == sum(unit["labels"].values())
        assert 0.0 == unit["none"]
    assert {"good", "sharp", "bright", "clean"} == set(labels["looks"])
    assert all(0 <= value <= 1 for value in labels["looks"].values())
    assert "built-in" == labels["source"]
    assert None is not found["summary"]["mood"]["mood"]
    assert None is not found["summary"]["content_type"]["type"]


def test_a_model_that_cannot_be_had_costs_the_labels_alone(home: harness.Here, film: Path, tmp_path: Path) -> None:
    found = analysis(home, film, "--model", f"ViT-B-32={tmp_path / 'gone.safetensors'}", code=3)
    assert "gone.safetensors" in found["labels"]["error"]
    assert 2 == found["shots"]["count"]
    assert "Moderate" == found["summary"]["pacing"]
    assert found["labels"]["error"] == found["summary"]["mood"]["why"]


@pytest.mark.long
@pytest.mark.parametrize("ending", ["mkv", "avi", "ts"])
def test_other_containers_have_the_same_labels(
    home: harness.Here, film: Path, categories: Path, tmp_path: Path, ending: str
) -> None:
    path = reencoded(film, tmp_path / f"two.{ending}", _CODECS[ending])
    ask = ("--only", "labels", "--categories", categories)
    expected, found = (analysis(home, one, *ask)["labels"] for one in (film, path))
    assert 10 == found["frames"]
    tops = [
        [max(part["labels"], key=part["labels"].get) for part in one["units"][2]["tenths"]] for one in (expected, found)
    ]
    assert tops[0] == tops[1]
    for before, after in zip(expected["units"], found["units"], strict=True):
        assert before["labels"] == pytest.approx(after["labels"], abs=0.1)
    put_out(path)
    assert found == analysis(home, path, *ask)["labels"]


@pytest.mark.long
def test_what_is_heard_has_labels_where_there_is_a_sound_model(home: harness.Here, tmp_path: Path) -> None:
    """A model of random weights, and two seconds of silence that speak for nothing: the summary hears with it."""
    make_tiny_clap(tmp_path / "clap")
    home.config.write_text(home.config.read_text() + f"sound_model: {tmp_path / 'clap'}\n")
    pictures = [np.full((180, 320, 3), 100 + number, np.uint8) for number in range(140)]
    path = write_sound(tmp_path / "a.mov", levels((-20.0, 12.0), (-200.0, 2.0)), pictures=pictures, fps=10)
    found = analysis(home, path)
    sound = found["labels"]["sound"]
    assert None is found["labels"]["labels"]  # the model in the package doesn't know what is asked of the picture
    assert ["RecordingQuality", "ContentPurpose", "AudioMood"] == [unit["unit"] for unit in sound["units"]]
    for unit in sound["units"]:
        assert pytest.approx(1.0, abs=1e-3) == sum(unit["labels"].values())
    summary = found["summary"]
    assert None is not summary["content_type"]["type"]
    assert {None} == {one["picture"] for one in summary["mood"]["elements"]}
    assert pytest.approx(1.0, abs=1e-3) == sum(one["sound"] for one in summary["mood"]["elements"])
    counted = {one["label"] for one in sound["labels"] if one["count"]}
    assert {one["label"] for one in summary["top_labels"]["sound"]} <= counted
    assert "heard, AudioMood: " in home.run("analyze", path).stdout
    home.run("analyze", path, "--out", f"deepffmpeg={tmp_path}")
    rows = (tmp_path / "a_classifications.txt").read_text().splitlines()[1:]
    assert counted == {row.split(",")[1] for row in rows}
    assert {"1"} == {row.split(",")[0] for row in rows}
    silent = write_sound(tmp_path / "b.mov", levels((-200.0, 2.0)), pictures=pictures[:20], fps=10)
    assert (None, None) == tuple(analysis(home, silent)["labels"][key] for key in ("sound", "sound_error"))


def test_a_sound_model_that_cannot_be_had_costs_what_is_heard_alone(home: harness.Here, tmp_path: Path) -> None:
    home.config.write_text(home.config.read_text() + f"sound_model: {tmp_path / 'gone'}\n")
    path = write_sound(
        tmp_path / "a.mov", levels((-20.0, 1.0)), pictures=[np.zeros((90, 160, 3), np.uint8)] * 10, fps=10
    )
    found = analysis(home, path, code=None)
    assert "gone" in found["labels"]["sound_error"]
    assert "Slow" == found["summary"]["pacing"]


def test_a_changed_temperature_is_seen(home: harness.Here, film: Path, categories: Path) -> None:
    softness = []
    for temperature in ("1.0", "8.0"):
        home.config.write_text(
            home.config.read_text().split("temperature:")[0].rstrip() + f"\ntemperature: {temperature}\n"
        )
        found = analysis(home, film, "--only", "labels", "--categories", categories)["labels"]
        assert float(temperature) == found["temperature"]
        softness.append(max(found["units"][2]["labels"].values()))
    assert softness[0] > softness[1] + 0.02


def test_files_of_labels_exclude_one_another_and_their_mistakes_are_named(
    home: harness.Here, film: Path, categories: Path, tmp_path: Path
) -> None:
    refused = home.run("analyze", film, "--labels", categories, "--categories", categories, code=2)
    assert "exclude one another" in refused.stderr
    broken = tmp_path / "broken.txt"
    broken.write_text("[Mood\n")
    assert "broken.txt:1" in home.run("analyze", film, "--categories", broken, code=10).stderr
    assert "is not there" in home.run("analyze", film, "--labels", tmp_path / "none.txt", code=2).stderr
