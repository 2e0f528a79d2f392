"""Long work that the page asked for: it goes on when the page is closed, can be called off, and keeps its result."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from loguru import logger

from vsortd.core.text import counted
from vsortd.errors import Cancelled, UsageError, VideoError, VsortdError
from vsortd.web.answers import STOPPING, NotThereError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

_MOST_KEPT: Final = 50
_AT_ONCE: Final = 2

T = TypeVar("T")


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


# What a job does: it returns a sentence of what came of it, and an address to look at, or "".
Work: TypeAlias = "Callable[[PageJob], tuple[str, str]]"


@dataclass(slots=True)
class PageJob:
    """One piece of work: what it is, how far it is (`done` of `total`, None where nobody knows), what came of it.

    Of those with the same `alone` one goes on at a time: the kind of work, and what it is about; "" hinders none.
    `result` is a sentence, `address` where the result is looked at, "" where there is nothing to look at; `link` says
    what that does. `answer` is what a script gets of it, None where the address says all. `counts` is what `done` and
    `total` are numbers of, "" for parts, bytes or seconds.
    """

    id: str
    title: str
    alone: Hashable = ""
    cancel: threading.Event = field(default_factory=threading.Event)
    state: JobState = JobState.WAITING
    note: str = ""
    done: float = 0
    total: float | None = None
    counts: str = ""
    result: str = ""
    address: str = ""
    link: str = "Show"
    answer: dict[str, Any] | None = None
    since_s: float = field(default_factory=time.monotonic)

    @property
    def under_way(self) -> bool:
        """Whether it is still to end."""
        return self.state in {JobState.WAITING, JobState.RUNNING}

    @property
    def worth_showing(self) -> bool:
        """Whether there is something to say of it that nothing else shows."""
        return self.state is not JobState.DONE

    @property
    def how_far(self) -> str:
        """How far it has come, " after 3 of 41 videos", "" where that can't be said so."""
        if not self.counts or self.total is None:
            return ""
        return f" after {self.done:,.0f} of {counted(int(self.total), self.counts)}"

    def see_same(self, title: str) -> None:
        """See that it is the work that is asked for. Raises UsageError where another goes on in its place."""
        if self.title != title:
            raise UsageError(f"{self.title} still goes on.", remedy="Wait for it, or cancel it.")

    def progress(self, done: float, total: float | None, note: str = "") -> None:
        """Say how far it is. Raises Cancelled when it was called off."""
        if self.cancel.is_set():
            raise Cancelled
        self.done, self.total, self.note = done, total, note

    def count(self, done: int, total: int, what: str = "video") -> None:
        """Say how many of how many things are through; one that was called off says so afterwards."""
        self.done, self.total, self.counts = done, total, what

    def each(self, things: Sequence[T], what: str = "video") -> Iterator[T]:
        """Go through things, saying how far it is; once it is called off no further one comes."""
        for done, one in enumerate(things):
            self.count(done, len(things), what)
            if self.cancel.is_set():
                return
            yield one
        self.count(len(things), len(things), what)


class PageJobs:
    """The jobs of the page, a few at once, each on a thread of its own, the others wait; the newest are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, PageJob] = {}
        self._waiting: deque[tuple[PageJob, Work]] = deque()
        self._running = 0
        self._closed = False

    def start(self, title: str, run: Work, *, alone: Hashable = "") -> PageJob:
        """Begin a piece of work; `run` returns what came of it: a sentence, and an address to look at, or "".

        Of the jobs with the same `alone` one goes on at a time: the same work is begun once, and its job returned, so a
        button that is pressed twice, or in two windows, does its work once. Raises UsageError where other work still
        goes on in its place.
        """
        job = PageJob(secrets.token_hex(8), title, alone)
        with self._lock:
            if self._closed:
                raise UsageError(STOPPING)
            for other in self._jobs.values():
                if alone and other.alone == alone and other.under_way and not other.cancel.is_set():
                    other.see_same(title)
                    return other
            ended = [one.id for one in self._jobs.values() if not one.under_way]
            for one in ended[: max(0, len(self._jobs) - _MOST_KEPT + 1)]:
                del self._jobs[one]
            self._jobs[job.id] = job
            self._waiting.append((job, run))
            self._begin_next()
        return job

    def _begin_next(self) -> None:
        """Begin what waits, as far as there is room; for who holds the lock."""
        while self._waiting and self._running < _AT_ONCE:
            job, run = self._waiting.popleft()
            job.state = JobState.RUNNING
            self._running += 1
            threading.Thread(target=self._run, args=(job, run), name="page-job", daemon=True).start()

    def _run(self, job: PageJob, run: Work) -> None:
        try:
            state, result, address = _ending(job, run)
            job.result, job.address = result, address
            job.state = state
        finally:
            with self._lock:
                self._running -= 1
                self._begin_next()

    def call_off(self, job: PageJob) -> None:
        """Have a job end where it says next how far it is; one that waits for its turn ends at once."""
        with self._lock:
            job.cancel.set()
            if job.state is JobState.WAITING:
                self._waiting = deque(one for one in self._waiting if one[0] is not job)
                job.result, job.state = "Called off before it began.", JobState.CANCELLED

    def get(self, job_id: str) -> PageJob:
        """Return a job. Raises NotThereError where there is none any more."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise NotThereError("This job is not known any more.", remedy="They end with the daemon.")
        return job

    def all(self) -> list[PageJob]:
        """Return the jobs that are known, the newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def close(self) -> None:
        """Call everything off."""
        with self._lock:
            self._closed = True
            jobs = list(self._jobs.values())
        for job in jobs:
            if job.under_way:
                self.call_off(job)


def _ending(job: PageJob, run: Work) -> tuple[JobState, str, str]:
    """Do a job's work; return how it ended, what there is to say of it, and where that is looked at."""
    try:
        result, address = run(job)
    except Cancelled:
        return JobState.CANCELLED, f"Called off{job.how_far}.", ""
    except VsortdError as error:
        return JobState.FAILED, _failed(job, str(error)), ""
    except VideoError as error:
        return JobState.FAILED, _failed(job, error.sentence), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, the job says so
        logger.opt(exception=error).error("the page: {} failed: {!r}", job.title, error)
        return JobState.FAILED, _failed(job, "vsortd met an error of its own: see the log."), ""
    if job.cancel.is_set() and job.how_far and job.done < (job.total or 0):
        return JobState.CANCELLED, f"Called off{job.how_far}. {result}", address
    return JobState.DONE, result, address


def _failed(job: PageJob, why: str) -> str:
    """Say why a job ended, with how far it had come: what was done until then is done."""
    return f"Stopped{job.how_far}: {why}" if job.how_far and job.done else why
