"""Config files of a former version of the format: what they say, in the words of the present one.

A file is taken over as text, before anything else looks at it: options get their present names, and everything else
stays as it was written, line by line. So there is one way to read a config, and mistakes have the lines of the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from vsortd.config.diagnostics import Mistake, dotted
from vsortd.config.rule_nodes import rule_nodes
from vsortd.config.yaml_lines import Node, NodeKind, read_text
from vsortd.config.yaml_spans import spans
from vsortd.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.config.diagnostics import Location
    from vsortd.config.yaml_lines import Document
    from vsortd.config.yaml_spans import TextSpan

PRESENT: Final = 2
"""The version of the file's format that this vsortd writes."""
COMMAND: Final = "vsortd config migrate"

_VERSION: Final = "version"
# What got another name after version 1, by where it stands; `contains` stands in rules and tags.
_RENAMED_AT_THE_TOP: Final = {
    "workers": {"timeout": "time_limit"},  # as in fetch, after and unsure
    "web": {"pictures": "cache"},  # as in fetch
    "log": {"size": "max_size"},  # as in fetch
}
_RENAMED_IN_CONTAINS: Final = {
    "min": "min_count",
    "level": "min_score",  # as in rules, facets and defaults
    "min_seconds": "min_duration",  # it takes 1m as well
}


@dataclass(frozen=True, slots=True)
class Change:
    """An option on a line of the file that has another name now, by its former path and its present one."""

    line: int
    former: str
    present: str

    def sentence(self) -> str:
        """Say it for people."""
        return f"line {self.line}: {self.former} is now {self.present}"


@dataclass(frozen=True, slots=True)
class FormerVersion:
    """A config of a former version: its number, on which line it says so, and its text as the present version has it.

    `line` is 0 where it says no version: such a file is read as one of the first.
    """

    number: int
    line: int
    text: str
    changes: tuple[Change, ...]

    def warning(self) -> Mistake:
        """Return what to tell the owner of the file."""
        says = f"the file is of version {self.number}" if self.line else "the file does not say its version"
        many = counted(len(self.changes), "option")
        verb = "has" if len(self.changes) == 1 else "have"
        renamed = f", and {many} in it {verb} another name now" if self.changes else ""
        message = f"{says}{renamed}; it is read as if it had been taken over"
        value = self.number if self.line else None
        return Mistake(self.line or 1, _VERSION, value, message, f"version {PRESENT}: `{COMMAND}` takes it over")

    def in_its_words(self, mistake: Mistake) -> Mistake:
        """Return a mistake in the present text with the option's name as the file has it."""
        former = next((one.former for one in self.changes if one.present == mistake.path), mistake.path)
        return replace(mistake, path=former)


def newer_version(document: Document) -> Mistake | None:
    """Return the one mistake of a file of a newer version, of which nothing else can be told; None for any other."""
    number, line = _version(document)
    if number is None or number <= PRESENT:
        return None
    message = f"the file is of version {number}, and this vsortd knows {PRESENT}: it is too old for it"
    return Mistake(line, _VERSION, number, message, f"update vsortd; or a file of version {PRESENT}")


def taken_over(document: Document) -> FormerVersion | None:
    """Return a config of a former version as the present one has it; None where there is nothing to take over.

    That is also what can't be read, which the check tells of. An option of which both names are there stays as it is:
    the check says that the former one is unknown.
    """
    root = document.options
    number, line = _version(document)
    if root is None or document.mistakes or number is None or number >= PRESENT:
        return None
    renamed = sorted(_renamed(root), key=itemgetter(3))
    if not renamed and not line:
        return None
    changes = tuple(
        Change(at, dotted((*location, former)), dotted((*location, present)))
        for location, former, present, at in renamed
    )
    return FormerVersion(number, line, _rewritten(document.text, renamed, says_version=bool(line)), changes)


def in_present_words(text: str) -> tuple[str, Document]:
    """Return the text of a config, taken over if it is of a former version, and what was read of it."""
    document = read_text(text)
    former = taken_over(document)
    return (text, document) if former is None else (former.text, read_text(former.text))


def with_version(text: str) -> str:
    """Return the text of a config, in which there is no mistake, with a line that says its version if it has none."""
    top = spans(text)
    if _VERSION in top.entries:
        return text
    first = min(key.start for key, _ in top.entries.values())
    if top.flow:
        return f"{text[:first]}{_VERSION}: {PRESENT}, {text[first:]}"
    indent = text[text.rfind("\n", 0, first) + 1 : first]
    end = "\r\n" if "\r\n" in text else "\n"
    return f"{text[:first]}{_VERSION}: {PRESENT}{end}{indent}{text[first:]}"


def _version(document: Document) -> tuple[int | None, int]:
    """Return the version of a file and the line that says it: (1, 0) without one, None where what it says is none."""
    node = None if document.options is None else document.options.get(_VERSION)
    if node is None:
        return 1, 0
    number = node.value
    sound = isinstance(number, int) and not isinstance(number, bool) and number >= 1
    return (number if isinstance(number, int) and sound else None), node.line


_Renamed = tuple["Location", str, str, int]
"""Where an option stands, its former and its present name, and its line."""


def _renamed(root: Node) -> Iterator[_Renamed]:
    for section, names in _RENAMED_AT_THE_TOP.items():
        yield from _renamed_in(root.get(section), (section,), names)
    for node, location in rule_nodes(root, tags=True):
        yield from _renamed_in(node.get("contains"), (*location, "contains"), _RENAMED_IN_CONTAINS)


def _renamed_in(node: Node | None, location: Location, names: dict[str, str]) -> Iterator[_Renamed]:
    if node is None or node.kind is not NodeKind.MAPPING:
        return
    for former, present in names.items():
        if former in node.entries and present not in node.entries:
            yield location, former, present, node.entries[former][0]


def _rewritten(text: str, renamed: Sequence[_Renamed], *, says_version: bool) -> str:
    """Return the text with the present names, and the present version where it says one."""
    top = spans(text)
    edits: list[tuple[int, int, str]] = []
    if says_version:
        _, value = top.entries[_VERSION]
        edits.append((value.start, value.end, str(PRESENT)))
    for location, former, present, _ in renamed:
        key, value = _at(top, location).entries[former]
        edits.append((key.start, key.end, present))
        edits += _comment_kept_in_its_column(text, value.end, len(present) - (key.end - key.start))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _comment_kept_in_its_column(text: str, at: int, longer: int) -> Iterator[tuple[int, int, str]]:
    """Yield the edit of the gap before a comment behind a value, which the line's longer option would push away."""
    if (gap := re.compile(r" {2,}(?=#)").match(text, at)) is not None:
        yield gap.start(), gap.end(), " " * max(2, len(gap.group()) - longer)


def _at(top: TextSpan, location: Location) -> TextSpan:
    found = top
    for step in location:
        below = found.items[step] if isinstance(step, int) else found.get(step)
        assert below is not None  # both were read of the same text
        found = below
    return found
