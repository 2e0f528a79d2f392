"""When the next question may be asked: not too many in an hour, and ever later as long as the server fails. Pure."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HOUR_S: Final = 3_600.0
# After the first failure in a row, the second, …; the last one for good: a server that is off costs a try an hour.
PAUSES_S: Final = (30.0, 120.0, 600.0, 1_800.0, 3_600.0)


class AskingPace:
    """Counts questions and failures; `clock` rises steadily, seconds."""

    def __init__(
        self, per_hour: int, pauses_s: Sequence[float] = PAUSES_S, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pauses_s = tuple(pauses_s)
        self._clock = clock
        self._asked: deque[float] = deque(maxlen=per_hour)
        self._failures = 0
        self._not_before_s = float("-inf")

    def wait_s(self) -> float:
        """Return how long to wait before the next question, 0.0 if it may be asked now."""
        now_s, free_s = self._clock(), self._not_before_s
        if self._asked and len(self._asked) == self._asked.maxlen:
            free_s = max(free_s, self._asked[0] + _HOUR_S)
        return max(0.0, free_s - now_s)

    def asked(self) -> None:
        """Note that a question is asked."""
        self._asked.append(self._clock())

    def answered(self) -> bool:
        """Note that it was answered; return whether that is news after failures."""
        news, self._failures = bool(self._failures), 0
        return news

    def failed(self) -> float:
        """Note that there was no answer; return for how long nothing is asked now, seconds."""
        pause_s = self._pauses_s[min(self._failures, len(self._pauses_s) - 1)]
        self._failures += 1
        self._not_before_s = self._clock() + pause_s
        return pause_s

    @property
    def failing(self) -> bool:
        """Whether the last question was not answered."""
        return bool(self._failures)
