"""A card's worth of files dropped at once: all are filed once, the memory stays flat, and `status` goes on answering.

100 files by default; the whole load: `VSORTD_MANY=20000 pytest -s tests/service/test_many_files.py`.
"""

from __future__ import annotations

import io
import os
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from tests.support import harness

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = int(os.environ.get("VSORTD_MANY", "100"))
GROWTH_MB = 200  # what a load may cost over idle
SECONDS_PER_FILE = 2.0  # patience, no expectation

pytestmark = [
    pytest.mark.timeout(max(300, NUMBER * SECONDS_PER_FILE)),
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the memory from /proc"),
]


def tiny_clip() -> bytes:
    """Return a small MP4: twelve frames, 96 x 64."""
    file = io.BytesIO()
    dice = np.random.default_rng(3)
    picture = dice.integers(0, 255, (64, 96, 3), dtype=np.uint8) // 4 + 90
    with av.open(file, "w", format="mp4") as box:
        stream = box.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = Fraction(1, 12)
        for _ in range(12):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                box.mux(packet)
        for packet in stream.encode(None):
            box.mux(packet)
    return file.getvalue()


def memory_mb(process: int) -> float:
    """Return the resident memory of one process in MB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {process} has no memory")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    one = harness.Home.make(
        tmp_path / "home",
        inbox="settle: 0.5s, recursive: true",
        rules="rules:\n  - {name: all, prompts: [sea], min_score: 0, min_margin: 0}\n",
    )
    yield one
    if one.daemon is not None:
        one.daemon.kill()
        one.daemon.wait()


@pytest.mark.long
def test_a_flood_of_files_is_filed_and_costs_little_memory(home: harness.Home) -> None:
    clip = tiny_clip()
    ready = home.folder / "ready"
    ready.mkdir()
    for number in range(NUMBER):
        serial = f"{number:08}".encode()
        (ready / f"clip {number:05}.mp4").write_bytes(clip + (8 + len(serial)).to_bytes(4, "big") + b"free" + serial)
    (ready / "clip 00000.mp4").rename(home.inbox / "clip 00000.mp4")
    home.start()
    assert home.daemon is not None
    home.wait(lambda: bool(home.items()), what="the first is filed, so that everything is warm")
    idle_mb = memory_mb(home.daemon.pid)

    began = time.monotonic()
    for path in sorted(ready.iterdir()):
        path.rename(home.inbox / path.name)
    peak_mb, answers_ms, filed = idle_mb, [], 0
    while filed < NUMBER:
        asked = time.monotonic()
        status = home.json("status")
        answers_ms.append((time.monotonic() - asked) * 1000)
        filed = status["counts"].get("filed", 0)
        peak_mb = max(peak_mb, memory_mb(home.daemon.pid))
        assert "running" == status["state"]
        assert time.monotonic() - began < NUMBER * SECONDS_PER_FILE + 120, home.log()[-3000:]
        time.sleep(0.5)
    took_s = time.monotonic() - began
    print(  # noqa: T201 - the figures of the long run
        f"\n{NUMBER} files in {took_s:.0f} s; memory {idle_mb:.0f} MB idle, {peak_mb:.0f} MB at most; "
        f"`vsortd status` as a process {np.median(answers_ms):.0f} ms median, {max(answers_ms):.0f} ms at most"
    )
    assert peak_mb - idle_mb <= GROWTH_MB
    assert [] == list(home.inbox.iterdir())
    assert NUMBER == len(list((home.library / "all").iterdir()))
    assert 0 == home.stop()
