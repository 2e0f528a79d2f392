"""What the page's Search is asked, as its address says it: the whole of it, so that an address can be kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlencode

from vsortd.errors import UsageError
from vsortd.fetching.address import is_address
from vsortd.web.plain_numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.datastructures import QueryParams

ROWS: Final = 24
"""So many hits are shown at once."""
MOST_SHOWN: Final = 2400
LIKELY: Final = 50
"""The floor that holds when none is set, percent; see `ranking.LIKELIER`."""
_SHORT: Final = {"inside": "in", "against": "not", "first": "from"}  # fields that Python has no such names for
_LIKE: Final = re.compile(
    r"([0-9]{1,19}|v[0-9]{1,19}-[0-9a-f]{16})(?:@([0-9]{1,7}(?:\.[0-9]{1,6})?))?|photo-([0-9a-f]{64})"
)
_MOST_EXAMPLES: Final = 8


class SearchBy(StrEnum):
    """What of the videos is looked through."""

    SEEN = ""
    SOUND = "sound"
    SAID = "said"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class LikeExample:
    """What scenes are to be like: a photo (by its sum), or a video by its id, at a moment (s) or as a whole."""

    photo: str = ""
    media: str = ""
    moment_s: float | None = None


@dataclass(frozen=True, slots=True)
class SearchWish:
    """What is looked for. `floor` is percent, `first` how many hits are passed over; `inside` is a video's id."""

    q: str = ""
    by: SearchBy = SearchBy.SEEN
    against: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    inside: str = ""
    under: str = ""
    since: str = ""
    orientation: str = ""
    tag: str = ""
    floor: int = LIKELY
    first: int = 0

    @classmethod
    def of(cls, query: QueryParams) -> Self:
        """Read an address's query. Raises UsageError for what no form of ours sends."""
        texts = {name: query.get(_SHORT.get(name, name), "").strip() for name in _TEXTS}
        try:
            by = SearchBy(query.get("by", ""))
        except ValueError as error:
            raise UsageError(
                "That can't be looked through.", remedy="Search by what is seen, heard, said or read."
            ) from error
        return cls(
            **texts,
            by=by,
            against=tuple(one for text in query.getlist("not") for one in map(str.strip, text.split(",")) if one),
            like=tuple(dict.fromkeys(one for one in query.getlist("like") if one))[:_MOST_EXAMPLES],
            floor=whole_number(query.get("floor") or str(LIKELY), 0, 100, what="The floor"),
            first=whole_number(query.get("from") or "0", 0, MOST_SHOWN, what="from"),
        )

    @property
    def words(self) -> str:
        """What the box says besides an address."""
        return " ".join(word for word in self.q.split() if not is_address(word))

    @property
    def web_address(self) -> str:
        """The address of the web that the box holds, "" for none."""
        return next(filter(is_address, self.q.split()), "")

    @property
    def examples(self) -> tuple[LikeExample, ...]:
        """What scenes are to be like. Raises UsageError."""
        return tuple(map(_example, self.like))

    @property
    def asks(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.words or self.like)

    @property
    def narrows(self) -> bool:
        """Whether any of the lesser fields is set."""
        return bool(self.against or self.under or self.since or self.orientation or self.tag or self.floor != LIKELY)

    def pairs(self, *without: str) -> list[tuple[str, str]]:
        """Return the fields of the address but some, one after the other."""
        return list(self._pairs(without))

    def _pairs(self, without: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        default = SearchWish()
        for one in fields(self):
            value, name = getattr(self, one.name), _SHORT.get(one.name, one.name)
            if value == getattr(default, one.name) or name in without:
                continue
            for each in value if isinstance(value, tuple) else (value,):
                yield name, str(each)

    def address(self, **changes: Any) -> str:  # noqa: ANN401
        """Return the address of this wish with changes; it begins with the first hit unless told otherwise."""
        query = urlencode(replace(self, **{"first": 0, **changes}).pairs())
        return f"/search?{query}" if query else "/search"


_TEXTS: Final = ("q", "inside", "under", "since", "orientation", "tag")


def _example(text: str) -> LikeExample:
    match = _LIKE.fullmatch(text)
    if match is None:
        raise UsageError("This example is none.", remedy="Choose `Like this moment` at a hit, or a photo.")
    return LikeExample(match[3] or "", match[1] or "", float(match[2]) if match[2] else None)
