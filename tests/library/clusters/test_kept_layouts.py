"""What was grouped once is not grouped again, unless the vectors or the options are others."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.library.clusters import kept_layouts as module
from vsortd.library.clusters.grouping import Grouping, group_films
from vsortd.library.clusters.kept_layouts import KeptLayouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.index.video import IndexedVideo

    Maker = Callable[..., list[IndexedVideo]]


@pytest.fixture
def films(made_films: Maker) -> list[IndexedVideo]:
    return made_films(6, 5, strangers=1)


@pytest.fixture
def layouts(tmp_path: Path) -> KeptLayouts:
    return KeptLayouts(tmp_path)


def was_kept(found: Grouping) -> bool:
    """Tell whether nothing was worked out for it."""
    return "grouping" not in found.seconds


def entries(state_folder: Path) -> list[Path]:
    return sorted((state_folder / "layouts").iterdir())


def assert_same(one: Grouping, other: Grouping) -> None:
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.map_xy, other.map_xy)
    for left, right in zip(one.groups, other.groups, strict=True):
        assert [(m.film.path, m.strength) for m in left.members] == [(m.film.path, m.strength) for m in right.members]
        assert (left.tightness, left.folders) == (right.tightness, right.folders)
    assert [film.path for film in one.noise] == [film.path for film in other.noise]


def test_the_same_question_is_answered_from_what_was_kept(films: list[IndexedVideo], layouts: KeptLayouts) -> None:
    first = group_films(films, model="m", layouts=layouts)
    again = group_films(reversed(films), model="m", layouts=layouts)
    assert (False, True) == (was_kept(first), was_kept(again))
    assert_same(first, again)
    assert_same(first, group_films(films, model="m"))


def test_a_video_that_moved_is_told_where_it_is_now(films: list[IndexedVideo], layouts: KeptLayouts) -> None:
    group_films(films, model="m", layouts=layouts)
    moved = [replace(film, path=Path("/elsewhere", *film.path.parts[1:])) for film in films]
    found = group_films(moved, model="m", layouts=layouts)
    assert was_kept(found)
    assert {"/elsewhere/0": 6} == found.groups[0].folders


@pytest.mark.parametrize("wish", [{"min_size": 4}, {"seed": 1}], ids=str)
def test_other_options_are_worked_out_anew(
    films: list[IndexedVideo], layouts: KeptLayouts, wish: dict[str, int]
) -> None:
    group_films(films, model="m", layouts=layouts)
    for kept in (False, True):
        found = group_films(films, model="m", layouts=layouts, **wish)  # type: ignore[arg-type]
        assert kept == was_kept(found)
        assert_same(found, group_films(films, model="m", **wish))  # type: ignore[arg-type]


def test_a_changed_index_is_worked_out_anew(films: list[IndexedVideo], layouts: KeptLayouts) -> None:
    group_films(films, model="m", layouts=layouts)
    looked_at_again = replace(films[0], vectors=films[-1].vectors)
    for changed in (films[:-1], [*films, replace(films[0], id=99)], [looked_at_again, *films[1:]]):
        found = group_films(changed, model="m", layouts=layouts)
        assert not was_kept(found)
        assert_same(found, group_films(changed, model="m"))


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def _led_away(path: Path) -> None:
    away = path.parent.parent / "away"
    path.rename(away)
    path.symlink_to(away)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "too long": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "a bit": _flipped,
    "of fewer videos": lambda path: path.write_bytes(path.read_bytes()[:32]),
    "a link": _led_away,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_is_worked_out_anew_and_kept_again(
    films: list[IndexedVideo], layouts: KeptLayouts, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    first = group_films(films, model="m", layouts=layouts)
    (path,) = entries(tmp_path)
    damage(path)
    for kept in (False, True):
        again = group_films(films, model="m", layouts=layouts)
        assert kept == was_kept(again)
        assert_same(first, again)
    assert not path.is_symlink()


def test_where_nothing_can_be_kept_the_groups_are_found_all_the_same(
    films: list[IndexedVideo], layouts: KeptLayouts, tmp_path: Path
) -> None:
    (tmp_path / "layouts").write_bytes(b"a file where the folder should be")
    for _ in range(2):
        found = group_films(films, model="m", layouts=layouts)
        assert not was_kept(found)
        assert [6, 5] == [len(group.members) for group in found.groups]


@pytest.mark.parametrize("limit", [("_MOST_ENTRIES", 2), ("_MOST_BYTES", 2 * (32 + 12 * 20))], ids=str)
def test_those_asked_for_last_stay_and_no_more_than_there_is_room_for(
    films: list[IndexedVideo],
    layouts: KeptLayouts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: tuple[str, int],
) -> None:
    monkeypatch.setattr(module, *limit)
    ages = iter(range(1000, 2000))  # files that are written within one tick of the clock would be of one age

    def ask(seed: int) -> bool:
        found = group_films(films, model="m", seed=seed, layouts=layouts)
        newest = max(entries(tmp_path), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (next(ages),) * 2)
        return was_kept(found)

    assert [False, False, True] == [ask(seed) for seed in (1, 2, 1)]
    assert not ask(3)  # 2 has to go, 1 was asked for since
    assert 2 == len(entries(tmp_path))
    assert [True, False] == [ask(seed) for seed in (1, 2)]


@pytest.mark.skipif(sys.platform == "win32", reason="a profile's folders are closed to others by themselves")
def test_what_is_kept_is_its_owners_alone(films: list[IndexedVideo], layouts: KeptLayouts, tmp_path: Path) -> None:
    group_films(films, model="m", layouts=layouts)
    (path,) = entries(tmp_path)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(path.parent.stat().st_mode)
