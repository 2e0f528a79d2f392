"""What a daemon has done since its start, for its last words and its exit code."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from vsortd.core.outcomes import ItemState
from vsortd.core.text import counted

if TYPE_CHECKING:
    from vsortd.pipeline.job import Job

_MOST_NAMED: Final = 5  # of the videos that failed; `history` has all
_WORDS: Final = {
    ItemState.FILED: "filed",
    ItemState.REVIEW: "sent to review",
    ItemState.REJECTED: "rejected",
    ItemState.FAILED: "failed",
    ItemState.HELD: "on hold",
}


class DaemonAccount:
    """Counts the videos that came to their end, and keeps the names of a few that failed."""

    def __init__(self) -> None:
        self.tally: Counter[ItemState] = Counter()
        self._failed: list[str] = []

    def add(self, job: Job) -> None:
        """Count a video."""
        self.tally[job.state] += 1
        if job.state is ItemState.FAILED and len(self._failed) < _MOST_NAMED:
            self._failed.append(job.path.name)

    def sentence(self) -> str:
        """Say how many came to which end."""
        parts = [f"{self.tally[state]:,} {word}" for state, word in _WORDS.items() if self.tally[state]]
        return ", ".join(parts) or "there was nothing to do"

    def failures(self) -> str:
        """Say which videos failed, "" where none did."""
        failed = self.tally[ItemState.FAILED]
        if not failed:
            return ""
        more = failed - len(self._failed)
        names = ", ".join(self._failed) + (f" and {more:,} more" if more else "")
        return f"{counted(failed, 'video')} failed: {names}; see: vsortd history"
