"""The nearest of vectors to one another: all pairs of some thousands, and of more those within near lists.

The lists are an inverted file (Sivic and Zisserman 2003): those of spherical k-means. NumPy's products need nothing
compiled, where NN-descent took half of all CPU time for 100,000 videos. What was measured stands in
tests/benchmarks/NOTES.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import contextlib

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]

_BLOCK: Final = 1024  # rows that are compared with all others at a time
_PROBED: Final = 16  # lists, of √vectors, whose members are compared with those of a list, itself among them
_ROUNDS: Final = 4  # of k-means
_OF_EACH: Final = 64  # vectors a list that k-means looks at


def one_thread() -> contextlib.AbstractContextManager[object]:
    """Keep NumPy's products to this thread: the others would spin while they wait, and a share of work is small.

    Torch's would sleep, but to import it takes longer than to group some hundred videos.
    """
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    return threadpool_limits(1, "blas")


def nearest_among(rows: Floats, vectors: Floats, count: int, *, themselves: bool = False) -> tuple[Places, Floats]:
    """Return which vectors are the nearest to each row, the nearest first, and their cosine distances: [n, count] both.

    Both are unit rows [., dim]. Where the rows are the first of the vectors `themselves`, each is its own nearest, also
    among copies.
    """
    places = np.empty((len(rows), count), np.int64)
    distances = np.empty((len(rows), count), np.float32)
    with one_thread():
        for begin in range(0, len(rows), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            cosines = rows[block] @ vectors.T
            if themselves:
                own = np.arange(len(cosines))
                cosines[own, begin + own] = 3.0  # above any cosine
            near = np.argpartition(cosines, -count, axis=1)[:, -count:]
            away = -np.take_along_axis(cosines, near, axis=1)
            order = np.argsort(away, axis=1, kind="stable")
            places[block] = np.take_along_axis(near, order, axis=1)
            distances[block] = np.maximum(1 + np.take_along_axis(away, order, axis=1), 0)
    return places, distances


class InvertedLists:
    """Unit vectors [n, dim] in √n lists of what is alike; seeded."""

    def __init__(self, vectors: Floats, seed: int) -> None:
        self._vectors = vectors
        lists = max(1, round(len(vectors) ** 0.5))
        rng = np.random.default_rng(seed)
        part = vectors[rng.choice(len(vectors), min(len(vectors), _OF_EACH * lists), replace=False)]
        self._centres = part[:lists].copy()
        for _ in range(_ROUNDS):
            self._move_centres(part)
        self._list_of = self._nearest_list(vectors)
        self._members = _members(self._list_of, lists)
        with one_thread():
            cosines = self._centres @ self._centres.T
        np.fill_diagonal(cosines, 3.0)  # above any cosine: each list is the nearest to itself
        self._near = np.argsort(-cosines, axis=1, kind="stable")

    def neighbours(self, count: int) -> tuple[Places, Floats]:
        """Return the nearest of each vector, itself first, and their cosine distances: [n, count] both."""
        return self._found(self._vectors, self._members, count, themselves=True)

    def nearest(self, rows: Floats, count: int) -> tuple[Places, Floats]:
        """Return which vectors are the nearest to other unit rows [m, dim], and their distances: [m, count] both."""
        return self._found(rows, _members(self._nearest_list(rows), len(self._centres)), count)

    def _found(
        self, rows: Floats, asking: list[Places], count: int, *, themselves: bool = False
    ) -> tuple[Places, Floats]:
        places = np.empty((len(rows), count), np.int64)
        distances = np.empty((len(rows), count), np.float32)
        for own, asked in enumerate(asking):
            if len(asked):
                among = self._among(own, count)
                near, away = nearest_among(rows[asked], self._vectors[among], count, themselves=themselves)
                places[asked], distances[asked] = among[near], away
        return places, distances

    def _among(self, own: int, count: int) -> Places:
        """Return the members of a list and then those of the nearest ones, `count` at least."""
        probed = _PROBED
        while True:
            among = np.concatenate([self._members[one] for one in self._near[own, :probed]])
            if len(among) >= count or probed >= len(self._near):
                return among
            probed *= 2

    def _nearest_list(self, rows: Floats) -> Places:
        return nearest_among(rows, self._centres, 1)[0][:, 0]

    def _move_centres(self, part: Floats) -> None:
        for own, rows in enumerate(_members(self._nearest_list(part), len(self._centres))):
            if len(rows):  # else it stays where it is
                middle = part[rows].sum(axis=0)
                self._centres[own] = middle / max(float(np.linalg.norm(middle)), 1e-12)


def _members(list_of: Places, lists: int) -> list[Places]:
    """Return the rows of each list, ascending."""
    order = np.argsort(list_of, kind="stable")
    return np.split(order, np.cumsum(np.bincount(list_of, minlength=lists))[:-1])
