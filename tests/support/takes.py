"""Videos of several scenes whose cuts are known, rendered as the sample model knows the world."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av

from vsortd.vision.sample.canvas import Light
from vsortd.vision.sample.renderer import Subject, render_clip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Take = tuple[str, float]  # what is seen, and for how long, seconds


def render_takes(path: Path, takes: Sequence[Take], *, seed: int, fps: int = 10) -> Path:
    """Render takes one behind the other, with few keyframes, as cameras write them."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "24", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.time_base = Fraction(1, fps)
        for number, (subject, seconds) in enumerate(takes):
            pictures = render_clip(
                Subject(subject),
                Light.DAY,
                seed=seed * 100 + number,
                width_px=320,
                height_px=180,
                frames=round(seconds * fps),
                fps=fps,
            )
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path
