"""One pass over very many vectors, on all cores.

Half precision is widened block by block, so that a block and its products stay in a core's cache. Each thread takes
blocks by itself and computes alone: OpenMP would wake its threads at every step of every block (360,000 rows against
17 others, two cores: 0.20 s so, 0.10 s by blocks). NumPy, which widens numbers one by one, takes 0.4 s; a process that
ends after one question is through by that before torch, which takes more than a second to import, has begun.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

# So many rows NumPy asks as quickly as torch does; where torch has to be imported first, so many.
_FEW: Final = 16_384
_FEW_BEFORE_TORCH: Final = 1_000_000
_BLOCK: Final = 2048
_THREADS_MOST: Final = 16


class _Passes(contextlib.AbstractContextManager[None]):
    """Puts torch's number of threads back after passes, which may overlap.

    What one thread sets holds for every thread that first uses torch afterwards. So only the first pass sees what it
    was before all of them; whichever ends puts that back, for its own thread and, after the last one, for all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._threads = 0

    def __enter__(self) -> None:
        import torch

        with self._lock:
            if self._under_way == 0:
                self._threads = torch.get_num_threads()
            self._under_way += 1

    def __exit__(self, *_: object) -> None:
        import torch

        with self._lock:
            self._under_way -= 1
            torch.set_num_threads(self._threads)


_PASSES: Final = _Passes()


def numpy_will_do(count: int) -> bool:
    """Tell whether so many rows are asked sooner by NumPy (`over_few`) than by torch (`over_blocks`)."""
    return count <= (_FEW if "torch" in sys.modules else _FEW_BEFORE_TORCH)


def over_few(
    vectors: npt.NDArray[np.floating],
    columns: int,
    work: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]],
) -> npt.NDArray[np.float32]:
    """Return what `work` makes of the rows, as `over_blocks`, without torch."""
    found = np.empty((len(vectors), columns), np.float32)

    def take(begin: int) -> None:
        found[begin : begin + _BLOCK] = work(vectors[begin : begin + _BLOCK].astype(np.float32, copy=False))

    begins = range(0, len(vectors), _BLOCK)
    if len(vectors) <= _FEW:
        for begin in begins:
            take(begin)
        return found
    with ThreadPoolExecutor(min(_cores(), _THREADS_MOST), "blocks") as pool:
        for _ in pool.map(take, begins):
            pass
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_blocks(
    vectors: npt.NDArray[np.floating | np.int8], columns: int, work: Callable[[torch.Tensor], torch.Tensor]
) -> npt.NDArray[np.float32]:
    """Return what `work` makes of the rows [n, dim], float16, float32 or int8: float32 [n, columns].

    `work` takes some rows, float32 [b, dim], and returns [b, columns]; it is called on several threads at once.
    """
    import torch

    found = np.empty((len(vectors), columns), np.float32)

    def take(begin: int) -> None:
        block = vectors[begin : begin + _BLOCK]
        rows = torch.from_numpy(block if block.flags.writeable else block.copy())
        found[begin : begin + _BLOCK] = work(rows.float()).numpy()

    begins = range(0, len(vectors), _BLOCK)
    cores = _cores()
    if cores < 2:  # noqa: PLR2004 - nothing to share out
        for begin in begins:
            take(begin)
        return found
    with (
        _PASSES,
        ThreadPoolExecutor(
            max(1, min(cores, len(begins), _THREADS_MOST)), "blocks", initializer=lambda: torch.set_num_threads(1)
        ) as pool,
    ):
        for _ in pool.map(take, begins):
            pass
    return found
