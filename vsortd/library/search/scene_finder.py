"""The best scenes of the videos that a question goes to, where each of their frames was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from vsortd.library.search.copies import CopyFinder
from vsortd.library.search.scenes import FrameScores, Scene, find_scenes
from vsortd.library.search.shot_scenes import best_shots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from vsortd.index.video import IndexRow
    from vsortd.library.search.copies import Frames
    from vsortd.library.search.frame_question import FrameQuestion
    from vsortd.library.search.shot_scenes import ShotTable

    FramesOf = Callable[[Iterable[IndexRow]], dict[int, Frames]]
    Values = npt.NDArray[np.float32]

# What is usual among frames of different videos: this share of them is less like an example, …
_USUAL: Final = 0.98
# … or would be if they lay as the lower half of them does (a normal distribution has as much below 2.05 deviations, and
# a deviation between these two): in a small library like ones alone are more than one frame in fifty.
_DEVIATIONS: Final = 2.05
_MIDDLE, _LOWER = 0.5, 0.16


@dataclass(frozen=True, slots=True, eq=False)
class RankedScenes:
    """Scenes, best first; `rows` are the videos that their `film` counts, which may be there more than once.

    `frame_scores` are what they were made of.
    """

    scenes: list[Scene]
    rows: Sequence[IndexRow]
    frame_scores: FrameScores


@dataclass(frozen=True, slots=True)
class QuestionExtent:
    """What a question went to: so many videos, seconds together; `coarse` were looked at too rarely for a window.

    Where scenes are shots, `unseen_shots` had no frame of their own, and of `unmeasured` videos no shots are known.
    """

    videos: int
    length_s: float
    coarse: int = 0
    unseen_shots: int = 0
    unmeasured: int = 0


class SceneFinder(Protocol):
    """Finds scenes by a question that was asked."""

    rows: Sequence[IndexRow]
    """The videos that were asked, each once."""
    usual: float
    """How like the examples frames are that don't show the same, at most; 0 without any."""

    def extent(self) -> QuestionExtent:
        """Return what was asked."""

    def scenes(self, count: int) -> RankedScenes:
        """Return the `count` best scenes. Raises StoreError."""

    def copies_of(self, row: IndexRow) -> list[IndexRow]:
        """Return the other videos that are this one (see `copies`). Raises StoreError."""


class PlainFinder:
    """Finds scenes among all frames. `frame_scores` are as they were asked; `shots` are what scenes are, if given."""

    def __init__(
        self,
        rows: Sequence[IndexRow],
        frame_scores: FrameScores,
        question: FrameQuestion,
        frames_of: FramesOf,
        *,
        window_s: float,
        any_of: bool,
        shots: ShotTable | None = None,
    ) -> None:
        self.rows = rows
        self.usual = 0.0
        self.shots = shots
        if question.examples is not None and len(rows):
            self.usual = usual_likeness(frame_scores.values[:, -1])
            question.weighed(frame_scores.values, self.usual)
        self.frame_scores = frame_scores
        self._window_s = window_s
        self._any_of = any_of
        self._places = {row.id: place for place, row in enumerate(rows)}
        self._copies = CopyFinder(rows, frame_scores, frames_of) if len(rows) else None

    def copies_of(self, row: IndexRow) -> list[IndexRow]:
        """Return the other videos that are this one."""
        assert self._copies is not None
        return [self.rows[place] for place in self._copies.copies_of(self._places[row.id])]

    def extent(self) -> QuestionExtent:
        """Return what was asked."""
        length_s = float(self.frame_scores.durations_s.sum())
        if self.shots is not None:
            unseen, unmeasured = self.shots.unseen, self.shots.unmeasured
            return QuestionExtent(len(self.rows), length_s, unseen_shots=unseen, unmeasured=unmeasured)
        return QuestionExtent(len(self.rows), length_s, coarse_ones(self.frame_scores, self._window_s))

    def scenes(self, count: int) -> RankedScenes:
        """Return the `count` best scenes."""
        if self.shots is None:
            found = find_scenes(self.frame_scores, window_s=self._window_s, top=count, any_of=self._any_of)
        else:
            found = best_shots(self.frame_scores, self.shots, top=count, any_of=self._any_of)
        return RankedScenes(found, self.rows, self.frame_scores)


def coarse_ones(frame_scores: FrameScores, window_s: float) -> int:
    """Return how many videos have fewer frames than a window needs to have one of its own."""
    apart_s = frame_scores.durations_s / np.maximum(np.diff(frame_scores.offsets), 1)
    return int((apart_s > window_s / 2).sum())


def usual_likeness(likeness: Values, weights: npt.NDArray[np.float64] | None = None) -> float:
    """Return how like an example frames are that don't show the same, at most; each value counts `weights` times."""
    if not len(likeness):
        return 0.0
    levels = (_USUAL, _MIDDLE, _LOWER)
    if weights is None:
        high, middle, lower = (float(value) for value in np.quantile(likeness, levels))
    else:
        order = np.argsort(likeness)
        shares = np.cumsum(weights[order]) / weights.sum()
        at = np.minimum(np.searchsorted(shares, levels), len(order) - 1)
        high, middle, lower = (float(value) for value in likeness[order][at])
    return min(high, middle + _DEVIATIONS * (middle - lower))
