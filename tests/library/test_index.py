"""The index keeps embeddings by file and model, and says clearly when it can't."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from vsortd.errors import StoreError
from vsortd.identity import Identity
from vsortd.library.index import Embedded, Index

FILE = Identity(1, 2, 3, 4)


def embedded(rows: int = 3, seed: int = 0) -> Embedded:
    vectors = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float16).astype(np.float32)
    return Embedded(np.arange(rows, dtype=np.int64) * 1000, vectors)


def test_what_is_kept_comes_back_the_same(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite3")
    kept = embedded()
    index.keep(FILE, Path("/a.mp4"), 3.0, "model", "spread-32:0-8", 0, kept)
    index.close()
    index = Index(tmp_path / "index.sqlite3")
    found = index.recall(FILE, "model", "spread-32:0-8", 0)
    index.close()
    assert found is not None
    np.testing.assert_array_equal(kept.vectors, found.vectors)
    np.testing.assert_array_equal(kept.times_ms, found.times_ms)


@pytest.mark.parametrize(
    "question",
    [
        (Identity(1, 2, 3, 5), "model", "spread-32:0-8", 0),
        (FILE, "another model", "spread-32:0-8", 0),
        (FILE, "model", "spread-16:0-8", 0),
        (FILE, "model", "spread-32:0-8", 1),
    ],
    ids=["changed file", "other model", "other plan", "other round"],
)
def test_vectors_are_never_taken_for_others(tmp_path: Path, question: tuple[Identity, str, str, int]) -> None:
    index = Index(tmp_path / "index.sqlite3")
    index.keep(FILE, Path("/a.mp4"), 3.0, "model", "spread-32:0-8", 0, embedded())
    assert index.recall(*question) is None
    index.close()


def test_vectors_follow_a_file_to_its_new_place(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite3")
    kept, there = embedded(), Identity(9, 8, 3, 4)
    index.keep(FILE, Path("/a.mp4"), 3.0, "model", "plan", 0, kept)
    index.moved(FILE, there, Path("/library/a.mp4"))
    assert index.recall(FILE, "model", "plan", 0) is None
    found = index.recall(there, "model", "plan", 0)
    index.close()
    assert found is not None
    np.testing.assert_array_equal(kept.vectors, found.vectors)


def test_inodes_beyond_sqlites_integers_are_kept(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite3")
    huge = Identity(1, (1 << 64) - 1, 3, 4)
    index.keep(huge, Path("/a.mp4"), 3.0, "model", "plan", 0, embedded())
    assert index.recall(huge, "model", "plan", 0) is not None
    index.close()


def test_a_newer_index_stops_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite3"
    Index(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer vsortd"):
        Index(path)


def test_a_file_that_is_no_index_stops_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite3"
    path.write_bytes(b"not a database at all, by any means" * 100)
    with pytest.raises(StoreError, match=r"index\.sqlite3"):
        Index(path)
