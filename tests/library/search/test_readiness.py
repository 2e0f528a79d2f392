"""What is said of how much of a very large index is ready for quick searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.facts import clip_facts
from tests.support.harness import Here
from vsortd.core.identity import Identity
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.library.search.shards.readiness import SearchReadiness
from vsortd.library.search.shards.shard_folder import TEST_SIZES, ShardFolder, readiness_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize(
    ("quick_h", "new_h", "said"),
    [
        (1200.4, 0.0, "searches of all 1,200 hours are quick"),
        (1200.4, 12.0, "searches of 1,200 hours are quick; 12 hours are new and are compared frame by frame"),
        (139.0, 0.02, "searches of 139 hours are quick; 1 hour is new and is compared frame by frame"),
        (0.0, 400.0, "searches of 0 hours are quick; 400 hours are new and are compared frame by frame"),
    ],
)
def test_it_is_said_in_hours(quick_h: float, new_h: float, said: str) -> None:
    assert said == SearchReadiness("m", quick_h, new_h).sentence()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """Return a home whose index counts as a large one."""
    monkeypatch.setenv(TEST_SIZES, "100,50,1000,0")
    made = Here.make(tmp_path / "home")
    for number in range(1, 4):
        keep(made, number)
    return made


@pytest.fixture
def index(home: Here) -> Iterator[Index]:
    made = Index(home.folder / "state" / "index.sqlite3")
    yield made
    made.close()


def keep(home: Here, number: int) -> None:
    """Put an hour of fifty frames into the index."""
    index = Index(home.folder / "state" / "index.sqlite3")
    rows = np.random.default_rng(number).standard_normal((50, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    clip = clip_facts(duration_s=3600.0)
    path = home.library / f"{number}.mp4"
    path.write_bytes(b"x" * number)
    identity = Identity.of(path)
    assert identity is not None
    index.keep(identity, path, clip, "m", "pace-1000:0", Embedded(np.arange(50, dtype=np.int64) * 72_000, rows))
    index.close()


def test_hours_are_counted_video_by_video(home: Here, index: Index) -> None:
    assert [SearchReadiness("m", 0.0, 3.0, is_behind=True)] == readiness_of(index)
    ShardFolder(index, "m").build(lambda: None)
    assert [SearchReadiness("m", 3.0, 0.0)] == readiness_of(index)
    keep(home, 4)
    assert [SearchReadiness("m", 3.0, 1.0, is_behind=True)] == readiness_of(index)


def test_a_small_index_is_not_spoken_of(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TEST_SIZES)
    assert [] == readiness_of(index)


@pytest.mark.long
def test_doctor_and_index_tell_of_it(home: Here, index: Index) -> None:
    told = [one for one in home.json("doctor", "--quick", code=None)["checks"] if one["name"] == "searches"]
    assert ["searches of 0 hours are quick; 3 hours are new and are compared frame by frame"] == [
        one["found"] for one in told
    ]
    assert "vsortd run" in told[0]["remedy"]
    assert {"model": "m", "quick_h": 0.0, "new_h": 3.0} == told[0]["searches"]
    ShardFolder(index, "m").build(lambda: None)
    (told_now,) = [one for one in home.json("doctor", "--quick", code=None)["checks"] if one["name"] == "searches"]
    assert ("searches of all 3 hours are quick", "") == (told_now["found"], told_now["remedy"])
    document = home.json("index", home.inbox)
    assert [{"model": "m", "quick_h": 3.0, "new_h": 0.0}] == document["searches"]
