"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsortd.library.search.shards.readiness import ReadinessDocument


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it: best a command to type."""

    name: str
    level: Severity
    found: str
    remedy: str = ""
    details: tuple[str, ...] = ()  # further lines of what was found
    searches: ReadinessDocument | None = None  # of the check of that name

    def to_json(self) -> dict[str, str | ReadinessDocument]:
        """Return the finding as `doctor --json` prints it."""
        found = "\n".join((self.found, *self.details))
        document: dict[str, str | ReadinessDocument] = {
            "name": self.name,
            "level": str(self.level),
            "found": found,
            "remedy": self.remedy,
        }
        return document if self.searches is None else document | {"searches": self.searches}
