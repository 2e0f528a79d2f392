"""What lies in the library, as people look through it: filters, orders and pages, by SQL over journal and index.

The journal says what was filed where; the index says how long, how large and from when a video is. Both are read at one
moment, by a connection that writes nothing, and a page is one question whatever its filters.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vsortd.core.names import nfc
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.paths import below
from vsortd.core.system.damaged_files import SQLITE_ERRORS
from vsortd.core.text import storable
from vsortd.core.video_facts import Orientation, orientation_of
from vsortd.errors import StoreError
from vsortd.filing.history_query import HAVE_WORDS, rule_condition, words_comparison, words_conditions
from vsortd.filing.records import ITEM_COLUMNS, Item, item_of
from vsortd.library.browsing.camera_names import CameraNames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_BUSY_S: Final = 10.0
_SEPARATOR: Final = os.sep.encode()
_COLUMNS: Final = "film.duration_s, film.width_px, film.height_px, film.recorded_s"
# Of a path that several files had, the one that was seen there last is meant.
_FILM: Final = (
    "LEFT JOIN seen.video AS film ON film.id ="
    " (SELECT id FROM seen.video WHERE path = item.destination ORDER BY seen_at DESC LIMIT 1)"
)
_ITEMS: Final = "item INDEXED BY item_placed"
_PLACED: Final = "item.state IN ('filed', 'review') AND standing"
_NO_KEY: Final = "0"
_NAME_KEY: Final = "name_key"

# As `orientation_of` has it.
_SQUARE: Final = "abs(film.width_px - film.height_px) <= 0.02 * max(film.width_px, film.height_px)"
_ORIENTED: Final[Mapping[Orientation, str]] = {
    Orientation.SQUARE: f"film.width_px > 0 AND {_SQUARE}",
    Orientation.PORTRAIT: f"film.height_px > film.width_px AND film.width_px > 0 AND NOT {_SQUARE}",
    Orientation.LANDSCAPE: f"film.width_px > film.height_px AND film.height_px > 0 AND NOT {_SQUARE}",
}


class CatalogOrder(StrEnum):
    """In which order videos are shown; the values are those of addresses."""

    NEWEST = "newest"  # filed last
    OLDEST = "oldest"
    NAME = "name"
    RECORDED = "recorded"  # the newest recording first
    LONGEST = "longest"


# The value by which each order goes, and whether from the largest down; equal ones go by their ids.
_ORDERS: Final[Mapping[CatalogOrder, tuple[str, bool]]] = {
    CatalogOrder.NEWEST: (_NO_KEY, True),
    CatalogOrder.OLDEST: (_NO_KEY, False),
    CatalogOrder.NAME: (f"{_NAME_KEY}(destination)", False),
    CatalogOrder.RECORDED: ("coalesce(film.recorded_s, -1e18)", True),
    CatalogOrder.LONGEST: ("coalesce(film.duration_s, -1)", True),
}


@dataclass(frozen=True, slots=True)
class CatalogQuery:
    """Which videos of the library are asked for; what is left out asks for nothing.

    `folder` is one below the library, "nature/forest", with all in it; `states` some of PLACED; `rule` as in
    `HistoryQuery`; `since` and `until` are days here, both included, on which a video was recorded; `words` all stand
    in its names or in the reason; `camera` is a part of the camera's name, in whatever case.
    """

    folder: str = ""
    states: frozenset[ItemState] = frozenset()
    rule: str = ""
    tag: str = ""
    camera: str = ""
    since: date | None = None
    until: date | None = None
    orientation: Orientation | None = None
    words: tuple[str, ...] = ()
    order: CatalogOrder = CatalogOrder.NEWEST

    @property
    def of_films(self) -> bool:
        """Whether the index decides which videos fit."""
        return any((self.camera, self.since, self.until, self.orientation))


@dataclass(frozen=True, slots=True)
class CatalogVideo:
    """A video of the library; what the index doesn't know is 0, and `recorded_s` (Unix seconds) None."""

    item: Item
    duration_s: float
    width_px: int
    height_px: int
    recorded_s: float | None

    @property
    def orientation(self) -> Orientation | None:
        """How it is shown, None where that isn't known."""
        return orientation_of(self.width_px, self.height_px) if self.width_px and self.height_px else None


class CountedPage(NamedTuple):
    """Some of the videos that fit: how many fit in all, and how many of them come before these."""

    videos: list[CatalogVideo]
    fit: int
    before: int


class Catalog:
    """The videos of one library; every call raises StoreError."""

    def __init__(self, journal: Path, index: Path, library: Path, cameras: CameraNames | None = None) -> None:
        """`cameras` remembers what it has read of the index."""
        self._journal, self._index, self._library = journal, index, library
        self._cameras = CameraNames() if cameras is None else cameras

    def page(self, query: CatalogQuery, *, count: int, after: int | None = None) -> list[CatalogVideo]:
        """Return the first `count` videos that fit, or those behind the item `after`, in the query's order."""
        with self._reading() as db:
            return self._videos(db, self._ordered(db, query, after, count))

    def page_with_count(self, query: CatalogQuery, *, count: int, after: int | None = None) -> CountedPage:
        """Return a page as `page` does, with how many videos fit, by one look at all of them (two behind an item)."""
        with self._reading() as db:
            coming = self._ordered(db, query, after, -1)
            fit = len(coming) if after is None else len(self._ordered(db, query, None, -1))
            return CountedPage(self._videos(db, coming[:count]), fit, fit - len(coming))

    def _ordered(self, db: sqlite3.Connection, query: CatalogQuery, after: int | None, most: int) -> list[int]:
        """Return the items that fit, in their order; all of them for -1."""
        key, down = _ORDERS[query.order]
        way = "DESC" if down else "ASC"
        where, values = self._conditions(db, query)
        if after is not None:
            where.append(f"({key}, item.id) {'<' if down else '>'} (?, ?)")
            values += [self._key_of(db, key, after), after]
        film = _FILM if query.of_films or "film." in key else ""
        sql = (
            f"SELECT item.id FROM {_ITEMS} {film} WHERE {' AND '.join(where)}"  # noqa: S608 - constants
            f" ORDER BY {'' if key == _NO_KEY else f'{key} {way}, '}item.id {way} LIMIT ?"
        )
        return [number for (number,) in db.execute(sql, (*values, most))]

    def _videos(self, db: sqlite3.Connection, numbers: list[int]) -> list[CatalogVideo]:
        rows = db.execute(
            f"SELECT {ITEM_COLUMNS}, {_COLUMNS} FROM item {_FILM}"  # noqa: S608 - constants
            " WHERE item.id IN (SELECT value FROM json_each(?))",
            (str(numbers),),
        )
        videos = {video.item.id: video for video in map(_video, rows)}
        return [videos[number] for number in numbers]

    def ids(self, query: CatalogQuery) -> list[int]:
        """Return the numbers of all items that fit, in the query's order."""
        with self._reading() as db:
            return self._ordered(db, query, None, -1)

    def folders(self) -> Counter[str]:
        """Return how many videos lie in each folder of the library, "" for its top; not in those below."""
        skip = len(below(self._library)[0])
        with self._reading() as db:
            where, values = self._conditions(db, CatalogQuery())
            rows = db.execute(f"SELECT destination FROM {_ITEMS} WHERE {' AND '.join(where)}", values)  # noqa: S608 - constants
            found = Counter(path.rpartition(_SEPARATOR)[0] for (path,) in rows)
        return Counter({_way(folder[skip:]): number for folder, number in found.items()})

    def cameras(self) -> list[str]:
        """Return the cameras that the index knows of, by name."""
        with self._reading() as db:
            return sorted(set(self._cameras.by_video(db).values()), key=str.casefold)

    def with_camera(self) -> int:
        """Return of how many videos the index knows the camera."""
        with self._reading() as db:
            where, values = self._conditions(db, CatalogQuery())
            known = [str(list(self._cameras.by_video(db)))]
            sql = (
                f"SELECT count(*) FROM {_ITEMS} {_FILM} WHERE {' AND '.join(where)}"  # noqa: S608 - constants
                " AND film.id IN (SELECT value FROM json_each(?))"
            )
            return int(db.execute(sql, values + known).fetchone()[0])

    def _key_of(self, db: sqlite3.Connection, key: str, item: int) -> object:
        """Return the value by which an item has its place in an order."""
        row = db.execute(f"SELECT {key} FROM item {_FILM} WHERE item.id = ?", (item,)).fetchone()  # noqa: S608 - constants
        return row[0] if row else 0

    def _conditions(self, db: sqlite3.Connection, query: CatalogQuery) -> tuple[list[str], list[Any]]:
        folder = self._library.joinpath(*query.folder.split("/")) if query.folder else self._library
        found: list[tuple[str, list[Any]]] = [(_PLACED, []), ("destination >= ? AND destination < ?", [*below(folder)])]
        if query.states and query.states != PLACED:
            found.append((f"item.state IN ({', '.join('?' * len(query.states))})", sorted(query.states)))
        if query.rule:
            found.append(rule_condition(query.rule))
        if query.tag:
            found.append(_tag_condition(query.tag))
        if query.words:
            db.create_function(HAVE_WORDS, 3, words_comparison(query.words), deterministic=True)
            found += words_conditions(query.words)
        found += self._film_conditions(db, query)
        return [condition for condition, _ in found], [value for _, values in found for value in values]

    def _film_conditions(self, db: sqlite3.Connection, query: CatalogQuery) -> Iterator[tuple[str, list[Any]]]:
        if query.camera:
            wanted = nfc(query.camera).casefold()
            fit = [video for video, name in self._cameras.by_video(db).items() if wanted in nfc(name).casefold()]
            yield "film.id IN (SELECT value FROM json_each(?))", [str(fit)]
        if query.since is not None:
            yield "film.recorded_s >= ?", [_begin_s(query.since)]
        if query.until is not None and query.until < date.max:
            yield "film.recorded_s < ?", [_begin_s(query.until + timedelta(days=1))]
        if query.orientation is not None:
            yield _ORIENTED[query.orientation], []

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that sees journal and index, as they are at one moment each."""
        try:
            address = _read_only(self._journal)
            with contextlib.closing(sqlite3.connect(address, timeout=_BUSY_S, isolation_level=None, uri=True)) as db:
                db.execute("ATTACH ? AS seen", (_read_only(self._index),))
                db.execute("PRAGMA query_only=ON")
                db.create_function(_NAME_KEY, 1, _name_key, deterministic=True)
                db.execute("BEGIN")
                yield db
        except SQLITE_ERRORS as error:
            raise StoreError(f"The library can't be looked through: {error}.", paths=[self._journal]) from error


def _read_only(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


def _video(row: Sequence[Any]) -> CatalogVideo:
    *item, duration_s, width_px, height_px, recorded_s = row
    return CatalogVideo(item_of(tuple(item)), duration_s or 0.0, width_px or 0, height_px or 0, recorded_s)


def _tag_condition(tag: str) -> tuple[str, list[Any]]:
    """Return what holds of an item with a tag, however its letters are composed."""
    return (
        "json_valid(detail) AND EXISTS (SELECT 1 FROM json_each(detail, '$.tags') WHERE value = ? OR value = ?)",
        [nfc(storable(tag)), storable(tag)],
    )


def _way(folder: bytes) -> str:
    """Return a folder below the library as `CatalogQuery.folder` names it."""
    return storable(os.fsdecode(folder)).replace(os.sep, "/")


def _name_key(path: bytes | None) -> str:
    """Return what a file's name is sorted by."""
    name = (path or b"").rpartition(_SEPARATOR)[2]
    return name.lower().decode("ascii") if name.isascii() else storable(nfc(os.fsdecode(name)).casefold())


def _begin_s(day: date) -> float:
    """Return when a day begins here, Unix seconds; the farthest one for a day beyond all calendars."""
    try:
        return datetime.combine(day, time.min).astimezone().timestamp()
    except (OverflowError, ValueError, OSError):
        return float("-inf") if day.year < 1970 else float("inf")  # noqa: PLR2004 - before or after what clocks know
