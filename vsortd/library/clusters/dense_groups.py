"""HDBSCAN (Campello 2013): what is dense among points, without being told how many groups there are.

For few points scikit-learn's spanning tree is the exact one, whose time grows with their square. For many it is the
tree over each point's nearest (the mutual reachability needs no more within what is dense), and over the nearest pairs
of what hangs together by those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]

# `min_samples` is `min_size`, as the authors have it, but no more than this: it costs time, and smooths away what is
# dense.
_MOST_SAMPLES: Final = 30
# Up to here the exact tree: it takes 0.4 CPU-s for 10,000 points, 42 for 100,000, where the graph takes 5.
MOST_EXACT: Final = 10_000
_NEIGHBOURS: Final = 16  # of a point in the graph, itself among them, where `min_samples` asks for no more
_PARTS_NEAR: Final = 3  # of what hangs together: so many others, by their middles, are compared point by point,
_POINTS_NEAR: Final = 256  # and so many points, those that are nearest to the other's middle
# Copies lie at no distance from one another, which a sparse matrix takes for none that is known.
_LEAST_DISTANCE: Final = 1e-9


def gathered(points: Floats, min_size: int, *, most_exact: int = MOST_EXACT) -> tuple[Places, npt.NDArray[np.float64]]:
    """Return which group each point is in, -1 for none, and how strongly it belongs there, 0 to 1.

    `points` is [n, dims]; beyond `most_exact` of them the dims are few, or the search of neighbours takes long.
    """
    from sklearn.cluster import HDBSCAN

    count = len(points)
    if count < min_size:
        return np.full(count, -1), np.zeros(count)
    samples = min(min_size, _MOST_SAMPLES)
    if count <= most_exact:
        model = HDBSCAN(min_cluster_size=min_size, min_samples=samples, copy=True)
        found = model.fit(points)
    else:  # the graph holds no point as its own neighbour, so that one less is asked for
        model = HDBSCAN(min_cluster_size=min_size, min_samples=max(1, samples - 1), metric="precomputed", copy=False)
        found = model.fit(connected_graph(points, max(samples, _NEIGHBOURS)))
    return found.labels_.astype(np.int64), found.probabilities_.astype(np.float64)


def connected_graph(points: Floats, neighbours: int) -> csr_array:
    """Return the distances of each point [n, dims] to its nearest, itself among them, symmetric [n, n].

    Parts that don't hang together by those are joined by the nearest pairs of points of parts whose middles are near.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    count = len(points)
    distances, places = KDTree(points).query(points, k=neighbours)
    rows = np.repeat(np.arange(count), neighbours)
    others = rows != places.ravel()  # of more copies than neighbours a point itself may not be among them
    edges = [(rows[others], places.ravel()[others], distances.ravel()[others])]
    while True:
        starts, ends, lengths = (np.concatenate(part) for part in zip(*edges, strict=True))
        graph = coo_array((np.maximum(lengths, _LEAST_DISTANCE), (starts, ends)), shape=(count, count)).tocsr()
        parts, part_of = connected_components(graph, directed=False)
        if parts == 1:
            symmetric: csr_array = graph.maximum(graph.T).tocsr()
            return symmetric
        edges.append(_bridges(points, part_of, parts))


def _bridges(
    points: Floats, part_of: npt.NDArray[np.int32], parts: int
) -> tuple[Places, Places, npt.NDArray[np.float64]]:
    """Return the nearest pair of points of each part and of those whose middles are nearest: from, to, how far."""
    from scipy.spatial import KDTree

    members = np.split(np.argsort(part_of, kind="stable"), np.cumsum(np.bincount(part_of))[:-1])
    middles = np.stack([points[rows].mean(axis=0) for rows in members])
    _, near = KDTree(middles).query(middles, k=min(_PARTS_NEAR + 1, parts))
    pairs = {
        (min(one, other), max(one, other)) for one, row in enumerate(near.tolist()) for other in row if one != other
    }
    trees: dict[int, KDTree] = {}
    found = []
    for pair in sorted(pairs):
        less, more = sorted(pair, key=lambda part: len(members[part]))
        if more not in trees:
            trees[more] = KDTree(points[members[more]])
        rows = members[less]
        if len(rows) > _POINTS_NEAR:
            away = ((points[rows] - middles[more]) ** 2).sum(axis=1)
            rows = rows[np.argpartition(away, _POINTS_NEAR)[:_POINTS_NEAR]]
        distances, places = trees[more].query(points[rows])
        best = int(distances.argmin())
        found.append((rows[best], members[more][places[best]], distances[best]))
    starts, ends, lengths = zip(*found, strict=True)
    return np.array(starts), np.array(ends), np.array(lengths)
