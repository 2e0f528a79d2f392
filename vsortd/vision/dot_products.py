"""How much frames are like texts, many of both, on the thread that asks.

A BLAS library hands a large product to threads of its own, one a core, which spin while they wait for the next. Where
one product follows another, as in a preview of rules, they burn more processor time than the products take, and on a
machine that has other work as well whoever asks waits until each of them was given a core. A product of a few rows is
not worth a thread to any of them, and costs no more.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Multiplications of one product, and its rows. OpenBLAS, which numpy's wheels bring, shares none out from which a
# thread would get fewer (65,536 times GEMM_MULTITHREAD_THRESHOLD, 4, in its interface/gemm.c).
_MOST: Final = 1 << 18
_ROWS: Final = 8


def dot_products(rows: Array, texts: npt.NDArray[np.floating]) -> Array:
    """Return the product of each of `rows` [n, dim] with each of `texts` [k, dim]: [n, k]."""
    count, dim = rows.shape
    padded = rows if count >= _ROWS else np.vstack([rows, np.zeros((_ROWS - count, dim))])
    whole = len(padded) // _ROWS * _ROWS
    found = np.empty((len(padded), len(texts)))
    columns = max(1, _MOST // (_ROWS * max(1, dim)))
    for begin in range(0, len(texts), columns):
        turned = np.ascontiguousarray(texts[begin : begin + columns].T, dtype=np.float64)
        some = padded[:whole].reshape(-1, _ROWS, dim) @ turned
        found[:whole, begin : begin + columns] = some.reshape(whole, -1)
        if whole < len(padded):  # some of these stand above already
            found[-_ROWS:, begin : begin + columns] = padded[-_ROWS:] @ turned
    return found[:count]
