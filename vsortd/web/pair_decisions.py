"""What somebody decided on pairs of duplicates on the page, so that it can be taken back, the last one first."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vsortd.web.sessions import PageSession

_MOST_SESSIONS: Final = 64
_MOST_EACH: Final = 500


@dataclass(frozen=True, slots=True)
class PairDecision:
    """A decision: on which pair, and the item of what was set aside, None where both stay."""

    pair: str
    item: int | None = None


class PairDecisions:
    """The decisions of each session, in memory; what is older, History takes back. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[bytes, deque[PairDecision]] = OrderedDict()

    def add(self, session: PageSession, decision: PairDecision) -> None:
        """Note a decision."""
        with self._lock:
            self._of(session).append(decision)

    def last(self, session: PageSession) -> PairDecision | None:
        """Return the last decision, None where there is none."""
        with self._lock:
            made = self._of(session)
            return made[-1] if made else None

    def taken_back(self, session: PageSession, decision: PairDecision) -> None:
        """Forget a decision."""
        with self._lock:
            made = self._of(session)
            if decision in made:
                made.remove(decision)

    def _of(self, session: PageSession) -> deque[PairDecision]:
        made = self._made.setdefault(session.token_hash, deque(maxlen=_MOST_EACH))
        self._made.move_to_end(session.token_hash)
        while len(self._made) > _MOST_SESSIONS:
            self._made.popitem(last=False)
        return made
