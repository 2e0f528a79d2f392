"""The config file's options of the detector that finds things for `contains: {objects: …}`, and mistakes with them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic looks at it when it builds the models
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - as above
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from vsortd.config.base_options import Options
from vsortd.config.choices import SMALL_DETECTOR, is_detector_file, is_openvino_file
from vsortd.config.diagnostics import Location, Mistake, dotted
from vsortd.config.error_messages import keys_of
from vsortd.config.value_types import FolderPath, TextKind, Weights
from vsortd.config.yaml_lines import Node, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel


@dataclass(frozen=True)
class DetectorModel(TextKind):
    """A detector of torchvision, or a file in ONNX or of OpenVINO's; `~` is expanded."""

    what: ClassVar[str] = (
        f"the name of a detector of torchvision, such as {SMALL_DETECTOR}, or the path of an .onnx file or an .xml of "
        "OpenVINO's"
    )

    def check(self, text: str) -> str:  # noqa: D102
        if not is_detector_file(text):
            return text
        return str(FolderPath().read(text))


@dataclass(frozen=True)
class FilePath(FolderPath):
    """The absolute path of a file; `~` is expanded."""


class DetectorOptions(Options):
    """The detector that finds things in pictures."""

    written: ClassVar[str] = f"a detector, such as {{model: {SMALL_DETECTOR}}}"
    misnamed: ClassVar[Mapping[str, str]] = {
        "name": "model",
        **dict.fromkeys(("file", "path", "onnx", "openvino", "xml"), "model"),
        **dict.fromkeys(("names", "classes"), "labels"),
        **dict.fromkeys(("tag", "pretrained", "checkpoint"), "weights"),
    }

    model: Annotated[str, DetectorModel()] = Field(
        default=SMALL_DETECTOR,
        description="A detector of torchvision by its name, or the path of a YOLO in ONNX or OpenVINO's .xml.",
    )
    weights: Annotated[str, Weights()] | None = Field(
        default=None,
        description="A weights file for it, or a tag of torchvision's; by default its own, trained on COCO.",
    )
    labels: Annotated[Path, FilePath()] | None = Field(
        default=None, description="A file with the names of its classes, one on each line; required for a YOLO file."
    )


def detector_mistakes(root: Node) -> Iterator[Mistake]:
    """Find a detector's file without names, or with other weights."""
    section = root.get("detector")
    if section is None or section.broken or section.kind is not NodeKind.MAPPING:
        return
    model = section.get("model")
    if model is None or not isinstance(model.value, str) or not is_detector_file(model.value):
        return
    if section.get("labels") is None and section.entries.keys() <= keys_of(DetectorOptions).keys():
        message = "a detector's file doesn't say what its classes are called"
        allowed = "the path of a text file with a name on each line, in the order of the classes"
        yield Mistake(model.line, "detector.labels", None, message, allowed)
    if (weights := section.get("weights")) is not None:
        message = (
            "its weights are in the .bin beside it"
            if is_openvino_file(model.value)
            else "an ONNX file holds its weights"
        )
        yield Mistake(weights.line, "detector.weights", weights.text, message, "weights with a detector of torchvision")


def contains_mistakes(root: Node, node: Node, location: Location, contains: type[BaseModel]) -> Iterator[Mistake]:
    """Check what one rule or tag looks for: prompts or objects, and for objects a detector that is configured."""
    if node.broken or node.kind is not NodeKind.MAPPING:
        return
    prompts, objects, least = node.get("prompts"), node.get("objects"), node.get("min_count")
    here = (*location, "contains")
    if prompts is None and objects is None and node.entries.keys() <= keys_of(contains).keys():
        message = "what to look for is missing"
        yield Mistake(node.line, dotted((*here, "prompts")), None, message, "prompts, or objects that a detector finds")
    if objects is None:
        if least is not None:
            yield Mistake(
                least.line,
                dotted((*here, "min_count")),
                least.value,
                "only objects are counted",
                "objects beside it, or no min_count",
            )
        return
    if prompts is not None:
        message = "the detector looks for objects, the model for prompts; one rule asks one of them"
        yield Mistake(objects.line, dotted((*here, "objects")), objects.text or None, message, "prompts or objects")
    if (look := node.get("look")) is not None:
        message = "a detector looks at all of a frame anyway"
        yield Mistake(look.line, dotted((*here, "look")), look.text or None, message, "look beside prompts")
    yield from _without_detector(root, objects, (*here, "objects"))


def condition_mistakes(root: Node, when: Node, location: Location) -> Iterator[Mistake]:
    """Find a condition on objects where no detector is configured."""
    if not when.broken and when.kind is NodeKind.MAPPING and (objects := when.get("has_objects")) is not None:
        yield from _without_detector(root, objects, (*location, "when", "has_objects"))


def _without_detector(root: Node, objects: Node, location: Location) -> Iterator[Mistake]:
    if root.get("detector") is None:
        message = "no detector is configured that could find objects"
        allowed = (
            f"`detector: {{model: {SMALL_DETECTOR}}}` at the top level; or prompts, with look: crops for small things"
        )
        yield Mistake(objects.line, dotted(location), objects.text or None, message, allowed)
