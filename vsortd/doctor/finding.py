"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it: best a command to type."""

    name: str
    level: Level
    found: str
    remedy: str = ""
    details: tuple[str, ...] = ()  # further lines of what was found

    def to_json(self) -> dict[str, str]:
        """Return the finding as `doctor --json` prints it."""
        found = "\n".join((self.found, *self.details))
        return {"name": self.name, "level": str(self.level), "found": found, "remedy": self.remedy}
