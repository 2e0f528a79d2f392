"""Scenes that are shots: one picture of each, the indexed frame nearest to its key frame. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vsortd.analysis.key_frames import frames_of_shots
from vsortd.library.search.scenes import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from vsortd.analysis.shots import Shot
    from vsortd.library.search.scenes import FrameScores


@dataclass(frozen=True, slots=True, eq=False)
class ShotTable:
    """The shots of some videos that have a frame: whose, from when to when, and which frame of all, [n] each.

    `unseen` shots have none: they are shorter than what lies between two frames. `unmeasured` is how many of the videos
    have no shots that are known.
    """

    films: npt.NDArray[np.intp]
    begins_s: npt.NDArray[np.float64]
    ends_s: npt.NDArray[np.float64]
    frames: npt.NDArray[np.intp]
    unseen: int
    unmeasured: int


def shot_table(frame_scores: FrameScores, shots: Mapping[int, Sequence[Shot]]) -> ShotTable:
    """Return the shots of the videos, which are given by the videos' places in the list."""
    films, bounds, frames, unseen = [], [], [], 0
    for film, (begin, end) in enumerate(zip(frame_scores.offsets[:-1], frame_scores.offsets[1:], strict=True)):
        own = shots.get(film, ())
        for shot, frame in zip(own, frames_of_shots(frame_scores.times_ms[begin:end], own), strict=True):
            if frame < 0:
                unseen += 1
                continue
            films.append(film)
            bounds.append((shot.begin_s, shot.end_s))
            frames.append(int(begin) + int(frame))
    edges = np.array(bounds, np.float64).reshape(-1, 2)
    unmeasured = len(frame_scores.durations_s) - len(shots)
    return ShotTable(np.array(films, np.intp), edges[:, 0], edges[:, 1], np.array(frames, np.intp), unseen, unmeasured)


def best_shots(frame_scores: FrameScores, table: ShotTable, *, top: int, any_of: bool = False) -> list[Scene]:
    """Return the `top` best shots, best first; of equal ones the earlier. Values are those of their one frame."""
    if not len(table.frames) or not frame_scores.values.shape[1]:
        return []
    columns = frame_scores.values[table.frames]
    values = columns.max(axis=1) if any_of else columns.min(axis=1)
    return [
        Scene(
            film=int(table.films[place]),
            begin_s=float(table.begins_s[place]),
            end_s=float(table.ends_s[place]),
            peak_s=float(frame_scores.times_ms[table.frames[place]]) / 1000,
            value=float(values[place]),
        )
        for place in np.argsort(-values, kind="stable")[:top]
    ]
