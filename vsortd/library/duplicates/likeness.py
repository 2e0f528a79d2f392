"""Which videos may show the same pictures: a few vectors a video, and each one's nearest in other videos. Pure.

A video is sketched by its whole (one pooled vector) and by its longest runs of frames that look alike, so that a part
cut out of a long video is found by a run although its whole is another. Frames of one plain colour have no say: a
black beginning would make strangers alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vsortd.index.video import IndexedVideo
    from vsortd.vision.encoder import Encoder

Float32 = npt.NDArray[np.float32]

# Cosine to a plain picture from which on a frame counts as plain; measured with the sample model: black frames after
# a lossy encoder ≥ 0.98, the darkest frames of real clips with something to see ≤ 0.9.
PLAIN_COSINE: Final = 0.95
_PLAIN_RGB: Final = (
    *((level, level, level) for level in (0, 16, 64, 128, 192, 255)),
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 64), (255, 255, 0)),
)
RUN_COSINE: Final = 0.9  # a frame goes on with the run whose mean it is this close to
SAME_DURATION_S: Final = 0.1  # containers and frame rates round it
_STRANGE_COSINE: Final = 0.3  # even a picture in thick bars is a little like the one without
_MOST_RUNS: Final = 256  # kept of a video, the longest; more would let one film of hours outweigh a library
ASKING_RUNS: Final = 6  # of these look for their like; all are found
# Matrix products are taken in tiles of 1,024 x 8,192: 32 MiB, whatever the library's size.
_ASKING_ROWS: Final = 1024
_ASKED_ROWS: Final = 8192


def plain_vectors(encoder: Encoder) -> Float32:
    """Return what the model makes of pictures of one colour, float32 [n, dim], rows of length 1. Raises ModelError."""
    side = encoder.info.preprocess.side_px
    pictures = np.empty((len(_PLAIN_RGB), side, side, 3), np.uint8)
    pictures[:] = np.array(_PLAIN_RGB, np.uint8)[:, None, None, :]
    return encoder.encode_images(pictures)


def telling(film: IndexedVideo, plain: Float32) -> npt.NDArray[np.bool_]:
    """Tell of each frame of a video whether it shows anything, bool [n]; `plain` as of `plain_vectors`."""
    nearest = np.asarray((film.vectors.astype(np.float32) @ plain.T).max(axis=1))
    return np.asarray(nearest < PLAIN_COSINE)


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A video in a few vectors: float16 [k, dim], unit rows; the whole first, then its runs, the longest first.

    No rows where no frame of it shows anything.
    """

    rows: npt.NDArray[np.float16]

    @property
    def asking(self) -> int:
        """How many of the rows look for their like."""
        return min(len(self.rows), 1 + ASKING_RUNS)


def sketch_of(film: IndexedVideo, plain: Float32) -> Sketch:
    """Sketch a video; see the module for what that is."""
    shows = telling(film, plain)
    seconds = np.diff(film.edges_ms)[shows] / 1000
    vectors = film.vectors[shows].astype(np.float32)
    if not len(vectors):
        return Sketch(np.empty((0, film.vectors.shape[1]), np.float16))
    seconds = np.maximum(seconds, 1e-3)  # two frames at the very end stand for no time, but were seen
    runs = _runs(vectors, seconds)
    rows = np.stack([seconds @ vectors, *(runs if len(runs) > 1 else [])])
    return Sketch((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16))


def _runs(vectors: Float32, seconds: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Return the sums of frames that follow one another and look alike, the longest in time first."""
    runs: list[tuple[float, npt.NDArray[np.float64]]] = []
    total, length = np.zeros(vectors.shape[1]), 0.0
    for vector, long in zip(vectors, seconds, strict=True):
        if length and float(vector @ total) < RUN_COSINE * float(np.linalg.norm(total)):
            runs.append((length, total))
            total, length = np.zeros(vectors.shape[1]), 0.0
        total = total + long * vector
        length += float(long)
    runs.append((length, total))
    runs.sort(key=lambda run: -run[0])
    return [total for _, total in runs[:_MOST_RUNS]]


@dataclass(frozen=True, slots=True)
class PairCandidate:
    """Two videos by their places among the sketches, `first` < `second`, and the best cosine of their rows."""

    first: int
    second: int
    cosine: float


@dataclass(slots=True)
class _Nearest:
    """The best so far of a block of asking rows: cosines and rows, [q, most], -1 where there is none yet."""

    cosines: Float32
    rows: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = np.full(self.cosines.shape, -1, np.int64)

    def take(self, found: Float32, begin: int) -> None:
        """Look through the cosines to the rows from `begin` on, float32 [q, r]."""
        most = self.cosines.shape[1]
        # after the first tiles few rows find anything better, and only these are sorted
        better = np.flatnonzero(found.max(axis=1) > self.cosines.min(axis=1))
        if not len(better):
            return
        part = found[better]
        width = min(most, part.shape[1])
        best = np.argpartition(part, part.shape[1] - width, axis=1)[:, -width:]
        cosines = np.concatenate([self.cosines[better], np.take_along_axis(part, best, axis=1)], axis=1)
        rows = np.concatenate([self.rows[better], best + begin], axis=1)
        keep = np.argpartition(cosines, cosines.shape[1] - most, axis=1)[:, -most:]
        self.cosines[better] = np.take_along_axis(cosines, keep, axis=1)
        self.rows[better] = np.take_along_axis(rows, keep, axis=1)


def candidates(
    sketches: Sequence[Sketch],
    *,
    least_cosine: float,
    most_each: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[PairCandidate]:
    """Return the pairs of videos with rows alike, the most alike first; ties in the order of the videos.

    Each asking row names up to `most_each` rows of other videos with a cosine of at least `least_cosine`. So at most
    7 `most_each` n pairs of n videos come back. The time grows with the square of the rows; beside the sketches
    it takes 32 MiB.
    """
    rows = np.concatenate([sketch.rows for sketch in sketches]) if sketches else np.empty((0, 1), np.float16)
    owners = np.repeat(np.arange(len(sketches)), [len(sketch.rows) for sketch in sketches])
    begins = np.cumsum([0, *(len(sketch.rows) for sketch in sketches)])
    asking = np.concatenate(
        [np.arange(begin, begin + one.asking) for begin, one in zip(begins, sketches, strict=False)] or [owners]
    )
    best: dict[tuple[int, int], float] = {}
    for start in range(0, len(asking), _ASKING_ROWS):
        block = asking[start : start + _ASKING_ROWS]
        nearest = _nearest(rows, owners, block, least_cosine, most_each)
        for place, row in np.argwhere(nearest.rows >= 0):
            one, other = int(owners[block[place]]), int(owners[nearest.rows[place, row]])
            pair = min(one, other), max(one, other)
            best[pair] = max(best.get(pair, -1.0), float(nearest.cosines[place, row]))
        if on_progress is not None:
            on_progress(min(len(asking), start + _ASKING_ROWS), len(asking))
    found = [PairCandidate(first, second, cosine) for (first, second), cosine in best.items()]
    return sorted(found, key=lambda one: (-one.cosine, one.first, one.second))


def by_duration(sketches: Sequence[Sketch], durations_s: Sequence[float], *, most_each: int) -> list[PairCandidate]:
    """Return pairs of videos of one duration, each video's `most_each` most alike; in the order of the durations.

    Bars and letters may make two files strange to the model that still end at the same frame.
    """
    order = sorted((place for place, one in enumerate(sketches) if len(one.rows)), key=lambda place: durations_s[place])
    wholes = np.array([sketches[place].rows[0] for place in order], np.float32)
    lengths = np.array([durations_s[place] for place in order])
    found: dict[tuple[int, int], PairCandidate] = {}
    for at, place in enumerate(order):
        end = int(np.searchsorted(lengths, lengths[at] + SAME_DURATION_S, side="right"))
        cosines = wholes[at + 1 : end] @ wholes[at]
        for other in np.argsort(-cosines, kind="stable")[:most_each]:
            if cosines[other] >= _STRANGE_COSINE:
                pair = sorted((place, order[at + 1 + int(other)]))
                found[pair[0], pair[1]] = PairCandidate(pair[0], pair[1], float(cosines[other]))
    return list(found.values())


def _nearest(
    rows: npt.NDArray[np.float16],
    owners: npt.NDArray[np.int64],
    block: npt.NDArray[np.int64],
    least_cosine: float,
    most_each: int,
) -> _Nearest:
    ask = rows[block].astype(np.float32)
    nearest = _Nearest(np.full((len(block), most_each), least_cosine, np.float32))
    for begin in range(0, len(rows), _ASKED_ROWS):
        found = ask @ rows[begin : begin + _ASKED_ROWS].astype(np.float32).T
        found[owners[block][:, None] == owners[None, begin : begin + _ASKED_ROWS]] = -1
        nearest.take(found, begin)
    return nearest
