"""Searches of a very large index: what is found, and what the shards over it are worth when something is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from tests.support.clustered_vectors import ClusteredEncoder, MadeLibrary
from tests.support.facts import clip_facts
from tests.support.paths import REPOSITORY
from vsortd.core.identity import Identity
from vsortd.core.video_facts import Orientation
from vsortd.errors import Cancelled
from vsortd.index.extent import Extent
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.library.search.ranking import SearchTarget, search
from vsortd.library.search.shards.shard_file import is_whole
from vsortd.library.search.shards.shard_folder import ShardFolder, ShardSizes
from vsortd.library.search.vector_cache import VectorCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.library.search.ranking import Hit, SearchResult

DIM: Final = 128
HOURS: Final = 1.5
MODEL: Final = "book"
SMALL: Final = ShardSizes(large=1000, waiting=1, shard=2000, few=0)


def no_stop() -> None:
    """Let it go on."""


class World:
    """An index of made videos, whose files are there and empty, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = MadeLibrary(DIM, seed=5)
        self.encoder = ClusteredEncoder(self.made)
        self.index = Index(folder / "state" / "index.sqlite3")
        self.videos = []
        for number, video in enumerate(self.made.videos(HOURS)):
            self.videos.append(video)
            self.keep(f"{number % 3}/{number}.mp4", video.vectors.astype(np.float32), is_portrait=video.is_portrait)

    def keep(self, name: str, vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]], *, is_portrait: bool) -> Path:
        """Put a video at a frame a second into the index."""
        path = self.folder / "library" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():  # else it is another file
            path.touch()
        identity = Identity.of(path)
        assert identity is not None
        width_px, height_px = (360, 640) if is_portrait else (640, 360)
        count = len(vectors)
        clip = replace(clip_facts(), duration_s=float(count), shown_width_px=width_px, shown_height_px=height_px)
        times_ms = np.arange(count, dtype=np.int64) * 1000 + 500
        self.index.keep(identity, path, clip, MODEL, "pace-1000:0", Embedded(times_ms, vectors))
        return path

    def shards(self, **sizes: int) -> ShardFolder:
        """Return the folder of shards, which takes so few frames for many."""
        return ShardFolder(self.index, MODEL, replace(SMALL, **sizes))

    def find(self, target: SearchTarget, folder: ShardFolder | None = None) -> SearchResult:
        """Ask by a folder of shards; without one every frame."""
        cache = VectorCache(
            self.index, MODEL, folder=folder or ShardFolder(self.index, MODEL, ShardSizes(large=1 << 40))
        )
        try:
            return search(cache, self.encoder, target)
        finally:
            cache.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a world with shards that no test changes."""
    world = World(tmp_path_factory.mktemp("large"))
    assert world.shards().build(no_stop) >= 2, "one that is full, and another"
    yield world
    world.index.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.index.close()


def spans(hits: list[Hit]) -> list[tuple[int, float, float]]:
    return [(hit.row.id, round(hit.begin_s, 3), round(hit.end_s, 3)) for hit in hits]


def target(kind: str, world: World) -> SearchTarget:
    film = max(world.videos, key=lambda video: len(video.vectors))
    rows = film.vectors.astype(np.float32)
    base = SearchTarget(min_score=0.0, top=10)
    return {
        "one prompt": replace(base, prompts=("topic 3",)),
        "two prompts": replace(base, prompts=("topic 3", f"topic {film.topics[0]}")),
        "any of two": replace(base, prompts=("topic 3", "topic 7"), any_of=True),
        "negative": replace(base, prompts=("topic 4",), against=("topic 9",)),
        "moment": replace(base, examples=rows[40:41]),
        "film": replace(base, examples=rows),
        "folder": replace(base, prompts=("topic 3",), under=Extent.of(world.folder / "library" / "1")),
        "portrait": replace(base, prompts=("topic 3",), orientation=(Orientation.PORTRAIT,)),
        "scene and prompt": replace(base, prompts=(f"topic {film.topics[300]}",), examples=rows[300:310]),
        "long windows": replace(base, prompts=("topic 3",), window_s=45.0),
        "short windows": replace(base, prompts=("topic 3",), window_s=3.0),
        "all that there is": replace(base, prompts=("topic 3",), top=400),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "one prompt",
        "two prompts",
        "any of two",
        "negative",
        "folder",
        "portrait",
        "long windows",
        "short windows",
        "moment",
        "film",
        "scene and prompt",
    ],
)
def test_shards_find_what_a_scan_of_all_frames_finds(shared: World, kind: str) -> None:
    wanted = target(kind, shared)
    right, found = shared.find(wanted), shared.find(wanted, shared.shards())
    assert right.hits
    assert spans(right.hits) == spans(found.hits)
    assert [hit.score for hit in found.hits] == pytest.approx([hit.score for hit in right.hits], abs=0.02)
    assert (found.videos, found.coarse, found.gone) == (right.videos, right.coarse, right.gone)
    assert found.hours == pytest.approx(right.hours)


def test_a_small_index_is_left_to_the_plain_scan(shared: World) -> None:
    folder = ShardFolder(shared.index, MODEL, ShardSizes(large=1 << 40))
    assert folder.build(no_stop) == 0
    assert folder.places(shared.index.rows(MODEL)) is None


def test_few_videos_are_looked_through_frame_by_frame(shared: World) -> None:
    rows = shared.index.rows(MODEL)
    places = shared.shards(few=10**6).places(rows[:2])
    assert places is not None
    assert places.parts == []
    assert not places.left_out & {(row.id, row.revision) for row in rows[:2]}


def test_a_new_video_is_found_at_once(world: World) -> None:
    folder = world.shards()
    folder.build(no_stop)
    wanted = target("moment", world)
    assert wanted.examples is not None
    new = world.keep("new.mp4", np.repeat(wanted.examples, 20, axis=0), is_portrait=False)
    assert world.find(wanted, folder).hits[0].row.path == new


def test_a_video_that_was_looked_at_again_says_what_is_new(world: World) -> None:
    folder = world.shards()
    folder.build(no_stop)
    wanted = target("moment", world)
    assert wanted.examples is not None
    (best, *_) = world.find(wanted, folder).hits
    frames = max(len(video.vectors) for video in world.videos)
    changed = np.repeat(-wanted.examples, frames, axis=0)
    world.keep(str(best.row.path.relative_to(world.folder / "library")), changed, is_portrait=False)
    found = world.find(wanted, folder).hits
    assert best.row.id not in {hit.row.id for hit in found}
    assert spans(found) == spans(world.find(wanted).hits)


def test_a_video_that_was_forgotten_is_never_found(world: World) -> None:
    folder = world.shards()
    folder.build(no_stop)
    wanted = target("one prompt", world)
    gone = {hit.row.id for hit in world.find(wanted, folder).hits}
    world.index.forget(sorted(gone))
    found = world.find(wanted, folder)
    assert found.hits
    assert not gone & {hit.row.id for hit in found.hits}


def test_a_video_that_moved_is_told_by_its_new_name(world: World) -> None:
    folder = world.shards()
    folder.build(no_stop)
    wanted = target("one prompt", world)
    before = world.find(wanted, folder).hits[0].row
    after = before.path.with_name("moved.mp4")
    before.path.rename(after)
    identity = Identity.of(after)
    assert identity is not None
    world.index.moved(before.identity, identity, after)
    assert world.find(wanted, folder).hits[0].row.path == after


def test_a_copy_is_told_with_the_video_that_it_is(world: World) -> None:
    vectors = max(world.videos, key=lambda video: len(video.vectors)).vectors[:400].astype(np.float32)
    paths = [world.keep(name, vectors, is_portrait=False) for name in ("a copy.mp4", "another copy.mp4")]
    folder = world.shards()
    folder.build(no_stop)
    hit = world.find(replace(target("moment", world), examples=vectors[100:101]), folder).hits
    told = [one for one in hit if one.row.path in paths]
    assert {one.row.path for one in told} == {paths[0]}
    assert all(one.copies == (paths[1],) for one in told)


def test_what_has_changed_is_made_again_and_nothing_else(world: World) -> None:
    folder = world.shards()
    folder.build(no_stop)
    before = {shard.path.name for shard in folder.shards()}
    assert folder.build(no_stop) == 0
    assert {shard.path.name for shard in folder.shards()} == before
    world.index.forget([number for number, _ in folder.shards()[0].known])
    world.keep("new.mp4", world.videos[0].vectors.astype(np.float32), is_portrait=False)
    folder.build(no_stop)
    rows = {(row.id, row.revision) for row in world.index.rows(MODEL)}
    covered = [video for shard in folder.shards() for video in shard.known]
    assert set(covered) <= rows
    assert len(covered) == len(set(covered))


def damage_header(path: Path) -> None:
    path.write_bytes(b"something else" + path.read_bytes()[14:])


def damage_lengths(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def damage_code(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2000] ^= 255
    path.write_bytes(data)


def damage_version(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"vsortd shard 1", b"vsortd shard 0", 1))


def damage_model(path: Path) -> None:
    other = ShardFolder(Index(path.parents[2] / "index.sqlite3"), "another model")
    assert other.path != path.parent
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_header, damage_lengths, damage_code, damage_version, damage_model])
def test_a_damaged_shard_is_made_again(world: World, damage: object) -> None:
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
def test_a_kill_while_a_shard_is_written_leaves_nothing_that_counts(world: World) -> None:
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


def test_building_ends_when_it_is_told_to(world: World) -> None:
    folder = world.shards()
    left = iter(range(2))

    def stop() -> None:
        if next(left, None) is None:
            raise Cancelled

    with pytest.raises(Cancelled):
        folder.build(stop)
    assert folder.shards() == []
    assert list(folder.path.iterdir()) == []


def test_frames_that_the_index_has_lost_are_not_tried_for_ever(world: World) -> None:
    with world.index._writing():
        world.index._db.execute("UPDATE frames SET checksum = checksum + 1 WHERE video % 2 = 0")
    folder = world.shards()
    assert folder.build(no_stop) >= 1
    assert folder.build(no_stop) == 0
