"""What of the library is looked through, as the page's address says it, and the tree of folders beside it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from vsortd.core.names import nfc
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.video_facts import Orientation
from vsortd.errors import UsageError
from vsortd.library.browsing.catalog import CatalogOrder, CatalogQuery
from vsortd.web.addresses import address_of
from vsortd.web.page import item_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATES: Final = tuple(sorted(PLACED))
_MOST_CHARS: Final = 1000
_ADDRESS: Final = "/library"

E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True)
class LibraryFilter:
    """The fields of the address, as they are typed; `after` is the number of the item that the page begins behind."""

    folder: str = ""
    state: str = ""
    rule: str = ""
    tag: str = ""
    camera: str = ""
    since: str = ""
    until: str = ""
    orientation: str = ""
    text: str = ""
    order: str = ""
    after: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read an address's query. Raises UsageError."""
        texts = [one.name for one in fields(cls) if one.name != "after"]
        after = query.get("after", "")
        read = {name: query.get(name, "").strip()[:_MOST_CHARS] for name in texts}
        return cls(**read, after=item_id(after) if after else None)

    def is_somewhere(self, folders: Iterable[str]) -> bool:
        """Tell whether its folder is one of some, or one that they lie in; where it isn't, no video fits."""
        return not self.folder or self.folder in all_folders(folders)

    def wanted(self) -> CatalogQuery:
        """Return the question. Raises UsageError."""
        return CatalogQuery(
            folder=self.folder,
            states=frozenset({_choice(ItemState, self.state, "state")}) & PLACED if self.state else frozenset(),
            rule=self.rule,
            tag=self.tag,
            camera=self.camera,
            since=_day(self.since),
            until=_day(self.until),
            orientation=_choice(Orientation, self.orientation, "orientation") if self.orientation else None,
            words=tuple(nfc(self.text).lower().split()),
            order=_choice(CatalogOrder, self.order, "order") if self.order else CatalogOrder.NEWEST,
        )

    @property
    def narrows(self) -> bool:
        """Whether anything but the folder and the order is asked for."""
        return any(getattr(self, one.name) for one in fields(self) if one.name not in {"folder", "order", "after"})

    def address(self, **changes: Any) -> str:  # noqa: ANN401
        """Return the address of this filter with changes."""
        changed = replace(self, **changes)
        return address_of(_ADDRESS, *((one.name, getattr(changed, one.name)) for one in fields(changed)))


@dataclass(frozen=True, slots=True)
class TreeFolder:
    """A folder of the tree: its name, its way from the library down, and how many videos lie in it and below it."""

    name: str
    way: str
    count: int
    has_folders: bool


def folders_below(counts: Mapping[str, int], way: str) -> list[TreeFolder]:
    """Return the folders right below one ("" for the library itself), by name, with what lies in them."""
    begin, found, deeper = f"{way}/" if way else "", dict[str, int](), set[str]()
    for folder, number in counts.items():
        if not folder or not folder.startswith(begin):
            continue
        name, _, below = folder[len(begin) :].partition("/")
        found[name] = found.get(name, 0) + number
        if below:
            deeper.add(name)
    names = sorted(found, key=str.casefold)
    return [TreeFolder(name, f"{begin}{name}", found[name], name in deeper) for name in names if name]


def all_folders(counts: Iterable[str]) -> set[str]:
    """Return the folders with all that they lie in."""
    return {
        "/".join(parts[:depth]) for parts in (one.split("/") for one in counts) for depth in range(1, len(parts) + 1)
    }


def _choice(kind: type[E], text: str, what: str) -> E:
    try:
        return kind(text)
    except ValueError as error:
        raise UsageError(f"{text} is no {what}.") from error


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UsageError(f"{text} is no day.", remedy="Such as 2026-07-31.") from error
