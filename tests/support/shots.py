"""Short clips of one scene, as a camera or a phone saves them: what the demo drops is made here."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Camera, Subject, render_clip

if TYPE_CHECKING:
    from pathlib import Path

FPS = 15
SECONDS = 3


@dataclass(frozen=True, slots=True)
class Shot:
    """What a clip shows, how it is held, and as what it is saved."""

    name: str
    subject: str
    light: str
    portrait: bool = False
    moving: bool = False


# The clips of `vsortd demo`; `python -m tests.sample_model.demo_clips` renders them into the package.
DEMO_SHOTS = (
    Shot("walk in the woods.mp4", "forest", "day", moving=True),
    Shot("IMG_0412.MOV", "sea", "day", portrait=True),
    Shot("summit.mp4", "mountains", "day", moving=True),
    Shot("DSC_0007.mp4", "snow", "day"),
    Shot("new year.mp4", "fireworks", "night"),
    Shot("campfire.mov", "fire", "night"),
    Shot("owls.mp4", "forest", "night"),
    Shot("commute.mp4", "road", "day", moving=True),
    Shot("downtown.mp4", "city", "day", portrait=True),
    Shot("slides.mp4", "text slides", "day"),
    Shot("flowers.mp4", "meadow", "day", portrait=True, moving=True),
)


def render_shot(shot: Shot, path: Path, *, seed: int, preset: str = "veryfast") -> Path:
    """Render a shot to `path` as H.264: 3 seconds, 640x360 or 360x640."""
    width, height = (360, 640) if shot.portrait else (640, 360)
    container_format = "mov" if path.suffix.lower() == ".mov" else "mp4"
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": preset, "crf": "23", "g": str(FPS)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.thread_count = 1  # or the same shot may be encoded with other bytes the next time
        pictures = render_clip(
            Subject(shot.subject),
            Light(shot.light),
            seed=seed,
            width_px=width,
            height_px=height,
            frames=FPS * SECONDS,
            fps=FPS,
            camera=Camera.MOVING if shot.moving else Camera.STILL,
        )
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path
