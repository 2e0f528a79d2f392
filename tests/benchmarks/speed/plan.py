"""What is measured at which size, and by which model: read once from the command line, passed to everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODELS = ("sample", "ViT-B-32", "ViT-B-16")
# What the model is asked to choose between, by vsortd and by the recipe alike.
SUBJECTS = ("forest", "mountains", "snow", "sea", "city", "fire", "indoor", "road")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything: lengths in seconds, numbers of files."""

    name: str
    clip_s: int  # the clip that the recipe and vsortd both decide on
    clip_height_px: int
    recipe_frames: int  # so many are scored at most, the others at the same pace
    long_s: int
    repeats: int  # single drops of one clip, the median counts
    drops: int  # small clips dropped one by one on an idle daemon
    idle_s: float
    backlog: int
    backlog_lengths_s: tuple[int, ...]
    backlog_heights_px: tuple[int, ...]
    tiny: int
    tiny_floor: int  # so many tiny clips tell the floors of all


FULL = Scale(
    name="full",
    clip_s=180,
    clip_height_px=1080,
    recipe_frames=10_000,
    long_s=7200,
    repeats=5,
    drops=20,
    idle_s=30.0,
    backlog=200,
    backlog_lengths_s=(10, 20, 40, 90, 180),
    backlog_heights_px=(720, 1080, 2160),
    tiny=10_000,
    tiny_floor=1000,
)
# Small enough for a test: shows that everything works, and measures nothing.
QUICK = Scale(
    name="quick",
    clip_s=4,
    clip_height_px=180,
    recipe_frames=3,
    long_s=16,
    repeats=1,
    drops=2,
    idle_s=2.0,
    backlog=4,
    backlog_lengths_s=(2, 4),
    backlog_heights_px=(180, 270),
    tiny=12,
    tiny_floor=6,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the benchmark with one model.

    `cache` keeps rendered clips and weights between runs, `work` the homes of this run. `py_spy` is a profiler's
    program, or None for no profiles.
    """

    scale: Scale
    model: str
    cache: Path
    work: Path
    py_spy: Path | None = None
