"""How likely labels are along a video, as a document keeps it: few points of the likeliest labels, drawn over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

MAX_POINTS: Final = 300  # five minutes at a frame a second; of a longer video each stands for its neighbours' mean
MAX_LABELS: Final = 6  # of a unit: more lines can't be told apart
MAX_UNITS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class LabelTrack:
    """How likely a label is at each point of its course: float64 [n], 0 to 1; `unit` is "" for a list of labels."""

    unit: str
    label: str
    probabilities: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LabelCourse:
    """Tracks over the same moments, float64 [n ≥ 1] ascending (s); those of a unit stand together, likeliest first."""

    times_s: npt.NDArray[np.float64]
    tracks: tuple[LabelTrack, ...]

    def means(self, begin_s: float, end_s: float) -> list[tuple[str, float]]:
        """Return each label with its mean from one moment to before another, the likeliest first.

        Where no point lies between them, the nearest one counts.
        """
        inside = (self.times_s >= begin_s) & (self.times_s < end_s)
        if not inside.any():
            inside[int(np.argmin(np.abs(self.times_s - (begin_s + end_s) / 2)))] = True
        found = [(track.label, float(track.probabilities[inside].mean())) for track in self.tracks]
        return sorted(found, key=lambda one: -one[1])

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> LabelCourse:
        """Return what a document tells of."""
        tracks = tuple(
            LabelTrack(one["unit"] or "", one["label"], np.array(one["probabilities"], np.float64))
            for one in raw["labels"]
        )
        return cls(np.array(raw["times_s"], np.float64), tracks)


def course_to_json(
    times_ms: npt.NDArray[np.int64], units: Sequence[tuple[str, Sequence[str], Floats]]
) -> dict[str, Any]:
    """Return the course of some units as a document has it: each its name, its labels, probabilities [n, labels…].

    Of a unit are kept the labels with the highest means; columns beyond its labels (none of these) are left out.
    """
    together = max(1, math.ceil(len(times_ms) / MAX_POINTS))
    begins = np.arange(0, len(times_ms), together)
    counts = np.diff(np.append(begins, len(times_ms)))
    labels = []
    for unit, names, probabilities in units[:MAX_UNITS]:
        points = np.add.reduceat(probabilities.astype(np.float64), begins, axis=0) / counts[:, None]
        means = probabilities[:, : len(names)].mean(axis=0)
        for column in np.argsort(-means, kind="stable")[:MAX_LABELS].tolist():
            told = [round(float(value), 3) for value in points[:, column]]
            labels.append({"unit": unit or None, "label": names[column], "probabilities": told})
    times_s = np.add.reduceat(times_ms / 1000, begins) / counts
    return {"times_s": [round(float(one), 3) for one in times_s], "labels": labels}
