"""What shards over a very large index are worth when something is wrong, or changes meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from tests.support.large_index import MODEL, LargeIndex, no_stop, spans, target
from tests.support.paths import REPOSITORY
from vsortd.index.store import Index
from vsortd.library.search.ranking import SearchTarget, search
from vsortd.library.search.shards.shard_file import is_whole
from vsortd.library.search.shards.shard_folder import ShardFolder, ShardSizes
from vsortd.library.search.vector_cache import VectorCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.index.extent import Extent
    from vsortd.index.video import IndexRow
    from vsortd.library.search.shards.shard_folder import ShardedPlaces


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LargeIndex]:
    made = LargeIndex(tmp_path)
    yield made
    made.index.close()


def damage_header(path: Path) -> None:
    path.write_bytes(b"something else" + path.read_bytes()[14:])


def damage_lengths(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def damage_code(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2000] ^= 255
    path.write_bytes(data)


def damage_version(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"vsortd shard 2", b"vsortd shard 1", 1))


def damage_model(path: Path) -> None:
    other = ShardFolder(Index(path.parents[2] / "index.sqlite3"), "another model")
    assert other.path != path.parent
    path.write_bytes(b"")


@pytest.mark.few(2)
@pytest.mark.parametrize("damage", [damage_header, damage_lengths, damage_code, damage_version, damage_model])
def test_a_damaged_shard_is_made_again(world: LargeIndex, damage: object) -> None:
    assert callable(damage)
    folder = world.shards()
    folder.build(no_stop)
    path = folder.shards()[0].path
    damage(path)
    assert not is_whole(path)
    wanted = target("one prompt", world)
    right = spans(world.find(wanted).hits)
    assert spans(world.find(wanted, world.shards()).hits) == right
    again = world.shards()
    again.tidy(no_stop)
    assert not path.exists()
    assert again.build(no_stop) >= 1
    assert sum(len(shard.known) for shard in again.shards()) == len(world.index.rows(MODEL))
    assert spans(world.find(wanted, again).hits) == right


_KILLED: Final = """
import os, signal, sys
from pathlib import Path
from vsortd.index.store import Index
from vsortd.library.search.shards.shard_folder import ShardFolder, ShardSizes
from vsortd.core.system import atomic_file
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
ShardFolder(Index(Path(sys.argv[1])), "book", ShardSizes(1000, 1, 2000, 0)).build(lambda: None)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_kill_while_a_shard_is_written_leaves_nothing_that_counts(world: LargeIndex) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _KILLED, os.fspath(world.index.path)], cwd=REPOSITORY, check=False, capture_output=True
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    folder = world.shards()
    assert list(folder.path.iterdir()), "what was written so far"
    assert folder.shards() == []
    folder.tidy(no_stop)
    assert list(folder.path.iterdir()) == []
    folder.build(no_stop)
    wanted = target("one prompt", world)
    assert spans(world.find(wanted, folder).hits) == spans(world.find(wanted).hits)


class ChangingCache(VectorCache):
    """One whose index changes in the middle of a question: the shards are chosen, and nothing is read yet."""

    change: Callable[[], object]

    def sharded(self, under: Extent | None, takes: Callable[[IndexRow], bool]) -> ShardedPlaces | None:
        """Choose the shards, then let the index change."""
        found = super().sharded(under, takes)
        self.change()
        return found


@pytest.mark.few(2)
@pytest.mark.parametrize("change", ["forgotten", "looked at again", "looked at again, shorter", "new shards"])
def test_a_change_while_a_search_runs_costs_no_other_hit(world: LargeIndex, change: str) -> None:
    folder = world.shards()
    folder.build(no_stop)
    wanted = target("moment", world)
    assert wanted.examples is not None
    (best, *_) = world.find(wanted, folder).hits
    name = str(best.row.path.relative_to(world.folder / "library"))
    frames = max(len(video.vectors) for video in world.videos)
    other = np.repeat(-wanted.examples, frames, axis=0)

    def happens() -> None:
        if change == "forgotten":
            world.index.forget([best.row.id])
        else:
            world.keep(name, other[: 30 if "shorter" in change else None], is_portrait=False)
        if change == "new shards":
            world.shards().build(no_stop)

    cache = ChangingCache(world.index, MODEL, folder=folder)
    cache.change = happens
    found = search(cache, world.encoder, wanted).hits
    cache.close()
    assert best.row.id not in {hit.row.id for hit in found}
    # what is usual among frames was told by those of before as well, so that a scene may be a second longer
    assert [(hit.row.id, hit.begin_s) for hit in world.find(wanted).hits] == [
        (hit.row.id, hit.begin_s) for hit in found
    ]


def test_frames_that_the_index_has_lost_are_not_tried_for_ever(world: LargeIndex) -> None:
    with world.index._writing():
        world.index._db.execute("UPDATE frames SET checksum = checksum + 1 WHERE video % 2 = 0")
    folder = world.shards()
    assert folder.build(no_stop) >= 1
    assert folder.build(no_stop) == 0


def test_a_video_that_has_the_number_of_one_that_went_says_what_it_shows(world: LargeIndex) -> None:
    """The newest video is forgotten, and the next one gets its number."""
    vectors = world.videos[0].vectors[:60].astype(np.float32)
    world.keep("first.mp4", vectors, is_portrait=False)
    folder = world.shards()
    folder.build(no_stop)
    wanted = SearchTarget(examples=-vectors[:1], min_score=0.0, top=5)
    cache = VectorCache(world.index, MODEL, folder=ShardFolder(world.index, MODEL, ShardSizes(large=1 << 40)))
    search(cache, world.encoder, wanted)
    newest = max(world.index.rows(MODEL), key=lambda row: row.revision)
    world.index.forget([newest.id])
    other = world.keep("other.mp4", -vectors, is_portrait=False)
    (row,) = (row for row in world.index.rows(MODEL) if row.id == newest.id)
    assert not [shard for shard in folder.shards() if (row.id, row.revision) in shard.known]
    assert other == search(cache, world.encoder, wanted).hits[0].row.path
    cache.close()


def test_an_index_in_the_place_of_another_is_not_taken_for_that(world: LargeIndex) -> None:
    world.shards().build(no_stop)
    world.index.close()
    for path in world.index.path.parent.glob("index.sqlite3*"):
        path.unlink()
    world.index = Index(world.index.path)
    for number, video in enumerate(reversed(world.videos)):  # the same numbers, other pictures
        world.keep(f"{number}.mp4", video.vectors.astype(np.float32), is_portrait=video.is_portrait)
    folder = world.shards()
    rows = {(row.id, row.revision) for row in world.index.rows(MODEL)}
    assert not rows & {video for shard in folder.shards() for video in shard.known}
    wanted = target("one prompt", world)
    right = spans(world.find(wanted).hits)
    assert right == spans(world.find(wanted, folder).hits)
    folder.build(no_stop)
    assert rows == {video for shard in folder.shards() for video in shard.known}
    assert right == spans(world.find(wanted, folder).hits)


def test_what_two_processes_have_made_is_asked_once_and_kept_once(world: LargeIndex) -> None:
    one, other = world.shards(), world.shards()
    due = other._due
    other._due = iter([due(), None]).__next__  # type: ignore[method-assign]
    one.build(no_stop)
    other.build(no_stop)
    wanted = target("one prompt", world)
    right = spans(world.find(wanted).hits)
    assert right == spans(world.find(wanted, world.shards()).hits)
    again = world.shards()
    again.build(no_stop)
    known = [video for shard in again.shards() for video in shard.known]
    assert sorted((row.id, row.revision) for row in world.index.rows(MODEL)) == sorted(known)
    assert right == spans(world.find(wanted, again).hits)


def test_what_cant_be_removed_is_not_made_again_for_ever(world: LargeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = world.shards()
    folder.build(no_stop)
    world.index.forget([number for number, _ in folder.shards()[0].known])

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "in use", str(path))

    with monkeypatch.context() as trouble:
        trouble.setattr("pathlib.Path.unlink", refuse)
        folder.build(no_stop)
        assert folder.build(no_stop) == 0
    wanted = target("one prompt", world)
    assert spans(world.find(wanted, folder).hits) == spans(world.find(wanted).hits)
    world.shards().build(no_stop)  # another process, later
    rows = {(row.id, row.revision) for row in world.index.rows(MODEL)}
    assert {video for shard in world.shards().shards() for video in shard.known} <= rows


def test_shards_that_are_all_damaged_are_as_good_as_none(world: LargeIndex) -> None:
    folder = world.shards()
    folder.build(no_stop)
    for path in folder.path.iterdir():
        path.write_bytes(b"")
    wanted = target("one prompt", world)
    assert spans(world.find(wanted, world.shards()).hits) == spans(world.find(wanted).hits)
    again = world.shards()
    again.tidy(no_stop)
    assert list(again.path.iterdir()) == []


def test_a_frame_of_no_numbers_spoils_no_other_video(world: LargeIndex) -> None:
    wanted = target("one prompt", world)
    right = spans(world.find(wanted).hits)
    vectors = world.videos[0].vectors[:40].astype(np.float32)
    vectors[5] = np.nan
    vectors[6] = np.inf
    world.keep("odd.mp4", vectors, is_portrait=False)
    folder = world.shards()
    folder.build(no_stop)
    with np.errstate(invalid="ignore"):
        found = world.find(wanted, folder).hits
    odd = {row.id for row in world.index.rows(MODEL) if row.path.name == "odd.mp4"}
    assert right == [span for span in spans(found) if span[0] not in odd][: len(right)]


def test_a_shard_that_cant_be_opened_now_is_asked_later(world: LargeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    world.shards().build(no_stop)
    folder = world.shards()

    def refuse(*_: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as trouble:
        trouble.setattr("vsortd.library.search.shards.shard_folder.Shard.open", refuse)
        assert folder.shards() == []
    assert folder.shards()
