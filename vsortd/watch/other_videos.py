"""Videos that are passed over because `extensions` doesn't name their ending: counted, so that they can be told of.

A name is all that is looked at. What is hidden, the system's, ignored, or not finished by its name or by a neighbour's
doesn't count, and sidecars have endings of their own.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from typing import TYPE_CHECKING

from vsortd.core.text import counted
from vsortd.watch.neighbours import is_mark, is_stream, neighbour_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from vsortd.watch.candidates import NameRules


class OtherVideos:
    """Those of one inbox, as paths from it (with `/`), by scans and by what events tell in between."""

    def __init__(self, root: Path, rules: NameRules) -> None:
        self._root = root
        self._rules = rules
        self._found: set[str] = set()
        self.by_ending: Mapping[str, int] = {}
        """How many there are of each ending; replaced as a whole, for other threads to read."""

    def replace(self, found: Iterable[str]) -> None:
        """Take what a scan of the whole inbox found."""
        self._keep(set(found))

    def add(self, found: Iterable[str]) -> None:
        """Take what a scan of a subfolder found, too."""
        self._keep(self._found.union(found))

    def look_at(self, relatives: Iterable[str]) -> None:
        """See what became of files that something happened to."""
        touched: dict[str, list[str]] = {}
        for relative in relatives:
            if self._rules.is_other_path(relative):
                folder, _, name = relative.rpartition("/")
                touched.setdefault(folder, []).append(name)
        if not touched:
            return
        found = set(self._found)
        for folder, names in touched.items():
            prefix = f"{folder}/" if folder else ""
            found.difference_update(prefix + name for name in names)
            where = self._root.joinpath(*folder.split("/"))
            there = [name for name in names if _is_regular(where / name)]
            found.update(prefix + name for name in finished_among(where, there))
        self._keep(found)

    def _keep(self, found: set[str]) -> None:
        if found != self._found:
            self._found = found
            self.by_ending = count_endings(found)


def finished_among(folder: str | Path, names: Sequence[str]) -> list[str]:
    """Return those of a folder's names that are not those of downloads under way."""
    if not names:
        return []
    try:
        marks = [name for name in os.listdir(folder) if is_mark(name)]  # noqa: PTH208 - names alone
    except OSError:  # it went away meanwhile
        return []
    return [name for name in names if not is_stream(name) and neighbour_of(name, marks) is None]


def count_endings(names: Iterable[str]) -> dict[str, int]:
    """Return how many names have each ending (lower case, without dot), the most frequent first, then by the letter."""
    counts = Counter(name.rpartition(".")[2].lower() for name in names)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def left_alone_line(by_ending: Mapping[str, int], extensions: Sequence[str] = ()) -> str:
    """Say how many videos were left alone and which option would take them, "" for none.

    `extensions` are the present ones, with which the line has the whole value to write.
    """
    number = sum(by_ending.values())
    if not number:
        return ""
    value = f": [{', '.join(dict.fromkeys((*extensions, *by_ending)))}]" if extensions else ""
    what = counted(number, "other video", "other videos")
    return (
        f"{what} left alone ({', '.join(by_ending)}); `extensions{value}` would take {'it' if number == 1 else 'them'}"
    )


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
