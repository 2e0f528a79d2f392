"""A pool of rendered pictures on disk: shards made ahead by a process of their own, the same for the same seed."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.sample_model import capture, renderer
from tests.sample_model.canvas import Light

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SHARD_PICTURES = 256
CODEC_BATCH = 64  # so many pictures of a shard share one codec setting
KINDS = (
    "trees", "canopy", "leaves", "grass", "flowers", "dunes", "dry land", "snow", "snowy peaks", "peaks", "beach",
    "waves", "open sea", "clouds", "skyline", "street", "buildings", "highway", "room", "table", "terminal", "slide",
    "ball game", "shapes", "fire", "fireworks",
)  # fmt: skip
NO_SCENES = ("nothing", "texture", "face", "object", "drawing", "space")  # kinds of what is UNKNOWN
SUBJECTS = tuple(renderer.Subject)
LIGHTS = tuple(Light)
HOUR_HIDDEN = -1  # the light of a picture that could have been taken at any hour
WAIT_S = 0.5  # how often a missing shard is looked for


@dataclass(frozen=True, slots=True)
class Shard:
    """Pictures uint8 [n, side, side, 3] with, for each, indices into SUBJECTS, LIGHTS (HOUR_HIDDEN: none) and KINDS.

    The kinds of what is UNKNOWN follow on those of the subjects, in the order of NO_SCENES.
    """

    pixels: NDArray[np.uint8]
    subjects: NDArray[np.int64]
    lights: NDArray[np.int64]
    kinds: NDArray[np.int64]


def render_shard(seed: int, index: int, *, pictures: int = SHARD_PICTURES) -> Shard:
    """Return the pictures of one shard; two thirds of its batches have been through H.264 of some quality."""
    shots = []
    for number in range(pictures):
        rng = np.random.default_rng((seed, index, number))
        shots.append(renderer.render_picture(*renderer.draw_subject(rng), rng))
    pixels = np.stack([shot.pixels for shot in shots])
    rng = np.random.default_rng((seed, index, pictures, 1))
    for start in range(0, pictures, CODEC_BATCH):
        if rng.random() < 0.66:
            piece = slice(start, start + CODEC_BATCH)
            pixels[piece] = capture.through_h264(pixels[piece], crf=int(rng.integers(16, 34)))
    return Shard(
        pixels,
        np.array([SUBJECTS.index(shot.subject) for shot in shots]),
        np.array([LIGHTS.index(shot.light) if shot.hour_shows else HOUR_HIDDEN for shot in shots]),
        np.array([(*KINDS, *NO_SCENES).index(shot.kind) for shot in shots]),
    )


class Pool:
    """The shards of one seed in a folder; `shard` renders what is missing itself, or waits for the one who does."""

    def __init__(self, folder: Path, seed: int, *, wait: bool, pictures: int = SHARD_PICTURES) -> None:
        self.folder, self.seed, self.wait, self.pictures = folder, seed, wait, pictures
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, index: int) -> Path:
        """Where a shard lies."""
        return self.folder / f"seed{self.seed}-n{self.pictures}-{index:05d}.npz"

    def shard(self, index: int) -> Shard:
        """One shard, from disk where it is there."""
        path = self.path(index)
        while self.wait and not path.exists():
            time.sleep(WAIT_S)
        if not path.exists():
            self.make(index)
        with np.load(path) as stored:
            return Shard(stored["pixels"], stored["subjects"], stored["lights"], stored["kinds"])

    def make(self, index: int) -> None:
        """Render one shard and put it in place whole."""
        shard = render_shard(self.seed, index, pictures=self.pictures)
        part = self.path(index).with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:
            np.savez(file, pixels=shard.pixels, subjects=shard.subjects, lights=shard.lights, kinds=shard.kinds)
        part.replace(self.path(index))


def main(arguments: Sequence[str] | None = None) -> int:
    """Render shards ahead of a training: `python -m tests.sample_model.pool --cache DIR --seed S --last N`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, required=True)
    parser.add_argument(
        "--stride", type=int, default=1, help="render every so manieth shard: one process for each rest"
    )
    chosen = parser.parse_args(arguments)
    pool = Pool(chosen.cache, chosen.seed, wait=False)
    for index in range(chosen.first, chosen.last, chosen.stride):
        if not pool.path(index).exists():
            pool.make(index)
    return 0


if __name__ == "__main__":
    sys.exit(main())
