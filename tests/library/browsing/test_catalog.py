"""What of the library fits, and in which order it comes."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.many_rows import fill_library
from vsortd.core.outcomes import ItemState
from vsortd.core.paths import index_path, journal_path
from vsortd.core.video_facts import Orientation
from vsortd.index.measured_documents import packed_document
from vsortd.index.store import Index
from vsortd.library.browsing.catalog import Catalog, CatalogOrder, CatalogQuery

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 120


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Return a library of made rows, two of whose videos tell their camera."""
    state = tmp_path_factory.mktemp("catalog")
    library = state / "library"
    fill_library(state, library, COUNT)
    index = Index(index_path(state))
    with index._writing():
        for number, make in ((7, "Pixel 8"), (8, "GoPro Hero")):
            facts = {"technical": {"tags": {"com.android.model": make}, "film_tags": {}}}
            values = (number, "facts", "1", *packed_document(facts))
            index._db.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?)", values)
    index.close()
    return Catalog(journal_path(state), index_path(state), library)


def numbers(catalog: Catalog, query: CatalogQuery) -> list[int]:
    return catalog.ids(query)


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        (CatalogQuery(), lambda n: n > 0),
        (CatalogQuery(folder="rule 3"), lambda n: n % 6 == 3),
        (CatalogQuery(folder="rule 3/2019"), lambda n: n % 6 == 3 and n % 10 == 3),
        (CatalogQuery(folder="rule"), lambda n: n < 0),
        (CatalogQuery(states=frozenset({ItemState.REVIEW})), lambda n: n % 10 == 0),
        (CatalogQuery(rule="rule 2"), lambda n: n % 6 == 2),
        (CatalogQuery(tag="beach"), lambda n: n % 100 == 0),
        (CatalogQuery(tag="bea"), lambda n: n < 0),
        (CatalogQuery(orientation=Orientation.PORTRAIT), lambda n: n % 3 == 0),
        (CatalogQuery(orientation=Orientation.SQUARE), lambda n: n < 0),
        (CatalogQuery(words=("video", "00011")), lambda n: "00011" in f"{n:06}"),
        (CatalogQuery(words=("shows", "17")), lambda n: "17" in f"{n:06} {n}"),
        (CatalogQuery(camera="pixel"), lambda n: n == 7),
        (CatalogQuery(camera="o"), lambda n: n == 8),
        (CatalogQuery(camera="o", folder="rule 1"), lambda n: n < 0),
    ],
)
def test_what_fits_is_found(catalog: Catalog, query: CatalogQuery, fits: Callable[[int], bool]) -> None:
    wanted = [n for n in range(COUNT, 0, -1) if fits(n)]
    assert wanted == numbers(catalog, query)
    page, count, _ = catalog.page_with_count(query, count=5)
    assert wanted[:5] == [one.item.id for one in page]
    assert len(wanted) == count


@pytest.mark.parametrize("order", CatalogOrder)
def test_pages_hold_each_video_once_in_every_order(catalog: Catalog, order: CatalogOrder) -> None:
    query = CatalogQuery(order=order)
    found: list[int] = []
    while part := catalog.page(query, count=7, after=found[-1] if found else None):
        assert (part, COUNT, len(found)) == catalog.page_with_count(query, count=7, after=found[-1] if found else None)
        found += [one.item.id for one in part]
    assert numbers(catalog, query) == found
    assert set(range(1, COUNT + 1)) == set(found)


def test_orders_are_what_they_say(catalog: Catalog) -> None:
    by = {order: catalog.page(CatalogQuery(order=order), count=COUNT) for order in CatalogOrder}
    assert 1 == by[CatalogOrder.OLDEST][0].item.id
    names = [one.item.destination.name for one in by[CatalogOrder.NAME] if one.item.destination is not None]
    assert sorted(names) == names
    lengths = [one.duration_s for one in by[CatalogOrder.LONGEST]]
    assert sorted(lengths, reverse=True) == lengths
    recorded = [one.recorded_s or 0 for one in by[CatalogOrder.RECORDED]]
    assert sorted(recorded, reverse=True) == recorded


def test_days_of_recording_are_both_included(catalog: Catalog) -> None:
    (newest,) = catalog.page(CatalogQuery(order=CatalogOrder.RECORDED), count=1)
    assert newest.recorded_s is not None
    day = datetime.fromtimestamp(newest.recorded_s).astimezone().date()
    that_day = catalog.page(CatalogQuery(since=day, until=day), count=COUNT)
    assert {day} == {datetime.fromtimestamp(one.recorded_s or 0).astimezone().date() for one in that_day}
    assert newest.item.id in {one.item.id for one in that_day}
    assert [] == catalog.page(CatalogQuery(since=date.max), count=1)
    assert COUNT == len(catalog.ids(CatalogQuery(since=date.min, until=date.max)))


def test_folders_are_counted(catalog: Catalog) -> None:
    counts = catalog.folders()
    assert COUNT == sum(counts.values())
    assert sum(1 for n in range(1, COUNT + 1) if n % 6 == 3 and n % 10 == 3) == counts["rule 3/2019"]


def test_cameras_are_told_by_what_was_measured(catalog: Catalog) -> None:
    assert ["GoPro Hero", "Pixel 8"] == catalog.cameras()
    assert 2 == catalog.with_camera()
