"""`vsortd classify --target`: what is labelled are the things that a detector finds, each by itself."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject, render_clip
from tests.support.clips import encode
from tests.support.harness import Here
from tests.support.tiny_detectors import need_onnx, write_colour_onnx, write_names
from vsortd.analysis.target_boxes import around

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)
SECONDS, SIDE_PX = 4, 192


@pytest.fixture
def home(tmp_path: Path) -> Here:
    return Here.make(tmp_path / "home")


def fires(path: Path, *places: tuple[int, int]) -> float:
    """Write a grey film with a burning square at each place; return how red these are, 0 to 1."""
    scene = next(
        iter(render_clip(Subject.FIRE, Light.DAY, seed=2, width_px=SIDE_PX, height_px=SIDE_PX, frames=1, fps=4))
    )
    picture = np.full((360, 640, 3), 128, np.uint8)
    for left, top in places:
        picture[top : top + SIDE_PX, left : left + SIDE_PX] = scene
    encode(path, [picture] * (4 * SECONDS), fps=4, crf="12")
    red, green, blue = scene.reshape(-1, 3).mean(axis=0) / 255
    return float(red - (green + blue) / 2)


def test_each_thing_is_labelled_and_counted(home: Here, tmp_path: Path) -> None:
    need_onnx()
    film = tmp_path / "fires.mp4"
    redness = fires(film, (64, 52), (384, 116))
    assert redness > 0.2, "the detector could not tell it from grey"
    model = write_colour_onnx(tmp_path / "red.onnx", gain=1 / redness)
    words = ("--detect-model", model, "--detect-labels", write_names(tmp_path / "names.txt"))
    (found,) = home.json("classify", film, "fire", "sea", "--target", "Red Square", *words)["files"]
    assert (SECONDS, 2 * SECONDS) == (found["frames"], found["things"])
    labels = {one["label"]: one for one in found["labels"]}
    assert 2 * SECONDS == labels["fire"]["count"]
    assert 0 == labels["sea"]["count"]
    assert labels["fire"]["avg_probability"] > 0.5
    assert 1.0 == pytest.approx(labels["fire"]["share"])
    assert [{"begin_s": 0.0, "end_s": 4.0}] == labels["fire"]["spans"]
    table = list(
        csv.reader(
            io.StringIO(home.run("classify", film, "fire", "sea", "--target", "red square", *words, "--csv").stdout)
        )
    )
    assert ["stream_id", "label", "avg_probability", "count"] == table[0]
    assert [["0", "fire", str(2 * SECONDS)]] == [[row[0], row[1], row[3]] for row in table[1:]]
    assert (
        "4 frames, 8 x red square" in home.run("classify", film, "fire", "sea", "--target", "red square", *words).stdout
    )
    (whole,) = home.json("classify", film, "fire", "sea")["files"]
    assert None is whole["things"]
    (none,) = home.json("classify", film, "fire", "sea", "--target", "blue square", *words)["files"]
    assert (0, [], None) == (none["things"], none["labels"], none["error"])
    text = home.run("classify", film, "fire", "--target", "blue square", *words).stdout
    assert "4 frames, no blue square" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--detect-model", "x"], "are about --target"),
        (["--target", "person", "--per", "frame"], "one frame a second"),
        (["--target", " "], "names nothing"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(
    home: Here, tmp_path: Path, words: list[str], says: str
) -> None:
    film = tmp_path / "a.mp4"
    film.write_bytes(b"x")
    assert says in home.run("classify", film, "fire", *words, code=2).stderr


def test_a_class_that_the_detector_lacks_is_told_with_the_nearest(home: Here, tmp_path: Path) -> None:
    need_onnx()
    film = tmp_path / "a.mp4"
    film.write_bytes(b"x")
    words = (
        "--detect-model",
        write_colour_onnx(tmp_path / "m.onnx"),
        "--detect-labels",
        write_names(tmp_path / "n.txt"),
    )
    error = home.run("classify", film, "fire", "--target", "blue squar", *words, code=2).stderr
    assert "knows no 'blue squar'" in error
    assert "Did you mean blue square" in error


@pytest.mark.parametrize(
    ("box", "size", "cut"),
    [
        ((0.4, 0.4, 0.6, 0.6), (1000, 1000), (390, 390, 610, 610)),  # a tenth more
        ((0.4, 0.4, 0.42, 0.42), (1000, 1000), (394, 394, 426, 426)),  # at least 32 px
        ((0.0, 0.2, 0.1, 0.8), (1000, 500), (0, 85, 330, 415)),  # square, and in the picture
        ((0.0, 0.0, 1.0, 1.0), (640, 360), (0, 0, 640, 360)),
        ((0.9, 0.9, 1.0, 1.0), (20, 20), (0, 0, 20, 20)),
    ],
)
def test_a_box_is_cut_out_with_some_of_what_is_around_it(
    box: tuple[float, float, float, float], size: tuple[int, int], cut: tuple[int, int, int, int]
) -> None:
    assert cut == around(box, *size)
