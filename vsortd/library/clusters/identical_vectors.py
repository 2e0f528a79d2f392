"""Copies of one video among those that are grouped: vectors that are equal to the last bit.

Who is whose neighbour among more copies than neighbours is chance, so that laid out they come apart: 7,000 copies among
14,000 videos into 25 groups. So no more are laid out than are neighbours, and all are where most of those came to.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vsortd.library.clusters.kept_layouts import KeptLayout

Places = npt.NDArray[np.int64]


def first_equals(vectors: npt.NDArray[np.floating]) -> Places:
    """Return the first row that is equal to each row of [n, dim], often the row itself: [n]."""
    rows: dict[bytes, int] = {}
    digests = (hashlib.blake2b(vector.tobytes(), digest_size=16).digest() for vector in vectors)
    return np.fromiter((rows.setdefault(digest, row) for row, digest in enumerate(digests)), np.int64, len(vectors))


def few_of_each(first: Places, most: int) -> Places:
    """Return the rows without all but the first `most` that are equal to one another, ascending."""
    order = np.argsort(first, kind="stable")
    _, begins, counts = np.unique(first[order], return_index=True, return_counts=True)
    before = np.arange(len(first)) - np.repeat(begins, counts)
    return np.sort(order[before < most])


def with_all_copies(layout: KeptLayout, rows: Places, first: Places, min_size: int) -> KeptLayout:
    """Return the layout of all [n] from that of `rows`, which `few_of_each` left: equal ones are in one group.

    That is the one that most of them are in; the others stand with the first. What is left of a group by that is none
    where it is less than `min_size`.
    """
    place = np.zeros(len(first), np.int64)
    place[rows] = np.arange(len(rows))
    own = np.arange(len(first))
    like = place[np.where(np.isin(own, rows, assume_unique=True), own, first)]
    labels = renumbered(_most_common(layout.labels, first[rows], len(first))[first], min_size)
    return replace(layout, labels=labels, strengths=layout.strengths[like], map_xy=layout.map_xy[like])


def renumbered(labels: Places, min_size: int) -> Places:
    """Return the labels without those of fewer than `min_size`, from 0 on without gaps."""
    counts = np.bincount(labels[labels >= 0], minlength=int(labels.max(initial=-1)) + 1)
    places = np.where(counts >= min_size, np.cumsum(counts >= min_size) - 1, -1)
    return np.where(labels >= 0, places[labels], -1) if len(places) else labels


def _most_common(labels: Places, of: Places, count: int) -> Places:
    """Return which label most of each have, the lower of equally many, -1 where all have none: [count]."""
    placed, labels_in_all = labels >= 0, int(labels.max(initial=-1)) + 1
    pairs, many = np.unique(of[placed] * labels_in_all + labels[placed], return_counts=True)
    each, label = pairs // max(labels_in_all, 1), pairs % max(labels_in_all, 1)
    order = np.lexsort((label, -many, each))
    known, at = np.unique(each[order], return_index=True)
    found = np.full(count, -1, np.int64)
    found[known] = label[order][at]
    return found
