"""Frames of a film of any container, one a second, embedded; nothing of it is kept: the index samples MP4 and MOV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.errors import BrokenError
from vsortd.library.indexing.paced_film import STEP_MS, PacedFilm
from vsortd.library.indexing.sampling import PART, moments_of
from vsortd.media.thumbnails import stills_at

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from vsortd.core.technical_facts import TechnicalFacts
    from vsortd.media.pool import MediaPool
    from vsortd.vision.encoder import Encoder

    Pixels = npt.NDArray[np.uint8]

_ENOUGH: Final = 2  # times the model's side is the longer side of what is decoded: the shorter is its side, up to 2:1


def film_of_any(
    media: MediaPool, encoder: Encoder, path: Path, facts: TechnicalFacts, *, cancel: threading.Event | None = None
) -> PacedFilm:
    """Return one frame a second of a file's film; `facts` are the file's. Raises VideoError, ModelError, Cancelled."""
    film, preprocess = facts.film_stream, encoder.info.preprocess
    duration_s = facts.duration_s or 0.0
    if film is None or duration_s <= 0:
        raise BrokenError("it doesn't say how long it is")
    moments = moments_of(duration_s, STEP_MS, frames=film.frames)
    pictures = stills_at(
        media,
        path,
        [moment / 1000 for moment in moments],
        side_px=_ENOUGH * preprocess.side_px,
        duration_s=duration_s,
        cancel=cancel,
    )
    rows = [encoder.encode_images(np.stack(part)) for part in _parts(_fitted(pictures, encoder))]
    return PacedFilm(np.array(moments, np.int64), np.concatenate(rows), duration_s)


def _fitted(pictures: Iterator[Pixels], encoder: Encoder) -> Iterator[Pixels]:
    """Yield pictures as the model wants them, by the code that makes them in the workers."""
    import av

    from vsortd.media.picture import Pictures

    shaper = Pictures(encoder.info.preprocess, 1.0)
    for picture in pictures:
        yield shaper.make(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))


def _parts(pictures: Iterator[Pixels]) -> Iterator[list[Pixels]]:
    part: list[Pixels] = []
    for picture in pictures:
        part.append(picture)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part
