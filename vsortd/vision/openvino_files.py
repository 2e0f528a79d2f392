"""OpenVINO's own files: an .xml that describes a network, and the .bin beside it with its weights. No openvino here.

What is in them is looked at before openvino reads it, so that it reads nothing but these two, and nothing that is
known to break.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from vsortd.errors import ModelError
from vsortd.vision.detector_network import read_content, unfit
from vsortd.vision.models import ModelUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_XML_BYTES: Final = 32 << 20
_FIRST_VERSION: Final = 10  # of these files that today's openvino reads, since 2020
_NESTING: Final = ("If", "Loop", "TensorIterator")  # layers that run networks of their own, any number of times
# How a network was made of another file, by version 10 and 11. (`model_info` is what its user is to do instead.)
_CONVERSIONS: Final = (["net", "meta_data", "cli_parameters"], ["net", "rt_info", "conversion_parameters"])
_SCALES: Final = ("scale", "scale_values", "mean_values")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_CUT: Final = {
    expat.errors.codes[one] for one in (expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN)
}
_AGAIN: Final = "Export it again, or copy both files again, the .xml and the .bin."


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    """A network's description and weights, and what they say of the pictures that it takes.

    `scales_itself`: floats from 0 to 255, for dividing is a part of it. `takes_bgr`: blue comes first.
    """

    description: bytes
    weights: bytes
    scales_itself: bool
    takes_bgr: bool


def read_network_files(path: Path) -> NetworkFiles:
    """Read a network's .xml and its .bin.

    Raises ModelUnavailableError where the .bin isn't there, ModelError where they hold no whole network.
    """
    description = read_content(path, _MOST_XML_BYTES)
    outline = _Outline(path)
    outline.read(description)
    beside = path.with_suffix(".bin")
    if not beside.is_file():
        raise ModelUnavailableError(
            f"The weights of {path} are not there: {beside}.",
            remedy="Copy that .bin beside the .xml, under the same name.",
            paths=[beside],
        )
    weights = read_content(beside)
    if len(weights) < outline.weights_bytes:
        raise ModelError(
            f"{beside} has {len(weights):,} bytes, and {path.name} speaks of {outline.weights_bytes:,}: it is cut "
            "short, or another network's.",
            remedy=_AGAIN,
            paths=[beside],
        )
    return NetworkFiles(description, weights, outline.scales_itself, outline.takes_bgr)


class _Outline:
    """What the .xml says of the whole network."""

    def __init__(self, path: Path) -> None:
        self.weights_bytes = 0
        self.scales_itself = self.takes_bgr = False
        self._path = path
        self._within: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = lambda _: self._within.pop()
        self._parser.StartDoctypeDeclHandler = self._declare

    def read(self, description: bytes) -> None:
        try:
            self._parser.Parse(description, True)
        except expat.ExpatError as error:
            if error.code in _CUT:
                raise self._broken(f"it is cut short, at line {error.lineno}") from error
            raise self._broken(f"it is no XML: {error}") from error
        except (ValueError, LookupError) as error:  # encodings that Python has not, or not here
            raise self._broken(f"it is no XML: {error}") from error

    def _declare(self, *_: object) -> None:
        raise self._broken(f"line {self._parser.CurrentLineNumber} declares a document type, which such a file has not")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if not self._within:
            self._begin_all(name, attributes)
        elif name == "layer" and attributes.get("type") in _NESTING:
            line = self._parser.CurrentLineNumber
            raise unfit(self._path, f"line {line} has a layer of type {attributes['type']}, with networks of its own")
        elif name == "data" and "offset" in attributes and "size" in attributes:
            self._count(attributes["offset"], attributes["size"])
        elif self._within in _CONVERSIONS:
            self._convert(name, attributes.get("value", ""))
        self._within.append(name)

    def _begin_all(self, name: str, attributes: dict[str, str]) -> None:
        if name != "net":
            raise self._broken(f"it is XML of another kind, <{name[:40]}>")
        version = attributes.get("version", "")
        if not version.isdecimal() or int(version[:9]) < _FIRST_VERSION:
            raise self._broken(
                f"it is of version {version[:20] or 'none'}, and openvino reads {_FIRST_VERSION} and later"
            )

    def _count(self, offset: str, size: str) -> None:
        if not all(number.isascii() and number.isdecimal() and len(number) < 20 for number in (offset, size)):  # noqa: PLR2004 - digits of 64 bits
            raise self._broken(
                f"line {self._parser.CurrentLineNumber} says {offset[:30]!r} and {size[:30]!r} for bytes"
            )
        self.weights_bytes = max(self.weights_bytes, int(offset) + int(size))

    def _convert(self, name: str, value: str) -> None:
        """See what was built in: "image_input[255]", "255.0", "()" for nothing."""
        numbers = [float(number) for number in _NUMBER.findall(value.rpartition("[")[2])]
        self.scales_itself |= name in _SCALES and max(numbers, default=0.0) > 1
        self.takes_bgr |= name == "reverse_input_channels" and value.casefold() == "true"

    def _broken(self, why: str) -> ModelError:
        return ModelError(f"{self._path} can't be loaded as OpenVINO's: {why}.", remedy=_AGAIN, paths=[self._path])
