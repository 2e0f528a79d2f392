"""Detectors in OpenVINO's own files: they find what the same network in ONNX finds, and what can't be run is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.tiny_detectors import (
    colour_model,
    need_openvino,
    square_picture,
    write_colour_onnx,
    write_names,
    write_openvino,
)
from vsortd.errors import ModelError
from vsortd.vision.detector import DetectorChoice
from vsortd.vision.detectors import load_detector
from vsortd.vision.models import ModelUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.vision.detector import ObjectDetector

RED, BLUE = (255, 0, 0), (0, 0, 255)
TWO_SQUARES = square_picture((128, 52, RED), (384, 116, BLUE))
RED_BOX = (128 / 640, 52 / 360, 320 / 640, 244 / 360)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    need_openvino()
    write_names(tmp_path / "names.txt")
    return tmp_path


def load(path: Path, names: str = "names.txt") -> ObjectDetector:
    return load_detector(DetectorChoice(str(path), None, path.parent / names))


def boxes(detector: ObjectDetector) -> dict[str, tuple[float, ...]]:
    return {one.name: (one.score, *one.box) for one in detector.detect(TWO_SQUARES)}


def change(path: Path, old: str, new: str) -> Path:
    """Replace what stands once in a file."""
    text = path.read_text()
    assert 1 == text.count(old)
    path.write_text(text.replace(old, new))
    return path


# What is found


@pytest.mark.parametrize("head", ["v8", "v5", "v4-tiny", "v4-tiny-last"])
def test_the_same_network_finds_the_same_whatever_runs_it(folder: Path, head: str) -> None:
    by_onnx = load(write_colour_onnx(folder / "squares.onnx", head))
    by_openvino = load(write_openvino(folder / "squares.xml", colour_model(folder, head)))
    assert 320 == by_openvino.side_px
    found = boxes(by_openvino)
    assert {"red square", "blue square"} == set(found)
    assert RED_BOX == pytest.approx(found["red square"][1:], abs=0.01)
    for name, numbers in boxes(by_onnx).items():
        assert numbers == pytest.approx(found[name], abs=1e-4)
    assert () == by_openvino.detect(square_picture())


def test_its_key_is_of_what_both_files_hold(folder: Path) -> None:
    path = write_openvino(folder / "squares.xml", colour_model(folder))
    key = load(path).key
    assert key.startswith("squares.xml/")
    assert key == load(path).key
    weights = path.with_suffix(".bin")
    whole = weights.read_bytes()
    weights.write_bytes(whole + b"\0")
    longer = load(path).key
    weights.write_bytes(whole)
    change(path, "</net>", "</net>\n")
    assert 3 == len({key, longer, load(path).key})
    write_names(folder / "names.txt", "red square", "sky")
    assert 4 == len({key, longer, load(path).key, load(write_openvino(path, colour_model(folder))).key})


@pytest.mark.parametrize("written", ["11", "10", "10 by channel"])
def test_one_that_divides_and_swaps_colours_itself_is_fed_as_it_says(folder: Path, written: str) -> None:
    openvino = need_openvino()
    prepared = openvino.preprocess.PrePostProcessor(colour_model(folder))
    picture = prepared.input()
    picture.tensor().set_layout(openvino.Layout("NCHW"))
    picture.model().set_layout(openvino.Layout("NCHW"))
    picture.preprocess().scale(255.0).reverse_channels()
    model = prepared.build()
    path = write_openvino(folder / "silent.xml", model)
    assert {} == boxes(load(path))  # what is black, and in the wrong order, for it
    if written == "11":
        model.set_rt_info("images[255]", ["conversion_parameters", "scale_values"])
        model.set_rt_info("True", ["conversion_parameters", "reverse_input_channels"])
    path = write_openvino(folder / "squares.xml", model)
    if written != "11":
        scale = '<scale value="255.0"/>' if written == "10" else '<scale_values value="0[254.9,255,255]"/>'
        old = f'<meta_data><cli_parameters>{scale}<mean_values value="()"/><reverse_input_channels value="True"/>'
        text = re.sub(r"<rt_info>\s*(?=<Runtime).*</net>", "</net>", path.read_text(), flags=re.DOTALL)
        path.write_text(text.replace("</net>", f"{old}</cli_parameters></meta_data></net>"))
        change(path, 'version="11"', 'version="10"')
    assert RED_BOX == pytest.approx(boxes(load(path))["red square"][1:], abs=0.01)


def test_what_others_are_told_to_do_before_it_is_none_of_its_own(folder: Path) -> None:
    """`model_info` is what whoever feeds it is to do, and vsortd divides by 255 anyway."""
    model = colour_model(folder)
    model.set_rt_info("255", ["model_info", "scale_values"])
    model.set_rt_info("True", ["model_info", "reverse_input_channels"])
    model.set_rt_info("()", ["conversion_parameters", "scale_values"])
    model.set_rt_info("images[0.4,0.4,0.5]", ["conversion_parameters", "mean_values"])
    model.set_rt_info("False", ["conversion_parameters", "reverse_input_channels"])
    assert {"red square", "blue square"} == set(boxes(load(write_openvino(folder / "squares.xml", model))))


@pytest.mark.parametrize("kind", ["f16", "u8"])
def test_numbers_of_other_sizes_will_do(folder: Path, kind: str) -> None:
    openvino = need_openvino()
    prepared = openvino.preprocess.PrePostProcessor(colour_model(folder))
    prepared.input().tensor().set_element_type(getattr(openvino.Type, kind))
    if kind == "u8":
        prepared.input().preprocess().convert_element_type(openvino.Type.f32).scale(255.0)
    found = boxes(load(write_openvino(folder / "squares.xml", prepared.build())))
    assert RED_BOX == pytest.approx(found["red square"][1:], abs=0.01)


def test_how_many_pictures_at_once_may_be_left_open(folder: Path) -> None:
    model = colour_model(folder, "v4-tiny")
    model.reshape([-1, 3, 320, 320])
    found = boxes(load(write_openvino(folder / "squares.xml", model)))
    assert RED_BOX == pytest.approx(found["red square"][1:], abs=0.01)


def test_sizes_may_be_computed_from_that_of_the_input(folder: Path) -> None:
    """As exports do: places of cells by Range, as many as the input is wide, its numbers in float16 as is usual."""
    openvino = need_openvino()
    op, model = openvino.opset13, colour_model(folder)
    wide = op.gather(op.shape_of(model.inputs[0]), op.constant(np.int64(3)), op.constant(np.int64(0)))
    places = op.range(
        op.constant(np.float32(0)), op.convert(wide, "f32"), op.constant(np.float32(32)), output_type="f32"
    )
    none = op.multiply(op.tile(places, op.constant(np.array([10], np.int64))), op.constant(np.float32(0)))
    found = op.add(model.outputs[0].get_node().input_value(0), none)
    model = openvino.Model([found], model.get_parameters(), "ranges")
    path = folder / "squares.xml"
    openvino.save_model(model, path, compress_to_fp16=True)
    layers = openvino.Core().read_model(path).get_ops()
    assert any(port.get_partial_shape().is_dynamic for one in layers for port in one.outputs())
    assert RED_BOX == pytest.approx(boxes(load(path))["red square"][1:], abs=0.01)


# What can't be run


def cut_weights(path: Path) -> None:
    weights = path.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:800])


def no_weights(path: Path) -> None:
    path.with_suffix(".bin").unlink()


def huge(path: Path, size_bytes: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size_bytes)


def outside(path: Path) -> None:
    """Name a file that has nothing to do with it."""
    secret = path.with_name("secret")
    secret.write_text("<net/>")
    change(path, '<?xml version="1.0"?>', f'<!DOCTYPE net [<!ENTITY it SYSTEM "file://{secret}">]>')


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no .bin": (no_weights, "The weights of"),
    "a folder": (lambda path: (no_weights(path), path.with_suffix(".bin").mkdir()), "The weights of"),
    "cut .bin": (cut_weights, "squares.bin has 800 bytes, and squares.xml speaks of 1,664"),
    "empty .bin": (lambda path: path.with_suffix(".bin").write_bytes(b""), "has 0 bytes"),
    "large .bin": (lambda path: huge(path.with_suffix(".bin"), (2 << 30) + 1), "larger than any such detector"),
    "cut .xml": (lambda path: path.write_bytes(path.read_bytes()[:3000]), "it is cut short, at line 110"),
    "cut tag": (lambda path: path.write_bytes(path.read_bytes()[:3005]), "it is cut short, at line 110"),
    "large .xml": (lambda path: huge(path, (32 << 20) + 1), "larger than any such detector"),
    "text": (lambda path: path.write_text("hello"), "it is no XML: syntax error: line 1, column 0"),
    "nothing": (lambda path: path.write_text(""), "it is cut short, at line 1"),
    "ONNX": (write_colour_onnx, "it is no XML"),
    "no encoding": (lambda path: path.write_text('<?xml version="1.0" encoding="x"?><net/>'), "unknown encoding"),
    "other XML": (lambda path: path.write_text("<svg/>"), "XML of another kind, <svg>"),
    "an old one": (lambda path: change(path, 'version="11"', 'version="7"'), "version 7, and openvino reads 10"),
    "no version": (lambda path: path.write_text("<net/>"), "it is of version none"),
    "outside": (outside, "line 1 declares a document type"),
    "no numbers": (lambda path: change(path, 'offset="0"', 'offset="-1"'), "says '-1' and '1600' for bytes"),
    "no layers": (lambda path: path.write_text('<net version="11"><layers/></net>'), "it wants 0 inputs"),
    "a loop": (lambda path: change(path, 'type="AvgPool"', 'type="Loop"'), "has a layer of type Loop"),
    "unknown": (lambda path: change(path, 'type="AvgPool"', 'type="Pool"'), "can't be loaded as OpenVINO's: "),
    "wrong edge": (lambda path: change(path, '<edge from-layer="0" ', '<edge from-layer="99" '), "can't be loaded as"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_files_that_hold_no_network_are_told_of(folder: Path, what: str) -> None:
    path = write_openvino(folder / "squares.xml", colour_model(folder))
    spoil, says = BROKEN[what]
    spoil(path)
    with pytest.raises(ModelError) as caught:
        load(path)
    assert says in caught.value.title
    assert "src/" not in caught.value.title
    assert caught.value.remedy
    assert isinstance(caught.value, ModelUnavailableError) == (says == "The weights of")


def network(openvino: Any, what: str) -> Any:
    """Return a model of openvino's that is no detector that can be run."""
    op, axes = openvino.opset13, np.array([1, 2, 3], np.int64)
    shape = {"greyscale": [1, 1, 320, 320], "vast": [1, 3, 8192, 8192], "a list": [1, 3], "three": [3, 3, 320, 320]}
    wanted = openvino.PartialShape.dynamic() if what == "any shape" else shape.get(what, [1, 3, 320, 320])
    images = op.parameter(wanted, np.float64 if what == "doubles" else np.float32, name="images")
    inputs, mean = [images], images
    if what not in {"a list", "any shape"}:
        mean = op.reduce_mean(images, op.constant(axes), keep_dims=True)
    if what == "two inputs":
        inputs.append(op.parameter([1, 1, 1, 1], np.float32, name="more"))
        mean = op.add(mean, inputs[1])
    if what in {"vast layers", "vast constants"}:
        one = mean if what == "vast layers" else op.constant(np.float32(1))
        vast = op.broadcast(one, op.constant(np.array([1, 1, 100_000, 100_000], np.int64)))
        mean = op.add(mean, op.reduce_sum(vast, op.constant(axes), keep_dims=True))
    if what == "as the picture says":
        many = op.convert(op.reshape(mean, op.constant(np.array([1], np.int64)), special_zero=False), "i64")
        sizes = op.concat([op.constant(np.array([1, 1, 1], np.int64)), many], 0)
        mean = op.reduce_sum(op.broadcast(mean, sizes), op.constant(axes), keep_dims=True)
    if what == "yes or no":
        mean = op.greater(mean, op.constant(np.float32(0)))
    return openvino.Model([mean], inputs, "network")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("mean", "with 2 names its output would be [1, 6, n], [1, n, 7] or two maps of 21 numbers a cell"),
        ("greyscale", "its input is f32 [1, 1, 320, 320]"),
        ("three", "its input is f32 [3, 3, 320, 320]"),
        ("vast", "its input is f32 [1, 3, 8192, 8192]"),
        ("a list", "its input is f32 [1, 3]"),
        ("doubles", "its input is f64 [1, 3, 320, 320]"),
        ("any shape", "its input is f32 of any shape"),
        ("two inputs", "it wants 2 inputs"),
        ("vast layers", "its layers would take 37 GiB of memory"),
        ("vast constants", "its layers would take 37 GiB of memory"),
        ("as the picture says", "how large its layers are depends on what is in the picture"),
        ("yes or no", "its output is no array of numbers"),
    ],
)
def test_networks_that_are_no_detectors_are_told_of(folder: Path, what: str, says: str) -> None:
    path = write_openvino(folder / "network.xml", network(need_openvino(), what))
    with pytest.raises(ModelError, match=re.escape(says)) as caught:
        load(path)
    assert "ONNX or OpenVINO without NMS inside" in str(caught.value.remedy)


def test_names_of_another_number_and_sizes_that_dont_fit_are_told_of(folder: Path) -> None:
    path = write_openvino(folder / "squares.xml", colour_model(folder))
    write_names(folder / "more.txt", "a", "b", "c")
    with pytest.raises(ModelError, match="with 3 names its output would be"):
        load(path, "more.txt")
    with pytest.raises(ModelError, match="What the classes of"):
        load_detector(DetectorChoice(str(path)))
    text = re.sub(r'shape="1,3,320,320"', 'shape="1,3,?,?"', path.read_text())
    path.write_text(text)  # open sides become 640 px, and what follows was made for 320
    with pytest.raises(ModelError, match="no detector that vsortd can read"):
        load(path)


# The package


def test_without_the_package_it_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_openvino(folder / "squares.xml", colour_model(folder))
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match="need openvino, which isn't here") as caught:
        load(path)
    assert "pip install 'vsortd[objects]'" in str(caught.value.remedy)


@pytest.mark.parametrize("ending", ["onnx", "xml"])
def test_it_is_imported_for_its_files_alone_and_reports_nothing(folder: Path, ending: str) -> None:
    write_colour_onnx(folder / "squares.onnx")
    write_openvino(folder / "squares.xml", colour_model(folder))
    code = (
        "import sys\nfrom pathlib import Path\nfrom vsortd.vision.detectors import load_detector, read_detector\n"
        f"load_detector(read_detector('squares.{ending}', Path('names.txt')))\n"
        "print('openvino' in sys.modules, [one for one in sys.modules if one.startswith('openvino_telemetry.')])"
    )
    home = folder / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "TF_BUILD", "JENKINS_URL"}}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=folder,
        env={**environment, "HOME": str(home)},
    )
    assert f"{ending == 'xml'} []\n" == done.stdout
    assert not (home / "intel").exists()
