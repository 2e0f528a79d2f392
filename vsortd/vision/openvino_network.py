"""Detectors' networks in OpenVINO's own files, run by openvino."""

from __future__ import annotations

import hashlib
import importlib
import math
import re
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.errors import ModelError
from vsortd.vision.detector_network import INSTALL, network_input, unfit
from vsortd.vision.openvino_files import NetworkFiles, read_network_files

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.vision.detector_network import NetworkInput

_ELEMENTS: Final[dict[str, type[Any]]] = {"f32": np.float32, "f16": np.float16, "u8": np.uint8}
_NUMBERS: Final = re.compile(r"[fiu](?:8|16|32|64)")  # types that numpy has, too
_MOST_BYTES_AT_ONCE: Final = 4 << 30  # of what its layers hand on
_HOW: Final = {
    "PERFORMANCE_HINT": "LATENCY",  # one picture at a time; by itself as many threads as cores, as onnxruntime
    "INFERENCE_PRECISION_HINT": "f32",  # some processors would take bfloat16: boxes come out some px off
    "ENABLE_CPU_PINNING": False,  # others work on these cores, too
}


class OpenvinoNetwork:
    """A network in an .xml and the .bin beside it, see `DetectorNetwork`.

    Raises ModelUnavailableError where one of them isn't there, ModelError where they can't be run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        files = read_network_files(path)
        self.content_hash = hashlib.blake2b(files.description, digest_size=8)
        self.content_hash.update(hashlib.blake2b(files.weights).digest())
        core = import_openvino().Core()
        model = _model(core, files, path)
        self.input = _input_of(model, files, path)
        self._request = self._compiled(core, model)

    def run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return its outputs, see `DetectorNetwork`."""
        try:
            return list(self._request.infer([batch]).values())
        except Exception as error:  # openvino's errors are RuntimeError and others
            raise unfit(self.path, _reason(error)) from error

    def _compiled(self, core: Any, model: Any) -> Any:  # noqa: ANN401 - openvino's types may be absent
        try:
            model.reshape(list(self.input.shape))
            self._check(model)
            return core.compile_model(model, "CPU", _HOW).create_infer_request()
        except ModelError:
            raise
        except Exception as error:  # as above
            raise unfit(self.path, _reason(error)) from error

    def _check(self, model: Any) -> None:  # noqa: ANN401 - as above
        if not all(_NUMBERS.fullmatch(one.element_type.get_type_name()) for one in model.outputs):
            raise unfit(self.path, "its output is no array of numbers")
        needed, is_open = _bytes_at_once(model)
        if is_open and needed <= _MOST_BYTES_AT_ONCE:
            _fold(model)  # sizes that are computed from the input's become known
            needed, is_open = _bytes_at_once(model)
        if is_open:
            raise unfit(self.path, "how large its layers are depends on what is in the picture")
        if needed > _MOST_BYTES_AT_ONCE:
            raise unfit(self.path, f"its layers would take {needed / (1 << 30):,.0f} GiB of memory")


def import_openvino() -> Any:  # noqa: ANN401 - it may be absent
    """Import openvino, so that it reports to nobody. Raises ModelError where it isn't installed.

    Else the import alone would: it writes an id into the home, and tells its maker, unless openvino-telemetry can't be
    had. Then it has a stand-in, which does nothing.
    """
    modules: dict[str, Any] = sys.modules
    if "openvino" not in modules:
        modules["openvino_telemetry"] = None
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise ModelError("Detectors in OpenVINO's files need openvino, which isn't here.", remedy=INSTALL) from error


def _model(core: Any, files: NetworkFiles, path: Path) -> Any:  # noqa: ANN401 - as above
    try:
        return core.read_model(files.description, files.weights)
    except Exception as error:  # as above
        raise ModelError(
            f"{path} can't be loaded as OpenVINO's: {_reason(error)}",
            remedy="Export it again, or copy both files again, the .xml and the .bin.",
            paths=[path],
        ) from error


def _input_of(model: Any, files: NetworkFiles, path: Path) -> NetworkInput:  # noqa: ANN401 - as above
    if len(model.inputs) != 1:
        raise unfit(path, f"it wants {len(model.inputs)} inputs")
    (only,) = model.inputs
    shape, written = only.get_partial_shape(), only.element_type.get_type_name()
    if shape.rank.is_dynamic:
        raise unfit(path, f"its input is {written} of any shape")
    sizes = [one.get_length() if one.is_static else "?" for one in shape]
    wanted = network_input(path, sizes, _ELEMENTS.get(written), written)
    return replace(wanted, scales_itself=files.scales_itself, takes_bgr=files.takes_bgr)


def _fold(model: Any) -> None:  # noqa: ANN401 - as above
    """Compute what no picture changes, as compiling does."""
    passes: Any = importlib.import_module("openvino.passes")
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)
    model.validate_nodes_and_infer_types()


def _bytes_at_once(model: Any) -> tuple[int, bool]:  # noqa: ANN401 - as above
    """Return the most that layers hold at a time for those after them, and whether there are some of unknown size.

    What no picture changes is computed beforehand and held for good; what is of unknown size counts nothing.
    """
    layers = [(one, [_source(port) for port in one.inputs()]) for one in model.get_ordered_ops()]
    waiting = Counter(source for _, sources in layers for source in sources)
    held: dict[tuple[str, int], int] = {}
    lasting: set[tuple[str, int]] = set()
    now = most = 0
    is_open = False
    for layer, sources in layers:
        for port in layer.outputs():
            name = (layer.get_name(), port.get_index())
            held[name] = _size_bytes(port)
            now += held[name]
            is_open |= bool(port.get_partial_shape().is_dynamic)
            if layer.get_type_name() != "Parameter" and lasting.issuperset(sources):
                lasting.add(name)
        most = max(most, now)
        for source in sources:
            waiting[source] -= 1
            if not waiting[source] and source not in lasting:
                now -= held[source]
    return most, is_open


def _size_bytes(port: Any) -> int:  # noqa: ANN401 - as above
    if port.get_partial_shape().is_dynamic:
        return 0
    sizes: list[int] = list(port.get_shape())
    return int(port.get_element_type().bitwidth) * math.prod(sizes) // 8


def _source(port: Any) -> tuple[str, int]:  # noqa: ANN401 - as above
    output = port.get_source_output()
    return output.get_node().get_name(), output.get_index()


def _reason(error: BaseException) -> str:
    """Return what an error of openvino's says last; before, it names lines of its own source."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip().rstrip(".!")[:300] if lines else type(error).__name__
