"""What an inbox's thread remembers of the files it has dealt with, so that each is delivered once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from vsortd.core.identity import Identity


class Dealt(Enum):
    """How a file was dealt with."""

    AT_WORK = "at work"  # delivered; the work on it has not been told to have ended
    DONE = "done"  # delivered, and the work on it has ended
    REPORTED = "reported"
    KNOWN = "known"  # skipped because its history said so


@dataclass(frozen=True, slots=True)
class Remembered:
    """A file with the identity it was dealt with; `since_s` is when it was first seen so."""

    identity: Identity
    how: Dealt
    since_s: float


class Memory:
    """Files by path. What is remembered is skipped until its identity changes, or it is forgotten."""

    def __init__(self) -> None:
        self._files: dict[Path, Remembered] = {}

    def __len__(self) -> int:
        return len(self._files)

    def get(self, path: Path) -> Remembered | None:
        """Return what is remembered of a path."""
        return self._files.get(path)

    def keep(self, path: Path, identity: Identity, how: Dealt, since_s: float) -> None:
        """Remember a file."""
        self._files[path] = Remembered(identity, how, since_s)

    def pop(self, path: Path) -> Remembered | None:
        """Forget a path, and return what was remembered."""
        return self._files.pop(path, None)

    def done(self, path: Path) -> None:
        """Note that the work on a delivered file has ended."""
        found = self._files.get(path)
        if found is not None and found.how is Dealt.AT_WORK:
            self._files[path] = replace(found, how=Dealt.DONE)

    def forget_resting(self) -> None:
        """Forget everything that is not at work, so that its history is asked again."""
        self._files = {path: found for path, found in self._files.items() if found.how is Dealt.AT_WORK}

    def retain(self, present: Collection[Path]) -> None:
        """Forget what is no longer there."""
        if self._files.keys() - present:
            self._files = {path: found for path, found in self._files.items() if path in present}
