"""What the index keeps of many videos that are told by their files, read at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from vsortd.core.identity import Identity
from vsortd.core.video_facts import Clip
from vsortd.index.kept_clip import CLIP, CLIP_VERSION, clip_of_document
from vsortd.index.measured_documents import document_of
from vsortd.index.stored_looks import Embedded, arrays_of, is_sound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsortd.index.index_file import IndexFile
    from vsortd.index.stored_looks import StoredRow, Unpacked


_AT_ONCE: Final = 500  # values of one statement
_ROW_BYTES: Final = 1000  # of a video besides its frames
_OF_VIDEOS: Final = (
    "SELECT video.id, duration_s, width_px, height_px, looks, dim, dtype, times_ms, vectors, checksum FROM video"
    " LEFT JOIN frames ON frames.video = video.id AND frames.model = ? WHERE video.id IN"
)


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """A video of the index: length and size as shown, what its file says if that was asked for and is kept, its frames.

    `unpacked` is None where no frames are kept for the model.
    """

    duration_s: float
    width_px: int
    height_px: int
    clip: Clip | None
    unpacked: Unpacked | None

    @property
    def held_bytes(self) -> int:
        """About the memory that this takes."""
        frames = 0 if self.unpacked is None else sum(part.nbytes for part in self.unpacked[1:])
        return _ROW_BYTES + frames

    def look(self, name: str) -> Embedded | None:
        """Return what was kept of one look, in the order of its frames, or None."""
        if self.unpacked is None:
            return None
        looks, times_ms, vectors = self.unpacked
        begin = 0
        for own, count in looks:
            if own == name:
                part = slice(begin, begin + count)
                return Embedded(times_ms[part].astype(np.int64), vectors[part].astype(np.float32))
            begin += count
        return None

    def sized(self) -> Clip:
        """Return the facts where length and size are all that is asked for."""
        return Clip(
            container="",
            brand="",
            width_px=self.width_px,
            height_px=self.height_px,
            shown_width_px=self.width_px,
            shown_height_px=self.height_px,
            rotation_deg=0,
            duration_s=self.duration_s,
            container_duration_s=self.duration_s,
            fps=0.0,
            frames=0,
            video_index=0,
            video_codec="",
            pixel_format="",
            bit_depth=0,
            hdr=False,
            fragmented=False,
        )


class StoredVideos:
    """Which videos the index keeps, and what it keeps of some of them for one model, by their files.

    One state of the index is seen. Raises StoreError where it is damaged.
    """

    def __init__(self, index: IndexFile, model: str) -> None:
        self._index = index
        self._model = model

    def numbered(self) -> dict[Identity, int]:
        """Return the number of each video that the index knows."""
        with self._index.reading() as db:
            rows = db.execute("SELECT id, device, inode, size_bytes, mtime_ns FROM video")
            return {Identity.of_columns(row[1:]): row[0] for row in rows}

    def was_at(self, path: Path) -> bool:
        """Tell whether some file that lay at a path is known."""
        with self._index.reading() as db:
            found = db.execute("SELECT 1 FROM video WHERE path = ? LIMIT 1", (os.fsencode(path),)).fetchone()
        return found is not None

    def of(self, videos: Sequence[int], *, clips: bool) -> Iterator[StoredVideo | None]:
        """Yield what is kept of videos by their numbers, None for one that is gone; with `clips` what its file says."""
        with self._index.reading() as db:
            model = db.execute("SELECT id FROM model WHERE key = ?", (self._model,)).fetchone()
            for begin in range(0, len(videos), _AT_ONCE):
                some = videos[begin : begin + _AT_ONCE]
                found = _kept(db, some, None if model is None else model[0], clips=clips)
                yield from (found.get(video) for video in some)


def _kept(db: sqlite3.Connection, videos: Sequence[int], model: int | None, *, clips: bool) -> dict[int, StoredVideo]:
    """Return what is kept of those videos that are there, by their numbers."""
    found = {}
    for video, duration_s, width_px, height_px, *row in db.execute(
        f"{_OF_VIDEOS} ({', '.join('?' * len(videos))})", (model, *videos)
    ):
        clip = _clip(db, video) if clips else None
        found[video] = StoredVideo(duration_s, width_px, height_px, clip, _unpacked(row))
    return found


def _unpacked(row: Sequence[object]) -> Unpacked | None:
    """Return the frames of a row, None where there is none, or it is not what was kept."""
    if row[0] is None:
        return None
    stored = cast("StoredRow", tuple(row))
    return arrays_of(stored) if is_sound(stored) else None


def _clip(db: sqlite3.Connection, video: int) -> Clip | None:
    row = db.execute(
        "SELECT document, checksum FROM part WHERE video = ? AND name = ? AND version = ?", (video, CLIP, CLIP_VERSION)
    ).fetchone()
    document = document_of(*row) if row is not None else None
    return None if document is None else clip_of_document(document)
