"""What somebody decided on the page, so that it can be taken back, the last one first."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from vsortd.web.sessions import PageSession

_MOST_SESSIONS: Final = 64
MOST_EACH: Final = 500

T = TypeVar("T")


@dataclass(slots=True)
class _Made(Generic[T]):
    """The newest decisions of one session, and on how many things was decided since it began to count."""

    newest: deque[T] = field(default_factory=lambda: deque(maxlen=MOST_EACH))
    count: int = 0


class SessionLog(Generic[T]):
    """The decisions of each session, in memory: what is older, or from before a restart, History takes back.

    One decision may be on several things at once; they are counted one by one. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[bytes, _Made[T]] = OrderedDict()

    def add(self, session: PageSession, decision: T, on: int = 1) -> None:
        """Note a decision `on` so many things."""
        with self._lock:
            made = self._of(session)
            made.newest.append(decision)
            made.count += on

    def last(self, session: PageSession) -> T | None:
        """Return the last decision, None where there is none."""
        with self._lock:
            newest = self._of(session).newest
            return newest[-1] if newest else None

    def taken_back(self, session: PageSession, decision: T, left: T | None = None) -> None:
        """Forget a decision on one thing, or keep what is `left` of a decision on several, on one less."""
        with self._lock:
            made = self._of(session)
            if decision not in made.newest:
                return
            place = made.newest.index(decision)
            del made.newest[place]
            if left is not None:
                made.newest.insert(place, left)
            made.count = max(0, made.count - 1)

    def count(self, session: PageSession) -> int:
        """Return on how many things was decided since `begin`, less those that were taken back."""
        with self._lock:
            return self._of(session).count

    def begin(self, session: PageSession) -> None:
        """Count from here."""
        with self._lock:
            self._of(session).count = 0

    def _of(self, session: PageSession) -> _Made[T]:
        made = self._sessions.setdefault(session.token_hash, _Made())
        self._sessions.move_to_end(session.token_hash)
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return made
