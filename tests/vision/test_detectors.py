"""Detectors: what they find in a picture and where, and what is said of those that can't be had or read."""

from __future__ import annotations

import hashlib
import http.server
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tests.support.tiny_detectors import (
    NAMES,
    SSDLITE,
    need_onnx,
    square_picture,
    write_colour_onnx,
    write_names,
    write_ssdlite,
)
from vsortd.config.choices import SMALL_DETECTOR
from vsortd.errors import ModelError, UsageError
from vsortd.vision.detector import (
    LEAST_SCORE,
    DetectorChoice,
    FoundObject,
    SeenObjects,
    found_objects,
    strongest,
)
from vsortd.vision.detector_files import obtain_detector_weights, read_names
from vsortd.vision.detectors import load_detector, read_detector
from vsortd.vision.models import ModelUnavailableError
from vsortd.vision.yolo_detector import letterboxed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RED, BLUE = (255, 0, 0), (0, 0, 255)


# What is found


@pytest.mark.parametrize("head", ["v8", "v5", "v4-tiny", "v4-tiny-last"])
def test_each_head_of_yolo_finds_things_where_they_are(tmp_path: Path, head: str) -> None:
    need_onnx()
    model = write_colour_onnx(tmp_path / "squares.onnx", head)
    detector = load_detector(DetectorChoice(str(model), None, write_names(tmp_path / "names.txt")))
    found = detector.detect(square_picture((128, 52, RED), (384, 116, BLUE)))
    assert {"red square", "blue square"} == {one.name for one in found}
    assert 2 == len(found)
    for one in found:
        left, top = (128, 52) if one.name == "red square" else (384, 116)
        assert one.score > 0.9
        assert (left / 640, top / 360, (left + 192) / 640, (top + 192) / 360) == pytest.approx(one.box, abs=0.01)
    assert () == detector.detect(square_picture())
    upright = detector.detect(square_picture((52, 128, RED), width=360, height=640))
    assert (52 / 360, 128 / 640, 244 / 360, 320 / 640) == pytest.approx(upright[0].box, abs=0.01)


@pytest.mark.long
def test_a_detector_of_torchvision_finds_what_torchvision_finds(tmp_path: Path) -> None:
    module = write_ssdlite(tmp_path / "ssd.pth")
    names = write_names(tmp_path / "names.txt", "cat", "dog")
    detector = load_detector(DetectorChoice(SSDLITE, str(tmp_path / "ssd.pth"), names))
    assert ("cat", "dog") == detector.names
    picture = np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)
    found = detector.detect(picture)
    with torch.inference_mode():
        (wanted,) = module([torch.from_numpy(picture).permute(2, 0, 1).float() / 255])
    assert found
    assert "dog" == found[0].name
    best = int(wanted["scores"].argmax())
    assert float(wanted["scores"][best]) == pytest.approx(found[0].score, abs=1e-4)
    boxes = (wanted["boxes"].numpy() / [160, 90, 160, 90]).clip(0, 1)
    ours = np.array([one.box for one in found])
    assert all(np.abs(boxes - box).max(axis=1).min() < 1e-4 for box in ours), "a box that torchvision doesn't have"
    assert all(first.score >= second.score for first, second in pairwise(found))
    again = load_detector(DetectorChoice(SSDLITE, str(tmp_path / "ssd.pth"), names))
    assert again.key == detector.key
    write_ssdlite(tmp_path / "ssd.pth", seed=6)
    assert load_detector(DetectorChoice(SSDLITE, str(tmp_path / "ssd.pth"), names)).key != detector.key


def test_of_boxes_that_share_half_their_union_the_surest_of_a_class_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 20], [0, 0, 10, 21], [0, 0, 10, 10], [50, 50, 60, 60]], np.float64)
    scores = np.array([0.9, 0.8, 0.7, 0.6, LEAST_SCORE - 0.01])
    assert [0, 2, 3] == strongest(boxes, scores, np.array([0, 0, 0, 1, 0]))
    assert [] == strongest(boxes[:0], scores[:0], np.zeros(0, np.intp))
    many = np.arange(400, dtype=np.float64)[:, None] * 100 + np.array([0, 0, 10, 10])
    assert 100 == len(strongest(many, np.linspace(0.9, 0.5, 400), np.zeros(400, np.intp)))


def test_boxes_end_at_the_edges_of_the_picture_and_one_beyond_them_is_none() -> None:
    boxes = np.array([[-0.5, 0.2, 0.5, 1.5], [1.2, 0, 1.5, 1]])
    (only,) = found_objects(NAMES, boxes, np.array([0.9, 0.8]), np.array([1, 0]))
    assert FoundObject("blue square", 0.9, (0.0, 0.2, 0.5, 1.0)) == only


def test_a_picture_is_fitted_in_with_grey_around_it() -> None:
    square, scale, left, top = letterboxed(np.full((50, 100, 3), 255, np.uint8), 64, 64)
    assert (0.64, 0, 16) == (scale, left, top)
    assert (64, 64, 3) == square.shape
    assert {114} == set(square[:16].ravel().tolist())
    assert 255 == square[16:48].min()


def test_what_was_seen_is_kept_whole() -> None:
    seen = SeenObjects((500, 1500), ((FoundObject("cat", 0.51, (0.1, 0.2, 0.3, 0.4)),), ()))
    assert seen == SeenObjects.of_document(seen.to_document())


# What can't be had


def test_weights_that_cant_be_had_are_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelUnavailableError) as caught:
        load_detector(DetectorChoice())
    assert SMALL_DETECTOR in caught.value.title
    assert "forbids the download" in caught.value.title
    assert str(tmp_path / "hub" / "checkpoints") in str(caught.value.remedy)
    assert f"{SMALL_DETECTOR}=/path/to/weights.pth" in str(caught.value.remedy)


def test_a_server_that_is_not_there_is_told_of_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    with pytest.raises(ModelUnavailableError, match="refused"):
        obtain_detector_weights("it", "http://127.0.0.1:9/it-0123abcd.pth", tmp_path)
    assert [] == list(tmp_path.iterdir())


WEIGHTS = b"weights " * 1000


class _Server(http.server.BaseHTTPRequestHandler):
    """Hands out WEIGHTS whatever is asked for."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(WEIGHTS)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(WEIGHTS)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()
    thread.join()


def test_weights_are_fetched_once_and_only_if_they_are_what_their_name_says(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    name = f"it-{hashlib.sha256(WEIGHTS).hexdigest()[:8]}.pth"
    path = obtain_detector_weights("it", f"{server}/{name}", tmp_path / "cache")
    assert WEIGHTS == path.read_bytes()
    assert path == obtain_detector_weights("it", f"http://127.0.0.1:9/{name}", tmp_path / "cache")
    with pytest.raises(ModelUnavailableError, match="another SHA-256"):
        obtain_detector_weights("it", f"{server}/it-00000000.pth", tmp_path / "cache")
    assert [path] == list((tmp_path / "cache").iterdir())


def test_what_is_no_detector_is_told_of(tmp_path: Path) -> None:
    need_onnx()
    model, names = write_colour_onnx(tmp_path / "squares.onnx"), write_names(tmp_path / "names.txt")
    bad, text = tmp_path / "bad.onnx", tmp_path / "text.onnx"
    bad.write_bytes(model.read_bytes()[:500])
    text.write_text("hello")
    more = write_names(tmp_path / "more.txt", "a", "b", "c")
    write_ssdlite(tmp_path / "ssd.pth")
    for choice, says in (
        (DetectorChoice(str(tmp_path / "none.onnx"), None, names), "not there"),
        (DetectorChoice(str(model)), "What the classes of"),
        (DetectorChoice(str(bad), None, names), "can't be loaded as an ONNX model"),
        (DetectorChoice(str(text), None, names), "can't be loaded as an ONNX model"),
        (DetectorChoice(str(model), None, more), "with 3 names its output would be"),
        (DetectorChoice("fasterrcnn_mobilenet_v3"), "Did you mean fasterrcnn_mobilenet_v3_large_"),
        (DetectorChoice(SSDLITE, "IMAGENET"), "has no weights 'IMAGENET'"),
        (DetectorChoice(SSDLITE, str(tmp_path / "none.pth")), "not there"),
        (DetectorChoice(SSDLITE, str(tmp_path / "ssd.pth")), "do not fit the architecture"),
        (DetectorChoice(SSDLITE, str(tmp_path / "ssd.pth"), more), "do not fit the architecture"),
        (DetectorChoice(SSDLITE, str(text)), "can't be read"),
    ):
        with pytest.raises(ModelError) as caught:
            load_detector(choice)
        assert says in caught.value.title, choice
        assert caught.value.remedy


def test_a_model_that_answers_with_something_else_than_arrays_is_told_of(tmp_path: Path) -> None:
    need_onnx()
    from onnx import TensorProto, helper, save

    shape = [1, 3, 32, 32]
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["images"], ["list"])],
        "list",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, shape)],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "list.onnx")
    with pytest.raises(ModelError, match="no array of numbers"):
        load_detector(DetectorChoice(str(tmp_path / "list.onnx"), None, write_names(tmp_path / "names.txt")))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "names no class"),
        (b"a\n\nb\n", "line 2 is empty"),
        (b"a\nb\x07\n", "line 2 can be no name"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"a\n" * 20_000, "no list of at most"),
        (b"x" * 300, "line 1 can be no name"),
    ],
)
def test_names_that_are_none_are_told_with_their_line(tmp_path: Path, raw: bytes, says: str) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(raw)
    with pytest.raises(ModelError, match=says):
        read_names(path)


def test_names_may_end_in_empty_lines_and_begin_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(b"\xef\xbb\xbfred square \r\n  blue   square\r\n\r\n\r\n")
    assert NAMES == read_names(path)


# What is typed


def test_a_detector_is_named_in_one_of_four_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert DetectorChoice() == read_detector(SMALL_DETECTOR, None)
    assert DetectorChoice("a", "COCO_V1") == read_detector("a=COCO_V1", None)
    assert DetectorChoice("a", str(tmp_path / "w.pth")) == read_detector(" a = w.pth ", None)
    for file in ("y.onnx", "y.xml", "Y.XML"):
        assert DetectorChoice(str(tmp_path / file), None, tmp_path / "n") == read_detector(file, tmp_path / "n")


@pytest.mark.parametrize("word", ["", "=", "a=", "=w.pth", "models/x", "x.pth"])
def test_anything_else_names_no_detector(word: str) -> None:
    with pytest.raises(UsageError, match="names no detector"):
        read_detector(word, None)
