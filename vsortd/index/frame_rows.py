"""Some frames of a video out of the index, without reading the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import sqlite3

    from vsortd.index.video import IndexRow


@dataclass(frozen=True, slots=True, eq=False)
class FrameRows:
    """Where the frames of a video lie in the index: `times_ms` int64 [n], ascending without doubles."""

    times_ms: npt.NDArray[np.int64]
    _places: npt.NDArray[np.intp]
    _row: int
    _dim: int
    _dtype: np.dtype[np.float16]

    @classmethod
    def of(cls, db: sqlite3.Connection, row: IndexRow, model: str) -> FrameRows | None:
        """Return it for the frames of a model; None where these are other ones by now, or none."""
        found = db.execute(
            "SELECT frames.rowid, dim, dtype, times_ms FROM frames JOIN model ON model.id = frames.model"
            " WHERE video = ? AND model.key = ? AND revision = ?",
            (row.id, model, row.revision),
        ).fetchone()
        if found is None:
            return None
        number, dim, dtype, times = found
        times_ms, places = np.unique(np.frombuffer(times, "<i8"), return_index=True)
        return cls(times_ms, places, number, dim, np.dtype(dtype)) if len(times_ms) else None

    def read(self, db: sqlite3.Connection, wanted: npt.NDArray[np.intp]) -> npt.NDArray[np.float16]:
        """Return the vectors of some frames (by their places in `times_ms`, at least one): float16 [n, dim].

        It is for whoever has read and checked the row before: a part tells nothing of the checksum of all.
        """
        places = self._places[wanted]
        found = np.empty((len(places), self._dim), self._dtype)
        size = self._dim * self._dtype.itemsize
        breaks = np.flatnonzero(np.diff(places) != 1) + 1
        with db.blobopen("frames", "vectors", self._row, readonly=True) as blob:
            for part in np.split(np.arange(len(places)), breaks):
                blob.seek(int(places[part[0]]) * size)
                data = blob.read(len(part) * size)
                found[part] = np.frombuffer(data, self._dtype).reshape(len(part), self._dim)
        return found
