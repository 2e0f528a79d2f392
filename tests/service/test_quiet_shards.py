"""What makes a large index ready for searches, in the background."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.facts import clip_facts
from tests.support.waiting import until
from vsortd.core.identity import Identity
from vsortd.errors import StoreError
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.library.search.shards.shard_folder import ShardFolder, ShardSizes
from vsortd.service import quiet_shards
from vsortd.service.quiet_shards import QuietShards

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(tmp_path / "index.sqlite3")
    for number in range(1, 5):
        keep(made, number)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet_shards, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(quiet_shards, "AFTER_TROUBLE_S", 0.0)


def keep(index: Index, number: int) -> None:
    rows = np.random.default_rng(number).standard_normal((50, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    times_ms = np.arange(50, dtype=np.int64) * 1000
    path = Path(f"/lib/{number}.mp4")
    index.keep(Identity(1, number, 3, 4), path, clip_facts(), "m", "pace-1000:0", Embedded(times_ms, rows))


def folder_of(index: Index, model: str) -> ShardFolder:
    return ShardFolder(index, model, ShardSizes(large=100, waiting=1, shard=1000, few=0))


def covered(index: Index) -> int:
    return sum(len(shard.known) for shard in folder_of(index, "m").shards())


def is_idle(shards: QuietShards) -> bool:
    return shards._thread is None or not shards._thread.is_alive()


def test_it_is_made_ready_and_then_nothing_is_done_until_something_comes(index: Index) -> None:
    shards = QuietShards(index, lambda: ["m"], folder_of)
    shards.tend()
    until(lambda: covered(index) == 4, what="all are in shards")
    until(lambda: is_idle(shards), what="the thread has ended")
    before = shards._thread
    shards.tend()
    assert shards._thread is before, "nothing has changed"
    keep(index, 5)
    shards.tend()
    until(lambda: covered(index) == 5, what="the new one, too")
    shards.stop()


def test_without_a_model_nothing_is_made(index: Index) -> None:
    shards = QuietShards(index, list, folder_of)
    shards.tend()
    assert shards._thread is None


def test_a_model_that_is_asked_for_the_first_time_is_seen_to_at_once(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiet_shards, "LOOK_EVERY_S", 300.0)
    models: list[str] = []
    shards = QuietShards(index, lambda: models, folder_of)
    shards.tend()
    assert shards._thread is None
    models.append("m")
    shards.tend()
    until(lambda: covered(index) == 4, what="all are in shards")
    shards.stop()


def test_it_is_looked_at_now_and_then_only(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet_shards, "LOOK_EVERY_S", 300.0)
    shards = QuietShards(index, list, folder_of)
    assert shards.tend() == pytest.approx(300.0)
    assert 0 < shards.tend() <= 300


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is warned of."""
    found: list[str] = []
    monkeypatch.setattr(quiet_shards.logger, "warning", lambda text, *facts: found.append(text.format(*facts)))
    return found


def tend_twice(shards: QuietShards) -> None:
    for _ in range(2):
        shards.tend()
        until(lambda: is_idle(shards), what="the thread has ended")


def test_a_folder_that_cant_be_written_is_told_once(index: Index, said: list[str]) -> None:
    (index.path.parent / "search").write_text("in the way")
    tend_twice(QuietShards(index, lambda: ["m"], folder_of))
    assert len(said) == 1
    assert "searches stay slower" in said[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_full_disk_is_told_once_and_leaves_nothing_half_made(index: Index, said: list[str]) -> None:
    import resource

    shards = QuietShards(index, lambda: ["m"], folder_of)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))  # the first bytes can be written, as on a full disk
    try:
        tend_twice(shards)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(said) == 1
    assert list(folder_of(index, "m").path.iterdir()) == []
    shards.tend()
    until(lambda: covered(index) == 4, what="there is room again")
    shards.stop()


def test_what_failed_is_not_tried_again_at_once(index: Index, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet_shards, "AFTER_TROUBLE_S", 3600.0)
    (index.path.parent / "search").write_text("in the way")
    shards = QuietShards(index, lambda: ["m"], folder_of)
    shards.tend()
    until(lambda: is_idle(shards), what="the thread has ended")
    before = shards._thread
    assert shards.tend() > 3000
    assert (before, 1) == (shards._thread, len(said))


def test_an_index_that_cant_be_asked_doesnt_end_the_daemon(
    index: Index, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise StoreError("The index is locked.")

    shards = QuietShards(index, lambda: ["m"], folder_of)
    with monkeypatch.context() as trouble:
        trouble.setattr(index, "newest_revision", broken)
        shards.tend()
        shards.tend()
    assert (None, 1) == (shards._thread, len(said))
    shards.tend()
    until(lambda: covered(index) == 4, what="it can be asked again")
    shards.stop()


def test_what_is_under_way_ends_with_the_daemon(index: Index) -> None:
    shards = QuietShards(index, lambda: ["m"], folder_of)
    shards._stop.set()
    shards.tend()
    shards.stop()
    assert is_idle(shards)
    assert covered(index) == 0


def test_shards_of_a_model_that_the_index_knows_no_longer_are_removed(index: Index) -> None:
    search = index.path.parent / "search"
    former, strange = search / "0123456789abcdef", search / "fedcba9876543210"
    for folder in (former, strange):
        folder.mkdir(parents=True)
        (folder / "a.shard").write_bytes(b"codes")
    (strange / "notes.txt").write_text("not ours")
    shards = QuietShards(index, lambda: ["m"], folder_of)
    shards.tend()
    until(lambda: is_idle(shards), what="the thread has ended")
    assert covered(index) == 4
    assert not former.exists()
    assert ["notes.txt"] == [path.name for path in strange.iterdir()]
