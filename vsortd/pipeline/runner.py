"""The runner: a queue of ready paths and a few workers, each carrying one video through the stages at a time.

What waits is a path and an identity, nothing more, so ten thousand waiting files cost little; pictures exist only
for the videos in work. The services behind the stages (worker processes, encoder, journal) are shared and
thread-safe; batches across videos form because several workers ask the encoder at once.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from loguru import logger

from vsortd.core.logs.sinks import about_job, new_job_id
from vsortd.core.outcomes import ItemState
from vsortd.errors import (
    Cancelled,
    ChangedError,
    FilingError,
    IncompleteError,
    ToolError,
    VideoError,
    VsortdError,
    unexpected_reason,
)
from vsortd.pipeline.flow import Stage, carry
from vsortd.pipeline.job import Job
from vsortd.pipeline.mishaps import DefectError, Mishaps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity

# Waits before a filing that the filesystem refused is tried again: seconds, the last one for good.
RETRY_AFTER_S = (5.0, 30.0, 120.0, 600.0)


class JobLedger(Protocol):
    """What the runner asks of the one who keeps the books (the journal) and of the door (the watcher)."""

    def suspect(self, path: Path, identity: Identity) -> bool:
        """Return whether a process died while it worked on this file: it is to be carried alone."""

    def begin(self, path: Path, identity: Identity) -> str:
        """Note that work on a file begins; return a reason to set it aside instead, or ""."""

    def finish(self, path: Path, identity: Identity) -> None:
        """Note that work on a file ended, one way or the other."""

    def record(self, job: Job, *, lasting: bool = True) -> Job:
        """Record a video that stays where it is (rejected, failed); return it with its item id.

        `lasting`: it is not tried again until it changes.
        """

    def acquit(self, paths: Sequence[Path]) -> None:
        """Let failed videos be tried again at the next start: what failed was not their fault."""

    def again(self, path: Path, identity: Identity, reason: str) -> None:
        """Send a file back to settle: it looks unfinished, with the reason, or changed, without one."""


@dataclass(frozen=True, slots=True)
class _QueueEntry:
    path: Path
    identity: Identity
    batch: str
    alone: bool = False
    tries: int = 0
    number: int = 0
    settled_s: float = 0.0
    root: Path | None = None
    since_s: float = field(default_factory=time.monotonic)
    job_id: str = field(default_factory=new_job_id)


@dataclass(frozen=True, slots=True)
class WorkInHand:
    """A video in work: the stage that it is at, "" before the first, and for how long it has been in hand, seconds.

    `part` is how much of that stage is done, 0 to 1, None where that isn't known.
    """

    path: Path
    batch: str
    stage: str
    for_s: float
    part: float | None = None


class Runner:
    """Carries videos through the stages on `workers` threads, first come first served.

    A video that a process died over is carried alone: should it take this one down too, no other shares the blame.

    A video that meets an error that nobody expected fails, with the traceback in the log, and the others go on; the
    same error on several videos in a row is fatal, and no video's fault.

    `on_done` is called on a worker's thread with every job that ended, `on_begin` when one begins; `on_fatal` with the
    error that makes going on pointless (a broken store or model), after which the workers stop. `paused` tells of a
    path whether it may not be begun now; call `look_again` when its answers have changed.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        ledger: JobLedger,
        *,
        workers: int,
        on_done: Callable[[Job], None],
        on_fatal: Callable[[BaseException], None],
        on_begin: Callable[[], None] = lambda: None,
        paused: Callable[[Path], bool] = lambda _: False,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
    ) -> None:
        self._on_begin = on_begin
        self._paused = paused
        self._held: list[_QueueEntry] = []  # their inbox is paused
        self._stages = tuple(stages)
        self._ledger = ledger
        self._on_done = on_done
        self._on_fatal = on_fatal
        self._retry_after_s = tuple(retry_after_s)
        self._wake = threading.Condition()
        self._queue: deque[_QueueEntry] = deque()
        self._later: list[tuple[float, int, _QueueEntry]] = []  # (due, order, entry): refused by the filesystem
        self._order = 0
        self._busy: set[Path] = set()
        self._jobs: dict[Path, tuple[Job, float]] = {}  # in hand, and since when
        self._claimed: set[Path] = set()  # of those, the files that others work on
        self._alone = False  # the one video in work is to be alone
        self._trouble: dict[Path, str] = {}
        self._mishaps = Mishaps()
        self._blaming = threading.Lock()
        self._stopping = False
        self.cancel = threading.Event()
        self._threads = [
            threading.Thread(target=self._worker, name=f"worker-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def submit(
        self, path: Path, identity: Identity, batch: str, *, settled_s: float = 0.0, root: Path | None = None
    ) -> None:
        """Put a ready file at the end of the queue; `settled_s` is how long it was watched until it was ready.

        `root` is as in `Job`.
        """
        alone = self._ledger.suspect(path, identity)
        with self._wake:
            self._order += 1
            self._queue.append(
                _QueueEntry(path, identity, batch, alone, number=self._order, settled_s=settled_s, root=root)
            )
            self._wake.notify()

    def change_stages(self, stages: Sequence[Stage], ledger: JobLedger, *, wanted: Callable[[Path], bool]) -> None:
        """Carry the next videos through other stages (after a reload); those under way keep theirs.

        Files that wait and are not `wanted` any more are forgotten; they stay where they are.
        """
        with self._wake:
            self._stages, self._ledger = tuple(stages), ledger
            self._queue = deque(entry for entry in self._queue if wanted(entry.path))
            self._held = [entry for entry in self._held if wanted(entry.path)]
            self._later = [entry for entry in self._later if wanted(entry[2].path)]
            heapq.heapify(self._later)
            self._trouble = {path: reason for path, reason in self._trouble.items() if wanted(path)}

    def look_again(self) -> None:
        """Ask anew who is paused; what waits is begun in the order in which it came, what is in work is finished.

        Once it returns, nothing begins that is paused now.
        """
        with self._wake:
            self._queue = deque(sorted((*self._held, *self._queue), key=lambda entry: entry.number))
            self._held = []
            self._wake.notify_all()

    def stop(self, *, patience_s: float = 4.0) -> bool:
        """Call off what is under way (each video stays or is put back) and join work.

        Returns whether every worker ended within `patience_s` seconds.
        """
        with self._wake:
            self._stopping = True
            self.cancel.set()
            self._wake.notify_all()
        deadline = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def queued(self) -> int:
        """How many files wait for a worker, those waiting for another try included."""
        with self._wake:
            return len(self._queue) + len(self._later) + len(self._held)

    @property
    def working(self) -> int:
        """How many files are in work."""
        with self._wake:
            return len(self._busy)

    def in_hand(self) -> list[WorkInHand]:
        """Return what the workers are at, the first begun first."""
        with self._wake:
            jobs = list(self._jobs.values())
        now_s = time.monotonic()
        return [
            WorkInHand(job.path, job.batch, job.clock.current, now_s - since_s, job.clock.part) for job, since_s in jobs
        ]

    @property
    def trouble(self) -> dict[Path, str]:
        """The files that the filesystem refused to file for now, each with the reason."""
        with self._wake:
            return dict(self._trouble)

    def idle(self) -> bool:
        """Tell whether nothing waits and nothing is under way."""
        with self._wake:
            return not (self._queue or self._later or self._busy or self._held)

    def stuck(self) -> bool:
        """Tell whether all that is left to do is paused."""
        with self._wake:
            return bool(self._held) and not (self._queue or self._later or self._busy)

    def claim(self, path: Path) -> bool:
        """Keep a file from the workers; False if one has it in hand."""
        with self._wake:
            if path in self._busy:
                return False
            self._busy.add(path)
            self._claimed.add(path)
            return True

    def give_back(self, path: Path) -> None:
        """Let a claimed file go; does nothing for another."""
        with self._wake:
            if path in self._claimed:
                self._claimed.discard(path)
                self._busy.discard(path)
                self._wake.notify_all()

    def if_idle(self, work: Callable[[], None]) -> bool:
        """Do something while nothing waits and nothing is under way, and nothing begins; tell whether that was so."""
        with self._wake:
            if self._queue or self._later or self._busy:
                return False
            work()
            return True

    def _worker(self) -> None:
        while (entry := self._next()) is not None:
            try:
                with about_job(entry.job_id):
                    self._attend(entry)
            except BaseException as error:  # noqa: BLE001 - a worker has nobody above it; the daemon stops loudly
                self._on_fatal(error)
                with self._wake:
                    self._stopping = True
                    self._wake.notify_all()
            finally:
                with self._wake:
                    self._busy.discard(entry.path)
                    self._jobs.pop(entry.path, None)
                    self._alone = False
                    self._wake.notify_all()

    def _next(self) -> _QueueEntry | None:
        with self._wake:
            while not self._stopping:
                while self._later and self._later[0][0] <= time.monotonic():
                    self._queue.appendleft(heapq.heappop(self._later)[2])
                entry = self._take()
                if entry is not None:
                    return entry
                self._wake.wait(max(0.0, self._later[0][0] - time.monotonic()) if self._later else None)
            return None

    def _take(self) -> _QueueEntry | None:
        """Take the first file that no worker has in hand: one that was rewritten meanwhile waits for its turn.

        One that is to be alone waits until the workers are empty, and nothing overtakes it.
        """
        if self._alone:
            return None
        if self._queue:
            self._put_aside()
        for position, entry in enumerate(self._queue):
            if entry.path in self._busy or self._paused(entry.path):
                continue
            if entry.alone and self._busy:
                return None
            del self._queue[position]
            self._busy.add(entry.path)
            self._alone = entry.alone
            return entry
        return None

    def _put_aside(self) -> None:
        """Take what is paused out of the queue, up to the first file that isn't."""
        while self._queue and self._paused(self._queue[0].path):
            self._held.append(self._queue.popleft())

    def _attend(self, entry: _QueueEntry) -> None:  # noqa: C901 - one way for each thing that can come of it
        """Carry one video, and route what comes of it: the only place that does."""
        self._on_begin()
        job = Job(entry.path, entry.identity, entry.batch, self.cancel, root=entry.root)
        job.clock.note("settle", entry.settled_s * 1000)
        job.clock.note("waiting", (time.monotonic() - entry.since_s) * 1000)
        with self._wake:  # a reload changes both together
            self._jobs[entry.path] = (job, time.monotonic())
            ledger, stages = self._ledger, self._stages
        begun = False
        try:
            set_aside = ledger.begin(entry.path, entry.identity)
            begun = True
            done = job.ended(ItemState.FAILED, set_aside) if set_aside else carry(job, stages)
        except Cancelled:
            logger.debug("{}: put back, vsortd is stopping", entry.path)
            return
        except ChangedError as error:
            logger.debug("{}: {}", entry.path, error.reason)
            ledger.again(entry.path, entry.identity, "")
            return
        except IncompleteError as error:
            ledger.again(entry.path, entry.identity, error.reason)
            return
        except VideoError as error:
            done = job.ended(ItemState.FAILED, error.reason)
        except (FilingError, ToolError) as error:
            self._try_later(entry, error, ledger)
            return
        except VsortdError:
            raise  # a store or the model: nothing can be done without it
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
            done = self._unexpected(job, error, ledger)
        else:
            self._mishaps.went_well()
        finally:
            if begun:  # a journal that could not note the beginning is not waited for a second time
                self._finish(entry, ledger)
        if done.item_id is None and done.state in {ItemState.REJECTED, ItemState.FAILED}:
            done = self._recorded(done, ledger)
        with self._wake:
            self._trouble.pop(entry.path, None)
        self._on_done(done)

    def _unexpected(self, job: Job, error: Exception, ledger: JobLedger) -> Job:
        """End a video that met what nobody expected. Raises DefectError when several in a row met the same."""
        with self._blaming:  # whoever acquits, acquits all that were blamed
            try:
                reason = self._mishaps.costs(error, job.path)
            except DefectError as defect:
                ledger.acquit([path for path in defect.videos if path != job.path])
                raise
            return self._recorded(job.ended(ItemState.FAILED, reason), ledger)

    @staticmethod
    def _recorded(job: Job, ledger: JobLedger, *, lasting: bool = True) -> Job:
        """Record a video that stays where it is; one that can't be recorded has failed all the same."""
        try:
            return ledger.record(job, lasting=lasting)
        except VsortdError:
            raise
        except Exception as error:  # noqa: BLE001 - the others go on
            logger.opt(exception=error).error("{}: could not be recorded as {}", job.path, job.state)
            return replace(job, state=ItemState.FAILED, reason=job.reason or unexpected_reason(error))

    @staticmethod
    def _finish(entry: _QueueEntry, ledger: JobLedger) -> None:
        try:
            ledger.finish(entry.path, entry.identity)
        except VsortdError:
            raise
        except Exception as error:  # noqa: BLE001 - what it was is told by then; the others go on
            logger.opt(exception=error).error("{}: the end of the work on it could not be noted", entry.path)

    def _try_later(self, entry: _QueueEntry, error: FilingError | ToolError, ledger: JobLedger) -> None:
        """Wait before another try: disks fill and empty, locks go; the file is safe where it is.

        What no waiting mends (a name or a size that the disk can't have) fails, and is tried again when a person says.
        """
        lasting = isinstance(error, FilingError) and error.lasting
        if lasting or not self._retry_after_s:
            job = Job(entry.path, entry.identity, entry.batch, self.cancel).ended(ItemState.FAILED, str(error))
            with self._wake:
                self._trouble.pop(entry.path, None)
            self._on_done(self._recorded(job, ledger, lasting=lasting))
            return
        wait_s = self._retry_after_s[min(entry.tries, len(self._retry_after_s) - 1)]
        if entry.tries == 0:
            logger.error("{}: {} Trying again in {:.0f} s, and then less often.", entry.path, error, wait_s)
        with self._wake:
            self._order += 1
            again = replace(entry, tries=entry.tries + 1, since_s=time.monotonic())
            heapq.heappush(self._later, (time.monotonic() + wait_s, self._order, again))
            self._trouble[entry.path] = str(error)
            self._wake.notify_all()


def fatal_message(error: BaseException) -> str:
    """Say what stopped the work, for people."""
    return str(error) if isinstance(error, VsortdError) else f"internal error: {error!r}"
