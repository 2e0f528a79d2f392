"""One rule's lines within a config's text: taken out with the comments above it, and put in elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.config.dump import dump_yaml
from vsortd.config.yaml_spans import TextSpan, spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DASH: Final = re.compile(r"( *)(- +)(?=\S)")
_CHILDREN: Final = "rules"


class NoSafePlaceError(ValueError):
    """The text's form leaves no safe place."""


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule as entry of a list: its lines, with the dash at column 0; as one line in braces, "" where it is not."""

    lines: tuple[str, ...]
    braces: str = ""

    @classmethod
    def of(cls, options: Mapping[str, object]) -> RuleText:
        """Return a new rule; its options are plain values."""
        said = [line for name, value in options.items() for line in dump_yaml({name: value}).rstrip("\n").split("\n")]
        lines = tuple(("  " if number else "- ") + line for number, line in enumerate(said))
        return cls(lines, in_one_line(dict(options)))

    @property
    def text(self) -> str:
        """The rule as a text of its own."""
        return "\n".join(self.lines)


def in_one_line(value: object) -> str:
    """Return a value as YAML on one line, which means the same in braces and outside."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{in_one_line(key)}: {in_one_line(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_one_line, value)) + "]"
    return dump_yaml({"x": [value]}).removeprefix("x: [").rstrip("\n").removesuffix("]")


def entry_of(top: TextSpan, place: Sequence[int]) -> TextSpan:
    """Return the span of a rule, () for all. Raises LookupError."""
    found = top
    for number in place:
        below = found.get(_CHILDREN)
        if below is None or number < 0:
            raise LookupError
        found = below.items[number]
    return found


def take_rule(text: str, place: Sequence[int]) -> tuple[str, RuleText]:
    """Return the text without a rule, and the rule. Raises NoSafePlaceError, LookupError."""
    top = spans(text)
    holder = entry_of(top, place[:-1])
    siblings = holder.get(_CHILDREN)
    if siblings is None:
        raise LookupError
    if siblings.flow:
        return _taken_from_brackets(text, holder, siblings, place[-1])
    first, last, indent = _block(text, siblings, place[-1])
    lines = text.split("\n")
    taken = [line[indent:] if not line[:indent].strip() else line.lstrip() for line in lines[first:last]]
    item = siblings.items[place[-1]]
    rest = [*lines[:first], *lines[last:]]
    if len(siblings.items) == 1:
        rest = _without_key(text, rest, holder)
    return "\n".join(rest), RuleText(tuple(taken), text[item.start : item.end] if item.flow else "")


def _taken_from_brackets(text: str, holder: TextSpan, siblings: TextSpan, number: int) -> tuple[str, RuleText]:
    item = siblings.items[number]
    braces = text[item.start : item.end]
    if "\n" in braces:
        raise NoSafePlaceError
    if len(siblings.items) > 1:
        if number:
            rest = text[: siblings.items[number - 1].end] + text[item.end :]
        else:
            rest = text[: item.start] + text[siblings.items[1].start :]
        return rest, RuleText((f"- {braces}",), braces)
    key, value = holder.entries[_CHILDREN]
    names = list(holder.entries)
    at = names.index(_CHILDREN)
    if holder.flow and at:
        return text[: holder.entries[names[at - 1]][1].end] + text[value.end :], RuleText((f"- {braces}",), braces)
    line_end = text.find("\n", value.end)
    behind = text[value.end : line_end if line_end >= 0 else len(text)]
    before = text[text.rfind("\n", 0, key.start) + 1 : key.start]
    if holder.flow or behind.strip() or before.strip():
        raise NoSafePlaceError
    rest = text[: key.start - len(before)] + text[line_end + 1 if line_end >= 0 else len(text) :]
    return rest, RuleText((f"- {braces}",), braces)


def _without_key(text: str, rest: list[str], holder: TextSpan) -> list[str]:
    """Return the lines without the key of a list that is empty now; a comment behind it stays."""
    key, _ = holder.entries[_CHILDREN]
    row = text.count("\n", 0, key.start)
    before, mark, comment = rest[row].partition("#")
    if before.strip() != f"{_CHILDREN}:":
        raise NoSafePlaceError
    kept = [before[: len(before) - len(before.lstrip())] + mark + comment] if mark else []
    return [*rest[:row], *kept, *rest[row + 1 :]]


def _block(text: str, siblings: TextSpan, number: int) -> tuple[int, int, int]:
    """Return the first line of a rule in a list of dashes, the one after its last, and the column of its dash.

    Comments right above it belong to it, but for those of the first rule: these may be about all of them.
    """
    lines = text.split("\n")
    item = siblings.items[number]
    first = text.count("\n", 0, item.start)
    found = _DASH.match(lines[first])
    if found is None or item.start - text.rfind("\n", 0, item.start) - 1 != found.end():
        raise NoSafePlaceError
    indent = len(found.group(1))
    last = text.count("\n", 0, item.end - 1) + 1
    while last < len(lines) and lines[last].lstrip().startswith("#") and _column(lines[last]) > indent:
        last += 1
    begin = first
    while number and lines[begin - 1].lstrip().startswith("#") and _column(lines[begin - 1]) == indent:
        begin -= 1
    return begin, last, indent


def _column(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def insert_rule(text: str, below: Sequence[int], number: int | None, rule: RuleText) -> str:
    """Return the text with a rule put in below another, as the `number`th (from 0), None for the last.

    Raises NoSafePlaceError, LookupError.
    """
    holder = entry_of(spans(text), below)
    siblings = holder.get(_CHILDREN)
    if siblings is None or not siblings.items:
        return _first_one(text, holder, siblings, rule, nested=bool(below))
    at = len(siblings.items) if number is None else number
    if siblings.flow:
        if not rule.braces or len(rule.lines) > 1:
            raise NoSafePlaceError
        if at < len(siblings.items):
            begin = siblings.items[at].start
            return f"{text[:begin]}{rule.braces}, {text[begin:]}"
        end = siblings.items[-1].end
        return f"{text[:end]}, {rule.braces}{text[end:]}"
    ends = at >= len(siblings.items)
    first, last, indent = _block(text, siblings, len(siblings.items) - 1 if ends else at)
    return _with_lines(text, last if ends else first, rule, indent)


def _first_one(text: str, holder: TextSpan, siblings: TextSpan | None, rule: RuleText, *, nested: bool) -> str:
    if siblings is not None and siblings.flow and rule.braces and len(rule.lines) == 1:  # `rules: []`
        return f"{text[: siblings.start]}[{rule.braces}]{text[siblings.end :]}"
    if siblings is not None or not holder.entries:
        raise NoSafePlaceError
    keys = [key for key, _ in holder.entries.values()]
    if holder.flow:
        if not rule.braces or len(rule.lines) > 1:
            raise NoSafePlaceError
        last = list(holder.entries.values())[-1][1].end
        return f"{text[:last]}, {_CHILDREN}: [{rule.braces}]{text[last:]}"
    indent = keys[0].start - text.rfind("\n", 0, keys[0].start) - 1
    at = text.count("\n", 0, holder.end - 1) + 1
    lines = text.split("\n")
    own = [" " * indent + f"{_CHILDREN}:"]
    made = "\n".join([*lines[:at], *own, *lines[at:]])
    return _with_lines(made, at + 1, rule, indent + 2 if nested or indent == 0 else indent)


def _with_lines(text: str, at: int, rule: RuleText, indent: int) -> str:
    lines = text.split("\n")
    added = [" " * indent + line if line.strip() else line for line in rule.lines]
    return "\n".join([*lines[:at], *added, *lines[at:]])
