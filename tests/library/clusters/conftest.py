"""Films whose groups are known, made of vectors alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.core.identity import Identity
from vsortd.index.video import IndexedVideo

if TYPE_CHECKING:
    from collections.abc import Callable

DIM = 16


def make_films(*sizes: int, spread: float = 0.05, strangers: int = 0, frames: int = 3) -> list[IndexedVideo]:
    """Make groups of films of these sizes in folders of their own, "/0/000.mp4" and so on, and strangers in "/x"."""
    rng = np.random.default_rng(3)
    films: list[IndexedVideo] = []
    for number, size in enumerate((*sizes, *[1] * strangers)):
        centre = np.eye(DIM)[number]
        if number >= len(sizes):  # further from all groups than they are from one another
            centre -= 0.5 * np.eye(DIM)[: len(sizes)].sum(axis=0)
        folder = str(number) if number < len(sizes) else "x"
        for _ in range(size):
            rows = centre + spread * rng.normal(size=DIM)
            rows = rows + 0.02 * rng.normal(size=(frames, DIM))
            vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
            place = len(films)
            path = Path(f"/{folder}/{place:03d}.mp4")
            times_ms = np.arange(frames, dtype=np.int64) * 1000
            identity = Identity(1, place + 1, 100, 100)
            films.append(IndexedVideo(place, identity, path, float(frames), 160, 90, 0.0, times_ms, vectors))
    return films


@pytest.fixture(scope="session")
def made_films() -> Callable[..., list[IndexedVideo]]:
    """Return `make_films`."""
    return make_films
