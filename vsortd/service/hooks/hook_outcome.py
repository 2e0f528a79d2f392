"""How one try of a hook ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HookOutcome:
    """How one try ended: `told` says it for people ("exit code 0"), `said` is the end of what was printed or answered.

    What went wrong `for_good` is not tried again.
    """

    well: bool
    told: str
    said: str = ""
    for_good: bool = False

    def __str__(self) -> str:
        return f"{self.told}: {self.said}" if self.said else self.told
