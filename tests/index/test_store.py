"""The index keeps embeddings by file and model, and says clearly when it can't."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from loguru import logger

from tests.support.facts import clip_facts
from vsortd.core.identity import Identity
from vsortd.core.video_facts import Orientation
from vsortd.errors import StoreError
from vsortd.index.extent import Extent
from vsortd.index.relocate import follow, rebase
from vsortd.index.store import Film, Index
from vsortd.index.stored_looks import Embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Identity(1, 2, 3, 4)
CLIP = clip_facts(rotation_deg=90)


def embedded(rows: int = 3, seed: int = 0, begin_ms: int = 0) -> Embedded:
    vectors = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float16).astype(np.float32)
    return Embedded(begin_ms + np.arange(rows, dtype=np.int64) * 1000, vectors)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(tmp_path / "index.sqlite3")
    yield made
    made.close()


@pytest.fixture
def warned() -> Iterator[list[str]]:
    """Collect what is warned of."""
    messages: list[str] = []
    number = logger.add(lambda message: messages.append(message.record["message"]), level="WARNING")
    yield messages
    logger.remove(number)


def test_one_row_holds_every_look_at_a_video_in_the_order_of_time(index: Index, tmp_path: Path) -> None:
    first, second = embedded(seed=1), embedded(seed=2, begin_ms=500)
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "spread-32:0-8", first)
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "pace-1000:0", second)
    film = index.film(FILE, "model")
    assert film is not None
    assert [0, 500, 1000, 1500, 2000, 2500] == film.times_ms.tolist()
    np.testing.assert_array_equal(second.vectors, film.vectors[1::2].astype(np.float32))
    assert ("spread-32:0-8", "pace-1000:0") == index.looks(FILE, "model")
    with sqlite3.connect(tmp_path / "index.sqlite3") as db:
        assert (1,) == db.execute("SELECT count(*) FROM frames").fetchone()
    db.close()


def test_a_video_is_found_by_its_number_and_has_all_its_names(index: Index, tmp_path: Path) -> None:
    video, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    video.write_bytes(b"film")
    other.hardlink_to(video)
    identity = Identity.from_stat(video.stat())
    assert index.number_of(identity) is None
    index.keep(identity, video, CLIP, "model", "spread-32:0-8", embedded())
    index.met(identity, other)
    number = index.number_of(identity)
    assert number is not None
    assert (identity, (video, other)) == index.numbered(number)
    assert index.numbered(number + 1) is None


def test_a_look_taken_again_replaces_itself(index: Index) -> None:
    for seed in (1, 2):
        index.keep(FILE, Path("/a.mp4"), CLIP, "model", "pace-1000:0", embedded(seed=seed))
    film = index.film(FILE, "model")
    assert film is not None
    np.testing.assert_array_equal(embedded(seed=2).vectors, film.vectors.astype(np.float32))


def test_a_lesson_is_taken_from_the_frames_that_decide(index: Index) -> None:
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "pace-1000:0", embedded(seed=1, begin_ms=500))
    before = index.kept(FILE, "model")
    assert before is not None
    assert [500, 1500, 2500] == before.times_ms.tolist()
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "spread-32:0-8", embedded(seed=2))
    kept = index.kept(FILE, "model")
    assert kept is not None
    assert [0, 1000, 2000] == kept.times_ms.tolist()


def test_films_say_how_they_are_shown_and_when_they_were_recorded(index: Index) -> None:
    dated = replace(CLIP, recorded_at="2024-05-06T07:08:09+02:00")
    index.keep(FILE, Path("/a.mp4"), dated, "model", "pace-1000", embedded())
    index.keep(Identity(1, 3, 3, 4_000_000_000), Path("/b.mp4"), CLIP, "model", "pace-1000", embedded())
    first, second = index.films("model")
    assert (Orientation.PORTRAIT, 3.0, 1714972089.0) == (first.orientation, first.duration_s, first.recorded_s)
    assert 4.0 == second.recorded_s


def test_films_are_found_by_folder_and_by_file_and_by_no_mere_beginning_of_a_name(index: Index) -> None:
    for number, name in enumerate(["/lib/a/1.mp4", "/lib/a b/2.mp4", "/lib/a.mp4", "/lib/a/c/3.mp4"]):
        index.keep(Identity(1, number, 3, 4), Path(name), CLIP, "model", "pace-1000", embedded())
    assert ["/lib/a/1.mp4", "/lib/a/c/3.mp4"] == [
        str(row.path) for row in index.rows("model", under=Extent.of(Path("/lib/a")))
    ]
    assert ["/lib/a.mp4"] == [str(row.path) for row in index.rows("model", under=Extent.of(Path("/lib/a.mp4")))]
    assert 4 == len(index.rows("model", under=Extent.of(Path("/"))))
    assert not index.rows("another model")


def test_what_was_measured_is_kept_for_this_very_file_and_this_very_way(index: Index) -> None:
    film = Film.of(CLIP, FILE)
    index.keep_parts(FILE, Path("/a.mp4"), film, "1", {"shots": {"count": 3}, "sound": {"integrated_lufs": -23.0}})
    index.keep_parts(FILE, Path("/a.mp4"), film, "2", {"shots": {"count": 4}})
    assert {"count": 4} == index.part(FILE, "shots", "2")
    assert index.part(FILE, "shots", "1") is None
    assert {"integrated_lufs": -23.0} == index.part(FILE, "sound", "1")
    changed = replace(FILE, mtime_ns=FILE.mtime_ns + 1)
    assert index.part(changed, "shots", "2") is None
    moved = replace(FILE, inode=FILE.inode + 1)
    index.moved(FILE, moved, Path("/b.mp4"))
    assert {"count": 4} == index.part(moved, "shots", "2")
    made_of_it = replace(moved, inode=moved.inode + 1)
    index.keep_parts(moved, Path("/b.mov"), film, "2", {"sound": {"silent": True}})
    index.moved(moved, made_of_it, Path("/b.mp4"), converted=True)
    assert index.part(made_of_it, "sound", "2") is None
    index.moved(made_of_it, moved, Path("/b.mov"))
    index.keep_parts(moved, Path("/b.mov"), film, "2", {"shots": {"count": 4}})
    assert [] == index.rows()  # nothing was looked at by a model
    (row,) = index.rows(measured=True)
    index.forget([row.id])
    assert index.part(moved, "shots", "2") is None
    with pytest.raises(ValueError, match="JSON"):
        index.keep_parts(FILE, Path("/a.mp4"), film, "1", {"sound": {"integrated_lufs": float("-inf")}})


def test_a_measurement_that_was_damaged_counts_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite3"
    with contextlib.closing(Index(path)) as index:
        index.keep_parts(FILE, Path("/a.mp4"), Film.of(CLIP, FILE), "1", {"shots": {"count": 3}})
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE part SET document = substr(document, 2)")
    with contextlib.closing(Index(path)) as index:
        assert index.part(FILE, "shots", "1") is None


def test_what_is_forgotten_is_gone_with_its_frames(index: Index) -> None:
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "pace-1000", embedded())
    (row,) = index.rows()
    index.forget([row.id])
    assert index.film(FILE, "model") is None
    assert {} == index.models()


def test_an_index_of_an_older_format_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite3"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE video (id INTEGER)")
        db.execute("PRAGMA user_version = 1")
    db.close()
    index = Index(path)
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "pace-1000", embedded())
    index.close()


def test_what_is_kept_comes_back_the_same(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite3")
    kept = embedded()
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "spread-32:0-8", kept)
    index.close()
    index = Index(tmp_path / "index.sqlite3")
    found = index.recall(FILE, "model", "spread-32:0-8")
    index.close()
    assert found is not None
    np.testing.assert_array_equal(kept.vectors, found.vectors)
    np.testing.assert_array_equal(kept.times_ms, found.times_ms)


@pytest.mark.parametrize(
    "question",
    [
        (Identity(1, 2, 3, 5), "model", "spread-32:0-8"),
        (FILE, "another model", "spread-32:0-8"),
        (FILE, "model", "spread-16:0-8"),
        (FILE, "model", "spread-32:8-16"),
    ],
    ids=["changed file", "other model", "other plan", "other part"],
)
def test_vectors_are_never_taken_for_others(tmp_path: Path, question: tuple[Identity, str, str]) -> None:
    index = Index(tmp_path / "index.sqlite3")
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "spread-32:0-8", embedded())
    assert index.recall(*question) is None
    index.close()


def test_vectors_follow_a_file_to_its_new_place(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite3")
    kept, there = embedded(), Identity(9, 8, 3, 4)
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "plan", kept)
    index.moved(FILE, there, Path("/library/a.mp4"))
    assert index.recall(FILE, "model", "plan") is None
    found = index.recall(there, "model", "plan")
    index.close()
    assert found is not None
    np.testing.assert_array_equal(kept.vectors, found.vectors)


def test_inodes_beyond_sqlites_integers_are_kept(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite3")
    huge = Identity(1, (1 << 64) - 1, 3, 4)
    index.keep(huge, Path("/a.mp4"), CLIP, "model", "plan", embedded())
    assert index.recall(huge, "model", "plan") is not None
    index.close()


def test_a_newer_index_stops_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite3"
    Index(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer vsortd"):
        Index(path)


def kept_one(path: Path) -> Embedded:
    """Make an index with one video, all of it in the one file."""
    kept = embedded()
    index = Index(path)
    index.keep(FILE, Path("/a.mp4"), CLIP, "model", "plan", kept)
    index.close()
    return kept


def test_a_file_that_is_no_index_is_set_aside_and_a_new_one_begun(tmp_path: Path, warned: list[str]) -> None:
    path = tmp_path / "index.sqlite3"
    path.write_bytes(b"not a database at all, by any means" * 100)
    with contextlib.closing(Index(path)) as index:
        assert {} == index.models()
    (message,) = warned
    assert str(path) in message
    assert "vsortd index" in message
    assert (tmp_path / "index.sqlite3.damaged").read_bytes().startswith(b"not a database")


def test_an_index_that_is_damaged_while_it_is_open_is_made_anew(tmp_path: Path, warned: list[str]) -> None:
    path = tmp_path / "index.sqlite3"
    kept = kept_one(path)
    size = path.stat().st_size
    with contextlib.closing(Index(path)) as index:
        path.write_bytes(bytes(range(256)) * (size // 256))
        index._db.execute("PRAGMA shrink_memory")  # what it has read already
        index.keep(FILE, Path("/a.mp4"), CLIP, "model", "plan", kept)
        found = index.recall(FILE, "model", "plan")
    assert found is not None
    np.testing.assert_array_equal(kept.vectors, found.vectors)
    assert 1 == len(warned)


def test_folders_that_people_gave_outlive_an_index_whose_frames_are_damaged(tmp_path: Path) -> None:
    """Of all that is in there they alone can't be made again."""
    path = tmp_path / "index.sqlite3"
    with contextlib.closing(Index(path)) as index:
        index.add_folders([tmp_path / "Old", tmp_path / "a.mp4"])
        page = index._db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'frames_revision'").fetchone()[0]
        (size,) = index._db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with contextlib.closing(Index(path)) as index:
        assert [tmp_path / "Old", tmp_path / "a.mp4"] == index.folders()
    assert (tmp_path / "index.sqlite3.damaged").exists()


def test_a_file_has_all_the_names_it_was_met_by_and_keeps_the_others_when_one_goes(
    index: Index, tmp_path: Path
) -> None:
    first, second, third = (tmp_path / name for name in ("library/a.mp4", "labelled/b.mp4", "old/c.mp4"))
    for path in (first, second, third):
        path.parent.mkdir()
    first.write_bytes(b"a")
    second.hardlink_to(first)
    identity = Identity.of(first)
    assert identity is not None
    index.keep(identity, first, CLIP, "model", "spread-32:0-8", embedded())
    index.keep(identity, second, CLIP, "model", "pace-1000", embedded(begin_ms=500))
    (row,) = index.rows("model")
    assert (first, (second,)) == (row.path, row.others)
    (labelled,) = index.rows("model", under=Extent.of(second.parent))
    assert (second, ()) == (labelled.path, labelled.others)
    second.rename(third)
    assert 1 == follow(index.path, [(second, third)]) + len(index.rows("model", under=Extent.of(third)))
    first.unlink()
    (film,) = index.films("model")
    assert third == film.path
    index.met(identity, third)
    (row,) = index.rows("model")
    assert (third, ()) == (row.path, row.others)


def test_names_and_given_folders_follow_a_library_that_moved(index: Index, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    (before / "a.mp4").write_bytes(b"a")
    (before / "b.mp4").hardlink_to(before / "a.mp4")
    identity = Identity.of(before / "a.mp4")
    assert identity is not None
    for name in ("a.mp4", "b.mp4"):
        index.keep(identity, before / name, CLIP, "model", "pace-1000", embedded())
    index.add_folders([before, before / "films", tmp_path / "elsewhere"])
    before.rename(after)
    rebase(index.path, before, after)
    (row,) = index.rows("model")
    assert (after / "a.mp4", after / "b.mp4") == row.names
    assert [after, after / "films", tmp_path / "elsewhere"] == index.folders()


def test_a_row_that_was_changed_by_the_disk_counts_as_absent(tmp_path: Path) -> None:
    """Vectors that are others, and times: the video is looked at once more, the rest stays."""
    for column in ("vectors", "times_ms"):
        path = tmp_path / f"{column}.sqlite3"
        kept = kept_one(path)
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            (blob,) = db.execute(f"SELECT {column} FROM frames").fetchone()  # noqa: S608 - constants
            db.execute(f"UPDATE frames SET {column} = ?", (bytes([blob[0] ^ 1]) + blob[1:],))  # noqa: S608 - constants
        with contextlib.closing(Index(path)) as index:
            assert index.recall(FILE, "model", "plan") is None
            assert [] == list(index.films("model"))
            assert () == index.looks(FILE, "model")
            index.keep(FILE, Path("/a.mp4"), CLIP, "model", "other", kept)
            assert ("other",) == index.looks(FILE, "model")


@pytest.mark.parametrize("version", [2, 3, 4])
def test_an_index_of_a_format_before_keeps_what_it_holds(tmp_path: Path, version: int) -> None:
    path = tmp_path / "index.sqlite3"
    kept = kept_one(path)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.executescript(f"DROP TABLE part; PRAGMA user_version = {version};")
        if version < 4:
            db.executescript("DROP TABLE name; DROP TABLE folder;")
        if version == 2:
            db.execute("ALTER TABLE frames DROP COLUMN checksum")
    with contextlib.closing(Index(path)) as index:
        index.add_folders([tmp_path])
        assert [tmp_path] == index.folders()
        index.keep_parts(FILE, Path("/a.mp4"), Film.of(CLIP, FILE), "1", {"shots": {"count": 1}})
        found = index.recall(FILE, "model", "plan")
    assert found is not None
    np.testing.assert_array_equal(kept.vectors, found.vectors)


@pytest.mark.parametrize("by", ["the filer", "an undo"])
def test_a_row_whose_place_is_taken_goes_with_its_frames(index: Index, tmp_path: Path, by: str) -> None:
    """Frames without a video would be taken for those of the next one that gets its number."""
    path = tmp_path / "a.mp4"
    path.write_bytes(b"a")
    there = Identity.of(path)
    assert there is not None
    index.keep(FILE, Path("/gone.mp4"), CLIP, "model", "pace-1000", embedded(seed=1))
    index.keep(there, path, CLIP, "model", "pace-1000", embedded(seed=2))
    if by == "the filer":
        index.moved(FILE, there, path)
    else:
        assert 1 == follow(index.path, [(Path("/gone.mp4"), path)])
    (film,) = index.films("model")
    np.testing.assert_array_equal(embedded(seed=1).vectors, film.vectors.astype(np.float32))
    with sqlite3.connect(index.path) as db:
        assert (1, 1) == db.execute("SELECT (SELECT count(*) FROM frames), (SELECT count(*) FROM video)").fetchone()
    db.close()


def test_an_index_that_is_not_there_or_is_none_follows_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"a")
    (tmp_path / "none.sqlite3").write_bytes(b"no database" * 100)
    for index in ("gone.sqlite3", "none.sqlite3"):
        assert 0 == follow(tmp_path / index, [(Path("/gone.mp4"), tmp_path / "a.mp4")])
    assert not (tmp_path / "gone.sqlite3").exists()


def test_an_undo_follows_the_file_that_came_back_and_not_what_lay_there_before(index: Index, tmp_path: Path) -> None:
    path, place = tmp_path / "a.mp4", Path("/library/a.mp4")
    path.write_bytes(b"a")
    there = Identity.of(path)
    assert there is not None
    index.keep(there, place, CLIP, "model", "pace-1000", embedded(seed=1))
    index.keep(FILE, place, CLIP, "model", "pace-1000", embedded(seed=2))  # somebody's other file of that name
    assert 1 == follow(index.path, [(place, path)])
    film = index.film(there, "model")
    assert film is not None
    assert path == film.path
    np.testing.assert_array_equal(embedded(seed=1).vectors, film.vectors.astype(np.float32))
    assert 2 == len(index.rows())
