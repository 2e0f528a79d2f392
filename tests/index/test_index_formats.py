"""An index goes forward to a newer format whole or not at all, and never back."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.forked import fork, killing, trace
from tests.support.format_files import LOOK, MODEL, VIDEO, VIDEO_PATH, kept_formats, kept_vectors, unpack
from vsortd.core.system.sqlite_format import bring_forward, format_of
from vsortd.errors import StoreError
from vsortd.index import index_file
from vsortd.index.index_file import STEPS
from vsortd.index.store import Index

if TYPE_CHECKING:
    from pathlib import Path

LATER = (
    *STEPS,
    "ALTER TABLE video ADD COLUMN later TEXT;\n",
    "CREATE TABLE later (video INTEGER NOT NULL);\nINSERT INTO later SELECT id FROM video;\n",
)
"""The steps of a vsortd that is two formats further."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return an index as the present format has it, written when that was new."""
    made = tmp_path / "state" / "index.sqlite3"
    unpack("index", len(STEPS), made)
    return made


def format_at(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return format_of(db)


def open_later(path: Path) -> None:
    """Open it as a later vsortd does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_file, "STEPS", LATER)
        Index(path).close()


@pytest.mark.parametrize("number", kept_formats("index"))
def test_an_index_that_was_kept_reads_as_it_did(tmp_path: Path, number: int) -> None:
    path = tmp_path / "state" / "index.sqlite3"
    unpack("index", number, path)
    with closing(Index(path)) as index:
        found = index.recall(VIDEO, MODEL, LOOK)
        assert [VIDEO_PATH.parent] == index.folders()
        assert {"count": 3} == index.part(VIDEO, "shots", "1")
    assert found is not None
    np.testing.assert_array_equal(kept_vectors().vectors, found.vectors)
    assert not path.with_name("index.sqlite3.damaged").exists()


def test_the_present_format_is_among_the_kept_ones() -> None:
    assert len(STEPS) in kept_formats("index")


def test_it_goes_forward_with_all_it_holds_and_is_refused_by_the_vsortd_before(path: Path) -> None:
    open_later(path)
    assert len(LATER) == format_at(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=rf"is of format {len(LATER)}; this vsortd knows {len(STEPS)}") as found:
        Index(path)
    assert "update this one" in found.value.remedy
    assert before == path.read_bytes()
    with closing(sqlite3.connect(path)) as db:
        assert [(1,)] == db.execute("SELECT video FROM later").fetchall()
        assert [(1,)] == db.execute("SELECT count(*) FROM frames").fetchall()


def test_a_newer_index_is_not_even_brought_into_another_mode(path: Path) -> None:
    """Its journal mode stands in the file: what is refused stays as it was, byte for byte."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute(f"PRAGMA user_version={len(STEPS) + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreError):
        Index(path)
    assert before == path.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")
def test_killed_on_the_way_it_is_of_the_old_format_or_of_the_new_one(tmp_path: Path) -> None:
    unpack("index", len(STEPS), tmp_path / "traced" / "index.sqlite3")
    passed = trace(lambda: open_later(tmp_path / "traced" / "index.sqlite3"))
    assert ["migrate.step", "migrate.step", "migrate.after"] == passed
    formats = []
    for number in range(1, len(passed) + 1):
        path = tmp_path / str(number) / "index.sqlite3"
        unpack("index", len(STEPS), path)
        assert -9 == fork(lambda path=path: open_later(path), killing(number))  # type: ignore[misc]
        formats.append(format_at(path))
        with closing(sqlite3.connect(path)) as db:
            names = [name for _, name, *_ in db.execute("PRAGMA table_info(video)")]
        assert ("later" in names) is (formats[-1] == len(LATER))
    assert [len(STEPS), len(STEPS), len(LATER)] == formats


def test_two_that_bring_it_forward_at_once_do_it_once(path: Path) -> None:
    """Each has seen the old format before either began."""
    barrier, troubles = Barrier(2), list[Exception]()

    def work() -> None:
        try:
            with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as db:
                assert len(STEPS) == format_of(db)
                barrier.wait()
                bring_forward(db, LATER)
        except Exception as error:  # noqa: BLE001 - told below
            troubles.append(error)

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == troubles
    assert len(LATER) == format_at(path)
