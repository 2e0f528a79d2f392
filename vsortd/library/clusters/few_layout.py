"""UMAP's layout of few videos, by sums over all pairs: nothing is compiled for it, and nothing is drawn by chance.

The graph and the forces are UMAP's (McInnes 2018, 1802.03426, sections 3.1 and 3.2). umap-learn moves the points by
samples of the pairs, in loops that are compiled first, for 7 CPU-s; here each pair counts with what its samples come to
in the mean. The time grows with the square of the videos. What was measured stands in tests/benchmarks/NOTES.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# UMAP takes 500 rounds for few; 100, 200 and 300 gave groups as good, and a map needs some to come apart.
_ROUNDS: Final = 200
_PUSHES: Final = 5  # UMAP's `negative_sample_rate`: pairs that push, for each that pulls
_LONGEST_STEP: Final = 4.0  # UMAP's bound of a step along each axis
_NEAREST: Final = 1e-3  # UMAP's: what keeps the push of points that lie upon one another finite
_WIDTH: Final = 10.0  # of the start along each axis, as umap-learn has it
_HALVINGS: Final = 64
_WIDEST: Final = 1e3  # far beyond any cosine distance
_LEAST_WIDTH: Final = 1e-3  # of a neighbourhood, in mean distances: UMAP's `MIN_K_DIST_SCALE`


@dataclass(frozen=True, slots=True)
class Closeness:
    """How close two points are at a distance: 1 / (1 + a·distance^2b), fitted to UMAP's `min_dist`."""

    a: float
    b: float


CLUMPED: Final = Closeness(1.9328, 0.7905)  # `min_dist` 0: for what is dense to be found
SPREAD: Final = Closeness(0.2321, 1.6812)  # `min_dist` 0.8: for a map, where dots should not lie upon one another


def neighbour_graph(places: npt.NDArray[np.int64], distances: Floats) -> Floats:
    """Return how surely each two videos belong together, 0 to 1, symmetric: float32 [n, n].

    `places` and `distances` are the nearest of each, itself first, [n, neighbours].
    """
    count, neighbours = places.shape
    away = distances[:, 1:].astype(np.float64)
    nearest = np.where(away > 0, away, np.inf).min(axis=1, keepdims=True)
    beyond = np.maximum(away - np.where(np.isfinite(nearest), nearest, 0), 0)
    low, high = np.zeros((count, 1)), np.full((count, 1), _WIDEST)
    for _ in range(_HALVINGS):  # each neighbourhood is as wide as makes its sum log2 of the neighbours
        width = (low + high) / 2
        above = np.exp(-beyond / width).sum(axis=1, keepdims=True) > np.log2(neighbours)
        low, high = np.where(above, low, width), np.where(above, width, high)
    width = np.maximum(high, _LEAST_WIDTH * np.maximum(away.mean(axis=1, keepdims=True), 1e-9))
    sure = np.zeros((count, count))
    np.put_along_axis(sure, places[:, 1:], np.exp(-beyond / width), axis=1)
    return np.asarray(sure + sure.T - sure * sure.T, dtype=np.float32)


def laid_out(graph: Floats, start: npt.NDArray[np.floating], closeness: Closeness) -> Floats:
    """Return where the videos come to stand, float32 [n, dims], by their graph (`neighbour_graph`) from a start.

    No matrix product is taken: those of a few columns gain nothing by BLAS, whose threads spin beside them.
    """
    a, b = np.float32(closeness.a), np.float32(closeness.b)
    pull = graph / graph.max(initial=np.float32(1e-9))
    pull[pull < 1 / _ROUNDS] = 0  # umap-learn never draws them either
    push = _PUSHES * pull.sum(axis=1, keepdims=True) / len(pull)
    pull *= 2 * a  # of a pair that pulls both are moved, so that it counts twice
    axes = _widened(start)
    apart, power, part = np.empty_like(pull), np.empty_like(pull), np.empty_like(pull)
    for turn in range(_ROUNDS):
        _squared_distances(axes, out=apart, part=part)
        np.log(apart, out=power)  # NumPy's power of single numbers takes twice as long as both of these
        power *= b
        np.exp(power, out=power)
        # force = 2b / (1 + a·power) · (push / (nearest + apart) - pull · power / apart), of each on each
        np.multiply(pull, power, out=part)
        part /= apart
        apart += np.float32(_NEAREST)
        np.divide(push, apart, out=apart)
        apart -= part
        power *= a
        power += 1
        apart *= 2 * b
        apart /= power
        np.fill_diagonal(apart, 0)
        steps = apart.sum(axis=1) * axes - np.einsum("ij,dj->di", apart, axes)
        axes += np.float32(1 - turn / _ROUNDS) * np.clip(steps, -_LONGEST_STEP, _LONGEST_STEP)
    return np.ascontiguousarray(axes.T)


def _squared_distances(axes: Floats, *, out: Floats, part: Floats) -> None:
    """Put the squared distances of points, [dims, n], and a little, so that none is 0, into `out` [n, n]."""
    out.fill(1e-6)
    for axis in axes:
        np.subtract(axis[:, None], axis, out=part)
        np.multiply(part, part, out=part)
        out += part


def _widened(start: npt.NDArray[np.floating]) -> Floats:
    """Return the start as wide along each axis as it is to be, [dims, n]."""
    least, most = start.min(axis=0), start.max(axis=0)
    return np.ascontiguousarray((_WIDTH * (start - least) / np.maximum(most - least, 1e-6)).T, dtype=np.float32)
