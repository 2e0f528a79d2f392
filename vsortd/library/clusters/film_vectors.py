"""What grouping reads of the films: one vector of each, and as many frames as there is room for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsortd.index.video import IndexedVideo

Vectors = npt.NDArray[np.floating]

# Frames that are kept in memory for the sheets and for whoever makes rules; beyond, films keep fewer of them. They
# are a gigabyte of a library of 100,000 films with ten frames each.
_ROOM_BYTES: Final = 1 << 30
_GROWTH: Final = 1.25
_COLUMNS_AT_ONCE: Final = 32


class FilmVectors:
    """Films and their vectors, which are float32, and float16 when there are more than `most_exact` films.

    A hundred thousand films don't fit into memory whole: then frames are left out, never the last of a film.
    """

    def __init__(self, most_exact: int) -> None:
        self._most_exact = most_exact
        self._room = _ROOM_BYTES
        self._films: list[IndexedVideo] = []
        self._vectors: Vectors = np.zeros((0, 0), np.float32)
        self._bytes = 0
        self._most: int | None = None  # frames of a film

    def read(self, films: Iterable[IndexedVideo]) -> tuple[tuple[IndexedVideo, ...], Vectors]:
        """Return the films by path and their vectors, [n, dim]; the object is empty then."""
        for film in films:
            self._add(film)
        order = sorted(range(len(self._films)), key=lambda row: (str(self._films[row].path), self._films[row].id))
        kept = tuple(self._films[row] for row in order)
        vectors, self._films, self._vectors = self._vectors, [], np.zeros((0, 0), np.float32)
        vectors.resize((len(order), vectors.shape[1]), refcheck=False)
        for begin in range(0, vectors.shape[1], _COLUMNS_AT_ONCE):  # there is no room for all of them twice
            columns = slice(begin, begin + _COLUMNS_AT_ONCE)
            vectors[:, columns] = vectors[order, columns]
        return kept, vectors

    def _add(self, film: IndexedVideo) -> None:
        """Take the film's vector, over all frames, and then as many of them as there is room for."""
        row = len(self._films)
        vector = np.nan_to_num(film.vector(), posinf=0.0, neginf=0.0)  # of what is no direction, none: like no other
        if row == self._most_exact:
            self._vectors = self._vectors.astype(np.float16)
        if row >= len(self._vectors):  # in place where the system can: the two halves are never there at once
            self._vectors.resize((max(64, int(row * _GROWTH)), len(vector)), refcheck=False)
        self._vectors[row] = vector
        thin = _thinned(film, self._most)
        self._films.append(thin)
        self._bytes += thin.vectors.nbytes
        while self._bytes > self._room and self._most != 1:
            longest = self._most or max(len(kept.times_ms) for kept in self._films)
            self._most = max(1, longest // 2)
            self._films = [_thinned(kept, self._most) for kept in self._films]
            self._bytes = sum(kept.vectors.nbytes for kept in self._films)


def _thinned(film: IndexedVideo, most: int | None) -> IndexedVideo:
    """Return the film with at most so many of its frames, spread over it."""
    count = len(film.times_ms)
    if most is None or count <= most:
        return film
    rows = ((np.arange(most) + 0.5) * count / most).astype(np.int64)
    return replace(film, times_ms=film.times_ms[rows], vectors=film.vectors[rows].copy())
