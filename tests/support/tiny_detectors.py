"""Small detectors made here: ONNX graphs that really find red and blue squares, and a torchvision one that fires."""

from __future__ import annotations

import importlib.util
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

NAMES = ("red square", "blue square")
SIDE_PX, CELL_PX, THING_PX = 320, 32, 96  # of the input, of a cell of its grid, of what is found


def need_onnx() -> None:
    """Skip where ONNX files can't be made or run."""
    pytest.importorskip("onnx", reason="no onnx here")
    pytest.importorskip("onnxruntime", reason="no onnxruntime here")


def write_names(path: Path, *names: str) -> Path:
    """Write the names of classes, one a line."""
    path.write_text("\n".join(names or NAMES) + "\n", encoding="utf-8")
    return path


def square_picture(
    *squares: tuple[int, int, tuple[int, int, int]], width: int = 640, height: int = 360, side: int = 192
) -> npt.NDArray[np.uint8]:
    """Return a grey picture with squares of a side at (left, top) in some colours."""
    picture = np.full((height, width, 3), 128, np.uint8)
    for left, top, colour in squares:
        picture[top : top + side, left : left + side] = colour
    return picture


def write_colour_onnx(path: Path, head: str = "v8", *, gain: float = 1.0) -> Path:
    """Write a detector of squares of THING_PX in red or blue; `head` is v8, v5, v4-tiny, or v4-tiny-last.

    With a `gain` above 1 paler colours will do.
    """
    from onnx import TensorProto, checker, helper, numpy_helper, save

    nodes, constants = _squareness(helper, numpy_helper, gain)
    cells = SIDE_PX // CELL_PX
    outputs = {"v8": _v8, "v5": _v5}.get(head, _v4_tiny)(helper, numpy_helper, nodes, constants, cells)
    shape = [1, 3, SIDE_PX, SIDE_PX]
    if head == "v4-tiny-last":  # as TensorFlow orders a picture: colours last
        nodes.insert(0, helper.make_node("Transpose", ["last"], ["images"], perm=[0, 3, 1, 2]))
        for name in list(outputs):
            nodes.append(helper.make_node("Transpose", [name], [f"{name}-last"], perm=[0, 2, 3, 1]))
        outputs = {f"{name}-last": [one[0], one[2], one[3], one[1]] for name, one in outputs.items()}
        shape = [1, SIDE_PX, SIDE_PX, 3]
    graph = helper.make_graph(
        nodes,
        "squares",
        [helper.make_tensor_value_info("last" if head == "v4-tiny-last" else "images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, one) for name, one in outputs.items()],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, str(path))
    return path


def _squareness(helper: Any, numpy_helper: Any, gain: float) -> tuple[list[Any], list[Any]]:
    """Return the nodes that tell of each cell how sure a red or a blue square is centred there: `sure` [1, 2, h, w]."""
    colours = gain * np.array([[1, -0.5, -0.5], [-0.5, -0.5, 1]], np.float32).reshape(2, 3, 1, 1)
    around = (THING_PX - CELL_PX) // 2
    nodes = [
        helper.make_node(
            "AveragePool",
            ["images"],
            ["mean"],
            kernel_shape=[THING_PX] * 2,
            strides=[CELL_PX] * 2,
            pads=[around] * 4,
            count_include_pad=1,
        ),
        helper.make_node("Conv", ["mean", "colours"], ["coloured"]),
        helper.make_node("Mul", ["coloured", "three"], ["tripled"]),  # a neighbour sees two thirds of it: 0
        helper.make_node("Sub", ["tripled", "two"], ["steep"]),
        helper.make_node("Clip", ["steep", "zero", "one"], ["sure"]),
    ]
    numbers = {"three": 3, "two": 2, "zero": 0, "one": 1}
    constants = [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in numbers.items()]
    return nodes, [numpy_helper.from_array(colours, "colours"), *constants]


def _boxes(cells: int) -> npt.NDArray[np.float32]:
    """Return centre, width and height of what is centred in each cell, [4, cells²]."""
    centres = (np.arange(cells) + 0.5) * CELL_PX
    down, across = np.meshgrid(centres, centres, indexing="ij")
    side = np.full(cells * cells, THING_PX)
    return np.stack([across.ravel(), down.ravel(), side, side]).astype(np.float32)


def _v8(helper: Any, numpy_helper: Any, nodes: list[Any], constants: list[Any], cells: int) -> dict[str, list[int]]:
    count = cells * cells
    constants += [
        numpy_helper.from_array(_boxes(cells)[None], "boxes"),
        numpy_helper.from_array(np.array([1, 2, count], np.int64), "flat"),
    ]
    nodes += [
        helper.make_node("Reshape", ["sure", "flat"], ["classes"]),
        helper.make_node("Concat", ["boxes", "classes"], ["output0"], axis=1),
    ]
    return {"output0": [1, 6, count]}


def _v5(helper: Any, numpy_helper: Any, nodes: list[Any], constants: list[Any], cells: int) -> dict[str, list[int]]:
    count = cells * cells
    constants += [
        numpy_helper.from_array(_boxes(cells).T[None].copy(), "boxes"),
        numpy_helper.from_array(np.array([1, 2, count], np.int64), "flat"),
    ]
    nodes += [
        helper.make_node("Reshape", ["sure", "flat"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["classes"], perm=[0, 2, 1]),
        helper.make_node("ReduceMax", ["classes"], ["thing"], axes=[2], keepdims=1),
        helper.make_node("Concat", ["boxes", "thing", "classes"], ["output"], axis=2),
    ]
    return {"output": [1, count, 7]}


def _v4_tiny(
    helper: Any, numpy_helper: Any, nodes: list[Any], constants: list[Any], cells: int
) -> dict[str, list[int]]:
    """Raw numbers at three anchors a cell: the first of the coarse map, 81 x 82 px, is the one that finds it."""
    weights, bias = np.zeros((21, 2, 1, 1), np.float32), np.full(21, -20, np.float32)
    bias[:4] = [0, 0, math.log(THING_PX / 81), math.log(THING_PX / 82)]
    weights[4], bias[4] = 20, -10
    weights[5, 0], weights[6, 1], bias[5:7] = 20, 20, -10
    fine = np.full((1, 21, 2 * cells, 2 * cells), -20, np.float32)
    constants += [numpy_helper.from_array(array, name) for array, name in ((weights, "w"), (bias, "b"), (fine, "none"))]
    nodes += [
        helper.make_node("Conv", ["sure", "w", "b"], ["coarse"]),
        helper.make_node("Identity", ["none"], ["fine"]),
    ]
    return {"coarse": [1, 21, cells, cells], "fine": [1, 21, 2 * cells, 2 * cells]}


SSDLITE = "ssdlite320_mobilenet_v3_large"


def write_ssdlite(path: Path, *, classes: int = 3, fires: int = 2, seed: int = 5) -> Any:
    """Write weights of torchvision's smallest detector, random but for one class that it sees; return the module."""
    import torch
    from torchvision.models import get_model  # type: ignore[attr-defined]

    torch.manual_seed(seed)
    module: Any = get_model(SSDLITE, weights=None, weights_backbone=None, num_classes=classes).eval()
    with torch.no_grad():
        for level in module.head.classification_head.module_list:
            level[1].bias.view(-1, classes)[:, fires] += 2.0
    torch.save(module.state_dict(), path)
    return module


def film_of_squares(path: Path, *, seconds: int = 4, red: int = 1, blue: range = range(0)) -> Path:
    """Write a grey film of 640 x 360 with `red` squares (0 to 2), and a blue one in the seconds of `blue`."""
    from tests.support.clips import encode

    places = ((128, 52), (384, 52))
    pictures = []
    for number in range(4 * seconds):
        squares = [(left, top, (255, 0, 0)) for left, top in places[:red]]
        if number // 4 in blue:
            squares.append((384, 116, (0, 0, 255)))
        pictures.append(square_picture(*squares))
    return encode(path, pictures, fps=4, crf="18")


def need_openvino() -> Any:
    """Skip where OpenVINO's files can't be made or run; return openvino, which reports to nobody."""
    need_onnx()
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("no openvino here")
    from vsortd.vision.openvino_network import import_openvino

    return import_openvino()


def colour_model(folder: Path, head: str = "v8", *, gain: float = 1.0) -> Any:
    """Return what `write_colour_onnx` writes as a model of openvino's."""
    source = write_colour_onnx(folder / f"source-{head}.onnx", head, gain=gain)
    return need_openvino().Core().read_model(source)


def write_openvino(path: Path, model: Any) -> Path:
    """Write a model's .xml and .bin as they are."""
    need_openvino().save_model(model, path, compress_to_fp16=False)
    return path
