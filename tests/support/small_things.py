"""Videos of one scene with another one small in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject, render_clip
from tests.support.clips import encode

if TYPE_CHECKING:
    from pathlib import Path

WIDTH_PX, HEIGHT_PX, SMALL_PX = 640, 360, 120
FPS = 4


def scene_with_small(
    path: Path, scene: Subject, small: Subject | None, *, at_px: tuple[int, int] = (0, 0), seconds: int = 4
) -> Path:
    """Render a scene by day; `small` is a square of a third of its height whose left and top are at `at_px`."""
    count = FPS * seconds
    pictures = list(
        render_clip(scene, Light.DAY, seed=1, width_px=WIDTH_PX, height_px=HEIGHT_PX, frames=count, fps=FPS)
    )
    if small is not None:
        parts = render_clip(small, Light.DAY, seed=2, width_px=SMALL_PX, height_px=SMALL_PX, frames=count, fps=FPS)
        left, top = at_px
        for number, part in enumerate(parts):
            pictures[number] = pictures[number].copy()
            pictures[number][top : top + SMALL_PX, left : left + SMALL_PX] = part
    return encode(path, pictures, fps=FPS, crf="18")
