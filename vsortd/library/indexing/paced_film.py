"""The frames of a video by which it is judged as a whole: one a step, or every one, whatever else is kept of it.

The index may hold more than a pace asks for: a closer look at some edges, the frames that decided where it was filed.
Counted, those would weigh what happened to be looked at before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.errors import BrokenError
from vsortd.library.indexing.embed import (
    Keeper,
    SamplingRound,
    VideoEmbedder,
    dense_film,
    identity_of,
    nothing_embedded,
)
from vsortd.library.indexing.sampling import moments_of

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.core.video_facts import Clip
    from vsortd.library.indexing.embed import Looking
    from vsortd.vision.encoder import Encoder

STEP_MS: Final = 1000
# Frames that are looked for in a video whose file doesn't list them: a header may claim any rate and duration.
_MOST_UNLISTED: Final = 100_000
# The name of the look that tells that all frames of a video were looked at; the names of its parts begin with it.
_EVERY: Final = "every-frame"
_PART: Final = 256  # frames of one request: each begins to decode at the keyframe before its first


@dataclass(frozen=True, slots=True, eq=False)
class PacedFilm:
    """Frames of a video: int64 [n] ascending without doubles, and unit rows [n, dim]; n ≥ 1.

    `edges_ms` are the bounds of the time that each stands for, [n + 1]; None: half-way between them, see `edges_of`.
    """

    times_ms: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.floating]
    duration_s: float
    edges_ms: npt.NDArray[np.float64] | None = None


def film_by_the_second(
    looking: Looking, encoder: Encoder, path: Path, *, cancel: threading.Event | None = None
) -> PacedFilm:
    """Return one frame a second, looked at now where it was not before. Raises like `dense_film`."""
    film = dense_film(looking, encoder, path, fps=1000 / STEP_MS, cancel=cancel)
    chosen = at_pace(film.times_ms, film.duration_s, STEP_MS)
    return PacedFilm(film.times_ms[chosen], film.vectors[chosen], film.duration_s)


def film_by_the_frame(
    looking: Looking, encoder: Encoder, path: Path, *, cancel: threading.Event | None = None
) -> PacedFilm:
    """Return all frames of a video, by its average rate: of one whose rate varies some may be missing.

    Raises VideoError, ModelError, StoreError, Cancelled.
    """
    identity, key = identity_of(path), encoder.info.key
    looks = looking.index.looks(identity, key)
    if _EVERY not in looks:
        clip = looking.media.probe(path, cancel=cancel)
        moments = frame_moments(clip)
        parts = [
            (f"{_EVERY}:{number}", moments[begin : begin + _PART])
            for number, begin in enumerate(range(0, len(moments), _PART))
        ]
        wanted = [(name, part) for name, part in parts if name not in looks]
        embedder = VideoEmbedder(looking.media, encoder, path, identity, clip, cancel)
        with Keeper(looking.index, identity, path, key) as keeper:
            for look in embedder.take(wanted, snap_ms=0):
                keeper.take(look)
            keeper.take(SamplingRound(clip, _EVERY, nothing_embedded(encoder.info.dim)))
    film = looking.index.film(identity, key)
    if film is None:
        raise BrokenError("no frame could be decoded")
    return PacedFilm(film.times_ms, film.vectors, film.duration_s)


def at_pace(times_ms: npt.NDArray[np.int64], duration_s: float, step_ms: int) -> npt.NDArray[np.intp]:
    """Return which of n ≥ 1 ascending frames are nearest to the moments of a pace, each once, ascending."""
    moments = np.asarray(moments_of(duration_s, step_ms, frames=len(times_ms)), np.int64)
    after = np.clip(np.searchsorted(times_ms, moments), 0, len(times_ms) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(times_ms[before] - moments) <= np.abs(times_ms[after] - moments)
    return np.unique(np.where(nearer, before, after))


def frame_moments(clip: Clip) -> list[int]:
    """Return the middle of each frame's time, ms."""
    count = clip.frames or min(round(clip.duration_s * clip.fps), _MOST_UNLISTED)
    if count < 1:
        return moments_of(clip.duration_s, STEP_MS, frames=clip.frames)
    return [int((number + 0.5) * clip.duration_s * 1000 / count) for number in range(count)]
