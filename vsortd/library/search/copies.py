"""Which videos of a search are one video in several files, as far as that costs next to nothing.

Files of the same bytes: of one size and length, and alike at five places. Files of the same pictures, as a change of
container leaves them: of one length and shape, looked at at the same moments, and each pair of frames the same to the
model. What was encoded anew, resized or cut is for `vsortd duplicates`, which looks at the pictures themselves.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from vsortd.index.video import IndexRow
    from vsortd.library.search.scenes import FrameScores

Frames = tuple[npt.NDArray[np.int64], npt.NDArray[np.float16]]
"""Times of a video's frames, ms [n], and their unit rows [n, dim]."""
# Containers round times to their own ticks, and say in their own way how long the last frame stands.
SAME_LENGTH_S: Final = 0.06
# The same pictures give the same vector, but for the rounding of a GPU. With the sample model on a CPU a change of
# container made no difference at all, encoding anew (crf 20) one of 5e-5 at most; frames of a scene that stands still,
# a second apart, differ by 2e-4 at night and 1e-3 by day.
_SAME_PICTURE: Final = 1 - 1e-4
_NEAR: Final = 0.25  # log-odds that such frames may differ by; only to find likely pairs
_PLACES: Final = 5
_BLOCK: Final = 1 << 16


class CopyFinder:
    """Finds the copies of videos among the `rows` of a search; what every frame said leads to them."""

    def __init__(
        self,
        rows: Sequence[IndexRow],
        frame_scores: FrameScores,
        frames_of: Callable[[Iterable[IndexRow]], dict[int, Frames]],
    ) -> None:
        self._rows = rows
        self._scores = frame_scores
        self._frames_of = frames_of
        self._counts = np.diff(frame_scores.offsets)
        self._sizes = np.fromiter((row.identity.size_bytes for row in rows), np.int64, len(rows))
        values, firsts = frame_scores.values, frame_scores.offsets[:-1]
        self._marks = np.concatenate(
            [np.add.reduceat(values, firsts) / self._counts[:, None], np.maximum.reduceat(values, firsts)], axis=1
        )

    def copies_of(self, film: int) -> list[int]:
        """Return the other videos that are this one, by their places in the list."""
        as_long = np.abs(self._scores.durations_s - self._scores.durations_s[film]) <= SAME_LENGTH_S
        as_long[film] = False
        row = self._rows[film]
        bytes_alike = as_long & (self._sizes == self._sizes[film]) & (self._sizes > 0)
        found = {other for other in np.flatnonzero(bytes_alike).tolist() if same_bytes(row, self._rows[other])}
        near = np.abs(self._marks - self._marks[film]).max(axis=1) <= _NEAR
        seen_alike = as_long & (self._counts == self._counts[film]) & near
        likely = [other for other in np.flatnonzero(seen_alike).tolist() if other not in found]
        return sorted(found | self._same_pictures(film, likely))

    def _same_pictures(self, film: int, likely: Sequence[int]) -> set[int]:
        if not likely:
            return set()
        at = self._scores.offsets[likely][:, None] + np.arange(self._counts[film])
        own = slice(int(self._scores.offsets[film]), int(self._scores.offsets[film + 1]))
        apart = np.abs(self._scores.values[at] - self._scores.values[own]).max(axis=(1, 2))
        together = (np.abs(self._scores.times_ms[at] - self._scores.times_ms[own]) <= SAME_LENGTH_S * 1000).all(axis=1)
        row = self._rows[film]
        shaped = (row.width_px, row.height_px)
        close = [
            other
            for other, value, in_time in zip(likely, apart, together, strict=True)
            if in_time and value <= _NEAR and (self._rows[other].width_px, self._rows[other].height_px) == shaped
        ]
        same = same_pictures(row, [self._rows[other] for other in close], self._frames_of)
        return {other for other in close if self._rows[other].id in same}


def same_pictures(
    row: IndexRow, others: Sequence[IndexRow], frames_of: Callable[[Iterable[IndexRow]], dict[int, Frames]]
) -> set[int]:
    """Return which of some videos show the very same as one, by their numbers; all their frames are compared."""
    frames = frames_of([row, *others]) if others else {}
    return {other.id for other in others if _same_frames(frames.get(row.id), frames.get(other.id))}


def _same_frames(one: Frames | None, other: Frames | None) -> bool:
    if one is None or other is None or one[1].shape != other[1].shape:
        return False
    return bool((_unit(one[1]) * _unit(other[1])).sum(axis=1).min() >= _SAME_PICTURE)


def _unit(vectors: npt.NDArray[np.float16]) -> npt.NDArray[np.float64]:
    rows = vectors.astype(np.float64)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def same_bytes(one: IndexRow, other: IndexRow) -> bool:
    """Tell whether two files of one size are alike at some places; of what can't be read that isn't known."""
    size_bytes = one.identity.size_bytes
    last = max(size_bytes - _BLOCK, 0)
    places = {last * number // (_PLACES - 1) for number in range(_PLACES)}
    try:
        return all(_block(one.path, place) == _block(other.path, place) for place in sorted(places))
    except OSError:
        return False


def _block(path: Path, place: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(place, os.SEEK_SET)
        return file.read(_BLOCK)
