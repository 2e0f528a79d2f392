"""Only what is surely gone is forgotten."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.facts import clip_facts
from vsortd.core.identity import Identity
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.index.verify import tidy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLIP = clip_facts()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(tmp_path / "state" / "index.sqlite3")
    yield made
    made.close()


def keep(index: Index, path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    identity = Identity.of(path)
    assert identity is not None
    index.keep(identity, path, CLIP, "m", "pace-1000", Embedded(np.zeros(1, np.int64), np.ones((1, 4), np.float32)))
    return path


def test_in_the_library_an_emptied_folder_says_that_its_video_is_gone(index: Index, tmp_path: Path) -> None:
    library = tmp_path / "library"
    keep(index, library / "snow" / "a.mp4", b"a").unlink()
    stays = keep(index, library / "b.mp4", b"bb")
    found = tidy(index, [library], prune=True)
    assert (1, 1, 0) == (found.right, len(found.gone), len(found.away))
    assert [stays] == [row.path for row in index.rows()]


@pytest.mark.parametrize("left", ["nothing", "another file"])
def test_elsewhere_an_empty_folder_may_be_where_a_disk_is_mounted(index: Index, tmp_path: Path, left: str) -> None:
    disk = tmp_path / "disk"
    video = keep(index, disk / "films" / "a.mp4", b"a")
    video.unlink()
    video.parent.rmdir()
    if left == "another file":
        (disk / "read me.txt").write_text("here")
    found = tidy(index, [tmp_path / "library"], prune=True)
    assert ("away" if left == "nothing" else "gone") == ("away" if found.away else "gone" if found.gone else "")
    assert (left == "nothing") == bool(index.rows())


def test_of_two_files_with_one_size_and_time_none_is_taken_for_the_missing_one(index: Index, tmp_path: Path) -> None:
    library = tmp_path / "library"
    missing = keep(index, library / "a.mp4", b"a")
    when = missing.stat().st_mtime_ns
    missing.rename(tmp_path / "elsewhere.mp4")  # so that its inode is not given to another
    for name in ("b.mp4", "c.mp4"):
        (library / name).write_bytes(b"z")
        os.utime(library / name, ns=(when, when))
    found = tidy(index, [library])
    assert ([], 1) == (found.moved, len(found.gone))


def test_a_file_that_was_written_anew_has_changed(index: Index, tmp_path: Path) -> None:
    video = keep(index, tmp_path / "library" / "a.mp4", b"a")
    video.write_bytes(b"other content")
    found = tidy(index, [tmp_path / "library"])
    assert [video] == [row.path for row in found.changed]
    assert found.changed == found.stale


def test_a_row_over_which_something_fails_is_kept_and_the_others_are_looked_after(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    for name in ("a.mp4", "odd.mp4", "c.mp4"):
        keep(index, library / name, name.encode()).rename(library / f"moved {name}")
    moved = index.moved

    def odd(before: Identity, after: Identity, path: Path) -> None:
        if path.name == "moved odd.mp4":
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        moved(before, after, path)

    monkeypatch.setattr(index, "moved", odd)
    found = tidy(index, [library], prune=True)
    assert {"moved a.mp4", "moved c.mp4"} == {after.name for _, after in found.moved}
    assert ["odd.mp4"] == [row.path.name for row in found.away]
    assert {"moved a.mp4", "odd.mp4", "moved c.mp4"} == {row.path.name for row in index.rows()}


def test_a_file_of_any_time_is_known_again(index: Index, tmp_path: Path) -> None:
    library = tmp_path / "library"
    path = keep(index, library / "a.mp4", b"a")
    os.utime(path, (10_413_792_000, 10_413_792_000))  # 2300
    keep(index, path, b"a")
    os.utime(path, (10_413_792_000, 10_413_792_000))
    identity = Identity.of(path)
    assert identity is not None
    index.keep(identity, path, CLIP, "m", "pace-1000", Embedded(np.zeros(1, np.int64), np.ones((1, 4), np.float32)))
    assert index.kept(identity, "m") is not None
    (row,) = (row for row in index.rows() if row.identity == identity)
    assert path.stat().st_mtime == row.recorded_s
    assert 1 == tidy(index, [library]).right
