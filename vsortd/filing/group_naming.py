"""The names of a video and its sidecars in their folder: the next that are free for all of them."""

from __future__ import annotations

import contextlib
import itertools
import os
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from vsortd.core.names import both_forms
from vsortd.core.outcomes import ConversionKind
from vsortd.errors import FilingError
from vsortd.filing.counters import CountedStem, counted_stem
from vsortd.filing.file_names import NameFields, group_names, group_tails, next_free, render
from vsortd.filing.name_fit import NameFit
from vsortd.filing.queries import names_under_way

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from vsortd.filing.journal import Journal
    from vsortd.filing.open_folder import OpenFolder
    from vsortd.filing.placement import FilingRequest

_AS_WANTED: Final = NameFit()


class GroupNaming:
    """How a video and its sidecars are called, by the template of their names; where it counts, by their number."""

    def __init__(self, request: FilingRequest, template: str) -> None:
        source, identity, clip = request.source, request.identity, request.clip
        fields = NameFields.of(source, identity, clip, request.rule, request.tags, request.facets)
        if request.came_as:
            fields = replace(fields, stem=PurePath(request.came_as).stem)
        becomes_mp4 = request.converted is not None or request.conversion is not ConversionKind.NONE
        self._group = (source, ".mp4" if becomes_mp4 else source.suffix, request.sidecars)
        self._counted = None if request.stem is not None else counted_stem(template, fields)
        self._plain = request.stem or ("" if self._counted is not None else render(template, fields))
        self._longest_bytes = max(len(os.fsencode(tail)) for tail in group_tails(*self._group))

    def names(self, number: int, fit: NameFit = _AS_WANTED) -> list[str]:
        """Return the names of a number, the video's first."""
        if self._counted is None:
            return fit.names(group_names(self._plain, number, *self._group))
        stem = self._counted.at(number, self._limit_bytes(fit))
        return fit.names(group_names(stem, 1, *self._group))

    def free(self, folder: OpenFolder | None, taken: Collection[str] = (), fit: NameFit = _AS_WANTED) -> list[str]:
        """Return the next names that are free in a folder, None for one that isn't there, and not among `taken`.

        A number that is counted is above all that the name has there. Raises FilingError.
        """

        def is_free(number: int) -> bool:
            names = self.names(number, fit)
            if any(form in taken for name in names for form in both_forms(name)):
                return False
            return folder is None or all(folder.status(form) is None for name in names for form in both_forms(name))

        if self._counted is None:
            return self.names(next_free(is_free), fit)
        first = self._highest(self._counted, folder, taken, fit) + 1
        if self.names(first, fit) == self.names(first + 1, fit):
            raise FilingError(
                f"{self.names(first, fit)[0]} is too long for the library's disk to hold its number.",
                remedy="Shorten `place.name`, or the names of the video's sidecars.",
            )
        return self.names(next(number for number in itertools.count(first) if is_free(number)), fit)

    @contextlib.contextmanager
    def reserving(self, journal: Journal, folder: OpenFolder, *, but: int = 0) -> Iterator[Collection[str]]:
        """Lend the names that are given away in a folder besides those on the disk, until an intent is written.

        Where numbers are counted nobody else writes intents meanwhile, so that no two videos get one, whatever their
        endings are. `but` is the item whose own names don't count. Raises StoreError.
        """
        if self._counted is None:
            yield ()
            return
        with journal.db.write():
            yield names_under_way(journal.db, folder.path, but=but)

    def _limit_bytes(self, fit: NameFit) -> int:
        return fit.most_bytes - self._longest_bytes

    def _highest(self, counted: CountedStem, folder: OpenFolder | None, taken: Collection[str], fit: NameFit) -> int:
        there = [] if folder is None else folder.names()
        return counted.highest(itertools.chain(there, taken), self._limit_bytes(fit))
