"""Small real videos, encoded on the spot."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from tests.sample_model.renderer import Subject, render_clip

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from tests.sample_model.canvas import Light

_MTIME_S = 1_700_000_000  # old enough to be at rest


def encode(path: Path, pictures: Iterable[npt.NDArray[np.uint8]], *, fps: int, **options: str) -> Path:
    """Write RGB pictures uint8 [h, w, 3] of even sizes as an H.264 MP4; `options` are libx264's, such as crf and g."""
    with av.open(os.fspath(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", **options})
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def render_scene(path: Path, subject: Subject, light: Light, *, seed: int, frames: int, fps: int) -> Path:
    """Render a scene that the sample model knows, 160 by 90 pixels; the same `seed` gives the same file and time."""
    pictures = render_clip(subject, light, seed=seed, width_px=160, height_px=90, frames=frames, fps=fps)
    encode(path, pictures, fps=fps, crf="23")
    os.utime(path, (_MTIME_S + seed, _MTIME_S + seed))
    return path
