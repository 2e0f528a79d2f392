"""Counters in names: `{n}` is one more than the highest number that files of this name have in their folder."""

from __future__ import annotations

import os
import re
import string
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vsortd.core.names import COUNTER, cut, folded
from vsortd.filing.file_names import component, filled, fit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsortd.filing.file_names import NameFields

# What a camera or a person writes with more digits is a moment or a serial number, and no count of ours.
MOST_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class CountedStem:
    """A file's name without its ending: what stands before its number and after it; numbers have `digits` at least."""

    before: str
    after: str
    digits: int = 1

    def within(self, limit_bytes: int) -> CountedStem:
        """Return it so short that every number fits into as many bytes: what stands before the number is cut first."""
        room = max(limit_bytes - MOST_DIGITS, 0)
        after = cut(self.after, room)
        before = cut(self.before, room - len(os.fsencode(after)))
        return replace(self, before=before, after=after.rstrip(". "))

    def at(self, number: int, limit_bytes: int) -> str:
        """Return the name of a number, one component within a number of bytes."""
        short = self.within(limit_bytes)
        return component(f"{short.before}{number:0{self.digits}}{short.after}")

    def highest(self, names: Iterable[str], limit_bytes: int) -> int:
        """Return the highest number that this name has among the names of files, whatever their endings; 0 for none."""
        short = self.within(limit_bytes)
        before, after = re.escape(folded(short.before)), re.escape(folded(short.after))
        form = re.compile(f"/{before}([0-9]{{1,{MOST_DIGITS}}}){after}(?=[./])")
        # as one text: folding the names of a large folder one by one takes longer than listing them
        text = folded(f"/{'/'.join(names)}/")
        return max((int(found[1]) for found in form.finditer(text)), default=0)


def counted_stem(template: str, fields: NameFields) -> CountedStem | None:
    """Return the name that a template with a counter gives, None for a template without. Raises ValueError."""
    parts = list(string.Formatter().parse(template))
    place = next((number for number, part in enumerate(parts) if part[1] == COUNTER), None)
    if place is None:
        return None
    literal, _, digits, _ = parts[place]
    before = filled([*parts[:place], (literal, None, None, None)], fields)
    after = filled(parts[place + 1 :], fields)
    return CountedStem(fit(before).lstrip(". "), fit(after).rstrip(". "), int(digits or 1))
