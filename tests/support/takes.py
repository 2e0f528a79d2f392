"""Videos of several scenes whose cuts are known, rendered as the sample model knows the world."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject, render_clip
from tests.support.clips import encode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Take = tuple[str, float]  # what is seen, and for how long, seconds


def render_takes(path: Path, takes: Sequence[Take], *, seed: int, fps: int = 10) -> Path:
    """Render takes one behind the other, with few keyframes, as cameras write them."""
    scenes = (
        render_clip(
            Subject(subject),
            Light.DAY,
            seed=seed * 100 + number,
            width_px=320,
            height_px=180,
            frames=round(seconds * fps),
            fps=fps,
        )
        for number, (subject, seconds) in enumerate(takes)
    )
    return encode(path, chain.from_iterable(scenes), fps=fps, crf="24", g="250")
