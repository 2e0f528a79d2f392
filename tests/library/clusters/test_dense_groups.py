"""Groups by the graph of nearest neighbours are those of the exact tree, and nothing is left unconnected."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from vsortd.library.clusters.dense_groups import connected_graph, gathered

csgraph = pytest.importorskip("scipy.sparse.csgraph", reason="scikit-learn, which brings SciPy, is not installed")
metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

Points = npt.NDArray[np.float32]


def islands(*sizes: int, apart: float = 10.0, dims: int = 3, copies: int = 0, alone: int = 0) -> Points:
    """Return points around middles in one line, then copies of the first of them, and some far from everything."""
    rng = np.random.default_rng(5)
    middles = [np.full(dims, apart * number) for number in range(len(sizes))]
    groups = [middle + rng.normal(size=(size, dims)) for middle, size in zip(middles, sizes, strict=True)]
    strangers = rng.uniform(-8 * apart, 8 * apart, size=(alone, dims))
    return np.concatenate([*groups, np.repeat(groups[0][:1], copies, axis=0), strangers]).astype(np.float32)


@pytest.mark.parametrize(
    "points",
    [
        islands(300, 200, 120),
        islands(300, 200, 120, apart=4.0, alone=60),
        islands(200, 150, 100, copies=80),
        islands(*[60] * 12, apart=30.0, dims=5),
        islands(400, apart=1.0),
    ],
    ids=["apart", "near, with strangers", "copies", "many", "one"],
)
@pytest.mark.parametrize("min_size", [15, 50])
def test_the_graph_finds_what_the_exact_tree_finds(points: Points, min_size: int) -> None:
    exact, strengths = gathered(points, min_size)
    labels, others = gathered(points, min_size, most_exact=0)
    assert metrics.adjusted_rand_score(exact, labels) >= 0.95
    assert exact.max() == labels.max()
    same = (exact >= 0) & (labels >= 0)
    np.testing.assert_allclose(strengths[same], others[same], atol=0.05)


@pytest.mark.parametrize("copies", [0, 100])
def test_islands_are_joined_by_their_nearest_points(copies: int) -> None:
    points = islands(50, 50, 50, copies=copies)
    graph = connected_graph(points, 16)
    assert 0 == abs(graph - graph.T).max()
    assert 1 == csgraph.connected_components(graph, directed=False)[0]
    exact = np.linalg.norm(points[:50, None] - points[None, 50:100], axis=2)
    assert pytest.approx(exact.min(), rel=1e-6) == graph[:50, 50:100].tocoo().data.min()
    assert 1 == graph[:50, 50:100].nnz


def test_many_far_parts_hang_together() -> None:
    rng = np.random.default_rng(2)
    middles = rng.uniform(-1e4, 1e4, size=(90, 5))
    points = np.repeat(middles, 20, axis=0) + rng.normal(size=(1800, 5))
    labels, _ = gathered(points.astype(np.float32), 20, most_exact=0)
    np.testing.assert_array_equal(np.arange(90), np.sort(labels[::20]))
    assert 1 == csgraph.connected_components(connected_graph(points.astype(np.float32), 16), directed=False)[0]


def test_too_few_points_are_no_group() -> None:
    labels, strengths = gathered(islands(4), 5)
    assert [-1] * 4 == labels.tolist()
    assert [0.0] * 4 == strengths.tolist()
