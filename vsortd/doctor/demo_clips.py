"""The clips that come with vsortd, for the demo and doctor's trial: rendered once, three seconds each."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from vsortd.errors import VsortdError

FOLDER = Path(__file__).resolve().with_name("clips")


@dataclass(frozen=True, slots=True)
class DemoClip:
    """A clip of the package, and how it is dropped."""

    name: str
    content_of: str = ""  # the clip whose bytes it has, if they lie under another name
    sidecar: str = ""
    cut: bool = False  # only its first half is dropped: a copy that never ended


CLIPS = (
    DemoClip("walk in the woods.mp4"),
    DemoClip("IMG_0412.MOV"),
    DemoClip("summit.mp4", sidecar="summit.srt"),
    DemoClip("DSC_0007.mp4"),
    DemoClip("new year.mp4"),
    DemoClip("campfire.mov"),
    DemoClip("owls.mp4"),
    DemoClip("commute.mp4"),
    DemoClip("downtown.mp4"),
    DemoClip("slides.mp4"),
    DemoClip("flowers.mp4"),
    DemoClip("new year (from phone).mp4", content_of="new year.mp4"),
    DemoClip("half copied.mp4", content_of="commute.mp4", cut=True),
)


def drop(clip: DemoClip, path: Path) -> Path:
    """Copy a clip to `path`, its first half if it is cut. Raises VsortdError when the installation lacks it."""
    source = FOLDER / (clip.content_of or clip.name)
    try:
        shutil.copyfile(source, path)
    except FileNotFoundError:
        raise VsortdError(f"The installation lacks {source}.", remedy="Install vsortd again.", paths=[FOLDER]) from None
    if clip.cut:
        os.truncate(path, path.stat().st_size // 2)
    return path


def whole_clips() -> list[Path]:
    """Return the clips as they lie in the package."""
    return [FOLDER / clip.name for clip in CLIPS if not clip.content_of]
