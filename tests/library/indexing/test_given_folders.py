"""What is asked when no place is named: the library and what people gave, under whichever name a video is known."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.facts import clip_facts
from vsortd.core.identity import Identity
from vsortd.errors import UsageError
from vsortd.index.store import Index
from vsortd.index.stored_looks import Embedded
from vsortd.index.verify import tidy
from vsortd.library.indexing.given_folders import asked_folders, asked_places, give, take_back

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLIP = clip_facts()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(tmp_path / "state" / "index.sqlite3")
    yield made
    made.close()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "Sorted").mkdir()
    return tmp_path / "Sorted"


def keep(index: Index, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.fsencode(path))
    identity = Identity.of(path)
    assert identity is not None
    index.keep(identity, path, CLIP, "m", "pace-1000", Embedded(np.zeros(1, np.int64), np.ones((1, 4), np.float32)))
    return path


def asked(index: Index, library: Path) -> list[Path]:
    return [row.path for row in index.rows("m", under=asked_places(library, index))]


def test_the_library_is_asked_and_what_was_given_until_it_is_taken_back(
    index: Index, library: Path, tmp_path: Path
) -> None:
    own = keep(index, library / "sea" / "a.mp4")
    keep(index, library / ".vsortd" / "originals" / "x" / "a.mov")
    old, clip = keep(index, tmp_path / "Old" / "b.mp4"), keep(index, tmp_path / "clips" / "c.mp4")
    keep(index, tmp_path / "Labelled" / "sea" / "d.mp4")
    assert [own] == asked(index, library)
    give(library, index, [tmp_path / "Old", clip, library / "sea", tmp_path / "Old" / "b.mp4"])
    assert [tmp_path / "Old", clip] == index.folders()
    assert {own, old, clip} == set(asked(index, library))
    folders, elsewhere = asked_folders(library, index)
    assert [(library, False, 1), (tmp_path / "Old", True, 1), (clip, True, 1)] == [
        (one.path, one.given, one.videos) for one in folders
    ]
    assert 2 == elsewhere  # the labelled one, and the original
    with pytest.raises(UsageError, match="was not given") as refused:
        take_back(index, [clip, old])
    assert str(tmp_path / "Old") in refused.value.remedy
    take_back(index, [clip])
    assert {own, old} == set(asked(index, library))
    with pytest.raises(UsageError, match="is not there"):
        give(library, index, [tmp_path / "nowhere"])


def test_a_place_is_one_by_whatever_name_it_is_given(index: Index, library: Path, tmp_path: Path) -> None:
    old = keep(index, tmp_path / "Übung" / "a.mp4")
    (tmp_path / "link").symlink_to(old.parent)
    give(library, index, [tmp_path / "link"])
    assert [old] == asked(index, library)
    take_back(index, [tmp_path / "link"])
    give(library, index, [tmp_path / unicodedata.normalize("NFD", "Übung")])
    assert [old.parent] == index.folders()
    assert [old] == asked(index, library)
    # an eval of hard links takes nothing out of the library
    (tmp_path / "Labelled").mkdir()
    (tmp_path / "Labelled" / "b.mp4").hardlink_to(old)
    identity = Identity.of(old)
    assert identity is not None
    index.met(identity, tmp_path / "Labelled" / "b.mp4")
    assert [old] == asked(index, library)


def test_a_folder_that_is_gone_with_its_videos_is_forgotten_by_prune_alone(
    index: Index, library: Path, tmp_path: Path
) -> None:
    video = keep(index, tmp_path / "disk" / "Old" / "a.mp4")
    (tmp_path / "disk" / "other").mkdir()
    give(library, index, [video.parent])
    video.unlink()
    video.parent.rmdir()
    assert [video.parent] == tidy(index, [library]).folders == index.folders()
    (tmp_path / "disk" / "other").rmdir()  # now it may be where a disk is mounted at other times
    tidy(index, [library], prune=True)
    assert [video.parent] == index.folders()
    (tmp_path / "disk" / "other").mkdir()
    tidy(index, [library], prune=True)
    assert [] == index.folders()
