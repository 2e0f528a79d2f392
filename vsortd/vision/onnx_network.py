"""Detectors' networks in ONNX files, run by onnxruntime."""

from __future__ import annotations

import hashlib
import importlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.errors import ModelError
from vsortd.vision.detector_network import INSTALL, network_input, read_content, unfit
from vsortd.vision.hub import first_line

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

_ELEMENTS: Final[dict[str, type[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


class OnnxNetwork:
    """A network in an ONNX file, see `DetectorNetwork`. Raises ModelError where it can't be run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        content = read_content(path)
        self.content_hash = hashlib.blake2b(content, digest_size=8)
        self._session = _session(content, path)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise unfit(path, f"it wants {len(inputs)} inputs")
        self._name: str = inputs[0].name
        self.input = network_input(path, inputs[0].shape, _ELEMENTS.get(inputs[0].type), inputs[0].type)

    def run(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return its outputs, see `DetectorNetwork`."""
        try:
            outputs: list[npt.NDArray[Any]] = self._session.run(None, {self._name: batch})
        except Exception as error:  # onnxruntime's errors share no class
            raise unfit(self.path, first_line(error)) from error
        if not all(isinstance(one, np.ndarray) and one.dtype.kind in "fiu" for one in outputs):
            raise unfit(self.path, "its output is no array of numbers")
        return outputs


def _session(content: bytes, path: Path) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    try:
        onnxruntime: Any = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ModelError("Detectors in ONNX files need onnxruntime, which isn't here.", remedy=INSTALL) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised anyway
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class
        raise ModelError(
            f"{path} can't be loaded as an ONNX model: {first_line(error)}",
            remedy="Export or copy it again, as one file.",
            paths=[path],
        ) from error
