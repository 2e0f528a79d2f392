"""The options that name a detector, and the detector that they and the config mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from vsortd.cli.common import waiting
from vsortd.cli.front.declared import Option

if TYPE_CHECKING:
    from vsortd.analysis.objects import ObjectFinder
    from vsortd.config.settings import Settings
    from vsortd.vision.detector import DetectorChoice, ObjectDetector

DetectModel = Annotated[
    str | None,
    Option(
        "--detect-model",
        metavar="MODEL",
        help="A detector of torchvision's by name, NAME=WEIGHTS.pth, FILE.onnx, or OpenVINO's FILE.xml. Else the "
        "config's, or fasterrcnn_mobilenet_v3_large_320_fpn.",
    ),
]
DetectLabels = Annotated[
    Path | None,
    Option("--detect-labels", metavar="FILE", help="The names of the detector's classes, one on each line."),
]


def detector_choice(settings: Settings | None, model: str | None, labels: Path | None) -> DetectorChoice:
    """Return what was typed, else what the config says, else torchvision's small one. Raises UsageError."""
    from vsortd.config.choices import SMALL_DETECTOR
    from vsortd.vision.detectors import choice_of, read_detector

    if model is None and labels is None and settings is not None and settings.detector is not None:
        return choice_of(settings.detector)
    return read_detector(SMALL_DETECTOR if model is None else model, labels)


def opened_finder(choice: DetectorChoice, confidence: float) -> ObjectFinder:
    """Load a detector. Raises ModelError."""
    from vsortd.analysis.objects import ObjectFinder
    from vsortd.vision.detectors import load_detector

    with waiting("loading the detector"):
        return ObjectFinder(load_detector(choice), confidence)


@dataclass(frozen=True, slots=True)
class TargetWish:
    """The class of things that are labelled in place of whole frames, and who finds them."""

    name: str
    detector: ObjectDetector


def opened_target(settings: Settings | None, name: str, model: str | None, labels: Path | None) -> TargetWish:
    """Load a detector that knows a class. Raises UsageError where it doesn't, ModelError where it can't be had."""
    from vsortd.analysis.target_boxes import insist_on_target
    from vsortd.vision.detectors import load_detector

    choice = detector_choice(settings, model, labels)
    with waiting("loading the detector"):
        detector = load_detector(choice)
    insist_on_target(detector, name.strip())
    return TargetWish(name.strip(), detector)
