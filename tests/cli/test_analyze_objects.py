"""`vsortd analyze --objects` as a person meets it, with small detectors made here."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, Any

import av
import pytest

from tests.support.films import put_out
from tests.support.harness import Here, Home
from tests.support.sounds import levels, write_sound
from tests.support.tiny_detectors import (
    SSDLITE,
    colour_model,
    film_of_squares,
    need_onnx,
    write_colour_onnx,
    write_names,
    write_openvino,
    write_ssdlite,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def home(tmp_path: Path) -> Here:
    return Here.make(tmp_path / "home")


@pytest.fixture
def squares(tmp_path: Path) -> tuple[str | Path, ...]:
    need_onnx()
    model, names = write_colour_onnx(tmp_path / "squares.onnx"), write_names(tmp_path / "names.txt")
    return ("--objects", "--detect-model", model, "--detect-labels", names)


def objects(home: Home, *words: str | Path, code: int = 0) -> Any:
    (one,) = home.json("analyze", *words, code=code)["videos"]
    return one["objects"]


def test_things_are_told_with_when_where_and_how_many(
    home: Here, squares: tuple[str | Path, ...], tmp_path: Path
) -> None:
    film = film_of_squares(tmp_path / "film.mp4", red=2, blue=range(2, 4))
    found = objects(home, film, *squares)
    classes = {one["class"]: one for one in found["classes"]}
    assert {"red square", "blue square"} == set(classes)
    assert (2, 1) == (classes["red square"]["most"], classes["blue square"]["most"])
    assert 2.0 == pytest.approx(classes["blue square"]["first_s"], abs=0.6)
    assert 2.0 == pytest.approx(classes["blue square"]["seconds"], abs=0.5)
    first = min((one for one in found["detections"] if one["class"] == "red square"), key=lambda one: one["box"][0])
    assert [128 / 640, 52 / 360, 320 / 640, 244 / 360] == pytest.approx(first["box"], abs=0.01)
    text = home.run("analyze", film, *squares).stdout
    assert "objects: 2 classes" in text
    assert "blue square: " in text
    (row,) = csv.DictReader(io.StringIO(home.run("analyze", film, *squares, "--csv").stdout))
    assert "red square; blue square" == row["objects"]


def test_what_was_found_is_not_looked_for_again_whatever_the_confidence(
    home: Here, squares: tuple[str | Path, ...], tmp_path: Path
) -> None:
    film = film_of_squares(tmp_path / "film.mp4")
    before = objects(home, film, *squares)
    put_out(film)
    assert before == objects(home, film, *squares)
    assert [] == objects(home, film, *squares, "--confidence", "1")["classes"]
    only = home.json("analyze", film, "--only", "objects", *squares)["videos"][0]
    assert {"path", "objects"} == set(only)


def test_the_config_says_which_detector(home: Here, squares: tuple[str | Path, ...], tmp_path: Path) -> None:
    _, _, model, _, names = squares
    home.config.write_text(f"{home.config.read_text()}detector: {{model: {model}, labels: {names}}}\n")
    film = film_of_squares(tmp_path / "film.mp4")
    assert ["red square"] == [one["class"] for one in objects(home, film, "--objects")["classes"]]


@pytest.mark.long
def test_openvinos_files_find_what_the_same_network_in_onnx_finds(
    squares: tuple[str | Path, ...], tmp_path: Path
) -> None:
    home = Home.make(tmp_path / "home")
    path = write_openvino(tmp_path / "squares.xml", colour_model(tmp_path))
    user = tmp_path / "user"
    user.mkdir()
    home.more_environment = {"HOME": str(user), "CI": ""}  # where openvino-telemetry would write, and it spares CI
    film = film_of_squares(tmp_path / "film.mp4", red=2, blue=range(2, 4))
    by_onnx = objects(home, film, *squares)
    words = ["--objects", "--detect-model", path, "--detect-labels", tmp_path / "names.txt"]
    by_openvino = objects(home, film, *words)
    assert (by_onnx.pop("model")[:13], by_openvino.pop("model")[:12]) == ("squares.onnx/", "squares.xml/")
    assert by_onnx == by_openvino
    home.config.write_text(f"{home.config.read_text()}detector: {{model: {path}, labels: {tmp_path / 'names.txt'}}}\n")
    assert 2 == len(objects(home, film, "--objects")["classes"])
    assert not (user / "intel").exists()
    path.with_suffix(".bin").unlink()
    error = home.run("analyze", film, *words, code=1).stderr
    assert "squares.xml are not there" in error
    assert "Copy that .bin beside the .xml" in " ".join(error.split())


@pytest.mark.long
def test_a_detector_of_torchvision_is_named_with_its_file(home: Here, tmp_path: Path) -> None:
    write_ssdlite(tmp_path / "ssd.pth")
    names = write_names(tmp_path / "names.txt", "cat", "dog")
    film = film_of_squares(tmp_path / "film.mp4", seconds=2)
    words = ("--only", "objects", "--detect-model", f"{SSDLITE}={tmp_path / 'ssd.pth'}", "--detect-labels", names)
    found = objects(home, film, *words)
    assert {"dog"} <= {one["class"] for one in found["classes"]}
    assert found["model"].startswith(f"{SSDLITE}/")


@pytest.mark.long
def test_a_film_of_another_container_is_looked_at_too_and_what_is_stored_loads_again(
    home: Here, squares: tuple[str | Path, ...], tmp_path: Path
) -> None:
    film = film_of_squares(tmp_path / "film.mp4")
    other = tmp_path / "film.mkv"
    with av.open(os.fspath(film)) as source, av.open(os.fspath(other), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    one, two = (objects(home, path, *squares) for path in (film, other))
    assert [one["classes"][0][name] for name in ("class", "most", "frames")] == [
        two["classes"][0][name] for name in ("class", "most", "frames")
    ]
    assert one["detections"][0]["box"] == pytest.approx(two["detections"][0]["box"], abs=0.01)
    out = tmp_path / "out"
    home.run("analyze", other, *squares, "--out", out)
    (stored,) = out.glob("*.json")
    assert "objects" in stored.read_text()
    home.run("analyze", "--from", stored)


def test_sound_alone_has_no_objects(home: Here, squares: tuple[str | Path, ...], tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "tone.wav", levels((-23.0, 2.0)))
    assert objects(home, sound, *squares) is None
    assert "objects: there are no moving pictures" in home.run("analyze", sound, *squares).stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--objects", "--detect-model", "yolo/x"], 2, "names no detector"),
        (["--objects", "--detect-model", "nothing"], 1, "torchvision has no detector 'nothing'"),
        (["--objects", "--detect-model", "gone.onnx", "--detect-labels", "gone.txt"], 1, "is not there"),
        (["--objects", "--confidence", "nan"], 2, "nan"),
        (["--objects", "--confidence", "0.01"], 2, "0.01"),
    ],
)
def test_what_cant_be_had_is_said_before_anything_is_read(
    home: Here, tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no video")
    assert says in home.run("analyze", film, *words, code=code).stderr


def test_without_weights_it_says_where_they_come_from(home: Here, tmp_path: Path) -> None:
    home.more_environment = {"TORCH_HOME": str(tmp_path / "torch"), "HF_HUB_OFFLINE": "1"}
    done = home.run("analyze", film_of_squares(tmp_path / "film.mp4", seconds=1), "--objects", code=1)
    assert "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth" in done.stderr
    assert "download.pytorch.org" in done.stderr
