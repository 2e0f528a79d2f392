"""A header may claim any duration: two dozen frames that are to last for ages cost no more than they are."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support import harness, troubles
from vsortd.library.search.scenes import _windows

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)


def _claim(path: Path, *, frame_s: int) -> Path:
    """Let each frame of a clip last for so many seconds, by its sample table."""
    data = bytearray(path.read_bytes())
    for name, at, value in ((b"stts", 16, frame_s), (b"mdhd", 16, 1), (b"mdhd", 20, 0xFFFFFFFF)):
        place = data.find(name)
        data[place + at : place + at + 4] = struct.pack(">I", value)
    edits = data.find(b"elst")
    if edits > 0:
        data[edits : edits + 4] = b"free"
    path.write_bytes(data)
    return path


@pytest.mark.long
def test_index_search_and_timeline_come_to_their_end(tmp_path: Path) -> None:
    home = harness.Here.make(tmp_path / "home", more=troubles.QUICK, rules=troubles.ONE_RULE)
    ages = _claim(troubles.make_clip(home.inbox / "ages.mp4", number=1, frames=24), frame_s=1_000_000_000)
    troubles.make_clip(home.inbox / "plain.mp4", number=2)
    items = {item["file"].rpartition("/")[2]: item for item in home.json("index", home.inbox)["items"]}
    assert {"indexed"} == {item["state"] for item in items.values()}
    assert items["ages.mp4"]["duration_s"] > 1e9, "the header's claim is kept as it is"
    assert 1 <= items["ages.mp4"]["frames"] <= 10_000
    assert {"ages.mp4", "plain.mp4"} == {
        scene["file"].rpartition("/")[2] for scene in home.json("search", "sea", "--all")["scenes"]
    }
    home.json("timeline", ages, "sea")


def test_windows_are_bounded_and_cover_all_of_a_video() -> None:
    lengths_s = np.array([3.0, 60.0, 2.5e10])
    windows = _windows(lengths_s, 10.0)
    counts = np.bincount(windows.film)
    assert [1, 11] == counts[:2].tolist()
    assert counts[2] <= 200_001
    last = windows.begins_s[-1] + windows.lengths_s[-1]
    assert pytest.approx(2.5e10) == last
    assert len(_windows(np.array([3600.0]), 1e-9).film) <= 200_001
