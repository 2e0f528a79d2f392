"""The frames of a video and a model as the index stores them: one row for all looks at it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vsortd.index.index_file import checksum_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Embedded:
    """Frames as the model sees them: true times (int64 [n], ms), unit rows (float32 [n, dim])."""

    times_ms: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]


StoredRow = tuple[str, int, str, bytes, bytes, int | None]
Looks = list[tuple[str, int]]
Unpacked = tuple[Looks, npt.NDArray[np.int64], npt.NDArray[np.float16]]


def is_sound(row: StoredRow) -> bool:
    """Tell whether a row is what was kept; of one of an older format that isn't known."""
    return row[5] is None or row[5] == checksum_of(*row[:5])


def arrays_of(row: StoredRow) -> Unpacked:
    """Return a row's looks, times and vectors, look by look."""
    looks, dim, dtype, times, vectors, _ = row
    return _named(looks), np.frombuffer(times, "<i8"), np.frombuffer(vectors, dtype).reshape(-1, dim)


@lru_cache(maxsize=256)  # most videos were looked at alike
def _named(looks: str) -> Looks:
    return [(name, count) for name, count in json.loads(looks)]


def with_looks(
    row: StoredRow | None, fresh: Sequence[tuple[str, Embedded]]
) -> tuple[Looks, npt.NDArray[np.int64], npt.NDArray[np.float16]]:
    """Return a row's looks, times and vectors with some more behind them, which take the place of their namesakes."""
    looks: Looks = []
    times: list[npt.NDArray[np.int64]] = []
    vectors: list[npt.NDArray[np.float16]] = []
    if row is not None:
        known, old_times, old_vectors = arrays_of(row)
        ends = np.cumsum([count for _, count in known])
        names = {name for name, _ in fresh}
        for (name, count), end in zip(known, ends, strict=True):
            if name not in names:
                looks.append((name, count))
                times.append(old_times[end - count : end])
                vectors.append(old_vectors[end - count : end])
    for name, embedded in fresh:
        looks.append((name, len(embedded.times_ms)))
        times.append(embedded.times_ms)
        vectors.append(embedded.vectors.astype(np.float16))
    return looks, np.concatenate(times), np.concatenate(vectors)
