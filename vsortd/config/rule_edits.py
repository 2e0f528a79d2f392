"""Edits of the rules in a config's text: an option set, a rule added, moved or deleted, all else as it was written.

Whether an edit did what was meant is not believed but checked: the new text must parse to what was there with just this
change, and hold every comment that it held (but those within a rule that is deleted). Where the text's form leaves no
safe way, EditByHandError says so, and nothing is changed.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from vsortd.config.rule_text import RuleText, entry_of, in_one_line, insert_rule, take_rule
from vsortd.config.yaml_lines import plain, read_bytes, read_text
from vsortd.config.yaml_spans import comments, spans
from vsortd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vsortd.config.yaml_spans import TextSpan

RuleAt = tuple[int, ...]
"""Which rule, by the number (from 0) of each rule from the top: (2, 0) is the first one below the third."""

_BOM: Final = "\ufeff"
_CHILDREN: Final = "rules"


class EditByHandError(ConfigError):
    """The text's form leaves no safe way for this edit."""

    def __init__(self) -> None:
        super().__init__(
            "This can't be changed here without touching more of the text; nothing was changed.",
            remedy="Change it in the YAML itself.",
        )


def set_options(text: str, place: RuleAt, options: Mapping[str, object]) -> str:
    """Return the text with options of a rule set, None to leave one out. Raises EditByHandError."""
    for name, value in options.items():
        text = _set_option(text, place, name, value)
    return text


def _set_option(text: str, place: RuleAt, name: str, value: object) -> str:
    def edit(before: str) -> str | None:
        return _with_option(before, place, name, value)

    def put(rules: list[Any]) -> None:
        _set(_at(rules, place), name, value)

    return _checked(text, edit, put)


def add_rule_text(text: str, below: RuleAt, options: Mapping[str, object]) -> str:
    """Return the text with a rule as the last one below another, () for the top. Raises EditByHandError."""

    def put(rules: list[Any]) -> None:
        _children(rules, below).append(dict(options))

    return _checked(text, lambda one: insert_rule(one, below, None, RuleText.of(options)), put)


def delete_rule(text: str, place: RuleAt) -> str:
    """Return the text without a rule and all below it. Raises EditByHandError."""

    def drop(rules: list[Any]) -> None:
        _take(rules, place)

    return _checked(
        text, lambda one: take_rule(one, place)[0], drop, may_lose=lambda one: take_rule(one, place)[1].text
    )


def move_rule(text: str, place: RuleAt, to: RuleAt) -> str:
    """Return the text with a rule elsewhere: `to` counts without it. Raises EditByHandError."""

    def edit(one: str) -> str | None:
        rest, taken = take_rule(one, place)
        return insert_rule(rest, to[:-1], to[-1], taken)

    def move(rules: list[Any]) -> None:
        taken = _take(rules, place)
        _children(rules, to[:-1]).insert(to[-1], taken)

    return _checked(text, edit, move)


def place_after(place: RuleAt, way: str, siblings: int) -> RuleAt | None:
    """Return where a rule among so many siblings comes to by "up", "down", "in" or "out"; None: nowhere else.

    `siblings` of "in" are the rules below the one before it.
    """
    *above, at = place
    if way == "up":
        return (*above, at - 1) if at else None
    if way == "down":
        return (*above, at + 1) if at + 1 < siblings else None
    if way == "in":
        return (*above, at - 1, siblings) if at else None
    return (*above[:-1], above[-1] + 1) if above else None


def _checked(
    text: str,
    edit: Callable[[str], str | None],
    meant: Callable[[list[Any]], object],
    *,
    may_lose: Callable[[str], str] | None = None,
) -> str:
    """Return the edited text if it holds what was meant. Raises EditByHandError."""
    mark = _BOM if text.startswith(_BOM) else ""
    before = text.removeprefix(_BOM)
    wanted = _plain(before)
    try:
        meant(wanted.setdefault(_CHILDREN, []))
        after = edit(before)
        if after is not None and _pruned(_plain(after)) == _pruned(wanted) and _keeps(before, after, may_lose):
            return mark + after
    except (RecursionError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise EditByHandError from error
    raise EditByHandError


def _keeps(before: str, after: str, may_lose: Callable[[str], str] | None) -> bool:
    lost = comments(before) - comments(after)
    allowed = Counter[str]() if may_lose is None else comments(may_lose(before))
    return not lost - allowed


def _plain(text: str) -> dict[str, Any]:
    document = read_text(text)
    if document.root is None or document.mistakes:
        raise EditByHandError
    found = plain(document.root)
    if not isinstance(found, dict):
        raise EditByHandError
    return found


def _pruned(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out lists of no rules, which say as much as no list."""
    waiting = [found]
    while waiting:
        one = waiting.pop()
        if one.get(_CHILDREN) == []:
            del one[_CHILDREN]
        waiting.extend(below for below in one.get(_CHILDREN) or () if isinstance(below, dict))
    return found


def _at(rules: list[Any], place: RuleAt) -> dict[str, Any]:
    found: dict[str, Any] = {_CHILDREN: rules}
    for number in place:
        found = found[_CHILDREN][number]
    return found


def _children(rules: list[Any], place: RuleAt) -> list[Any]:
    found: list[Any] = rules if not place else _at(rules, place).setdefault(_CHILDREN, [])
    return found


def _take(rules: list[Any], place: RuleAt) -> dict[str, Any]:
    taken: dict[str, Any] = _children(rules, place[:-1]).pop(place[-1])
    return taken


def _set(rule: dict[str, Any], name: str, value: object) -> None:
    if value is None:
        rule.pop(name, None)
    else:
        rule[name] = value


def _with_option(text: str, place: RuleAt, name: str, value: object) -> str | None:
    rule = entry_of(spans(text), place)
    if not rule.entries:
        return None
    if name in rule.entries:
        return _without(text, rule, name) if value is None else _replaced(text, rule, name, value)
    return text if value is None else _inserted(text, rule, f"{in_one_line(name)}: {in_one_line(value)}")


def _replaced(text: str, rule: TextSpan, name: str, value: object) -> str | None:
    key, old = rule.entries[name]
    if old.is_block_list and isinstance(value, list):
        return _with_items(text, old, value)
    gap = "" if text[old.start - 1 : old.start].isspace() else " "
    new = in_one_line(value)
    if "\n" in text[key.end : old.start]:  # a block below its key: it goes behind the key
        return text[: key.end] + ": " + new + text[old.end :]
    return text[: old.start] + gap + new + text[old.end :]


def _with_items(text: str, old: TextSpan, values: Sequence[object]) -> str | None:
    """Return the text with a list of other items; the lines of those that stay are as they were."""
    lines = text.split("\n")
    rows = [_line(text, item.start) for item in old.items]
    first, last = rows[0], _line(text, old.end - 1)
    dash = re.match(r" *- +", lines[first])
    if dash is None or not values or len(set(rows)) != len(rows):
        return None
    begins = [rows[0], *(_line(text, item.end - 1) + 1 for item in old.items[:-1])]
    blocks = [lines[begin:end] for begin, end in zip(begins, [*begins[1:], last + 1], strict=True)]
    there = [plain_item(lines[row : _line(text, item.end - 1) + 1]) for row, item in zip(rows, old.items, strict=True)]
    made: list[str] = []
    for value in values:
        number = there.index(value) if value in there else None
        if number is None:
            made.append(dash.group() + in_one_line(value))
        else:
            made += blocks[number]
            there[number] = object()
    for number, one in enumerate(there):  # what is gone leaves its comments
        if not isinstance(one, str) or one in values:
            continue
        indent = " " * (len(dash.group()) - 2)
        made += [indent + comment for comment in comments("\n".join(blocks[number]))]
    return "\n".join([*lines[:first], *made, *lines[last + 1 :]])


def plain_item(lines: Sequence[str]) -> object:
    """Return what an item of a list that stands on these lines means."""
    root = read_bytes("\n".join(lines).encode()).root
    return plain(root)[0] if root is not None else None


def _without(text: str, rule: TextSpan, name: str) -> str | None:
    names = list(rule.entries)
    at, (key, value) = names.index(name), rule.entries[name]
    if rule.flow:
        if at:
            return text[: rule.entries[names[at - 1]][1].end] + text[value.end :]
        return text[: key.start] + text[rule.entries[names[1]][0].start :] if len(names) > 1 else None
    if not at:
        return None  # it stands behind the dash
    lines = text.split("\n")
    first, last = _line(text, key.start), _line(text, max(key.start, value.end - 1))
    indent = key.start - text.rfind("\n", 0, key.start) - 1
    kept = [" " * indent + one for one in comments("\n".join(line[indent:] for line in lines[first : last + 1]))]
    return "\n".join([*lines[:first], *kept, *lines[last + 1 :]])


def _inserted(text: str, rule: TextSpan, entry: str) -> str | None:
    """Return the text with an entry behind the rule's own ones, before the rules below it."""
    own = [name for name in rule.entries if name != _CHILDREN]
    if not own:
        return None
    key, last = rule.entries[own[-1]]
    if rule.flow:
        return f"{text[: last.end]}, {entry}{text[last.end :]}"
    indent = key.start - text.rfind("\n", 0, key.start) - 1
    lines = text.split("\n")
    at = _line(text, max(key.end, last.end) - 1) + 1
    return "\n".join([*lines[:at], " " * indent + entry, *lines[at:]])


def _line(text: str, index: int) -> int:
    return text.count("\n", 0, max(index, 0))
