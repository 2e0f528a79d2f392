"""The library that people ask without naming a place: its folder, and what `vsortd index` was given.

What other commands happened to look at (a folder that `eval` measured, a file that `plan` was asked about) is in the
index as well, so that nothing is looked at twice; but nobody said that it belongs to the library.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.paths import as_on_disk, is_file, is_folder
from vsortd.errors import UsageError
from vsortd.filing.open_folder import HIDDEN
from vsortd.index.extent import Extent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vsortd.index.store import Index


@dataclass(frozen=True, slots=True)
class AskedFolder:
    """A folder, or one video, that is asked about: `videos` of it are known; `given` it was, or it is the library."""

    path: Path
    given: bool
    videos: int
    there: bool


def asked_places(library: Path, index: Index) -> Extent:
    """Return where videos lie that are asked about when no place is named.

    Each place counts by its own name and without the links on the way to it; what vsortd keeps (originals, what was set
    aside) does not.
    A video that lies in the library, too, is told by that.
    """
    return _extent(library, (library, *index.folders()))


def named_places(library: Path, places: Iterable[Path]) -> Extent:
    """Return the extent of places that somebody names; what vsortd keeps in the library counts only if that is named.

    The paths are absolute, as the index has them.
    """
    places = list(places)
    hidden = [form / HIDDEN for form in _forms(library)]
    return Extent.of(*places, without=[one for one in hidden if any(one.is_relative_to(place) for place in places)])


def asked_folders(library: Path, index: Index) -> tuple[list[AskedFolder], int]:
    """Return the places that are asked about, the library first, and how many videos are known from elsewhere."""
    rows, given = index.rows(), index.folders()
    found = []
    for place in (library, *given):
        within = _extent(library, (place,))
        videos = sum(row.within(within) is not None for row in rows)
        found.append(AskedFolder(place, place in given, videos, os.path.lexists(place)))
    everything = _extent(library, (library, *given))
    return found, sum(row.within(everything) is None for row in rows)


def _extent(library: Path, places: Iterable[Path]) -> Extent:
    hidden = [form / HIDDEN for form in _forms(library)]
    return Extent.of(*(form for place in places for form in _forms(place)), without=hidden, home=_forms(library))


def _forms(place: Path) -> tuple[Path, Path]:
    return place, Path(os.path.realpath(place))


def give(library: Path, index: Index, paths: Iterable[Path]) -> None:
    """Note that these folders and videos are to be asked about; the library and what is in it are anyway.

    Raises UsageError for a path that is not there.
    """
    places = [_absolute(path) for path in paths]
    for path in places:
        if not (is_folder(path) or is_file(path)):
            raise UsageError(f"{path} is not there.", remedy="Name videos, or folders that hold some.", paths=[path])
    known = Extent.of(library, *index.folders())
    fresh = [path for path in dict.fromkeys(places) if not known.holds(path)]
    if fresh:
        index.add_folders([one for one in fresh if not Extent.of(*(set(fresh) - {one})).holds(one)])


def take_back(index: Index, paths: Sequence[Path]) -> list[Path]:
    """Let these folders and videos, which were given, be asked about no longer; return them.

    Raises UsageError for one that was not given; nothing has changed then.
    """
    given = index.folders()
    places = [_absolute(path) for path in paths]
    for path in places:
        if path not in given:
            around = next((folder for folder in given if path.is_relative_to(folder)), None)
            remedy = "`vsortd index --list` shows what was."
            if around is not None:
                remedy = f"{around} was, which it lies in: vsortd index --forget {around}"
            raise UsageError(f"{path} was not given to `vsortd index`.", remedy=remedy, paths=[path])
    index.remove_folders(places)
    return places


def _absolute(path: Path) -> Path:
    return as_on_disk(Path(os.path.abspath(path)))  # noqa: PTH100 - resolve() would follow links
