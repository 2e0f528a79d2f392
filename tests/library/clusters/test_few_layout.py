"""The layout of few videos is UMAP's: the same graph, the same measure of closeness, and what is alike together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.library.clusters.few_layout import CLUMPED, SPREAD, Closeness, laid_out, neighbour_graph
from vsortd.library.clusters.projection import plan_for, space_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from vsortd.index.video import IndexedVideo

    Maker = Callable[..., list[IndexedVideo]]
    Knn = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]

pytestmark = pytest.mark.timeout(180)  # umap-learn is compiled when it is first used


def nearest_of(films: list[IndexedVideo]) -> Knn:
    """Return the nearest of each film and how far they are."""
    space = space_of(np.stack([film.vector() for film in films]), plan_for(len(films)), 0)
    assert space.knn is not None
    return space.knn[0], space.knn[1]


@pytest.mark.long
@pytest.mark.parametrize("copies", [1, 7], ids=["all differ", "with copies"])
def test_the_graph_is_that_of_umap_learn(made_films: Maker, copies: int) -> None:
    umap_ = pytest.importorskip("umap.umap_", reason="umap-learn is not installed")
    films = made_films(12, 11, spread=0.2) + made_films(1, spread=0.2) * copies
    places, distances = nearest_of(films)
    wanted, _, _ = umap_.fuzzy_simplicial_set(
        np.zeros((len(films), 1), np.float32),
        places.shape[1],
        np.random.RandomState(0),
        "cosine",
        knn_indices=places,
        knn_dists=distances,
    )
    np.testing.assert_allclose(wanted.toarray(), neighbour_graph(places, distances), atol=2e-3)


@pytest.mark.long
@pytest.mark.parametrize(("closeness", "min_dist"), [(CLUMPED, 0.0), (SPREAD, 0.8)], ids=str)
def test_closeness_falls_with_the_distance_as_umap_learn_has_it(closeness: Closeness, min_dist: float) -> None:
    umap_ = pytest.importorskip("umap.umap_", reason="umap-learn is not installed")
    assert pytest.approx(umap_.find_ab_params(1.0, min_dist), abs=1e-3) == (closeness.a, closeness.b)


@pytest.mark.parametrize("closeness", [CLUMPED, SPREAD], ids=str)
def test_what_is_alike_comes_together_from_any_start(made_films: Maker, closeness: Closeness) -> None:
    graph = neighbour_graph(*nearest_of(made_films(20, 20, 20, spread=0.1)))
    points = laid_out(graph, np.random.default_rng(1).normal(size=(60, 2)), closeness)
    groups = points.reshape(3, 20, 2)
    middles = groups.mean(axis=1)
    widest = np.linalg.norm(groups - middles[:, None], axis=2).max()
    apart = min(np.linalg.norm(middles[one] - middles[one - 1]) for one in range(3))
    assert np.isfinite(points).all()
    assert apart > 2 * widest


def test_copies_do_not_break_the_layout(made_films: Maker) -> None:
    places, distances = nearest_of(made_films(1, 1, spread=0) * 20)
    points = laid_out(neighbour_graph(places, distances), np.zeros((40, 2)), CLUMPED)
    assert np.isfinite(points).all()
