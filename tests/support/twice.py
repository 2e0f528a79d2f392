"""Clips of the demo that are there more than once: the same file, smaller, and cut, for tests of duplicates."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import CLIPS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COPY, SMALL, PART = "summit copy.mp4", "downtown <b>small.mp4", "walk part.mp4"
"""A copy of summit.mp4, downtown.mp4 with fewer pixels, and a part of `walk in the woods.mp4`."""
WHOLES = ("summit.mp4", "downtown.mp4", "walk in the woods.mp4")


def put_twice(folder: Path) -> None:
    """Put the clips and what is made of them into a folder; skip where there is no ffmpeg."""
    for name in WHOLES:
        shutil.copy2(CLIPS / name, folder / name)
    shutil.copy2(CLIPS / "summit.mp4", folder / COPY)
    _made("downtown.mp4", folder / SMALL, ["-vf", "scale=160:-2"])
    _made("walk in the woods.mp4", folder / PART, ["-ss", "1", "-t", "1.5"])


def _made(name: str, target: Path, words: Sequence[str]) -> None:
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("no ffmpeg here")
    subprocess.run([ffmpeg, "-v", "error", "-i", CLIPS / name, *words, target], check=True, timeout=60)
