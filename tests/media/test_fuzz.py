"""Mutated real clips: each gives facts and frames, or one reason; no worker is lost to silence.

`VSORTD_FUZZ=2000 pytest tests/media/test_fuzz.py` runs more of them.
"""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from vsortd.errors import VideoError
from vsortd.media.pool import MediaPool
from vsortd.vision.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = int(os.environ.get("VSORTD_FUZZ", "100"))
PREPROCESS = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.SHORTEST)


def flip_bits(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 8, 64))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def harm_header(data: bytearray, dice: random.Random) -> None:
    """Overwrite numbers inside moov, where sizes, counts and offsets stand."""
    begin = max(0, data.find(b"moov"))
    for _ in range(dice.choice((1, 4, 16))):
        place = dice.randrange(begin, min(len(data), begin + 20_000))
        value = dice.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        data[place : place + 4] = value


def cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data)) :]


def zero_out(data: bytearray, dice: random.Random) -> None:
    begin = dice.randrange(len(data))
    end = min(len(data), begin + dice.choice((16, 4096, 1 << 20)))
    data[begin:end] = bytes(end - begin)


def splice(data: bytearray, dice: random.Random) -> None:
    begin, length = dice.randrange(len(data)), dice.randrange(1, 5000)
    data[begin:begin] = data[dice.randrange(len(data)) :][:length]


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip_bits,
    harm_header,
    cut,
    zero_out,
    splice,
)


@pytest.mark.timeout(60 + COUNT)
def test_mutated_clips_end_with_facts_or_a_reason(clips: Path, bad_clips: Path, tmp_path: Path) -> None:
    seeds = [
        path for folder in (clips, bad_clips) for path in sorted(folder.glob("*.m*")) if path.stat().st_size < 700_000
    ]
    outcomes: list[str] = []
    with MediaPool(2, timeout_s=20, memory_bytes=800_000_000) as pool:

        def attempt(number: int) -> str:
            dice = random.Random(number)  # noqa: S311 - the same mutants every time
            data = bytearray(dice.choice(seeds).read_bytes())
            for _ in range(dice.randint(1, 2)):
                if data:
                    dice.choice(MUTATIONS)(data, dice)
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
