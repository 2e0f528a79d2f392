"""Searches of a very large index: what is found, also of what has just come, gone or changed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.large_index import MODEL, LargeIndex, no_stop, spans, target
from vsortd.core.identity import Identity
from vsortd.errors import Cancelled
from vsortd.index.frame_rows import FrameRows
from vsortd.library.search.frame_question import FrameQuestion
from vsortd.library.search.query import asked
from vsortd.library.search.shards import sharded_finder
from vsortd.library.search.shards.cascade import Cascade
from vsortd.library.search.shards.shard_folder import ShardFolder, ShardSizes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from vsortd.library.search.shards.exact_parts import Part


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LargeIndex]:
    """Return a world with shards that no test changes."""
    world = LargeIndex(tmp_path_factory.mktemp("large"))
    assert world.shards().build(no_stop) >= 2, "one that is full, and another"
    yield world
    world.index.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LargeIndex]:
    made = LargeIndex(tmp_path)
    yield made
    made.index.close()


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
def test_shards_find_what_a_scan_of_all_frames_finds(shared: LargeIndex, kind: str) -> None:
    wanted = target(kind, shared)
    right, found = shared.find(wanted), shared.find(wanted, shared.shards())
    assert right.hits
    assert spans(right.hits) == spans(found.hits)
    assert [hit.score for hit in found.hits] == pytest.approx([hit.score for hit in right.hits], abs=0.02)
    assert (found.videos, found.coarse, found.gone) == (right.videos, right.coarse, right.gone)
    assert found.hours == pytest.approx(right.hours)


def test_a_small_index_is_left_to_the_plain_scan(shared: LargeIndex) -> None:
    folder = ShardFolder(shared.index, MODEL, ShardSizes(large=1 << 40))
    assert folder.build(no_stop) == 0
    assert folder.places(shared.index.rows(MODEL)) is None


def test_few_videos_are_looked_through_frame_by_frame(shared: LargeIndex) -> None:
    rows = shared.index.rows(MODEL)
    places = shared.shards(few=10**6).places(rows[:2])
    assert places is not None
    assert places.parts == []
    assert not places.left_out & {(row.id, row.revision) for row in rows[:2]}


def test_each_frame_of_a_sample_stands_for_as_many_as_its_shard_has_of_it(
    world: LargeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards of one size keep other shares of their frames than a smaller one."""
    monkeypatch.setattr("vsortd.library.search.shards.shard._SAMPLE_MOST", 650)
    folder = world.shards(shard=3000)
    folder.build(no_stop)
    shares = {len(shard.sample) / shard.size for shard in folder.shards()}
    assert max(shares) > 1.5 * min(shares)
    rows = {(row.id, row.revision): row for row in world.index.rows(MODEL)}
    parts = [(one, {place: rows[video] for video, place in one.known.items()}) for one in folder.shards()]
    question = FrameQuestion.of(None, world.videos[0].vectors[:1].astype(np.float32), 1.0)
    found, weights = Cascade(parts, question, window_s=10.0, any_of=False).likeness()
    begin = 0
    for shard, _ in parts:
        assert weights[begin : begin + len(shard.sample)].sum() == pytest.approx(shard.size)
        begin += len(shard.sample)
    assert begin == len(found)


def test_the_first_frames_of_a_sample_are_spread_over_all_videos(shared: LargeIndex) -> None:
    """So a part of it that lies together in the file tells of them all."""
    for shard in shared.shards().shards():
        whole = np.bincount(shard.sample_videos, minlength=len(shard.videos))
        first = np.bincount(shard.sample_videos[: len(shard.sample_videos) // 4], minlength=len(shard.videos))
        np.testing.assert_allclose(first, whole / 4, atol=2)


def test_of_many_examples_fewer_frames_say_what_is_usual(shared: LargeIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsortd.library.search.shards.cascade._USUAL_OF", 2000)
    monkeypatch.setattr("vsortd.library.search.shards.cascade._USUAL_PRODUCTS", 8000)
    rows = {(row.id, row.revision): row for row in shared.index.rows(MODEL)}
    parts = [(one, {place: rows[video] for video, place in one.known.items()}) for one in shared.shards().shards()]
    frames = max(shared.videos, key=lambda video: len(video.vectors)).vectors.astype(np.float32)
    for examples, most in ((frames[:1], 2000), (frames[:16], 500)):
        question = FrameQuestion.of(None, examples, 1.0)
        likeness, _ = Cascade(parts, question, window_s=10.0, any_of=False).likeness()
        assert most <= len(likeness) < most + len(parts)


def test_no_column_says_too_much_where_they_are_compared(shared: LargeIndex) -> None:
    """Asked roughly a prompt does, as only its strongest rival counts, and a likeness doesn't."""
    wanted = target("scene and prompt", shared)
    assert wanted.examples is not None
    question = FrameQuestion.of(asked(wanted.prompts, (), shared.encoder), wanted.examples, 1.0)
    rows = {(row.id, row.revision): row for row in shared.index.rows(MODEL)}
    parts = [(one, {place: rows[video] for video, place in one.known.items()}) for one in shared.shards().shards()]
    cascade = Cascade(parts, question, window_s=10.0, any_of=False)
    codes = [part.shard.code_rows(part.runs) for part in cascade.parts]
    full = [part.question.full(rows) for part, rows in zip(cascade.parts, codes, strict=True)]
    beyond = np.concatenate([said - right for said, right in zip(cascade._rough, full, strict=True)])
    np.testing.assert_allclose(np.median(beyond, axis=0), 0.0, atol=0.1)


@pytest.mark.parametrize("kind", ["one prompt", "two prompts", "any of two"])
def test_where_all_runs_are_looked_at_frames_are_asked_around_the_best_places(
    shared: LargeIndex, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As in a folder with few hours: not the whole of the videos, of which only the first would get their turn."""
    monkeypatch.setattr("vsortd.library.search.shards.cascade._STRETCHES_LEAST", 12)
    monkeypatch.setattr("vsortd.library.search.shards.cascade._STRETCHES_LEAST_OF_SEVERAL", 12)
    monkeypatch.setattr("vsortd.library.search.shards.exact_parts._EXACT_FRAMES_MOST", 1200)
    wanted = replace(target(kind, shared), top=1)
    right, found = shared.find(wanted), shared.find(wanted, shared.shards())
    assert spans(right.hits) == spans(found.hits)
    assert [hit.score for hit in found.hits] == pytest.approx([hit.score for hit in right.hits], abs=1e-4)


def test_no_frame_is_asked_twice_where_scenes_are_longer_than_was_thought(
    shared: LargeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsortd.library.search.shards.exact_parts._MARGIN_WINDOWS", 0.1)
    lengthened, asked = [], []
    longer, read = sharded_finder.made_longer, FrameRows.read

    def made_longer(*arguments: Any) -> list[Part] | None:
        lengthened.append(found := longer(*arguments))
        return found

    def read_and_tell(rows: FrameRows, db: sqlite3.Connection, wanted: Any) -> Any:
        asked.extend((rows._row, frame) for frame in wanted.tolist())
        return read(rows, db, wanted)

    monkeypatch.setattr(sharded_finder, "made_longer", made_longer)
    monkeypatch.setattr(FrameRows, "read", read_and_tell)
    wanted = replace(target("one prompt", shared), top=1)
    monkeypatch.setattr("vsortd.library.search.shards.cascade._STRETCHES_LEAST", 12)
    assert shared.find(wanted, shared.shards()).hits
    assert any(lengthened)
    assert len(asked) == len(set(asked))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_read_of_shards_is_given_back(shared: LargeIndex) -> None:
    """All shards of ten thousand hours would take gigabytes."""
    rows = {(row.id, row.revision): row for row in shared.index.rows(MODEL)}
    parts = [(one, {place: rows[video] for video, place in one.known.items()}) for one in shared.shards().shards()]
    film = max(shared.videos, key=lambda video: len(video.vectors))
    assert all(int(shard.tail.max()) > 0 and mapped_bytes(shard.path) > 0 for shard, _ in parts)
    cascade = Cascade(
        parts, FrameQuestion.of(None, film.vectors[:1].astype(np.float32), 1.0), window_s=10, any_of=False
    )
    assert len(cascade.likeness()[0])
    assert cascade.stretches(5, 0.5)
    assert [mapped_bytes(shard.path) for shard, _ in parts] == [0] * len(parts)


def mapped_bytes(path: Path) -> int:
    """Return how much of a file this process has in memory by mapping it."""
    lines = iter(Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines())
    found = 0
    for line in lines:
        if line.endswith(str(path)):
            found += next(int(one.split()[1]) for one in lines if one.startswith("Rss:")) * 1024
    return found


def test_a_new_video_is_found_at_once(world: LargeIndex) -> None:
    folder = world.shards()
    folder.build(no_stop)
    wanted = target("moment", world)
    assert wanted.examples is not None
    new = world.keep("new.mp4", np.repeat(wanted.examples, 20, axis=0), is_portrait=False)
    assert world.find(wanted, folder).hits[0].row.path == new


def test_a_video_that_was_looked_at_again_says_what_is_new(world: LargeIndex) -> None:
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


def test_a_video_that_was_forgotten_is_never_found(world: LargeIndex) -> None:
    folder = world.shards()
    folder.build(no_stop)
    wanted = target("one prompt", world)
    gone = {hit.row.id for hit in world.find(wanted, folder).hits}
    world.index.forget(sorted(gone))
    found = world.find(wanted, folder)
    assert found.hits
    assert not gone & {hit.row.id for hit in found.hits}


def test_a_video_that_moved_is_told_by_its_new_name(world: LargeIndex) -> None:
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


def test_a_copy_is_told_with_the_video_that_it_is(world: LargeIndex) -> None:
    vectors = max(world.videos, key=lambda video: len(video.vectors)).vectors[:400].astype(np.float32)
    paths = [world.keep(name, vectors, is_portrait=False) for name in ("a copy.mp4", "another copy.mp4")]
    folder = world.shards()
    folder.build(no_stop)
    hit = world.find(replace(target("moment", world), examples=vectors[100:101]), folder).hits
    told = [one for one in hit if one.row.path in paths]
    assert {one.row.path for one in told} == {paths[0]}
    assert all(one.copies == (paths[1],) for one in told)


def test_what_has_changed_is_made_again_and_nothing_else(world: LargeIndex) -> None:
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


def test_building_ends_when_it_is_told_to(world: LargeIndex) -> None:
    folder = world.shards()
    left = iter(range(2))

    def stop() -> None:
        if next(left, None) is None:
            raise Cancelled

    with pytest.raises(Cancelled):
        folder.build(stop)
    assert folder.shards() == []
    assert list(folder.path.iterdir()) == []
