"""Which rule a folder of the library belongs to: the way back from `place.folder`.

A template says of one video where it goes; many videos' folders are one rule's. A folder belongs to the rule whose
name stands where the template has `{rule}`; the folders that follow may be fewer than the template has, since people
drop videos into the rule's folder itself. Where several rules are possible, the longest name counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from vsortd.core.folder_templates import RULE, FolderPart, parse_folder
from vsortd.core.names import SUB_FOLDER, folder_key, nfc, portable, without_refused
from vsortd.errors import UsageError
from vsortd.filing.file_names import component
from vsortd.filing.folder_names import missing_text, own_folders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vsortd.config.place_options import Place
    from vsortd.config.rules import RuleTree

_DATES: Final = {"year": "[0-9]{4}", "month": "[0-9]{2}", "day": "[0-9]{2}", "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}"}


@dataclass(frozen=True, slots=True)
class FolderMatch:
    """A rule (its key) that a folder may belong to, how many of its names say so, and what `{sub}` is in it."""

    rule: str
    names: int
    sub: tuple[str, ...] = ()


class RuleFolders:
    """The folders of a tree's rules. `place` serves rules that have none of their own (made by hand)."""

    def __init__(self, tree: RuleTree, place: Place) -> None:
        self.keys: Final = frozenset(rule.key for rule in tree.walk())
        self._own = own_folders(place)
        shapes: dict[tuple[str, str], _Shape] = {}
        for rule in tree.walk():
            own = rule.place or place
            shape = shapes.setdefault((own.folder, own.missing), _Shape.of(own))
            shape.rules[tuple(map(_on_any_disk, rule.path))] = rule.key
        self._shapes = tuple(shapes.values())

    def rule_of(self, folders: Sequence[str]) -> str | None:
        """Return the key of the rule that a folder belongs to; None where it is no rule's, or that can't be told.

        `folders` are the names from the library's top down.
        """
        found = self.matches(folders)
        return found[0].rule if len(found) == 1 else None

    def matches(self, folders: Sequence[str]) -> list[FolderMatch]:
        """Return the rules that a folder may belong to, those alone that most of its names speak for."""
        if not folders or folder_key(folders[0]) in self._own:
            return []
        found = [match for shape in self._shapes for match in shape.matches(folders)]
        most = max((match.names for match in found), default=0)
        return list({match.rule: match for match in found if match.names == most}.values())


def folder_of_rule(tree: RuleTree, key: str, place: Place) -> tuple[str, ...]:
    """Return the one folder, by its names from the library's top, that holds a rule's videos and those of rules below.

    Raises UsageError where its template puts them into several, or among others.
    """
    rule = tree.find(key)
    template = (rule.place if rule is not None and rule.place is not None else place).folder
    parts = parse_folder(template)
    at = next((number for number, part in enumerate(parts) if part.spanning == RULE), None)
    if at is None or any(part.fields for part in parts[:at]):
        raise UsageError(
            f"The rule {key} has no folder of its own: its videos go to {template}.",
            remedy="Name a folder of the library with --in, or leave --rule out.",
        )
    return (*(part.pieces[0][0] for part in parts[:at]), *key.split("/"))


@dataclass(slots=True)
class _Shape:
    """One template, and the keys of the rules that it holds for by the names of their folders."""

    before: _Pattern
    after: _Pattern
    has_rule: bool
    fixed: int  # with how many names the template begins that are the same for all videos
    rules: dict[tuple[str, ...], str] = field(default_factory=dict)

    @classmethod
    def of(cls, place: Place) -> _Shape:
        parts = parse_folder(place.folder)
        at = next((number for number, part in enumerate(parts) if part.spanning == RULE), None)
        fixed = next((number for number, part in enumerate(parts) if part.fields), len(parts))
        first, others = (fixed or len(parts), fixed or len(parts)) if at is None else (at, at + 1)
        before, after = parts[:first], parts[others:]
        return cls(
            _Pattern.of(before, place, whole=True), _Pattern.of(after, place, whole=False), at is not None, fixed
        )

    def matches(self, folders: Sequence[str]) -> Iterator[FolderMatch]:
        """Yield every rule that the folder may belong to."""
        names = tuple(map(_on_any_disk, folders))
        for start in self.before.lengths(len(names)):
            before = self.before.sub(folders[:start], names[:start])
            for left in self.after.lengths(len(names) - start) if before is not None else ():
                stop = len(names) - left
                after = self.after.sub(folders[stop:], names[stop:])
                if before is not None and after is not None:
                    yield from self._rules(names[start:stop], before or after)

    def _rules(self, between: tuple[str, ...], sub: tuple[str, ...]) -> Iterator[FolderMatch]:
        if not self.has_rule and not between:
            yield from (FolderMatch(rule, self.fixed, sub) for rule in self.rules.values())
        elif self.has_rule and between in self.rules:
            yield FolderMatch(self.rules[between], len(between), sub)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What stands before or after `{rule}`: its form, and how many folders it is, None for any number."""

    form: re.Pattern[str]
    most: int | None
    whole: bool

    @classmethod
    def of(cls, parts: Sequence[FolderPart], place: Place, *, whole: bool) -> _Pattern:
        """Make it of parts that must all be there, or else of which the last ones may be missing."""
        form = ""
        for part in reversed(parts):
            form = _form(part, place) + form if whole else f"(?:{_form(part, place)}{form})?"
        return cls(re.compile(form), None if any(part.spanning for part in parts) else len(parts), whole)

    def lengths(self, folders: int) -> Iterable[int]:
        """Return of how many of some folders it may be the form."""
        most = folders if self.most is None else min(self.most, folders)
        return range(most if self.whole and self.most is not None else 0, most + 1)

    def sub(self, folders: Sequence[str], names: Sequence[str]) -> tuple[str, ...] | None:
        """Return the folders that `{sub}` is among some, `names` in their plain form; None where these don't fit."""
        text = "".join(f"{name}/" for name in names)
        match = self.form.fullmatch(text)
        if match is None or not match.groupdict().get(SUB_FOLDER):
            return None if match is None else ()
        begin, end = (text[:at].count("/") for at in match.span(SUB_FOLDER))
        return tuple(folders[begin:end])


def _form(part: FolderPart, place: Place) -> str:
    """Return a pattern for one part of a template, over names that each have a slash behind them."""
    if part.spanning:
        return f"(?P<{part.spanning}>(?:[^/]+/)*)"
    return "".join(re.escape(without_refused(text)) + _of_field(name, place) for text, name in part.pieces) + "/"


def _of_field(name: str, place: Place) -> str:
    if name not in _DATES:
        return "[^/]+" if name else ""
    return f"(?:{_DATES[name]}|{re.escape(without_refused(missing_text(place, name)))})"


@lru_cache(maxsize=4096)
def _on_any_disk(name: str) -> str:
    """Return a folder's name in the form in which it is compared: on some disks it has another."""
    return portable(nfc(component(name)))
