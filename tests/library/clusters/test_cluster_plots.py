"""The map and the sheets can be read, and no picture of somebody else's is lost for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.support.clips import encode
from vsortd.errors import UsageError
from vsortd.library.clusters.cluster_plots import (
    draw_group_sheets,
    draw_map,
    group_colour,
    group_sheet,
    map_picture,
    typical_time_ms,
)
from vsortd.library.clusters.grouping import Grouping, group_films
from vsortd.library.clusters.label_layout import Room
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.index.video import IndexedVideo

    Maker = Callable[..., list[IndexedVideo]]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video of two seconds of noise."""
    path = tmp_path_factory.mktemp("videos") / "noise.mp4"
    rng = np.random.default_rng(0)
    pictures = (rng.integers(0, 256, (9, 16, 3), np.uint8).repeat(10, axis=0).repeat(10, axis=1) for _ in range(10))
    return encode(path, pictures, fps=5)


@pytest.fixture(scope="module")
def media(video: Path) -> Iterator[MediaPool]:
    """Return processes that decode, with the threads that serve them."""
    with MediaPool(1, timeout_s=30, memory_bytes=2 * 10**9) as pool:
        pool.probe(video)
        yield pool


@pytest.fixture
def grouping(made_films: Maker, video: Path) -> Grouping:
    """Return two groups and two strangers; the first film's file is really there."""
    first, *others = made_films(6, 5, strangers=2, frames=2)
    return group_films([replace(first, path=video), *others], model="m")


def inks(picture: Image.Image) -> set[tuple[int, ...]]:
    return {tuple(colour) for _, colour in picture.getcolors(1 << 22) or ()}  # type: ignore[arg-type]


def test_the_map_shows_each_group_in_its_colour_and_the_rest_in_grey(grouping: Grouping) -> None:
    found = inks(map_picture(grouping))
    assert {group_colour(1), group_colour(2), (0xB9, 0xBF, 0xC9)} <= found
    assert group_colour(3) not in found


def test_the_same_groups_give_the_same_map(grouping: Grouping) -> None:
    np.testing.assert_array_equal(np.asarray(map_picture(grouping)), np.asarray(map_picture(grouping)))


def test_nothing_and_a_single_video_are_a_map_too(made_films: Maker) -> None:
    for films in ([], made_films(1)):
        assert map_picture(group_films(films, model="m")).width > 1000


def test_names_in_any_script_and_with_signs_of_formulas_are_drawn(grouping: Grouping, tmp_path: Path) -> None:
    first, second = grouping.groups
    named = replace(grouping, groups=(replace(first, name="森 $x^2$ лес"), replace(second, name="a\nb")))
    draw_map(named, tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as picture:
        assert "PNG" == picture.format


def test_a_map_that_can_not_be_written_is_told_with_its_path(grouping: Grouping, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none.map\.png"):
        draw_map(grouping, tmp_path / "none" / "map.png")


def test_the_colours_of_neighbouring_groups_are_far_apart() -> None:
    colours = np.array([group_colour(number) for number in range(1, 25)], dtype=float)
    assert 24 == len(np.unique(colours, axis=0))
    assert np.abs(np.diff(colours, axis=0)).sum(axis=1).min() > 120


def test_names_do_not_cover_one_another_while_there_is_room() -> None:
    spots = np.random.default_rng(0).normal((800, 600), 30, size=(40, 2))
    room = Room((1650, 1260), spots, top_px=92)
    boxes = [room.take(spots, (150.0, 28.0)) for _ in range(20)]
    for place, (left, top, right, bottom) in enumerate(boxes):
        assert (0 < left, top >= 92, right < 1650, bottom < 1260) == (True, True, True, True)
        for other in boxes[:place]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_a_name_stands_beside_its_dots_and_not_on_them() -> None:
    spots = np.random.default_rng(0).uniform((700, 500), (800, 560), size=(400, 2))
    left, top, right, bottom = Room((1650, 1260), spots, top_px=92).take(spots, (120.0, 28.0))
    inside = (spots[:, 0] > left) & (spots[:, 0] < right) & (spots[:, 1] > top) & (spots[:, 1] < bottom)
    assert inside.mean() < 0.02


def test_each_member_is_shown_by_its_frame_nearest_to_the_centre(grouping: Grouping, video: Path) -> None:
    film = next(film for film in grouping.films if film.path == video)
    assert [0, 1000] == [typical_time_ms(film, row.astype(np.float32)) for row in film.vectors]


def test_sheets_are_written_for_each_group_though_files_are_gone(
    grouping: Grouping, media: MediaPool, tmp_path: Path
) -> None:
    sheets = draw_group_sheets(grouping, media, media.probe, tmp_path)
    assert ["01 Group 1.png", "02 Group 2.png"] == sorted(path.name for path in tmp_path.iterdir())
    assert sheets == sorted(tmp_path.iterdir())


def test_a_sheet_shows_the_video_itself(grouping: Grouping, media: MediaPool, video: Path) -> None:
    first = grouping.groups[0]
    there = next(member for member in first.members if member.film.path == video)
    gone = replace(there, film=replace(there.film, path=video.with_name("gone.mp4")))
    shown, missing = (
        np.asarray(group_sheet(replace(first, members=(member,)), media, media.probe, 2), dtype=float)
        for member in (there, gone)
    )
    assert shown.std() > 1.5 * missing.std()


def test_sheets_of_an_earlier_run_go_and_other_pictures_stay(
    grouping: Grouping, media: MediaPool, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "01 holiday.png")
    (tmp_path / "02 broken.png").write_bytes(b"no picture")
    draw_group_sheets(grouping, media, media.probe, tmp_path)
    renamed = replace(grouping, groups=(replace(grouping.groups[0], name="forest"),))
    draw_group_sheets(renamed, media, media.probe, tmp_path)
    assert ["01 forest.png", "01 holiday.png", "02 broken.png"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_picture_of_somebody_elses_is_not_replaced(grouping: Grouping, media: MediaPool, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "02 Group 2.png")
    before = (tmp_path / "02 Group 2.png").read_bytes()
    with pytest.raises(UsageError, match=r"02 Group 2\.png is no sheet"):
        draw_group_sheets(grouping, media, media.probe, tmp_path)
    assert before == (tmp_path / "02 Group 2.png").read_bytes()
    assert ["02 Group 2.png"] == [path.name for path in tmp_path.iterdir()]
