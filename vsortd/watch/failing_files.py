"""Files with which something goes wrong that nobody expected: each is tried a few times, and holds back no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from vsortd.core.identity import Identity

# What failed is tried again after this long: the cause may pass (a share that hiccups, memory that was short).
RETRY_S: Final = 10.0
# What has failed so often fails for good, until the file changes.
_TRIES_MOST: Final = 3


@dataclass(slots=True)
class _Failure:
    identity: Identity
    tries: int
    again_s: float
    reason: str


class FailingFiles:
    """What failed with which file of an inbox, by the caller's clock. Not thread-safe."""

    def __init__(self) -> None:
        self._failures: dict[Path, _Failure] = {}

    def rests(self, path: Path, identity: Identity, now_s: float) -> bool:
        """Tell whether a file is to be left alone for now."""
        found = self._failures.get(path)
        return found is not None and found.identity == identity and now_s < found.again_s

    def failed(self, path: Path, identity: Identity, reason: str, now_s: float) -> bool:
        """Note a failure; tell whether it is one too many, which forgets the file."""
        before = self._failures.get(path)
        tries = 1 + (before.tries if before is not None and before.identity == identity else 0)
        if tries >= _TRIES_MOST:
            self._failures.pop(path, None)
            return True
        self._failures[path] = _Failure(identity, tries, now_s + RETRY_S, reason)
        return False

    def hurry(self) -> None:
        """Let every file be tried again at once: somebody asked for it."""
        for found in self._failures.values():
            found.again_s = float("-inf")

    def forget(self, path: Path) -> None:
        """Note that a file went through, or is gone."""
        self._failures.pop(path, None)

    def retain(self, present: Collection[Path]) -> None:
        """Forget what is no longer there."""
        self._failures = {path: found for path, found in self._failures.items() if path in present}

    def sentence(self) -> str:
        """Return what is wrong with how many files, "" where nothing is."""
        if not self._failures:
            return ""
        path, first = next(iter(self._failures.items()))
        more = f", and with {len(self._failures) - 1} more" if len(self._failures) > 1 else ""
        return f"something went wrong with {path.name} ({first.reason}){more}; trying again"
