"""The best scenes of a very large index: candidates out of its shards, and what has come since frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.library.search.scene_finder import QuestionExtent, RankedScenes, coarse_ones, usual_likeness
from vsortd.library.search.scenes import FrameScores, find_scenes
from vsortd.library.search.shards.cascade import Cascade
from vsortd.library.search.shards.exact_parts import ExactParts, made_longer, parts_around
from vsortd.library.search.shards.sharded_copies import ShardedCopies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.index.store import Index
    from vsortd.index.video import IndexRow
    from vsortd.library.search.frame_question import FrameQuestion
    from vsortd.library.search.scene_finder import FramesOf
    from vsortd.library.search.shards.shard_folder import ShardedPlaces

# So often parts are made longer in which a scene has no end: six times each, that is hours.
_LONGER_MOST: Final = 3


class ShardedFinder:
    """Finds scenes as `PlainFinder` does, of which nearly all are the same.

    `places` are the shards, with the videos that they are asked for; `rest` those of which every frame was asked
    already, with what they said.
    """

    def __init__(
        self,
        index: Index,
        question: FrameQuestion,
        places: ShardedPlaces,
        rest: tuple[Sequence[IndexRow], FrameScores],
        *,
        model: str,
        frames_of: FramesOf,
        window_s: float,
        any_of: bool,
    ) -> None:
        self.rows: Sequence[IndexRow] = [*(row for _, own in places.parts for row in own.values()), *rest[0]]
        self.usual = 0.0
        self._index = index
        self._model = model
        self._question = question
        self._window_s = window_s
        self._any_of = any_of
        self._rest_rows, self._rest = rest
        self._cascade = Cascade(places.parts, question, window_s=window_s, any_of=any_of)
        self._copies = ShardedCopies(self.rows, self._cascade.parts, frames_of)
        if question.examples is not None:
            likeness, stands_for = self._cascade.likeness()
            others = self._rest.values[:, -1] if len(self._rest_rows) else np.empty(0, np.float32)
            weights = np.concatenate([stands_for, np.ones(len(others))])
            self.usual = usual_likeness(np.concatenate([likeness, others]), weights)
            question.weighed(self._rest.values, self.usual)

    def copies_of(self, row: IndexRow) -> list[IndexRow]:
        """Return the other videos that are this one. Raises StoreError."""
        return self._copies.copies_of(row)

    def extent(self) -> QuestionExtent:
        """Return what was asked."""
        lengths_s, frames = self._cascade.lengths()
        apart_s = lengths_s / np.maximum(frames, 1)
        coarse = int((apart_s > self._window_s / 2).sum()) + coarse_ones(self._rest, self._window_s)
        length_s = float(lengths_s.sum() + self._rest.durations_s.sum())
        return QuestionExtent(len(self.rows), length_s, coarse)

    def scenes(self, count: int) -> RankedScenes:
        """Return the `count` best scenes. Raises StoreError."""
        with self._index.reading() as db:
            db.execute("PRAGMA mmap_size=0")  # a few frames of many videos: mapped, each would hold what lies around it
            reader = ExactParts(db, self._model, self._cascade, self._question, self.usual)
            parts = parts_around(self._cascade.stretches(count, self.usual), self._window_s)
            for again in range(_LONGER_MOST + 1):
                parts, bounds, frame_scores = reader.read(parts, self._window_s)
                together = _joined(frame_scores, self._rest)
                scenes = find_scenes(together, window_s=self._window_s, top=count, any_of=self._any_of)
                longer = made_longer(parts, bounds, scenes, self._window_s) if again < _LONGER_MOST else None
                if longer is None:
                    break
                parts = longer
        return RankedScenes(scenes, [*(part.stretch.row for part in parts), *self._rest_rows], together)


def _joined(parts: FrameScores, whole: FrameScores) -> FrameScores:
    """Return what parts of videos say, then what whole videos do."""
    if not len(whole.durations_s):
        return parts
    assert parts.begins_s is not None
    return FrameScores(
        np.concatenate([parts.times_ms, whole.times_ms]),
        np.concatenate([parts.values, whole.values]),
        np.concatenate([parts.offsets, whole.offsets[1:] + parts.offsets[-1]]),
        np.concatenate([parts.durations_s, whole.durations_s]),
        np.concatenate([parts.begins_s, np.zeros(len(whole.durations_s))]),
    )
