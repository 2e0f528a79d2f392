"""Videos that look alike end up in one group, whatever their number, and the same ones every time."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.errors import UsageError
from vsortd.library.clusters import film_vectors, projection
from vsortd.library.clusters.grouping import Grouping, group_films
from vsortd.library.clusters.kept_layouts import KeptLayouts
from vsortd.library.clusters.projection import plan_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.index.video import IndexedVideo

    Maker = Callable[..., list[IndexedVideo]]

# umap-learn is compiled when it is first used: 6 s of a free core
pytestmark = pytest.mark.timeout(180)


def folders_of(found: Grouping) -> list[dict[str, int]]:
    return [group.folders for group in found.groups]


@pytest.fixture(scope="module")
def large(made_films: Maker) -> Grouping:
    """Return groups of enough videos to be laid out."""
    return group_films(made_films(25, 20, 15, spread=0.15), model="m")


def test_videos_that_look_alike_are_one_group_and_the_largest_comes_first(large: Grouping) -> None:
    assert [{"/0": 25}, {"/1": 20}, {"/2": 15}] == folders_of(large)
    assert [1, 2, 3] == [group.number for group in large.groups]
    assert 15 == large.neighbors


def test_the_same_videos_in_another_order_give_the_same_groups(large: Grouping, made_films: Maker) -> None:
    again = group_films(reversed(made_films(25, 20, 15, spread=0.15)), model="m")
    np.testing.assert_array_equal(large.labels, again.labels)
    np.testing.assert_array_equal(large.map_xy, again.map_xy)
    assert [film.path for film in large.films] == [film.path for film in again.films]


def test_the_map_has_a_place_for_each_video_and_groups_keep_together(large: Grouping) -> None:
    assert (60, 2) == large.map_xy.shape
    assert np.isfinite(large.map_xy).all()
    middles = np.array([large.map_xy[large.labels == label].mean(axis=0) for label in range(3)])
    nearest = np.linalg.norm(large.map_xy[:, None] - middles, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(large.labels, nearest)


def test_many_copies_of_two_videos_are_two_groups(made_films: Maker) -> None:
    one, other = made_films(1, 1)
    films = [replace(one, id=number) for number in range(30)] + [replace(other, id=number) for number in range(15)]
    assert [30, 15] == [len(group.members) for group in group_films(films, model="m").groups]


@pytest.mark.parametrize("most_together", [1000, 120])
def test_copies_among_other_videos_stay_one_group(made_films: Maker, most_together: int) -> None:
    films = made_films(1, 60, 60, 60, spread=0.15)
    copies = [replace(films[0], id=1000 + number, path=Path(f"/c/{number}.mp4")) for number in range(400)]
    found = group_films([*copies, *films[1:]], model="m", min_size=5, most_together=most_together)
    assert [{"/c": 400}, {"/1": 60}, {"/2": 60}, {"/3": 60}] == folders_of(found)
    assert (120 if most_together == 120 else 0) == found.sampled
    assert 1 == len({tuple(place) for place in found.map_xy[found.labels == 0][15:].tolist()})


def test_a_video_of_no_direction_belongs_to_no_group_and_harms_none(made_films: Maker) -> None:
    films = made_films(25, 20, 15, spread=0.15)
    odd = replace(films[0], id=99, path=Path("/odd.mp4"), vectors=np.full_like(films[0].vectors, np.nan))
    found = group_films([*films, odd], model="m")
    assert [25, 20, 15] == [len(group.members) for group in found.groups]
    assert (odd.path,) == tuple(film.path for film in found.noise)


@pytest.mark.parametrize("count", [3, 40])
def test_copies_of_one_video_are_one_group(made_films: Maker, count: int) -> None:
    (film,) = made_films(1)
    found = group_films([replace(film, id=number) for number in range(count)], model="m")
    assert [count] == [len(group.members) for group in found.groups]
    assert 1.0 == pytest.approx(found.groups[0].tightness, abs=1e-6)
    assert np.isfinite(found.map_xy).all()


@pytest.mark.parametrize("sizes", [(2, 1), (5, 5), (8, 6, 5)], ids=str)
def test_few_videos_are_grouped_by_their_vectors(made_films: Maker, sizes: tuple[int, ...]) -> None:
    found = group_films(made_films(*sizes), model="m", min_size=2)
    wanted = [{f"/{number}": size} for number, size in enumerate(sizes) if size > 1]
    if sizes == (2, 1):  # a pair beside a single one is no denser than the three
        wanted = []
    assert wanted == folders_of(found)
    assert 0 == found.neighbors
    assert (sum(sizes), 2) == found.map_xy.shape


@pytest.fixture
def many_are(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return what says from how many videos on they are many."""
    return lambda least: monkeypatch.setattr(projection, "MOST_WITHOUT_UMAP", least - 1)


@pytest.mark.long
def test_many_videos_are_laid_out_by_umap_learn_into_the_same_groups(
    large: Grouping, made_films: Maker, many_are: Callable[[int], None]
) -> None:
    pytest.importorskip("umap", reason="umap-learn is not installed")
    many_are(60)
    found = group_films(made_films(25, 20, 15, spread=0.15), model="m")
    np.testing.assert_array_equal(large.labels, found.labels)
    assert not np.array_equal(large.map_xy, found.map_xy)
    middles = np.array([found.map_xy[found.labels == label].mean(axis=0) for label in range(3)])
    nearest = np.linalg.norm(found.map_xy[:, None] - middles, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(found.labels, nearest)


def test_only_many_videos_need_umap_learn(
    made_films: Maker, many_are: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "umap" else found(name))
    films = made_films(25, 20, 15, spread=0.15)
    assert 3 == len(group_films(films, model="m").groups)
    many_are(60)
    with pytest.raises(UsageError, match="Grouping 60 videos needs umap-learn, which is not installed"):
        group_films(films, model="m")
    assert 3 == len(group_films(films[:-1], model="m").groups)


@pytest.mark.long
def test_for_few_videos_nothing_is_compiled_nor_torch_imported() -> None:
    code = (
        "import sys\n"
        "from tests.library.clusters.conftest import make_films\n"
        "from vsortd.library.clusters.grouping import group_films\n"
        "assert 3 == len(group_films(make_films(200, 180, 120), model='m').groups)\n"
        "assert not {'umap', 'pynndescent', 'numba', 'torch'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_video_like_no_other_belongs_to_no_group(made_films: Maker) -> None:
    found = group_films(made_films(6, 6, strangers=2), model="m")
    assert ["/x/012.mp4", "/x/013.mp4"] == [film.path.as_posix() for film in found.noise]
    assert [-1, -1] == found.labels[-2:].tolist()


def test_among_many_videos_those_like_no_other_belong_to_no_group_either(made_films: Maker) -> None:
    found = group_films(made_films(25, 20, strangers=2), model="m")
    assert [{"/0": 25}, {"/1": 20}] == folders_of(found)
    assert [f"/x/{number:03d}.mp4" for number in (45, 46)] == [film.path.as_posix() for film in found.noise]


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_video_makes_no_group(made_films: Maker, count: int) -> None:
    found = group_films(made_films(1)[:count], model="m")
    assert () == found.groups
    assert count == len(found.noise)


def test_members_begin_with_the_most_typical(made_films: Maker) -> None:
    (group, _) = group_films(made_films(7, 5, spread=0.1), model="m").groups
    cosines = [float(member.film.vector() @ group.centre) for member in group.members]
    assert sorted(cosines, reverse=True) == pytest.approx(cosines, abs=1e-5)
    assert np.mean(cosines) == pytest.approx(group.tightness, abs=1e-5)
    assert all(0 < member.strength <= 1 for member in group.members)


def test_each_step_is_told_and_timed(made_films: Maker) -> None:
    heard: list[str] = []
    found = group_films(made_films(4, 4), model="m", on_progress=heard.append)
    assert heard == list(found.seconds)
    assert "grouping" in heard


def test_frames_are_left_out_where_there_is_no_room(made_films: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = group_films(made_films(5, 5, frames=8), model="m")
    monkeypatch.setattr(film_vectors, "_ROOM_BYTES", 10 * 3 * 32)
    thin = group_films(made_films(5, 5, frames=8), model="m")
    assert {2} == {len(film.times_ms) for film in thin.films}
    np.testing.assert_array_equal(whole.labels, thin.labels)
    assert [group.tightness for group in whole.groups] == [group.tightness for group in thin.groups]


def test_of_very_many_a_sample_is_grouped_and_the_others_join(made_films: Maker, tmp_path: Path) -> None:
    films = made_films(90, 60, 50, spread=0.1, strangers=6)
    found = group_films(films, model="m", most_together=80, layouts=KeptLayouts(tmp_path))
    assert [{"/0": 90}, {"/1": 60}, {"/2": 50}] == folders_of(found)
    assert {"/x"} == {str(film.path.parent) for film in found.noise}
    assert (80, 7) == (found.sampled, found.min_size)
    middles = np.array([found.map_xy[found.labels == label].mean(axis=0) for label in range(3)])
    placed = found.labels >= 0
    nearest = np.linalg.norm(found.map_xy[placed, None] - middles, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(found.labels[placed], nearest)
    assert all(0 <= member.strength <= 1 for group in found.groups for member in group.members)
    again = group_films(reversed(films), model="m", most_together=80, layouts=KeptLayouts(tmp_path))
    assert {"reading"} == again.seconds.keys()
    np.testing.assert_array_equal(found.labels, again.labels)
    assert "joining the others" in group_films(films, model="m", most_together=81).seconds


def test_a_group_of_a_sample_that_stays_too_small_is_none(made_films: Maker) -> None:
    films = made_films(100, 60, 12, spread=0.15)
    found = group_films(films, model="m", most_together=100, min_size=15)
    assert [{"/0": 100}, {"/1": 60}] == folders_of(found)
    assert [0, 1, -1] == [found.labels[0], found.labels[100], found.labels[-1]]


def test_copies_alone_are_one_group_also_where_a_sample_is_grouped(made_films: Maker) -> None:
    copy = made_films(1)[0]
    films = [replace(copy, id=number, path=Path(f"/copies/{number}.mp4")) for number in range(50)]
    assert [{"/copies": 50}] == folders_of(group_films(films, model="m", most_together=30))


@pytest.mark.parametrize(
    ("count", "min_size", "neighbors"), [(10, 2, 0), (12, 3, 0), (20, 3, 8), (100, 5, 15), (100_000, 158, 15)]
)
def test_the_numbers_suit_how_many_videos_there_are(count: int, min_size: int, neighbors: int) -> None:
    plan = plan_for(count)
    assert (min_size, neighbors) == (plan.min_size, plan.neighbors)


def test_wishes_count_as_far_as_there_are_videos() -> None:
    assert (7, 29) == (plan_for(30, min_size=7, neighbors=50).min_size, plan_for(30, neighbors=50).neighbors)


@pytest.mark.parametrize("wish", [{"min_size": 1}, {"neighbors": 1}], ids=str)
def test_numbers_that_can_not_be_are_refused_by_their_option(wish: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(wish)).replace('_', '-')} 1"):
        group_films([], model="m", **wish)  # type: ignore[arg-type]
