"""Where each value of a YAML text begins and ends, and its comments: what an edit needs that leaves the rest alone.

Works on the parser's events without recursing, like `yaml_lines`, which says first whether the text can be read at all.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)


@dataclass(slots=True, eq=False)
class TextSpan:
    """One value: characters `start` to `end` (exclusive) of the text; that of a block ends with its last value.

    A list has `items`, a mapping `entries` (key → the key's span, the value's). `flow`: in brackets or braces.
    """

    start: int
    end: int
    flow: bool = False
    is_list: bool = False
    items: list[TextSpan] = field(default_factory=list)
    entries: dict[str, tuple[TextSpan, TextSpan]] = field(default_factory=dict)

    def get(self, key: str) -> TextSpan | None:
        """Return the value under a key, None where there is none."""
        entry = self.entries.get(key)
        return entry[1] if entry else None

    @property
    def is_block_list(self) -> bool:
        """Whether it is a list with a dash before each of its items."""
        return self.is_list and not self.flow


def spans(text: str) -> TextSpan:
    """Return the span of the text's top value; the text is one that `read_bytes` reads without a mistake."""
    builder = _SpanBuilder()
    for event in yaml.parse(text, Loader=_Loader):
        builder.take(event)
    return builder.top


def _index(mark: Any) -> int:  # noqa: ANN401 - the marks of either parser
    return int(mark.index)


class _SpanBuilder:
    """Builds spans out of parser events."""

    def __init__(self) -> None:
        self.top = TextSpan(0, 0)
        self._open: list[TextSpan] = []
        self._keys: list[tuple[TextSpan, str] | None] = []  # of each open mapping, the key whose value comes next

    def take(self, event: Any) -> None:  # noqa: ANN401 - PyYAML has no types for them
        if isinstance(event, yaml.CollectionEndEvent):
            self._close(_index(event.end_mark))
        elif isinstance(event, yaml.ScalarEvent):
            self._put(TextSpan(_index(event.start_mark), _index(event.end_mark)), event.value)
        elif isinstance(event, yaml.CollectionStartEvent):
            begun = TextSpan(_index(event.start_mark), _index(event.end_mark), flow=bool(event.flow_style))
            begun.is_list = isinstance(event, yaml.SequenceStartEvent)
            self._put(begun, None)
            self._open.append(begun)
            self._keys.append(None)

    def _close(self, end: int) -> None:
        ended = self._open.pop()
        self._keys.pop()
        if ended.flow:
            ended.end = end
        if self._open:
            self._open[-1].end = max(self._open[-1].end, ended.end)

    def _put(self, made: TextSpan, text: str | None) -> None:
        if not self._open:
            self.top = made
            return
        holder, key = self._open[-1], self._keys[-1]
        holder.end = max(holder.end, made.end)
        if holder.is_list:
            holder.items.append(made)
        elif key is None:
            self._keys[-1] = (made, text or "")
        else:
            holder.entries[key[1]] = (key[0], made)
            self._keys[-1] = None


def comments(text: str) -> Counter[str]:
    """Return the comments of a text, each as often as it stands there."""
    events = yaml.parse(text, Loader=_Loader)
    ends = [(_index(one.start_mark), _index(one.end_mark)) for one in events if isinstance(one, yaml.ScalarEvent)]
    return Counter(found.rstrip() for found in _outside(text, ends))


def _outside(text: str, scalars: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Yield the comments that stand between scalars."""
    at = 0
    for start, end in [*scalars, (len(text), len(text))]:
        if start < at:
            continue  # a comment has ended behind its beginning, which can't be
        yield from (found.group() for found in _COMMENT.finditer(text, at, start))
        at = max(end, at)
