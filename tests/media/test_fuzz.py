"""Mutated real clips: each gives facts and frames, or one reason; no worker is lost to silence.

`VSORTD_FUZZ=2000 pytest tests/media/test_fuzz.py` runs more of them.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support import damaged_media
from tests.support.containers import KINDS, write_video
from vsortd.errors import VideoError
from vsortd.media.pool import MediaPool
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COUNT = int(os.environ.get("VSORTD_FUZZ", "40"))
PREPROCESS = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SHORTEST)


@pytest.mark.long
@pytest.mark.timeout(60 + COUNT)
def test_mutated_clips_end_with_facts_or_a_reason(clips: Path, bad_clips: Path, tmp_path: Path) -> None:
    outcomes = _outcomes(damaged_media.seeds((clips, bad_clips)), tmp_path)
    assert {"frames", "IncompleteError"} <= set(outcomes)


@pytest.mark.timeout(60 + COUNT)
def test_mutated_videos_of_other_containers_end_with_facts_or_a_reason(tmp_path: Path) -> None:
    (folder := tmp_path / "whole").mkdir()
    originals = [write_video(folder / f"video.{kind}") for kind in sorted(set(KINDS) - {"mp4", "3gp"})]
    outcomes = _outcomes(originals, tmp_path)
    assert {"frames", "IncompleteError"} <= set(outcomes)


def _outcomes(originals: Sequence[Path], folder: Path) -> list[str]:
    """Return what became of each mutant: "frames", "nothing", or the error that gave a reason."""
    with MediaPool(2, timeout_s=20, memory_bytes=800_000_000) as pool:

        def attempt(number: int) -> str:
            data, ending = damaged_media.mutant(number, originals)
            path = folder / f"{number}{ending}"
            path.write_bytes(data)
            try:
                clip = pool.probe(path)
                frames = pool.sample(path, clip, range(8), 32, PREPROCESS)
                return "frames" if len(frames.times_ms) else "nothing"
            except VideoError as error:
                return type(error).__name__ if error.reason else "no reason given"
            finally:
                path.unlink()

        with ThreadPoolExecutor(2) as executor:
            outcomes = list(executor.map(attempt, range(COUNT)))
    assert COUNT == len(outcomes)
    assert "no reason given" not in outcomes
    assert outcomes.count("LimitError") <= COUNT // 10, "workers die or run over too often"
    return outcomes
