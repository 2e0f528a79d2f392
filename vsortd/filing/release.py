"""Letting videos go that are left alone: holds are released, refusals forgotten, by what a person names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.filing.journal import Journal


@dataclass(frozen=True, slots=True)
class LetGo:
    """The files that may be sorted again, and the words that named none, each with the reason."""

    freed: list[Path] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def let_go(journal: Journal | None, verb: str, words: Sequence[str], *, everything: bool) -> LetGo:
    """Release ("release") or retry ("retry") what some ids or absolute paths name, or everything. Raises StoreError."""
    free = None if journal is None else journal.release if verb == "release" else journal.retry
    state = "held" if verb == "release" else "failed or rejected"
    found = LetGo()
    if everything and free is not None:
        found.freed.extend(free(everything=True))
    for word in words:
        by_id = word.isdigit()
        freed = [] if free is None else free(ids=[int(word)]) if by_id else free(paths=[Path(word)])
        found.freed.extend(freed)
        if not freed:
            found.refused.append((word, f"no {state} {'item has this id' if by_id else 'file has this name'}"))
    return found
