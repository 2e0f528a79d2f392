"""The nearest vectors by lists are those of all pairs, but for few; copies don't come before a vector itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from vsortd.library.clusters import projection
from vsortd.library.clusters.nearest import InvertedLists, nearest_among
from vsortd.library.clusters.projection import Space, plan_for, space_of


def vectors_of(count: int, *, groups: int = 12, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return unit vectors around some middles."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(groups, 64))
    rows = middles[rng.integers(groups, size=count)] + 0.6 * rng.normal(size=(count, 64))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_the_nearest_come_first_with_their_distances() -> None:
    rows, vectors = vectors_of(1500, seed=1), vectors_of(300)
    places, distances = nearest_among(rows, vectors, 7)
    exact = 1 - rows @ vectors.T
    np.testing.assert_allclose(np.sort(exact, axis=1)[:, :7], distances, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(exact, places, axis=1), distances, atol=1e-5)


def test_lists_find_nearly_all_neighbours() -> None:
    vectors = vectors_of(6000)
    places, distances = InvertedLists(vectors, 0).neighbours(15)
    exact, _ = nearest_among(vectors, vectors, 15, themselves=True)
    np.testing.assert_array_equal(np.arange(6000), places[:, 0])
    found = np.mean([len(np.intersect1d(one, other)) / 15 for one, other in zip(exact, places, strict=True)])
    assert found >= 0.95
    assert (np.diff(distances, axis=1) >= -1e-6)[:, 1:].all()
    assert all(15 == len(set(row)) for row in places.tolist())


def test_lists_find_the_nearest_to_other_vectors() -> None:
    vectors, others = vectors_of(3000), vectors_of(500, seed=5)
    exact, _ = nearest_among(others, vectors, 1)
    assert np.mean(InvertedLists(vectors, 0).nearest(others, 5)[0][:, 0] == exact[:, 0]) >= 0.95


def test_the_same_seed_gives_the_same_neighbours() -> None:
    vectors = vectors_of(2000)
    one, other = (InvertedLists(vectors, 3).neighbours(10) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize("count", [1, 3, 40])
def test_as_many_are_found_as_are_asked_for_however_few_there_are(count: int) -> None:
    vectors = np.repeat(vectors_of(1), count, axis=0)  # copies: all but one list may be empty
    places, distances = InvertedLists(vectors, 0).neighbours(count)
    np.testing.assert_array_equal(np.arange(count), places[:, 0])
    assert [list(range(count))] * count == np.sort(places, axis=1).tolist()
    np.testing.assert_allclose(0, distances, atol=1e-6)


def test_very_many_videos_are_compared_within_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = vectors_of(1000)
    plain = space_of(vectors, plan_for(1000), 0)
    monkeypatch.setattr(projection, "_ALL_PAIRS", 999)
    listed = space_of(vectors, plan_for(1000), 0)
    assert plain.lists is None
    assert listed.lists is not None
    assert neighbours_of(plain).shape == neighbours_of(listed).shape
    assert np.mean(neighbours_of(plain)[:, 1] == neighbours_of(listed)[:, 1]) >= 0.95
    others = vectors_of(200, seed=8)
    assert np.mean(plain.nearest_to(others, 3)[:, 0] == listed.nearest_to(others, 3)[:, 0]) >= 0.95


def neighbours_of(space: Space) -> npt.NDArray[np.int64]:
    """Return the places of a space's neighbours."""
    assert space.knn is not None
    return space.knn[0]
