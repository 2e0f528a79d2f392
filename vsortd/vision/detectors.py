"""Where a detector comes from: whatever is named, loaded. Torch, onnxruntime and openvino are imported when needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.config.choices import SMALL_DETECTOR, is_detector_file, is_openvino_file
from vsortd.core.paths import as_on_disk
from vsortd.errors import ModelError, UsageError
from vsortd.vision.detector import DetectorChoice
from vsortd.vision.detector_files import existing, read_names

if TYPE_CHECKING:
    from vsortd.config.detector_options import DetectorOptions
    from vsortd.vision.detector import ObjectDetector
    from vsortd.vision.detector_network import DetectorNetwork

FORMS = (
    f"a detector of torchvision such as {SMALL_DETECTOR}, NAME=WEIGHTS.pth, or FILE.onnx or FILE.xml with "
    "--detect-labels"
)


def read_detector(word: str, labels: Path | None) -> DetectorChoice:
    """Return the detector that a command line names: a name of torchvision's, NAME=FILE, NAME=TAG, or a file.

    Whether it exists is found when it is loaded. Raises UsageError for what is none of the forms.
    """
    word = word.strip()
    full_labels = None if labels is None else _full(str(labels))
    if is_detector_file(word):
        return DetectorChoice(str(_full(word)), None, full_labels)
    name, is_weights, weights = (part.strip() for part in word.partition("="))
    if not name or (is_weights and not weights) or any(mark in name for mark in (os.sep, "/", ".")):
        raise UsageError(f"{word!r} names no detector.", remedy=f"Write {FORMS}.")
    if not weights:
        return DetectorChoice(name, None, full_labels)
    is_path = "." in weights or "/" in weights or os.sep in weights
    return DetectorChoice(name, str(_full(weights)) if is_path else weights, full_labels)


def choice_of(options: DetectorOptions) -> DetectorChoice:
    """Return which detector the config means."""
    return DetectorChoice(options.model, options.weights, options.labels)


def detector_classes(choice: DetectorChoice) -> tuple[str, ...]:
    """Return the classes of a detector without its weights, by its names file or torchvision's own list.

    Raises ModelUnavailableError where a file isn't there, ModelError for a detector or a file that there can't be.
    """
    if not choice.is_file:
        from vsortd.vision.torch_detector import categories_of, check_name

        check_name(choice.model)
        if choice.labels is None:
            return categories_of(choice.model)
    if choice.labels is None:
        return ()
    return read_names(existing(choice.labels))


def load_detector(choice: DetectorChoice) -> ObjectDetector:
    """Load a detector; takes seconds.

    Raises ModelUnavailableError when its weights can't be had now, ModelError when they never will fit, or what reads
    them isn't installed.
    """
    if choice.is_file:
        return _of_file(choice)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as for the encoder, see `vsortd.vision.factory`
    from vsortd.vision.torch_detector import TorchDetector

    return TorchDetector(choice)


def _of_file(choice: DetectorChoice) -> ObjectDetector:
    from vsortd.vision.yolo_detector import YoloDetector

    path = existing(Path(choice.model))
    if choice.labels is None:
        raise ModelError(
            f"What the classes of {path} are called isn't known.",
            remedy="Name a file with a name on each line: --detect-labels names.txt, `labels:` in the config.",
            paths=[path],
        )
    names = read_names(choice.labels)
    return YoloDetector(_network_of(path), names)


def _network_of(path: Path) -> DetectorNetwork:
    if is_openvino_file(path.name):
        from vsortd.vision.openvino_network import OpenvinoNetwork

        return OpenvinoNetwork(path)
    from vsortd.vision.onnx_network import OnnxNetwork

    return OnnxNetwork(path)


def _full(file: str) -> Path:
    return as_on_disk(Path(os.path.abspath(Path(file).expanduser())))  # noqa: PTH100 - Path.absolute keeps ".."
