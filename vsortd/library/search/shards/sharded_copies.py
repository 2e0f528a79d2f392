"""Which videos of a very large index are one video in several files; see `copies`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.library.search.copies import SAME_LENGTH_S, same_bytes, same_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vsortd.index.video import IndexRow
    from vsortd.library.search.scene_finder import FramesOf
    from vsortd.library.search.shards.cascade import ShardPart

# Codes say a vector but for a few thousandths: the first pictures of copies are at least so alike.
_ALIKE: Final = 0.98


class ShardedCopies:
    """Finds the copies of videos among `rows`, of which shards know those in `parts`."""

    def __init__(self, rows: Sequence[IndexRow], parts: Sequence[ShardPart], frames_of: FramesOf) -> None:
        self._rows = rows
        self._parts = parts
        self._frames_of = frames_of

    @cached_property
    def _facts(self) -> npt.NDArray[np.float64]:
        """Seconds, bytes, width and height of each video: [videos, 4]."""
        facts = [(row.duration_s, row.identity.size_bytes, row.width_px, row.height_px) for row in self._rows]
        return np.array(facts, np.float64).reshape(-1, 4)

    @cached_property
    def _places(self) -> dict[int, tuple[ShardPart, int]]:
        """Where in the shards a video is, by number."""
        return {row.id: (part, place) for part in self._parts for place, row in part.rows.items()}

    def copies_of(self, row: IndexRow) -> list[IndexRow]:
        """Return the other videos that are this one. Raises StoreError."""
        facts = self._facts
        as_long = np.flatnonzero(np.abs(facts[:, 0] - row.duration_s) <= SAME_LENGTH_S).tolist()
        others = [self._rows[place] for place in as_long if self._rows[place].id != row.id]
        size_bytes = row.identity.size_bytes
        found = {one.id for one in others if one.identity.size_bytes == size_bytes > 0 and same_bytes(row, one)}
        shaped = (row.width_px, row.height_px)
        likely = [one for one in others if one.id not in found and (one.width_px, one.height_px) == shaped]
        found |= same_pictures(row, self._seen_alike(row, likely), self._frames_of)
        return [one for one in others if one.id in found]

    def _seen_alike(self, row: IndexRow, others: Sequence[IndexRow]) -> list[IndexRow]:
        """Leave out what begins with another picture, or has not as many; of what is in no shard that isn't known."""
        if row.id not in self._places:
            return list(others)
        own_frames, own = self._first_picture(row)
        found = []
        for one in others:
            if one.id in self._places:
                frames, first = self._first_picture(one)
                if frames != own_frames or float(first @ own) < _ALIKE:
                    continue
            found.append(one)
        return found

    def _first_picture(self, row: IndexRow) -> tuple[int, npt.NDArray[np.float32]]:
        """Return how many frames a video of the shards has, and the mean of its first run, a unit row."""
        part, place = self._places[row.id]
        shard = part.shard
        (vector,) = shard.codes.decode(shard.code_rows(shard.first_run[place : place + 1]))
        return int(shard.frames[place]), vector / max(float(np.linalg.norm(vector)), 1e-6)
