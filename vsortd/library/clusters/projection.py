"""Where videos lie beside one another: UMAP over one vector a video.

UMAP (McInnes 2018, 1802.03426) lays the vectors out in few dimensions so that neighbours stay neighbours; what is dense
there is a group (`dense_groups`), and who is unlike the rest of a group is then put out of it. For few videos
`few_layout` does what umap-learn does for many, which is compiled first. Everything is seeded: the same vectors give
the same groups on the same machine. What was measured stands in tests/benchmarks/NOTES.md.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from vsortd.core.text import counted
from vsortd.errors import UsageError
from vsortd.library.clusters import few_layout
from vsortd.library.clusters.nearest import InvertedLists, nearest_among, one_thread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Floats = npt.NDArray[np.float32]

# From this many videos on they are laid out. Rendered clips of known subjects, adjusted Rand index of the groups: with
# 12 videos 0.83 directly against 0.70, with 20 equal, with 30 0.78 against 0.92, with 60 0.64 against 0.97.
LEAST_TO_LAY_OUT: Final = 20
# Up to here without umap-learn: groups as good (NOTES.md), and 1,000 take 4 CPU-s, where compiling alone takes 7.
MOST_WITHOUT_UMAP: Final = 1_000
# Dimensions that are grouped in: 5 and 10 gave the same groups, and HDBSCAN's trees like few.
_DIMS: Final = 5
# Up to here neighbours are found by comparing all pairs, which takes 4 to 8 s; beyond, among near lists (`nearest`).
_ALL_PAIRS: Final = 20_000
# Vectors as near as this to one another are copies of one video: there is nothing to lay out. float16 rounds at 1e-3.
_SAME_COSINE: Final = 1 - 1e-4
# A member is a stranger when it is this many deviations less like its group's centre than the median member; deviations
# are at least this much of a cosine, or copies would make a stranger of everything else. UMAP draws nearly all that is
# alone to some group: of 314 made strangers among 3,000 vectors HDBSCAN saw 22, with this rule 314, and no other was
# taken for one. Of 362 rendered and real clips 20 go, and 14 of them had been in a wrong group.
_STRANGE_DEVIATIONS: Final = 4.0
_LEAST_DEVIATION: Final = 0.01
# umap-learn takes 500 rounds for up to 10,000 videos, 200 beyond. Made vectors, adjusted Rand index with 100 and with
# its own: 10,000 videos 0.995 and 0.997 (0.991 with 200), 20,000 0.948 and 0.943.
_ROUNDS: Final = 100
# UMAP's `min_dist`, as it is for few: what is dense is to be found, but dots of a map should not lie upon one another.
_MIN_DISTS: Final = {few_layout.CLUMPED: 0.0, few_layout.SPREAD: 0.8}

_UMAP_WARNINGS: Final = (
    r"n_jobs value .* overridden to 1 by setting random_state",  # asked for: seeded is what is wanted
    r"A few of your vertices were disconnected|A large number of your vertices were disconnected",  # they are noise
    r"precomputed_knn\[2\]",  # that no new vectors could be laid out beside these
)


@dataclass(frozen=True, slots=True)
class GroupingPlan:
    """How a number of videos is grouped: `neighbors` is 0 where they aren't laid out."""

    min_size: int
    neighbors: int


def plan_for(count: int, *, min_size: int | None = None, neighbors: int | None = None) -> GroupingPlan:
    """Return the plan for `count` videos; None stands for what suits their number.

    `min_size` is then half of √count, at least 2, from 12 videos on 3 (100 → 5, 1,000 → 16, 100,000 → 158); `neighbors`
    two fifths of the videos, 5 to 15. More neighbours than there are others are not asked for. Raises UsageError.
    """
    if min_size is not None and min_size < 2:  # noqa: PLR2004 - one video is no group
        raise UsageError(f"--min-size {min_size}: a group has two videos or more.", remedy="Say 2 or a larger number.")
    if neighbors is not None and neighbors < 2:  # noqa: PLR2004 - UMAP's own bound
        raise UsageError(f"--neighbors {neighbors}: too few to compare with.", remedy="Say 2 or a larger number.")
    size = min_size or max(2 if count < 12 else 3, round(0.5 * count**0.5))  # noqa: PLR2004 - see above
    if count < LEAST_TO_LAY_OUT:
        return GroupingPlan(size, 0)
    return GroupingPlan(size, min(neighbors or min(15, max(5, 2 * count // 5)), count - 1))


@dataclass(frozen=True)
class Space:
    """The vectors made ready: unit rows float32 [n, dim], and, where they are laid out, each one's neighbours."""

    vectors: Floats
    plan: GroupingPlan
    seed: int
    knn: tuple[npt.NDArray[np.int64], Floats] | None = None
    lists: InvertedLists | None = None

    def laid_out(self) -> Floats:
        """Return the points that are grouped, float32 [n, dims]."""
        return self._umap(_DIMS, few_layout.CLUMPED) if self.knn else self.vectors

    def map(self) -> Floats:
        """Return where each video stands on a map, float32 [n, 2]."""
        return self._umap(2, few_layout.SPREAD) if self.knn else self._widest[:, :2]

    def nearest_to(self, others: Floats, count: int) -> npt.NDArray[np.int64]:
        """Return which rows are the nearest to other unit rows [m, dim], the nearest first: [m, count]."""
        if self.lists is not None:
            return self.lists.nearest(others, count)[0]
        if not self.knn and all_the_same(self.vectors):  # none is nearer than another
            return np.broadcast_to(np.arange(count), (len(others), count))
        return nearest_among(others, self.vectors, count)[0]

    @cached_property
    def _widest(self) -> Floats:
        """The directions in which the vectors differ the most (PCA), [n, dims]; the signs are settled."""
        rest = (self.vectors - self.vectors.mean(axis=0)).astype(np.float64)
        count, dim = rest.shape
        with one_thread():  # by the smaller of both products: a decomposition of `rest` takes ten times as long
            squares, axes = np.linalg.eigh(rest @ rest.T if count <= dim else rest.T @ rest)
            columns = axes * np.sqrt(np.maximum(squares, 0)) if count <= dim else rest @ axes[:, -_DIMS:]
        flat = np.zeros((count, _DIMS), dtype=np.float32)
        for axis in range(min(_DIMS, columns.shape[1])):
            column = columns[:, -1 - axis]
            flat[:, axis] = column * (np.sign(column[np.abs(column).argmax()]) or 1)
        return flat

    def _umap(self, dims: int, closeness: few_layout.Closeness) -> Floats:
        if self.knn and len(self.vectors) <= MOST_WITHOUT_UMAP:
            graph = few_layout.neighbour_graph(*self.knn)
            return few_layout.laid_out(graph, self._widest[:, :dims], closeness)
        with _quiet():
            from umap.umap_ import UMAP

            model = UMAP(
                n_neighbors=self.plan.neighbors,
                n_components=min(dims, self.vectors.shape[1]),
                min_dist=_MIN_DISTS[closeness],
                metric="cosine",
                # as good as the default, spectral, and it can't fail to converge
                init="pca",
                n_epochs=_ROUNDS,
                random_state=self.seed,
                n_jobs=1,
                precomputed_knn=self.knn,
            )
            return np.asarray(model.fit_transform(self.vectors), dtype=np.float32)


def space_of(vectors: Floats, plan: GroupingPlan, seed: int) -> Space:
    """Make the vectors ready: unit rows float32 [n, dim]. Raises UsageError where a library is missing."""
    insist_on_libraries()
    if not plan.neighbors or all_the_same(vectors):
        return Space(vectors, plan, seed)
    if len(vectors) > MOST_WITHOUT_UMAP:
        insist_on_libraries(["umap"], count=len(vectors))
    if len(vectors) <= _ALL_PAIRS:
        knn = nearest_among(vectors, vectors, plan.neighbors, themselves=True)
        return Space(vectors, plan, seed, knn)
    lists = InvertedLists(vectors, seed)
    return Space(vectors, plan, seed, lists.neighbours(plan.neighbors), lists)


def without_strangers(
    vectors: npt.NDArray[np.floating], labels: npt.NDArray[np.int64], min_size: int
) -> npt.NDArray[np.int64]:
    """Return the labels with -1 for members that are far less like their group than its others, as cosines of vectors.

    Deviations are taken from the median, as 1.4826 times the median absolute deviation. A group that would have less
    than `min_size` members stays as it is.
    """
    kept = labels.copy()
    for label in range(int(labels.max(initial=-1)) + 1):
        rows = np.flatnonzero(labels == label)
        own = vectors[rows].astype(np.float32)
        centre = own.mean(axis=0)
        cosines = own @ (centre / max(float(np.linalg.norm(centre)), 1e-12))
        middle = float(np.median(cosines))
        deviation = max(1.4826 * float(np.median(np.abs(cosines - middle))), _LEAST_DEVIATION)
        strange = rows[cosines < middle - _STRANGE_DEVIATIONS * deviation]
        if len(rows) - len(strange) >= min_size:
            kept[strange] = -1
    return kept


def all_the_same(vectors: Floats) -> bool:
    """Tell whether all rows point the same way, so that there is nothing to tell apart."""
    return bool((vectors @ vectors[0]).min() >= _SAME_COSINE)


def insist_on_libraries(names: Sequence[str] = ("sklearn",), *, count: int = 0) -> None:
    """Raise UsageError where a library for grouping is not installed; `count` videos need it, 0: any number does."""
    missing = {"sklearn": "scikit-learn", "umap": "umap-learn", "matplotlib": "matplotlib"}
    videos = counted(count, "video") if count else "videos"
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise UsageError(
                f"Grouping {videos} needs {missing[name]}, which is not installed.",
                remedy="pip install 'vsortd[cluster]'",
            )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep UMAP's remarks on what is as we want it from being shown."""
    with warnings.catch_warnings():
        for message in _UMAP_WARNINGS:
            warnings.filterwarnings("ignore", message=message, category=UserWarning)
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        yield
