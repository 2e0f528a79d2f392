"""The words that options of the config choose between."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

# A detector that finds people and things on a CPU, by the name that torchvision gives it.
SMALL_DETECTOR: Final = "fasterrcnn_mobilenet_v3_large_320_fpn"
_ONNX: Final = ".onnx"
_OPENVINO: Final = ".xml"  # its weights lie beside it, as .bin


def is_detector_file(word: str) -> bool:
    """Tell whether a detector is named by its file, rather than by its name."""
    return word.strip().lower().endswith((_ONNX, _OPENVINO))


def is_openvino_file(word: str) -> bool:
    """Tell whether such a file is one of OpenVINO's."""
    return word.strip().lower().endswith(_OPENVINO)


class Aggregate(StrEnum):
    """How the scores of single frames become the score of a video."""

    MEAN = "mean"
    VOTE = "vote"
    MAX = "max"
    FRACTION = "fraction"


class OnUnsure(StrEnum):
    """Where a video goes that won a rule but none of its children."""

    STOP = "stop"
    REVIEW = "review"


class Ensemble(StrEnum):
    """How several prompts of one rule become its score in a frame."""

    AVERAGE = "average"
    BEST = "best"


class Hierarchy(StrEnum):
    """How a rule that has finer rules is scored in its own level's competition."""

    TOP_DOWN = "top_down"
    LEAVES = "leaves"
    PRODUCT = "product"


class Look(StrEnum):
    """What of a frame is looked at for something that may be anywhere in a video."""

    FRAMES = "frames"
    CROPS = "crops"


class SamplingBy(StrEnum):
    """Which frames of a video are looked at."""

    TIME = "time"
    SHOTS = "shots"


class OnDuplicate(StrEnum):
    """What becomes of a video whose bytes lie in the library already."""

    KEEP_BOTH = "keep_both"
    SKIP = "skip"
    TO = "to"  # into a folder for duplicates: written as a mapping, {to: FOLDER}


class PlaceMethod(StrEnum):
    """How a video gets into the library; with all but MOVE it stays where it is as well."""

    MOVE = "move"
    COPY = "copy"
    HARDLINK = "hardlink"  # another name of the same file; a copy where the disk can't
    REFLINK = "reflink"  # a copy that shares its blocks; a whole one where the disk can't

    @property
    def words(self) -> str:
        """What was done, for people; "" for a move, which is what they expect."""
        return _PLACED_WORDS[self]


def placed_words(how: str) -> str:
    """Return what was done instead of a move, by a method's value; "" for a move, and for none."""
    return PlaceMethod(how).words if how else ""


_PLACED_WORDS: Final = {
    PlaceMethod.MOVE: "",
    PlaceMethod.COPY: "copied",
    PlaceMethod.HARDLINK: "hard-linked",
    PlaceMethod.REFLINK: "copied, sharing its blocks",
}
