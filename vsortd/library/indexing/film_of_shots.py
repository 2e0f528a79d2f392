"""A video as its shots: one picture of each, with the cuts as the bounds of its time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from vsortd.analysis.key_frames import frames_of_shots, key_moments_ms, shots_of_file
from vsortd.errors import BrokenError
from vsortd.library.indexing.embed import Keeper, SamplingRound, VideoEmbedder, identity_of, nothing_embedded
from vsortd.library.indexing.paced_film import PacedFilm
from vsortd.library.indexing.sampling import parts_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.library.indexing.embed import Looking
    from vsortd.vision.encoder import Encoder


def film_by_the_shot(
    looking: Looking, encoder: Encoder, path: Path, *, cancel: threading.Event | None = None
) -> PacedFilm:
    """Return one frame of each shot, its key frame; shots are measured and looked at now where they were not before.

    A shot of which no frame can be had counts to the one before it. Raises VideoError, ModelError, StoreError,
    Cancelled.
    """
    shots = shots_of_file(looking.media, looking.index, path, cancel=cancel)
    _look_at(looking, encoder, path, key_moments_ms(shots), cancel)
    film = looking.index.film(identity_of(path), encoder.info.key)
    if film is None:
        raise BrokenError("no frame could be decoded")
    chosen = frames_of_shots(film.times_ms, shots)
    seen = np.flatnonzero(chosen >= 0)
    if not len(seen):
        raise BrokenError("no frame could be decoded")
    times_ms = film.times_ms[chosen[seen]]
    begins = [shots[number].begin_s * 1000 for number in seen[1:]]
    edges_ms = np.array([0.0, *begins, max(film.duration_s * 1000, float(times_ms[-1]))])
    return PacedFilm(times_ms, film.vectors[chosen[seen]], film.duration_s, edges_ms)


def _look_at(
    looking: Looking, encoder: Encoder, path: Path, moments: Sequence[int], cancel: threading.Event | None
) -> None:
    """Embed the frames shown at some moments, as far as that was not done before; the mark that all is done comes last.

    Nothing is opened where it is there.
    """
    identity, key = identity_of(path), encoder.info.key
    looks = looking.index.looks(identity, key)
    done = f"key-frames-{hashlib.sha256(repr(moments).encode()).hexdigest()[:16]}"
    if done in looks:
        return
    clip = looking.media.probe(path, cancel=cancel)
    parts = [(f"{done}:{number}", part) for number, part in enumerate(parts_of(moments))]
    embedder = VideoEmbedder(looking.media, encoder, path, identity, clip, cancel)
    with Keeper(looking.index, identity, path, key) as keeper:
        for look in embedder.take([(name, part) for name, part in parts if name not in looks], snap_ms=0):
            keeper.take(look)
        keeper.take(SamplingRound(clip, done, nothing_embedded(encoder.info.dim)))
