"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


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

    def to_json(self) -> dict[str, str]:
        """Return the finding as `doctor --json` prints it."""
        return {key: str(value) for key, value in asdict(self).items()}
