"""A video as the library knows it: where it lies, and what the model saw of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vsortd.core.video_facts import orientation_of

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.core.video_facts import Orientation
    from vsortd.index.extent import Extent


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A video of the index without its frames; `revision` tells whether they are still those of last time.

    `others` are further names of the very same file (hard links, another way to its folder), as far as they were met;
    whether the file still has a name, the disk alone knows.
    """

    id: int
    identity: Identity
    path: Path
    duration_s: float
    width_px: int
    height_px: int
    recorded_s: float
    revision: int
    others: tuple[Path, ...] = ()

    @property
    def names(self) -> tuple[Path, ...]:
        """All names that are known of the file, the one it is told by first."""
        return (self.path, *self.others)

    def within(self, extent: Extent) -> IndexRow | None:
        """Return the row with the names that lie within an extent, None where none does."""
        if not self.others:
            return self if extent.holds(self.path) else None
        names = sorted(filter(extent.holds, self.names), key=lambda name: not extent.is_home(name))
        return replace(self, path=names[0], others=tuple(names[1:])) if names else None

    def standing(self) -> IndexRow:
        """Return the row by a name that the file still has, itself where there is none or no other is known."""
        if not self.others or self.identity.lies_at(self.path):
            return self
        there = next((name for name in self.others if self.identity.lies_at(name)), self.path)
        return replace(self, path=there, others=tuple(name for name in self.names if name != there))


@dataclass(frozen=True, slots=True, eq=False)
class IndexedVideo:
    """A video of the index with all its frames for one model.

    `width_px` and `height_px` are as shown, 0 where unknown; `recorded_s` is Unix seconds, by the file's own word or
    else its time of change. `times_ms` is int64 [n], ascending without doubles; `vectors` float16 [n, dim], rows of
    about length 1. There is at least one frame.
    """

    id: int
    identity: Identity
    path: Path
    duration_s: float
    width_px: int
    height_px: int
    recorded_s: float
    times_ms: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float16]

    @property
    def orientation(self) -> Orientation | None:
        """How the video is shown, None where that was not noted."""
        return orientation_of(self.width_px, self.height_px) if self.width_px and self.height_px else None

    @property
    def edges_ms(self) -> npt.NDArray[np.float64]:
        """Where each frame's share of the time begins and ends: [n + 1], from 0 to the end, half-way between frames."""
        return edges_of(self.times_ms, self.duration_s)

    def vector(self) -> npt.NDArray[np.float32]:
        """Return the video's mean direction, float32 [dim] of length 1: its frames by the time that each stands for."""
        weights = np.diff(self.edges_ms)
        weights = weights if weights.sum() > 0 else np.ones(len(self.times_ms))
        mean = weights @ self.vectors.astype(np.float64)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)


def edges_of(times_ms: npt.NDArray[np.int64], duration_s: float) -> npt.NDArray[np.float64]:
    """Return the bounds of the time of each of n ascending frames, [n + 1], ms (`IndexedVideo.edges_ms`)."""
    times = times_ms.astype(np.float64)
    last = times[-1] if len(times) else 0.0
    return np.concatenate([[0.0], (times[:-1] + times[1:]) / 2, [max(duration_s * 1000, last)]])
