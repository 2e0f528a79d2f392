"""Files that are one video are known for that, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.core.identity import Identity
from vsortd.index.video import IndexRow
from vsortd.library.search.copies import CopyFinder
from vsortd.library.search.scenes import FrameScores

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.library.search.copies import Frames

DIM = 64


def unit(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float16]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float16)


def pictures(seed: int, frames: int = 5) -> npt.NDArray[np.float16]:
    return unit(np.random.default_rng(seed).normal(size=(frames, DIM)))


class Library:
    """Videos with the frames that were looked at; the question is the first of the numbers of a frame."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[IndexRow] = []
        self.frames: list[Frames] = []

    def add(
        self,
        content: bytes,
        vectors: npt.NDArray[np.float16],
        *,
        duration_s: float = 5.0,
        shape: tuple[int, int] = (640, 360),
        first_ms: int = 500,
    ) -> None:
        path = self.folder / f"{len(self.rows)}.mp4"
        path.write_bytes(content)
        identity = Identity.of(path)
        assert identity is not None
        self.rows.append(IndexRow(len(self.rows), identity, path, duration_s, *shape, 0.0, 1))
        self.frames.append((first_ms + np.arange(len(vectors), dtype=np.int64) * 1000, vectors))

    def copies_of(self, film: int) -> list[int]:
        counts = [len(times) for times, _ in self.frames]
        scores = FrameScores(
            np.concatenate([times for times, _ in self.frames]),
            np.concatenate([vectors[:, :1] for _, vectors in self.frames]).astype(np.float32) * 10,
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.array([row.duration_s for row in self.rows]),
        )
        return CopyFinder(self.rows, scores, self.frames_of).copies_of(film)

    def frames_of(self, rows: Iterable[IndexRow]) -> dict[int, Frames]:
        return {row.id: self.frames[row.id] for row in rows}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def test_the_same_bytes_are_one_video_however_they_were_looked_at(library: Library) -> None:
    content = np.random.default_rng(1).bytes(1_000_000)
    library.add(content, pictures(1))
    library.add(content, pictures(2, frames=8), first_ms=250)  # by other looks
    library.add(content[:-1] + bytes([content[-1] ^ 1]), pictures(3))
    library.add(b"", pictures(4))
    library.add(b"", pictures(5))
    assert [1] == library.copies_of(0)
    assert [] == library.copies_of(2)
    assert [] == library.copies_of(3), "two empty files are no copies of one another"


def test_the_same_pictures_in_another_container_are_one_video(library: Library) -> None:
    vectors = pictures(1)
    library.add(b"an mp4", vectors)
    noise = np.random.default_rng(9).normal(scale=2e-4, size=vectors.shape)
    library.add(b"a mov, and longer", unit(vectors.astype(np.float64) + noise), duration_s=5.04, first_ms=510)
    assert [1] == library.copies_of(0)
    assert [0] == library.copies_of(1)


def test_pictures_that_are_only_alike_are_two_videos(library: Library) -> None:
    vectors = pictures(1)
    library.add(b"the one", vectors)
    other = vectors.copy()
    other[2] = unit(vectors[2:3].astype(np.float64) + np.random.default_rng(2).normal(scale=0.01, size=(1, DIM)))[0]
    other[2, 0] = vectors[2, 0]  # the question alone can't tell
    library.add(b"another take", other)
    library.add(b"turned around", vectors, shape=(360, 640))
    library.add(b"longer", vectors, duration_s=5.2)
    library.add(b"begins elsewhere", vectors, first_ms=900)
    assert [] == library.copies_of(0)
