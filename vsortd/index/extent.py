"""Which part of the index is meant: folders and files, with all that lies below them. Pure."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from vsortd.core.paths import below

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Extent:
    """Some places, without others below them; made by `of`. Of places in one another the innermost decides.

    What has a name in `home` is told by that one.
    """

    places: frozenset[str]
    without: frozenset[str] = frozenset()
    home: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *places: Path, without: Iterable[Path] = (), home: Iterable[Path] = ()) -> Self:
        """Return the extent of absolute paths, as the index has them."""
        return cls(*(frozenset(map(_bare, some)) for some in (places, without, home)))

    def holds(self, path: Path) -> bool:
        """Tell whether an absolute path is one of the places, or below one."""
        return any(around in self.places for around in itertools.takewhile(self._is_in, _upwards(path)))

    def is_home(self, path: Path) -> bool:
        """Tell whether an absolute path is at home, or below that."""
        return any(around in self.home for around in _upwards(path))

    def _is_in(self, place: str) -> bool:
        return place not in self.without

    def bounds(self) -> tuple[bytes, bytes, bytes] | None:
        """Return the path of one place with all below it, and the bounds of what is below; else None."""
        if len(self.places) != 1 or self.without:
            return None
        (place,) = self.places
        own = os.fsencode(place or os.sep)
        return own, *below(Path(os.fsdecode(own)))


def _upwards(path: Path) -> Iterator[str]:
    """Yield a path and the folders around it, the innermost first."""
    text = _bare(path)
    yield text
    while (end := text.rfind(os.sep)) >= 0:
        text = text[:end]
        yield text


def _bare(path: Path) -> str:
    """Return a path without a separator at its end: roots have one."""
    return str(path).rstrip(os.sep)
