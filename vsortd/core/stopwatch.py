"""Where the time of one video goes: each stage's own, without that of the stages inside it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """Milliseconds by name. What is timed inside another timing counts there only, so the sum is the time that passed.

    For one thread at a time.
    """

    def __init__(self) -> None:
        self._spent_ms: dict[str, float] = {}
        self._inside_ms: list[float] = []
        self._names: list[str] = []
        self._part: float | None = None

    @property
    def current(self) -> str:
        """What is being timed, the innermost, "" for nothing; may be asked for on any thread."""
        names = self._names[-1:]
        return names[0] if names else ""

    @property
    def part(self) -> float | None:
        """How much is done of what is being timed, 0 to 1, None where nobody said; may be asked for on any thread."""
        return self._part

    def reach(self, part: float) -> None:
        """Say how much is done of what is being timed now, 0 to 1."""
        self._part = part

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Add the time of the context, however it ends."""
        began_s = time.perf_counter()
        self._inside_ms.append(0.0)
        self._names.append(name)
        self._part = None
        try:
            yield
        finally:
            self._part = None
            self._names.pop()
            took_ms = (time.perf_counter() - began_s) * 1000
            self.note(name, took_ms - self._inside_ms.pop())
            if self._inside_ms:
                self._inside_ms[-1] += took_ms

    def note(self, name: str, ms: float) -> None:
        """Add a time that was measured elsewhere, ms."""
        self._spent_ms[name] = self._spent_ms.get(name, 0.0) + ms

    def split(self, name: str, ms: float) -> None:
        """Book a part of what is being timed now under another name, ms."""
        self.note(name, ms)
        self._inside_ms[-1] += ms

    def spent_ms(self) -> dict[str, float]:
        """Return the times so far, in the order in which they were first noted, to 0.1 ms."""
        return {name: round(ms, 1) for name, ms in self._spent_ms.items()}
