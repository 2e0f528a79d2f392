"""Films to be measured: three shots that anything tells apart, and a film of which nothing can be read any more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.support.sounds import levels, write_sound

if TYPE_CHECKING:
    from pathlib import Path

FPS: Final = 10
SHOT_COLOURS: Final = ((200, 60, 50), (60, 170, 70), (60, 80, 200))
SHOTS_S: Final = (2, 3, 2)


def three_shots(path: Path) -> Path:
    """Write a MOV of 320x180: shots of `SHOTS_S`, each a colour with some texture, under a tone of -23 LUFS."""
    pictures = []
    for number, (colour, seconds) in enumerate(zip(SHOT_COLOURS, SHOTS_S, strict=True)):
        rng = np.random.default_rng(number)
        small = np.clip(np.array(colour) + rng.integers(-30, 30, (9, 16, 3)), 0, 255).astype(np.uint8)
        pictures += [np.kron(small, np.ones((20, 20, 1), np.uint8))] * (seconds * FPS)
    return write_sound(path, levels((-23.0, float(sum(SHOTS_S)))), pictures=pictures, fps=FPS)


def put_out(path: Path) -> None:
    """Overwrite a file's bytes while size, time and inode stay: what reads them fails."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"\0" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
