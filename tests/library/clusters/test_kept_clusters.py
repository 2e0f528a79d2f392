"""Groups are kept as they were found, with what is wanted of them; a group of one's own takes videos from others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.core.identity import Identity
from vsortd.errors import UsageError
from vsortd.index.video import IndexedVideo
from vsortd.library.clusters.grouping import Cluster, ClusterMember, Grouping, NameCandidate
from vsortd.library.clusters.kept_clusters import ClusterChoice, KeptClusters, with_own_group

if TYPE_CHECKING:
    from vsortd.index.store import Index


class NoIndex:
    """An index that knows nothing any more."""

    def rows(self, _model: str) -> list[object]:
        return []

    def film(self, _identity: Identity, _model: str) -> None:
        return None


@pytest.fixture
def index() -> Index:
    return NoIndex()  # type: ignore[return-value] - the two calls that are made


def film(number: int) -> IndexedVideo:
    identity = Identity(1, number, 10, 2**63 - 1)
    vectors = np.ones((1, 4), np.float16)
    path = Path(f"/library/{'a' if number < 3 else 'b'}/{number}\udcff.mp4")
    return IndexedVideo(number, identity, path, 2.5, 640, 360, 1.0, np.zeros(1, np.int64), vectors)


@pytest.fixture
def grouping() -> Grouping:
    films = tuple(film(number) for number in range(1, 6))
    members = tuple(ClusterMember(one, 0.5) for one in films[:3])
    centre = np.ones(4, np.float32)
    candidates = (NameCandidate("beach", 0.5, "sea"),)
    first = Cluster(
        1, "beach", "sea", ("a beach",), 0.5, members, 0.9, {"/library/a": 2, "/library/b": 1}, centre, candidates
    )
    second = Cluster(2, "Group 2", "", (), 0.0, (ClusterMember(films[3], 1.0),), 1.0, {"/library/b": 1}, centre)
    labels = np.asarray([0, 0, 0, 1, -1], np.int64)
    places = np.arange(10, dtype=np.float32).reshape(5, 2)
    return Grouping((first, second), (films[4],), "model", 2, 0, 0, films, places, labels)


def told(grouping: Grouping) -> list[tuple[int, str, list[int]]]:
    return [(one.number, one.name, [member.film.id for member in one.members]) for one in grouping.groups]


def test_groups_come_back_as_they_were(tmp_path: Path, grouping: Grouping, index: Index) -> None:
    assert KeptClusters(tmp_path).groups(index) is None
    KeptClusters(tmp_path).keep(grouping)
    kept = KeptClusters(tmp_path).groups(index)
    assert kept is not None
    found = kept.grouping
    assert told(grouping) == told(found)
    assert [film.path for film in grouping.films] == [film.path for film in found.films]
    assert [5] == [film.id for film in found.noise]
    assert grouping.map_xy.tolist() == found.map_xy.tolist()
    assert grouping.groups[0].folders == found.groups[0].folders
    assert grouping.groups[0].candidates == found.groups[0].candidates


def test_what_is_wanted_is_of_these_groups_alone(tmp_path: Path, grouping: Grouping, index: Index) -> None:
    clusters = KeptClusters(tmp_path)
    clusters.keep(grouping)
    kept = clusters.groups(index)
    assert kept is not None
    clusters.want(kept, ClusterChoice({1: "Trips/Sea"}, frozenset({2})))
    again = KeptClusters(tmp_path).groups(index)
    assert again is not None
    wanted = again.choice.selection(again.grouping.groups)
    assert ((("1", "Trips/Sea"),), ("1",)) == (wanted.rename, wanted.only)
    clusters.keep(grouping)  # found anew
    anew = clusters.groups(index)
    assert anew is not None
    assert ClusterChoice() == anew.choice


def test_no_group_chosen_is_not_all_of_them(grouping: Grouping) -> None:
    with pytest.raises(UsageError, match="No group is chosen"):
        ClusterChoice({}, frozenset({1, 2})).selection(grouping.groups)


def test_a_group_of_ones_own_takes_videos_from_others(grouping: Grouping, index: Index) -> None:
    own = with_own_group(grouping, [0, 3, 4], "mine", index)
    assert [(1, "beach", [2, 3]), (3, "mine", [1, 4, 5])] == told(own)
    assert [1, 0, 0, 1, 1] == own.labels.tolist()
    assert () == own.noise
    with pytest.raises(UsageError, match="No video is chosen"):
        with_own_group(grouping, [], "mine", index)


def test_a_damaged_file_counts_as_none(tmp_path: Path, index: Index) -> None:
    for content in (b"", b"{}", b"[]", b'{"version":2,"found_s":1,"films":[[1]]}'):
        (tmp_path / "clusters.json").write_bytes(content)
        assert KeptClusters(tmp_path).groups(index) is None
