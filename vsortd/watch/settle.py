"""Readiness: when a file may be touched.

Each path has a clock of its own, so one growing file never holds back another. A path costs one heap entry
while it waits, and a look at the file only when its own time has come. Time is a monotonic clock that the
caller passes in; nothing here sleeps, and no thread but the caller's is used.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import TYPE_CHECKING, Self

from loguru import logger

from vsortd.core.identity import Identity
from vsortd.errors import unexpected_reason
from vsortd.watch.neighbour_wait import NeighbourSeen, waits_to_be_merged
from vsortd.watch.open_writers import Writer, writer_of
from vsortd.watch.readiness_check import Readiness, ReadinessCheck, look_at, unreadable
from vsortd.watch.sidecar_cache import Companions
from vsortd.watch.types import InboxLike, ReadyFile, Report, ReportKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["ReadyFile", "Report", "ReportKind", "SettleOutcome", "SettleTimes", "SettleVerdict", "Settler"]

# A file that somebody holds open is looked at again after this long at the earliest; its closing is an event.
_WRITER_RETRY_S = 1.0
# After it was reported as changing or unreadable, a file is looked at this often.
_REPORTED_RETRY_S = 10.0
# A file that waits for others (a download's second file) is looked at after so long, more rarely as time passes; it
# waits in silence until people are told.
_WAIT_RETRY_S = (1.0, 10.0)
_WAIT_TOLD_S = 60.0
# Clocks are floats: a wait of 2 s may come out as 1.9999999.
_TOLERANCE_S = 1e-6
# Stale heap entries are thrown away when they outnumber the files by this factor.
_HEAP_SLACK = 4


class SettleOutcome(Enum):
    """What became of a waiting path."""

    READY = "ready"
    INCOMPLETE = "incomplete"
    STILL_CHANGING = "still_changing"
    UNREADABLE = "unreadable"
    WAITING = "waiting"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class SettleTimes:
    """How long is quiet: all in seconds.

    `drain` reports what is quiet but unfinished at once instead of after `incomplete_s`.
    """

    settle_s: float = 2.0
    settle_max_s: float = 3_600.0
    incomplete_s: float = 10.0
    drain: bool = False

    @classmethod
    def of(cls, inbox: InboxLike, *, drain: bool = False) -> Self:
        """Take the times out of an inbox's settings."""
        return cls(inbox.settle_s, inbox.settle_max_s, inbox.incomplete_s, drain)


@dataclass(frozen=True, slots=True)
class SettleVerdict:
    """What came of a path. `since_s` is when it was first seen as it is, by the caller's clock.

    READY, INCOMPLETE and GONE end the waiting. STILL_CHANGING, UNREADABLE and WAITING (for other files: a download is
    under way) are told once, and it goes on.
    """

    path: Path
    outcome: SettleOutcome
    identity: Identity
    since_s: float
    reason: str = ""


@dataclass(slots=True, eq=False)
class _WaitingPath:
    path: Path
    identity: Identity
    first_s: float
    since_s: float  # since when it has this identity and no writer
    due_s: float
    told: SettleOutcome | None = None  # the report that was made although it goes on waiting
    writing: bool = False
    failed: bool = False  # something unexpected went wrong with it, which has been logged
    unfinished: str = ""  # why decoding called it unfinished though its boxes add up
    last_chance: bool = False  # another try at decoding has been given
    sidecars: dict[Path, tuple[Identity, float]] | None = None
    beside: NeighbourSeen = field(default_factory=NeighbourSeen)
    waits_for: str = ""  # why it waits for others than itself, once that was told


class Settler:
    """The paths of one inbox that wait to be ready. Not thread-safe: one thread owns it.

    `sidecars_of` returns the files that travel with a video; they must be quiet, too. It is asked only where
    another name beside the video shares its stem.
    """

    def __init__(self, times: SettleTimes, *, sidecars_of: Callable[[Path], Sequence[Path]]) -> None:
        self._times = times
        self._sidecars_of = sidecars_of
        self._companions = Companions()
        self._waiting: dict[Path, _WaitingPath] = {}
        self._heap: list[tuple[float, int, _WaitingPath]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, path: object) -> bool:
        return path in self._waiting

    def paths(self) -> Iterator[Path]:
        """Yield the paths that wait, in the order they came."""
        return iter(self._waiting)

    def unsettled(self) -> int:
        """Return how many wait of which nothing has been reported yet."""
        return sum(entry.told is None for entry in self._waiting.values())

    def waits(self) -> list[tuple[Path, str]]:
        """Return the files that wait for others than themselves and why, once that has taken a while."""
        return [(entry.path, entry.waits_for) for entry in self._waiting.values() if entry.waits_for]

    def next_due_s(self) -> float | None:
        """Return when `due` has something to do, by the caller's clock; None if nothing waits."""
        while self._heap and not self._is_current(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def add(self, path: Path, identity: Identity, now_s: float) -> None:
        """Let a path wait that was seen with `identity` at `now_s`; of a waiting one, note what was seen."""
        entry = self._waiting.get(path)
        if entry is None:
            entry = self._enter(path, identity, now_s, now_s)
            self._schedule(entry, now_s + self._times.settle_s)
            try:
                self._note_sidecars(entry, now_s)
            except Exception as error:  # noqa: BLE001 - asked again, and told, when its time has come
                logger.debug("{}: its sidecars can't be told: {!r}", path, error)
        elif entry.identity != identity:
            self._changed(entry, identity, now_s)
            self._hasten(entry, now_s)
        elif entry.writing or entry.told is not None:
            self._hasten(entry, now_s)  # perhaps the writer has closed it

    def again(self, path: Path, identity: Identity, since_s: float, reason: str, now_s: float) -> None:
        """Take back a path that was ready but proved unfinished in decoding; it is quiet since `since_s`.

        It is ready once more when it has been quiet for `incomplete_s`; taken back after that, it is
        incomplete.
        """
        self.forget(path)
        entry = self._enter(path, identity, now_s, since_s)
        entry.unfinished = reason or "it looks unfinished"
        ripe_s = since_s + self._times.incomplete_s
        entry.last_chance = not self._times.drain and now_s < ripe_s - _TOLERANCE_S
        self._schedule(entry, ripe_s if entry.last_chance else now_s)

    def forget(self, path: Path) -> None:
        """Let a path wait no longer."""
        self._waiting.pop(path, None)

    def due(self, now_s: float, *, limit: int = 256) -> list[SettleVerdict]:
        """Look at up to `limit` paths whose time has come, and return what came of them."""
        verdicts = []
        for _ in range(limit):
            due_s = self.next_due_s()
            if due_s is None or due_s > now_s + _TOLERANCE_S:
                break
            entry = heapq.heappop(self._heap)[2]
            verdict = self._attend(entry, now_s)
            if verdict is not None:
                verdicts.append(verdict)
        if not self._waiting:
            self._companions.clear()
            self._heap.clear()
        return verdicts

    def _attend(self, entry: _WaitingPath, now_s: float) -> SettleVerdict | None:
        try:
            return self._judge(entry, now_s)
        except Exception as error:  # noqa: BLE001 - one odd file must not stop the others; it is tried again
            if not entry.failed:
                logger.opt(exception=error).error("{}: can't tell whether it is ready", entry.path)
            entry.failed = True
            return self._refused(entry, now_s, ReadinessCheck(Readiness.UNREADABLE, unexpected_reason(error)))

    def _judge(self, entry: _WaitingPath, now_s: float) -> SettleVerdict | None:
        try:
            identity = Identity.of(entry.path)
        except OSError as error:
            return self._refused(entry, now_s, unreadable(error))
        if identity is None:
            return self._end(entry, SettleOutcome.GONE)
        if identity != entry.identity:
            self._changed(entry, identity, now_s)
        if now_s - entry.since_s < self._times.settle_s - _TOLERANCE_S:
            return self._wait(entry, now_s, entry.since_s + self._times.settle_s, "it is still changing")
        waits_for = self._waits_for(entry, now_s)
        return self._await(entry, now_s, waits_for) if waits_for else self._judge_quiet(entry, now_s)

    def _judge_quiet(self, entry: _WaitingPath, now_s: float) -> SettleVerdict | None:
        look = look_at(entry.path, entry.identity)
        match look.sight:
            case Readiness.CHANGED:
                return self._wait(entry, now_s, now_s + self._pause_s, "it is still changing")
            case Readiness.WRITING:
                entry.writing, entry.since_s, entry.unfinished = True, now_s, ""
                pause_s = max(self._times.settle_s, _WRITER_RETRY_S)
                return self._wait(entry, now_s, now_s + pause_s, look.reason)
            case Readiness.UNREADABLE:
                return self._refused(entry, now_s, look)
        entry.writing = False
        if entry.unfinished and not entry.last_chance:
            return self._end(entry, SettleOutcome.INCOMPLETE, entry.unfinished)
        moving = self._moving_sidecar(entry, now_s)
        if moving:
            return self._wait(entry, now_s, now_s + self._pause_s, f"its sidecar {moving} is still changing")
        return self._conclude(entry, now_s, look)

    def _conclude(self, entry: _WaitingPath, now_s: float, look: ReadinessCheck) -> SettleVerdict | None:
        """End the waiting of a quiet file, or let it wait for `incomplete_s` where its boxes leave doubt."""
        ripe_s = entry.since_s + self._times.incomplete_s
        ripe = self._times.drain or now_s >= ripe_s - _TOLERANCE_S
        if look.sight is Readiness.UNFINISHED and ripe and entry.beside.name:
            return self._await(entry, now_s, f"{look.reason}, and {entry.beside.name} lies beside it")
        if look.sight is Readiness.UNFINISHED and ripe:
            return self._end(entry, SettleOutcome.INCOMPLETE, look.reason)
        if look.sight is Readiness.WHOLE and (ripe or not look.doubt):
            return self._end(entry, SettleOutcome.READY)
        self._schedule(entry, ripe_s)
        return None

    def _waits_for(self, entry: _WaitingPath, now_s: float) -> str:
        """Say for what others a quiet file has to wait, "" for none."""
        try:
            names = self._companions.of(entry.path, now_s)
        except OSError:  # the folder went away or is unreadable; the video's own look will tell
            names = []
        why = entry.beside.look(entry.path, names, now_s, empty=not entry.identity.size_bytes)
        if why:
            entry.since_s = now_s
            return why
        why = waits_to_be_merged(entry.path, now_s - entry.since_s, drain=self._times.drain)
        if not why and not entry.beside.name:
            entry.waits_for = ""
            entry.told = None if entry.told is SettleOutcome.WAITING else entry.told
        return why

    def _await(self, entry: _WaitingPath, now_s: float, why: str) -> SettleVerdict | None:
        """Let a quiet file wait for others, in silence for a while; then it is told once."""
        least_s, most_s = _WAIT_RETRY_S
        waited_s = now_s - entry.first_s
        self._schedule(entry, now_s + min(most_s, max(least_s, waited_s / 4)))
        if not self._times.drain and waited_s < _WAIT_TOLD_S:
            return None
        entry.waits_for = why
        if entry.told is not None:
            return None
        entry.told = SettleOutcome.WAITING
        return SettleVerdict(entry.path, SettleOutcome.WAITING, entry.identity, entry.since_s, why)

    def _refused(self, entry: _WaitingPath, now_s: float, look: ReadinessCheck) -> SettleVerdict | None:
        """Go on trying a file that can't be read, and tell it once when it has been so for a while."""
        self._schedule(entry, now_s + _REPORTED_RETRY_S)
        ripe = self._times.drain or now_s - entry.since_s >= self._times.incomplete_s - _TOLERANCE_S
        if entry.told is SettleOutcome.UNREADABLE or not ripe:
            return None
        entry.told = SettleOutcome.UNREADABLE
        return SettleVerdict(entry.path, SettleOutcome.UNREADABLE, entry.identity, entry.since_s, look.reason)

    def _wait(self, entry: _WaitingPath, now_s: float, until_s: float, why: str) -> SettleVerdict | None:
        """Let a path that is not quiet wait on, and tell it once if that takes too long."""
        self._schedule(entry, until_s)
        if entry.told is not None or now_s - entry.first_s < self._times.settle_max_s:
            return None
        entry.told = SettleOutcome.STILL_CHANGING
        waited_s = now_s - entry.first_s
        return SettleVerdict(
            entry.path,
            SettleOutcome.STILL_CHANGING,
            entry.identity,
            entry.since_s,
            f"not ready after {waited_s:.0f} s: {why}; it is filed when it comes to rest",
        )

    def _end(self, entry: _WaitingPath, outcome: SettleOutcome, reason: str = "") -> SettleVerdict:
        del self._waiting[entry.path]
        return SettleVerdict(entry.path, outcome, entry.identity, entry.since_s, reason)

    def _enter(self, path: Path, identity: Identity, now_s: float, since_s: float) -> _WaitingPath:
        entry = _WaitingPath(path, identity, now_s, since_s, now_s)
        self._waiting[path] = entry
        return entry

    @staticmethod
    def _changed(entry: _WaitingPath, identity: Identity, now_s: float) -> None:
        entry.identity, entry.since_s = identity, now_s
        entry.unfinished, entry.last_chance = "", False

    def _moving_sidecar(self, entry: _WaitingPath, now_s: float) -> str:
        """Return the name of a sidecar that is not quiet yet, "" if all are."""
        self._note_sidecars(entry, now_s)
        for sidecar, (_, since_s) in (entry.sidecars or {}).items():
            if now_s - since_s < self._times.settle_s - _TOLERANCE_S or writer_of(sidecar) is Writer.WRITING:
                return sidecar.name
        return ""

    def _note_sidecars(self, entry: _WaitingPath, now_s: float) -> None:
        """Note how the sidecars are now, and since when."""
        try:
            found = self._sidecars_of(entry.path) if self._companions.has_any(entry.path, now_s) else ()
        except OSError:  # the folder went away or is unreadable; the video's own look will tell
            found = ()
        before = entry.sidecars or {}
        noted = {}
        for sidecar in found:
            identity = _identity_of(sidecar)
            if identity is not None:
                known = before.get(sidecar)
                noted[sidecar] = known if known is not None and known[0] == identity else (identity, now_s)
        entry.sidecars = noted or None

    @property
    def _pause_s(self) -> float:
        return max(self._times.settle_s, 0.05)  # with `settle: 0` a changing file must not be looked at incessantly

    def _hasten(self, entry: _WaitingPath, now_s: float) -> None:
        due_s = max(now_s, entry.since_s + self._times.settle_s)
        if due_s < entry.due_s:
            self._schedule(entry, due_s)

    def _schedule(self, entry: _WaitingPath, due_s: float) -> None:
        entry.due_s = due_s
        heapq.heappush(self._heap, (due_s, next(self._order), entry))
        if len(self._heap) > _HEAP_SLACK * len(self._waiting) + 64:
            self._heap = [item for item in self._heap if self._is_current(item)]
            heapq.heapify(self._heap)

    def _is_current(self, item: tuple[float, int, _WaitingPath]) -> bool:
        due_s, _, entry = item
        return entry.due_s == due_s and self._waiting.get(entry.path) is entry


def _identity_of(sidecar: Path) -> Identity | None:
    """Return a sidecar's identity, None if it is gone or the system doesn't tell."""
    try:
        return Identity.of(sidecar)
    except OSError:
        return None
