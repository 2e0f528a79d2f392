"""Groups of more videos than are laid out together: those of a sample, which the others join by their nearest in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.library.clusters.identical_vectors import renumbered
from vsortd.library.clusters.kept_layouts import KeptLayout
from vsortd.library.clusters.projection import without_strangers

if TYPE_CHECKING:
    from vsortd.library.clusters.projection import GroupingPlan, Space

Places = npt.NDArray[np.int64]

# Of so many, the group and the place of a video that is not in the sample are taken.
_VOTERS: Final = 5
# Of the sample, so many videos make a group at least, however few of all would.
_LEAST_OF_SAMPLE: Final = 5
_AT_ONCE: Final = 100_000


def sample_of(count: int, most: int, seed: int) -> Places:
    """Return which rows of `count` are laid out: `most` of them by chance, ascending."""
    rows = np.random.default_rng(seed).choice(count, most, replace=False)
    return np.sort(rows).astype(np.int64)


def plan_of_sample(plan: GroupingPlan, count: int, most: int) -> GroupingPlan:
    """Return the plan by which `most` of `count` videos are grouped, so that groups are as large a part of them."""
    size = max(min(_LEAST_OF_SAMPLE, plan.min_size), round(plan.min_size * most / count))
    return replace(plan, min_size=size, neighbors=min(plan.neighbors, most - 1))


def joined(
    vectors: npt.NDArray[np.floating], rows: Places, sample: KeptLayout, space: Space, min_size: int
) -> KeptLayout:
    """Return the layout of all vectors [n, dim] from that of some `rows`, which are those of `space`.

    Each of the others goes to the group that most of its nearest in the sample are in, the nearest's among equals, and
    stands in the middle of those; it belongs there as strongly as these do, times their share. Strangers are put
    out as in `without_strangers`, and so is a group that came to less than `min_size`.
    """
    labels = np.full(len(vectors), -1, np.int64)
    strengths = np.zeros(len(vectors))
    map_xy = np.zeros((len(vectors), 2), np.float32)
    labels[rows], strengths[rows], map_xy[rows] = sample.labels, sample.strengths, sample.map_xy
    others = np.setdiff1d(np.arange(len(vectors)), rows, assume_unique=True)
    for begin in range(0, len(others), _AT_ONCE):
        part = others[begin : begin + _AT_ONCE]
        near = space.nearest_to(vectors[part].astype(np.float32), min(_VOTERS, len(rows)))
        said = sample.labels[near]
        votes = (said[:, :, None] == said[:, None, :]).sum(axis=2)
        labels[part] = np.take_along_axis(said, votes.argmax(axis=1)[:, None], axis=1)[:, 0]
        agree = said == labels[part][:, None]
        strengths[part] = (sample.strengths[near] * agree).sum(axis=1) / near.shape[1]
        map_xy[part] = (sample.map_xy[near] * agree[:, :, None]).sum(axis=1) / agree.sum(axis=1)[:, None]
    labels = without_strangers(vectors, labels, min_size)
    return KeptLayout(renumbered(labels, min_size), strengths, map_xy)
