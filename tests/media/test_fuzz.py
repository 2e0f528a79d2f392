"""Mutated real clips: each gives facts and frames, or one reason; no worker is lost to silence.

`VSORTD_FUZZ=2000 pytest tests/media/test_fuzz.py` runs more of them.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support import damaged_media
from vsortd.errors import VideoError
from vsortd.media.pool import MediaPool
from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from pathlib import Path

COUNT = int(os.environ.get("VSORTD_FUZZ", "100"))
PREPROCESS = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SHORTEST)


@pytest.mark.timeout(60 + COUNT)
def test_mutated_clips_end_with_facts_or_a_reason(clips: Path, bad_clips: Path, tmp_path: Path) -> None:
    originals = damaged_media.seeds((clips, bad_clips))
    outcomes: list[str] = []
    with MediaPool(2, timeout_s=20, memory_bytes=800_000_000) as pool:

        def attempt(number: int) -> str:
            data, _ = damaged_media.mutant(number, originals)
            path = tmp_path / f"{number}.mp4"
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
            outcomes += executor.map(attempt, range(COUNT))
    assert COUNT == len(outcomes)
    assert "no reason given" not in outcomes
    assert {"frames", "IncompleteError"} <= set(outcomes)
    assert outcomes.count("LimitError") <= COUNT // 10, "workers die or run over too often"
