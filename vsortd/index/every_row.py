"""All that the index keeps, row by row: in memory is one row at a time, however many there are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.index.stored_looks import Embedded, arrays_of, is_sound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_TIME_BYTES: Final = 8
_KEPT: Final = " FROM video LEFT JOIN frames ON frames.video = video.id LEFT JOIN model ON model.id = frames.model"


@dataclass(frozen=True, slots=True)
class KeptVideo:
    """A video and a model: size as shown in px (0: unknown), times in Unix seconds; `frames` counts its moments.

    `model` is "" and `frames` 0 for a video of which no frames are kept, but what was measured.
    """

    path: Path
    size_bytes: int
    modified_s: float
    duration_s: float
    width_px: int
    height_px: int
    recorded_s: float
    model: str
    frames: int


def count_videos(db: sqlite3.Connection) -> int:
    """Return how many rows `every_video` yields."""
    return int(db.execute(f"SELECT count(*){_KEPT}").fetchone()[0])


def every_video(db: sqlite3.Connection) -> Iterator[KeptVideo]:
    """Yield each video, once for each model that has looked at it, by path."""
    found = db.execute(
        "SELECT video.path, size_bytes, mtime_ns, duration_s, width_px, height_px, recorded_s, model.key, times_ms"
        f"{_KEPT} ORDER BY video.path, video.id, frames.model"
    )
    for path, size_bytes, mtime_ns, duration_s, width_px, height_px, recorded_s, model, times in found:
        yield KeptVideo(
            Path(os.fsdecode(path)),
            size_bytes,
            mtime_ns / 1e9,
            duration_s,
            width_px,
            height_px,
            recorded_s,
            model or "",
            _moments(times),
        )


def _moments(times: bytes | None) -> int:
    """Return how many moments are kept, none of what is damaged."""
    if times is None or len(times) % _TIME_BYTES:
        return 0
    return len(np.unique(np.frombuffer(times, "<i8")))


def count_frames(db: sqlite3.Connection, model: str) -> int:
    """Return how many frames `every_frame` yields at most: two looks may have taken the same."""
    where = "WHERE frames.model = (SELECT id FROM model WHERE key = ?)"
    found = db.execute(f"SELECT sum(length(times_ms)) FROM frames {where}", (model,)).fetchone()  # noqa: S608 - constants
    return (found[0] or 0) // _TIME_BYTES


def every_frame(db: sqlite3.Connection, model: str) -> Iterator[tuple[Path, Embedded]]:
    """Yield each video with all its frames for a model, by path: ascending times without doubles.

    A row that is not what was kept is passed over, as everywhere.
    """
    found = db.execute(
        "SELECT video.path, looks, dim, dtype, times_ms, vectors, checksum FROM video"
        " JOIN frames ON frames.video = video.id WHERE frames.model = (SELECT id FROM model WHERE key = ?)"
        " ORDER BY video.path, video.id",
        (model,),
    )
    for path, *row in found:
        looks, dim, dtype, times, vectors, checksum = row
        stored = (looks, dim, dtype, times, vectors, checksum)
        if is_sound(stored):
            _, times_ms, kept = arrays_of(stored)
            moments, first = np.unique(times_ms, return_index=True)
            yield Path(os.fsdecode(path)), Embedded(moments, kept[first].astype(np.float32))
