"""What a video says of labels, as the document that is kept of it: means, the course by tenths, spans. Pure.

A unit's mean probabilities are over all frames, and over those of each tenth of the video. Picture quality by words is
CLIP-IQA (J. Wang, K. Chan, C. Loy, "Exploring CLIP for assessing the look and feel of images", AAAI 2023): a softmax
over two opposite prompts in the model's own scale, mean over the frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.analysis.label_course import course_to_json
from vsortd.analysis.labels import label_probabilities, read_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from vsortd.analysis.label_reading import LabelReading
    from vsortd.analysis.labels import LabelQuestion
    from vsortd.vision.encoder import Encoder

    Document = dict[str, Any]
    Floats = npt.NDArray[np.floating[Any]]

PARTS: Final = 10  # of a video, in which its course is told
# What is asked of the look of a picture, as two prompts that exclude one another.
LOOKS: Final = {
    "good": ("Good photo.", "Bad photo."),
    "sharp": ("Sharp photo.", "Blurry photo."),
    "bright": ("Bright photo.", "Dark photo."),
    "clean": ("Clean photo.", "Noisy photo."),
}


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFrames:
    """Frames of a video: int64 [n ≥ 1] ascending, unit rows [n, dim], and how long the video is."""

    times_ms: npt.NDArray[np.int64]
    vectors: Floats
    duration_s: float


@dataclass(frozen=True, slots=True)
class UnitMeans:
    """Mean probabilities over some frames of a unit's labels, and of none of these; together 1."""

    unit: str
    labels: Mapping[str, float]
    none: float

    def to_json(self) -> Document:
        """Return it as a document has it."""
        labels = {name: round(value, 4) for name, value in self.labels.items()}
        return {"unit": self.unit or None, "labels": labels, "none": round(self.none, 4)}

    @classmethod
    def of_json(cls, document: Document) -> UnitMeans:
        """Return what a document tells of."""
        return cls(document["unit"] or "", dict(document["labels"]), document["none"])


def labels_document(
    question: LabelQuestion, frames: LabelledFrames, reading: LabelReading, looks: Mapping[str, float] | None
) -> Document:
    """Return what the frames say of each unit; `looks` are the scores of `picture_looks`, None where unknown."""
    units, found, courses = [], [], []
    tenth = np.clip(frames.times_ms * PARTS / max(frames.duration_s * 1000, 1), 0, PARTS - 1).astype(np.int64)
    for one in question.units:
        probabilities = label_probabilities(question, one, frames.vectors, reading)
        names = [category.name for category in one.unit.categories]
        courses.append((one.unit.name, names, probabilities))
        means = [
            _means(one.unit.name, names, probabilities[tenth == number]) if (tenth == number).any() else None
            for number in range(PARTS)
        ]
        whole = _means(one.unit.name, names, probabilities).to_json()
        units.append({**whole, "tenths": [None if part is None else part.to_json() for part in means]})
        labels = read_unit(one.unit, probabilities, frames.times_ms, frames.duration_s, reading).labels
        found += [label.to_json(one.unit.name) for label in labels]
    return {
        "why": None,
        "confidence": reading.confidence,
        "temperature": reading.temperature,
        "frames": len(frames.times_ms),
        "unknown_words": list(question.unknown),
        "units": units,
        "labels": found,
        "course": course_to_json(frames.times_ms, courses),
        "looks": None if looks is None else {name: round(value, 4) for name, value in looks.items()},
    }


def no_labels(why: str) -> Document:
    """Return the document of a video whose labels nobody can tell: the same keys, null, and why."""
    names = ("confidence", "temperature", "frames", "unknown_words", "units", "labels", "course", "looks")
    return {"why": why, **dict.fromkeys(names)}


def _means(unit: str, names: Sequence[str], probabilities: Floats) -> UnitMeans:
    """Return the means of at least one row [n, c + 1], the last column none of these."""
    means = probabilities.mean(axis=0, dtype=np.float64)
    return UnitMeans(unit, dict(zip(names, map(float, means), strict=False)), float(means[-1]))


def picture_looks(frames: LabelledFrames, encoder: Encoder) -> dict[str, float] | None:
    """Return by `LOOKS` how probable the better of two opposite prompts is, 0 to 1; None if words are unknown."""
    texts = [text for pair in LOOKS.values() for text in pair]
    if any(encoder.unknown_words(text) for text in texts):
        return None
    vectors = encoder.encode_texts(texts).astype(np.float64)
    better = vectors[::2] - vectors[1::2]  # a sigmoid model's bias is the same for both
    gap = encoder.info.logit_scale * (frames.vectors.astype(np.float64) @ better.T)
    scores = (1 / (1 + np.exp(-np.clip(gap, -500, 500)))).mean(axis=0)
    return dict(zip(LOOKS, map(float, scores), strict=True))
