"""Vectors as codes of a byte a dimension, the dimensions in which pictures differ most first.

The first of them alone say roughly what a vector says, at a fraction of the work; all of them say it but for a few
thousandths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

Rows = npt.NDArray[np.float32]
HEAD_DIMENSIONS: Final = 96
_LEARNT_FROM_MOST: Final = 30_000
_LARGEST: Final = 127
_TINY: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class FrameCodes:
    """How vectors became codes: code = (vector - mean) · basis / steps, rounded.

    `mean` float32 [dim]; `basis` float32 [dim, dim], orthonormal columns, the direction in which vectors differ most
    first; `steps` float32 [dim].
    """

    mean: Rows
    basis: Rows
    steps: Rows

    @classmethod
    def learn(cls, vectors: Rows) -> Self:
        """Return what suits such vectors [n, dim], n ≥ 1."""
        some = vectors[:: -(-len(vectors) // _LEARNT_FROM_MOST)]
        mean = some.mean(axis=0)
        beside = some - mean
        _, basis = np.linalg.eigh(beside.T @ beside)
        basis = np.ascontiguousarray(basis[:, ::-1], np.float32)
        reach = np.zeros(vectors.shape[1], np.float32)
        for begin in range(0, len(vectors), _LEARNT_FROM_MOST):
            turned = (vectors[begin : begin + _LEARNT_FROM_MOST] - mean) @ basis
            reach = np.maximum(reach, np.abs(turned).max(axis=0))
        return cls(mean, basis, np.asarray(np.maximum(reach, _TINY) / _LARGEST, np.float32))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> Self:
        """Return it as `arrays` gave it."""
        mean, basis, steps = (np.asarray(arrays[name], np.float32) for name in ("mean", "basis", "steps"))
        return cls(mean, basis, steps)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return all that it is, by names."""
        return {"mean": self.mean, "basis": self.basis, "steps": self.steps}

    def encode(self, vectors: Rows) -> npt.NDArray[np.int8]:
        """Return the codes of vectors [n, dim], int8 [n, dim]."""
        codes = np.empty(vectors.shape, np.int8)
        for begin in range(0, len(vectors), _LEARNT_FROM_MOST):
            part = slice(begin, begin + _LEARNT_FROM_MOST)
            codes[part] = np.round((vectors[part] - self.mean) @ self.basis / self.steps).clip(-_LARGEST, _LARGEST)
        return codes

    def decode(self, codes: npt.NDArray[np.int8]) -> Rows:
        """Return about the vectors that the codes [n, dim] were made of."""
        return np.asarray((codes * self.steps) @ self.basis.T + self.mean, np.float32)

    def weights(self, rows: Rows) -> tuple[Rows, Rows]:
        """Return what makes of codes their vectors' products with `rows` [m, dim]: codes · weights.T + offsets.

        `weights` are [m, dim], `offsets` [m].
        """
        return np.asarray((rows @ self.basis) * self.steps, np.float32), np.asarray(rows @ self.mean, np.float32)
