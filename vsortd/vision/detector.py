"""Detectors as everybody else sees them: what they find in a picture, and how one is named. No torch."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from vsortd.config.choices import SMALL_DETECTOR, is_detector_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Box = tuple[float, float, float, float]
    Boxes = npt.NDArray[np.float64]

NMS_IOU: Final = 0.5  # boxes of one class that share so much of their union are the same thing
LEAST_SCORE: Final = 0.1  # of what is found at all; what is asked for later is more
_MOST_NAMED: Final = 12  # classes that an error names
MOST_FOUND: Final = 100  # of a picture, the surest first


@dataclass(frozen=True, slots=True)
class DetectorChoice:
    """Which detector: a name of torchvision's with a weights file, a tag, or None for its own; or a file.

    `labels` is a file with the names of its classes, one a line; None for those that come with the weights.
    """

    model: str = SMALL_DETECTOR
    weights: str | None = None
    labels: Path | None = None

    @property
    def is_file(self) -> bool:
        """Whether the model is a file of its own."""
        return is_detector_file(self.model)

    def __str__(self) -> str:
        return self.model if self.weights is None else f"{self.model} / {self.weights}"


@dataclass(frozen=True, slots=True)
class FoundObject:
    """Something in a picture: its class, how sure the detector is (0 to 1), and left, top, right, bottom as shares."""

    name: str
    score: float
    box: Box


@dataclass(frozen=True, slots=True)
class SeenObjects:
    """What was found in n frames of a video: their times, ascending, and the things in each, the surest first."""

    times_ms: tuple[int, ...]
    found: tuple[tuple[FoundObject, ...], ...]

    def to_document(self) -> dict[str, Any]:
        """Return it as the index keeps it."""
        return {
            "times_ms": list(self.times_ms),
            "found": [
                [[one.name, round(one.score, 4), [round(side, 4) for side in one.box]] for one in frame]
                for frame in self.found
            ],
        }

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> SeenObjects:
        """Return what `to_document` made of it, numbers as they are kept."""
        found = tuple(
            tuple(
                FoundObject(str(name), float(score), (float(a), float(b), float(c), float(d)))
                for name, score, (a, b, c, d) in frame
            )
            for frame in document["found"]
        )
        return cls(tuple(int(time_ms) for time_ms in document["times_ms"]), found)


class ObjectDetector(Protocol):
    """Finds things in pictures; thread-safe."""

    @property
    def key(self) -> str:
        """What makes detections comparable: the model, its weights by content, the names of its classes."""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that it knows."""

    @property
    def side_px(self) -> int:
        """How large it wants pictures: their longer side."""

    def detect(self, picture: Pixels) -> tuple[FoundObject, ...]:
        """Find things in a picture uint8 [h, w, 3] RGB; at most MOST_FOUND of LEAST_SCORE. Raises ModelError."""


def unknown_class(names: Sequence[str], wanted: str) -> tuple[str, str] | None:
    """Return None for a class that a detector knows, else the nearest ones to ask for, or "", and what it knows."""
    known = {name.casefold(): name for name in names}
    if wanted.casefold() in known:
        return None
    close = difflib.get_close_matches(wanted.casefold(), known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(known[one] for one in close)}?" if close else ""
    return hint, ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")


def strongest(boxes: Boxes, scores: npt.NDArray[np.float64], classes: npt.NDArray[np.intp]) -> list[int]:
    """Return which of n detections stay, the surest first: non-maximum suppression within each class.

    `boxes` are [n, 4]: left, top, right, bottom in any unit. Of two that share NMS_IOU of their union or more the surer
    stays; at most MOST_FOUND do, all of at least LEAST_SCORE.
    """
    order = [int(one) for one in np.argsort(-scores, kind="stable") if scores[one] >= LEAST_SCORE]
    kept: list[int] = []
    for one in order:
        rivals = [other for other in kept if classes[other] == classes[one]]
        if not rivals or float(overlaps(boxes[one], boxes[rivals]).max()) < NMS_IOU:
            kept.append(one)
            if len(kept) == MOST_FOUND:
                break
    return kept


def overlaps(box: Boxes, others: Boxes) -> Boxes:
    """Return the intersection over union of a box [4] with others [k, 4]: [k]."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared
    return np.asarray(shared / np.maximum(union, 1e-12))


def found_objects(
    names: Sequence[str], boxes: Boxes, scores: npt.NDArray[np.float64], classes: npt.NDArray[np.intp]
) -> tuple[FoundObject, ...]:
    """Return detections whose boxes [n, 4] are shares of the picture, cut at its edges; without any area they go."""
    cut = np.clip(boxes, 0.0, 1.0)
    found = []
    for row, score, place in zip(cut, scores, classes, strict=True):
        left, top, right, bottom = map(float, row)
        if right > left and bottom > top:
            found.append(FoundObject(names[int(place)], min(1.0, float(score)), (left, top, right, bottom)))
    return tuple(found)
