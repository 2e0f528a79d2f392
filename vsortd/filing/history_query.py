"""What of the history is asked for, and the items that are so: found by SQL, however long the history is.

Words are looked for twice. SQLite, which knows the case of ASCII's letters alone, leaves out what can't have them; what
is left is compared as people read it.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.names import nfc
from vsortd.core.outcomes import ItemState
from vsortd.core.paths import below
from vsortd.core.text import storable
from vsortd.filing.item_ids import LARGEST_ID
from vsortd.filing.records import ITEM_COLUMNS, Item, utc
from vsortd.filing.schema import ITEM
from vsortd.filing.seals import FUNCTION
from vsortd.filing.sidecar_paths import SIDECAR_COLUMN, item_with_sidecar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vsortd.filing.database import Database

# The words of the partial index item_shown; the planner uses an index only if the query says the same.
SHOWN: Final = "state NOT IN ('placing', 'rolled_back')"
# The states that people see, by those of the journal; what is being undone or expires is still what it was.
_STATES: Final = {
    ItemState.FILED: "(state = 'filed' OR (state IN ('undoing', 'expiring') AND outcome = 'filed'))",
    ItemState.REVIEW: "(state = 'review' OR (state IN ('undoing', 'expiring') AND outcome = 'review'))",
    ItemState.REJECTED: "state = 'rejected'",
    ItemState.FAILED: "state IN ('failed', 'set_aside', 'unclear')",
    ItemState.HELD: "id IN (SELECT item FROM hold)",
    ItemState.UNDONE: "state = 'undone'",
    ItemState.ASIDE: "(state = 'aside' OR (state = 'undoing' AND outcome = 'aside'))",
}
_MOST_WORDS, _MOST_CHARS = 50, 1000  # of what SQL leaves out by; SQLite takes no endless statements and patterns
HAVE_WORDS: Final = "have_words"
_ESCAPED_IN_JSON: Final = '"\\' + "".join(map(chr, (*range(0x20), 0x7F)))
_COMPOSED_TO: Final = "K;`"  # what Unicode takes for other characters, such as the Kelvin sign
_ALL_COLUMNS: Final = ", ".join(f"item.{name}" for name in ITEM)
_BELOW: Final = "/*"


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which items of the history; what is left out asks for nothing.

    `last` is the newest N of those that fit, `since` in Unix seconds, `states` as people see them (HELD: undone, and on
    hold now). `rule` is a rule's key with all below it, with `/*` behind it only those; `text` are words that all stand
    in the video's names or in the reason, in whatever case; `inbox` is a folder that the video came from; `before`
    asks for items with lesser ids than this one, the largest first; `oldest_first` turns the order round.
    """

    last: int | None = None
    since: float | None = None
    tag: str | None = None
    states: frozenset[ItemState] = frozenset()
    rule: str | None = None
    text: str | None = None
    inbox: Path | None = None
    batch: str | None = None
    before: int | None = None
    oldest_first: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are looked for, as they are compared."""
        return tuple(_folded(self.text or "").split())

    @property
    def selects(self) -> bool:
        """Whether anything but the number and the time is asked for."""
        return any((self.tag is not None, self.states, self.rule, self.words, self.inbox, self.batch is not None))


EVERYTHING: Final = HistoryQuery()


def parse_states(text: str) -> frozenset[ItemState]:
    """Return the states of a list such as `filed,review`. Raises ValueError that names what there is."""
    names = [name.strip().lower() for name in text.split(",")]
    if wrong := next((name for name in names if name not in _STATES), None):
        raise ValueError(f"{wrong!r} is no state of the history: {', '.join(_STATES)}")
    if not all(names):
        raise ValueError(f"a state is missing: {', '.join(_STATES)}")
    return frozenset(map(ItemState, names))


def has_tag(item: Item, tag: str) -> bool:
    """Tell whether an item has a tag, in whatever Unicode form."""
    return nfc(storable(tag)) in map(nfc, item.tags)


def history(db: Database, query: HistoryQuery = EVERYTHING) -> Iterator[Item]:
    """Yield the items that people see and that fit, newest first, in memory one at a time. Raises StoreError.

    They are as they were at one moment: until the last one is taken, the journal is kept from being tidied up.
    """
    where, values, index, order = _where(db, query)
    limit = -1 if query.last is None or query.tag is not None else min(query.last, LARGEST_ID)
    if query.oldest_first:
        order = order.replace("DESC", "ASC")
    sql = f"SELECT {ITEM_COLUMNS}, {SIDECAR_COLUMN} FROM item {index} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608 - constants
    count = 0
    with db.read() as connection:
        connection.create_function(HAVE_WORDS, 3, words_comparison(query.words))
        for row in connection.execute(sql, (*values, limit)):
            item = item_with_sidecar(row)
            if query.tag is None or has_tag(item, query.tag):
                yield item
                count += 1
                if count == query.last:
                    break


def words_comparison(words: Sequence[str]) -> Callable[[bytes, bytes | None, str], bool]:
    """Return what tells whether each word stands in a video's names, of its source and its destination, or a reason."""

    def have(source: bytes, destination: bytes | None, reason: str) -> bool:
        names = [os.fsdecode(path).rpartition(os.sep)[2] for path in (source, destination) if path is not None]
        texts = [_folded(text) for text in (*names, reason)]
        return all(any(word in text for text in texts) for word in words)

    return have


def _where(db: Database, query: HistoryQuery) -> tuple[str, list[Any], str, str]:
    """Return the conditions, their values, the index to use, and the order.

    Without statistics the planner would walk all numbers to save itself sorting a few times.
    """
    found: list[tuple[str, list[Any]]] = [(SHOWN, [])]
    index, order = "", "id DESC"
    if query.since is not None:
        found.append(("time >= ?", [utc(query.since)]))
        index, order = "INDEXED BY item_time", "time DESC, id DESC"
    if query.batch is not None:
        found.append(("batch = ?", [storable(query.batch)]))
        index, order = "INDEXED BY item_batch", "id DESC"
    if query.states:
        found.append((f"({' OR '.join(_STATES[state] for state in sorted(query.states))})", []))
    if query.rule:
        found.append(rule_condition(query.rule))
    if query.inbox is not None:
        found.append(_from_below(query.inbox))
    found += words_conditions(query.words)
    if query.tag is not None:  # last: where it has to verify a row, that takes longest
        found.append(tag_condition(db, query.tag))
    if query.before is not None:  # pages go by id, whatever the clock did
        found.append(("id < ?", [query.before]))
        index, order = "", "id DESC"
    where = " AND ".join(condition for condition, _ in found)
    return where, [value for _, values in found for value in values], index, order


def rule_condition(rule: str) -> tuple[str, list[Any]]:
    """Return the condition of a rule with all below it, with `/*` behind it only those, and its values."""
    key = nfc(storable(rule)).removesuffix(_BELOW).strip("/")
    conditions = ["(rule >= ? AND rule < ?)"]  # from "sea/" up to what follows all that begins so
    values: list[Any] = [f"{key}/", f"{key}0"]
    if not rule.endswith(_BELOW):
        conditions.append("rule = ?")
        values.append(key)
    return f"({' OR '.join(conditions)})", values


def tag_condition(db: Database, tag: str) -> tuple[str, list[Any]]:
    """Return the condition of what may have a tag, see `has_tag`, and its values.

    An item whose tags are not what was written fits, too, so that reading it tells of the damage: where not every row
    is known to be sound, each that seems to lack the tag is verified.
    """
    pattern = like_pattern(nfc(storable(tag)), unlike=_ESCAPED_IN_JSON + _COMPOSED_TO)
    condition, values = "item.detail LIKE ? ESCAPE '\\'", [f'%"tags"%"{pattern}%']
    if not db.every_row_verified:
        condition = f"({condition} OR {FUNCTION}('item', {_ALL_COLUMNS}) IS NOT item.sum)"
    return condition, values


def _from_below(folder: Path) -> tuple[str, list[Any]]:
    """Return what holds of a video that came from below a folder, in whatever form that was spelled then."""
    forms = dict.fromkeys((str(folder), nfc(str(folder)), unicodedata.normalize("NFD", str(folder))))
    ranges = [below(Path(form)) for form in forms]
    return f"({' OR '.join(['(source >= ? AND source < ?)'] * len(ranges))})", [one for pair in ranges for one in pair]


def words_conditions(words: Sequence[str]) -> list[tuple[str, list[Any]]]:
    """Return what holds where words stand in a video's names or its reason; SQL is to know `words_comparison`."""
    if not words:
        return []
    return [*map(_with_word, words[:_MOST_WORDS]), (f"{HAVE_WORDS}(source, destination, reason)", [])]


def _with_word(word: str) -> tuple[str, list[Any]]:
    """Return what holds at least where a word stands: letters beyond ASCII may be spelled in several ways."""
    likes = [f"{text} LIKE ? ESCAPE '\\'" for text in _TEXTS]
    return f"({' OR '.join(likes)})", [f"%{like_pattern(word)}%"] * len(likes)


def like_pattern(text: str, *, unlike: str = "") -> str:
    r"""Return a pattern of SQL's LIKE, escaped by `\\`, that fits at least each spelling of a text.

    The characters of `unlike` may be written as anything, too.
    """
    return "".join(
        "%" if not char.isascii() or char in unlike else f"\\{char}" if char in "%_\\" else char
        for char in text[:_MOST_CHARS]
    )


_TEXTS: Final = ("CAST(source AS TEXT)", "CAST(destination AS TEXT)", "reason")


def _folded(text: str) -> str:
    return nfc(text).lower()
