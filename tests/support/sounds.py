"""Sounds rendered to order: samples in, a MOV of uncompressed sound (and maybe pictures) out."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Sound = npt.NDArray[np.float64]

RATE_HZ = 48_000
_PART = 4800


def tone(level_db: float, seconds: float, *, hz: float = 1000.0, phase: float = 0.0, rate_hz: int = RATE_HZ) -> Sound:
    """Return a sine whose peak has a level against full scale, dB: float64 [n]."""
    moments = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.asarray(10 ** (level_db / 20) * np.sin(2 * np.pi * hz * moments + phase))


def levels(*parts: tuple[float, float]) -> Sound:
    """Return a stereo tone of 1 kHz that has these levels for so long: (dBFS, seconds); float64 [n, 2]."""
    mono = np.concatenate([tone(level_db, seconds) for level_db, seconds in parts])
    return np.stack([mono, mono], axis=1)


def write_sound(
    path: Path,
    samples: Sound,
    *,
    layout: str = "stereo",
    rate_hz: int = RATE_HZ,
    pictures: Sequence[npt.NDArray[np.uint8]] = (),
    fps: int = 10,
) -> Path:
    """Write float64 [n, channels], full scale 1, as 24-bit PCM; `pictures` (RGB, of one even size) go along."""
    whole = np.clip(np.rint(samples * (2**31 - 1)), -(2**31), 2**31 - 1).astype(np.int32)
    with av.open(os.fspath(path), "w", format="mov") as out:
        film = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast"}) if pictures else None
        stream = out.add_stream("pcm_s24le", rate=rate_hz, layout=layout)
        if film is not None:
            film.pix_fmt = "yuv420p"
            film.height, film.width = pictures[0].shape[:2]
            for picture in pictures:
                out.mux(film.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(film.encode())
        for begin in range(0, len(whole), _PART):
            part = np.ascontiguousarray(whole[begin : begin + _PART]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, format="s32", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, begin, Fraction(1, rate_hz)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path
