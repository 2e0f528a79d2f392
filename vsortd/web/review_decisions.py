"""What somebody decided in review on the page, so that it can be taken back, the last one first."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.learning.teaching import Lesson
    from vsortd.web.sessions import PageSession

_MOST_SESSIONS: Final = 64
_MOST_EACH: Final = 500


class Decided(NamedTuple):
    """What came of deciding on an item that waited, by its number."""

    item: int
    lesson: Lesson


class DecisionLog:
    """The decisions of each session, in memory: what is older, or from before a restart, History takes back.

    Several videos that were decided on in one go are one decision. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[bytes, deque[tuple[Decided, ...]]] = OrderedDict()
        self._begun: dict[bytes, int] = {}

    def add(self, session: PageSession, made: Sequence[Decided]) -> None:
        """Note a decision; one on no video is none."""
        with self._lock:
            if made:
                self._of(session).append(tuple(made))

    def last(self, session: PageSession) -> tuple[Decided, ...]:
        """Return the last decision, () where there is none."""
        with self._lock:
            made = self._of(session)
            return made[-1] if made else ()

    def taken_back(self, session: PageSession, decided: Decided) -> None:
        """Forget one video of the last decision."""
        with self._lock:
            made = self._of(session)
            if made and decided in made[-1]:
                left = tuple(one for one in made.pop() if one != decided)
                made.extend([left] if left else [])

    def count(self, session: PageSession) -> int:
        """Return on how many videos was decided since `begin`."""
        with self._lock:
            return max(0, sum(map(len, self._of(session))) - self._begun.get(session.token_hash, 0))

    def begin(self, session: PageSession) -> None:
        """Count from here."""
        with self._lock:
            self._begun[session.token_hash] = sum(map(len, self._of(session)))

    def _of(self, session: PageSession) -> deque[tuple[Decided, ...]]:
        made = self._made.setdefault(session.token_hash, deque(maxlen=_MOST_EACH))
        self._made.move_to_end(session.token_hash)
        while len(self._made) > _MOST_SESSIONS:
            gone, _ = self._made.popitem(last=False)
            self._begun.pop(gone, None)
        return made
