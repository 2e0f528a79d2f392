"""Which of the videos that wait for review look like one of them, by what the index keeps of their frames."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.index.extent import Extent
from vsortd.index.store import indexed_videos, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from vsortd.index.store import Index

LEAST_COSINE: Final = 0.8
"""Between the mean directions of two videos that are shown as alike: with the sample model takes of one scene, cuts and
turned copies among 30 real clips had 0.82 to 1, the eleven scenes of the demo 0.62 at most; a person looks anyway."""
_MOST_KEPT: Final = 20_000


@dataclass(frozen=True, slots=True)
class AlikeVideo:
    """A video that waits as well, by its item's number; `cosine` says how near it is, at most 1."""

    item: int
    path: Path
    cosine: float


class WaitingLikeness:
    """Compares videos by their mean directions; those are remembered as long as their frames are the same.

    Thread-safe. Its methods raise StoreError.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._means: dict[tuple[str, int, int], npt.NDArray[np.float32]] = {}

    def alike(
        self, index: Index, model: str, path: Path, waiting: Mapping[Path, int], *, most: int
    ) -> list[AlikeVideo]:
        """Return at most so many of `waiting` (item numbers by path) that look like the one at `path`, nearest first.

        `model` is the key of the model whose vectors count.
        """
        means = self._means_of(index, model, {path, *waiting})
        own = means.pop(path, None)
        if own is None:
            return []
        found = [AlikeVideo(waiting[other], other, float(own @ mean)) for other, mean in means.items()]
        return sorted((one for one in found if one.cosine >= LEAST_COSINE), key=lambda one: -one.cosine)[:most]

    def _means_of(self, index: Index, model: str, paths: set[Path]) -> dict[Path, npt.NDArray[np.float32]]:
        extent = Extent.of(*{path.parent for path in paths})
        with self._lock, index.reading() as db:
            rows = [row for row in rows_of(db, model, under=extent) if row.path in paths]
            missing = [row for row in rows if (model, row.id, row.revision) not in self._means]
            if len(self._means) + len(missing) > _MOST_KEPT:
                self._means.clear()
                missing = rows
            revisions = {row.id: row.revision for row in missing}
            for film in indexed_videos(db, missing, model):
                self._means[model, film.id, revisions[film.id]] = film.vector()
            known = ((row.path, self._means.get((model, row.id, row.revision))) for row in rows)
            return {path: mean for path, mean in known if mean is not None}
