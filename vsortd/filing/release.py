"""Freeing videos that are left alone: holds are released, refusals forgotten, by what a person names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.names import nfc
from vsortd.filing.item_ids import LARGEST_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.core.documents import ReleaseDocument
    from vsortd.filing.journal import Journal


class ReleaseVerb(StrEnum):
    """Why videos were left alone, and what is done about it."""

    RELEASE = "release"  # what was undone is held
    RETRY = "retry"  # what failed or was rejected


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """The files that may be sorted again, and the names that named none, each with the reason."""

    freed: list[Path] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def from_json(cls, document: ReleaseDocument) -> ReleaseReport:
        """Take a report out of what `to_json` made of it."""
        return cls([Path(name) for name in document["freed"]], [(name, why) for name, why in document["refused"]])

    def to_json(self) -> ReleaseDocument:
        """Return it as the control API sends it."""
        return {"freed": [os.fspath(path) for path in self.freed], "refused": self.refused}


def release_or_retry(
    journal: Journal | None, verb: ReleaseVerb, names: Sequence[str], *, everything: bool
) -> ReleaseReport:
    """Release or retry what some names (ids or absolute paths) mean, or everything. Raises StoreError."""
    free = None if journal is None else journal.release if verb is ReleaseVerb.RELEASE else journal.retry
    state = "held" if verb is ReleaseVerb.RELEASE else "failed or rejected"
    found = ReleaseReport()
    if everything and free is not None:
        found.freed.extend(free(everything=True))
    for name in names:
        by_id = is_id(name)
        paths = [] if by_id or journal is None else _meant(journal, verb, name)
        freed = [] if free is None else free(ids=_ids(name)) if by_id else free(paths=paths if len(paths) == 1 else [])
        found.freed.extend(freed)
        if not by_id and len(paths) > 1:
            why = f"{len(paths)} {state} files are called so, but for how accents are kept: name one by its id"
            found.refused.append((name, why))
        elif not freed:
            found.refused.append((name, f"no {state} {'item has this id' if by_id else 'file has this name'}"))
    return found


def _meant(journal: Journal, verb: ReleaseVerb, name: str) -> list[Path]:
    """Return the path of a name: its own if the journal has it, else those that are alike by NFC."""
    own = Path(name)
    if name.isascii():
        return [own]
    known = journal.let_alone(refused=verb is ReleaseVerb.RETRY)
    alike = sorted({path for path in known if nfc(str(path)) == nfc(name)})
    return [own] if own in alike or not alike else alike


def is_id(name: str) -> bool:
    """Tell whether a name is an id: nothing but the digits 0 to 9."""
    return name.isascii() and name.isdecimal()


def _ids(name: str) -> list[int]:
    """Return the id of its digits, nothing for one that no item can have."""
    digits = name.lstrip("0") or "0"
    return [number] if len(digits) <= len(str(LARGEST_ID)) and (number := int(digits)) <= LARGEST_ID else []
