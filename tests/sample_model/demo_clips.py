"""Render the clips of `vsortd demo` into the package: `python -m tests.sample_model.demo_clips`."""

from __future__ import annotations

import sys

from tests.support.shots import DEMO_SHOTS, render_shot
from vsortd.doctor.demo_clips import FOLDER

SEED = 7100


def main() -> None:
    """Render each clip anew and say how large they are."""
    FOLDER.mkdir(exist_ok=True)
    for number, shot in enumerate(DEMO_SHOTS):
        render_shot(shot, FOLDER / shot.name, seed=SEED + number, preset="veryslow")
    size_bytes = sum(path.stat().st_size for path in FOLDER.iterdir())
    sys.stdout.write(f"{len(DEMO_SHOTS)} clips in {FOLDER}, {size_bytes / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()
