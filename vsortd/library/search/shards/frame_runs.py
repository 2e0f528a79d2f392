"""Runs of neighbouring frames that are alike: what is first looked through in a very large index. Pure arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# A run ends where two neighbours are less alike than this (a cosine): at nearly every cut, and where a camera hurries.
_ALIKE: Final = 0.92
# … and is this long at most, so that a slow change doesn't become one picture.
RUN_FRAMES_MOST: Final = 12


def run_starts(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return at which of a video's frames (unit rows [n, dim], n ≥ 1) runs begin: ascending, the first is 0."""
    is_cut = np.ones(len(vectors), np.bool_)
    is_cut[1:] = np.einsum("ij,ij->i", vectors[1:], vectors[:-1]) < _ALIKE
    cuts = np.flatnonzero(is_cut)
    lengths = np.diff(np.append(cuts, len(vectors)))
    pieces = -(-lengths // RUN_FRAMES_MOST)
    sizes = -(-lengths // pieces)  # equal ones, but for the last
    within = np.arange(len(vectors)) - np.repeat(cuts, lengths)
    return np.flatnonzero(within % np.repeat(sizes, lengths) == 0)


def run_means(vectors: npt.NDArray[np.float32], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return each run's mean [runs, dim]; its product with a text is the mean of its frames' products with that."""
    lengths = np.diff(np.append(starts, len(vectors)))
    return np.asarray(np.add.reduceat(vectors, starts, axis=0) / lengths[:, None], np.float32)
