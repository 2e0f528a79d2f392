"""How much of a very large index is ready for quick searches, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from vsortd.core.text import counted


class ReadinessDocument(TypedDict):
    """It as `index --json` and `doctor --json` print it: hours of videos."""

    model: str
    quick_h: float
    new_h: float


@dataclass(frozen=True, slots=True)
class SearchReadiness:
    """How many hours shards answer for, and how many are new: each question reads those frame by frame.

    `is_behind` says that so much is new that shards are due, which a daemon makes.
    """

    model: str
    quick_h: float
    new_h: float
    is_behind: bool = False

    def sentence(self) -> str:
        """Return it in words, without a full stop."""
        if not self.new_h:
            return f"searches of all {_hours(self.quick_h)} are quick"
        new = f"{_hours(self.new_h)} {_are(self.new_h)} new and {_are(self.new_h)} compared frame by frame"
        return f"searches of {_hours(self.quick_h)} are quick; {new}"

    def to_json(self) -> ReadinessDocument:
        """Return it for programs."""
        return {"model": self.model, "quick_h": round(self.quick_h, 2), "new_h": round(self.new_h, 2)}


def _hours(hours: float) -> str:
    return counted(_whole(hours), "hour")


def _are(hours: float) -> str:
    return "is" if _whole(hours) == 1 else "are"


def _whole(hours: float) -> int:
    """Return hours without a fraction; of a little it is one."""
    return max(1, round(hours)) if hours > 0 else 0
