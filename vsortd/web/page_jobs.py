"""Long work that the page asked for: it goes on when the page is closed, can be called off, and keeps its result."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from vsortd.errors import Cancelled, UsageError, VideoError, VsortdError
from vsortd.web.answers import STOPPING, NotThereError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_MOST_KEPT: Final = 50
_AT_ONCE: Final = 2


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class PageJob:
    """One piece of work: what it is, how far it is (`done` of `total`, None where nobody knows), what came of it.

    `result` is a sentence, `address` where the result is looked at, "" where there is nothing to look at; `link` says
    what that does. `answer` is what a script gets of it, None where the address says all. `key` is the kind of work and
    what it is about, () for work that is never the same as other work.
    """

    id: str
    title: str
    cancel: threading.Event = field(default_factory=threading.Event)
    state: JobState = JobState.WAITING
    note: str = ""
    done: float = 0
    total: float | None = None
    result: str = ""
    address: str = ""
    link: str = "Show"
    answer: dict[str, Any] | None = None
    key: tuple[Hashable, ...] = ()
    since_s: float = field(default_factory=time.monotonic)

    @property
    def under_way(self) -> bool:
        """Whether it is still to end."""
        return self.state in {JobState.WAITING, JobState.RUNNING}

    def see_same(self, title: str) -> None:
        """See that it is the work that is asked for. Raises UsageError where another goes on in its place."""
        if self.title != title:
            raise UsageError(f"{self.title} still goes on.", remedy="Wait for it, or cancel it.")

    def progress(self, done: float, total: float | None, note: str = "") -> None:
        """Say how far it is. Raises Cancelled when it was called off."""
        if self.cancel.is_set():
            raise Cancelled
        self.done, self.total, self.note = done, total, note


class PageJobs:
    """The jobs of the page, a few at once, each on a thread of its own; the newest are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, PageJob] = {}
        self._room = threading.Semaphore(_AT_ONCE)
        self._closed = False

    def start(
        self, title: str, run: Callable[[PageJob], tuple[str, str]], *, key: tuple[Hashable, ...] = ()
    ) -> PageJob:
        """Begin a piece of work; `run` returns what came of it: a sentence, and an address to look at, or "".

        Where work of the same `key` waits or goes on, that job is returned: a button that is pressed twice, or in two
        windows, does its work once.
        """
        job = PageJob(secrets.token_hex(8), title, key=key)
        with self._lock:
            if self._closed:
                raise UsageError(STOPPING)
            for known in self._jobs.values() if key else ():
                if known.key == key and known.under_way and not known.cancel.is_set():
                    return known
            ended = [one.id for one in self._jobs.values() if not one.under_way]
            for one in ended[: max(0, len(self._jobs) - _MOST_KEPT + 1)]:
                del self._jobs[one]
            self._jobs[job.id] = job
        threading.Thread(target=self._run, args=(job, run), name="page-job", daemon=True).start()
        return job

    def _run(self, job: PageJob, run: Callable[[PageJob], tuple[str, str]]) -> None:
        with self._room:
            try:
                if job.cancel.is_set():
                    raise Cancelled  # noqa: TRY301 - one way out
                job.state = JobState.RUNNING
                job.result, job.address = run(job)
                job.state = JobState.DONE
            except Cancelled:
                job.result, job.state = "It was called off.", JobState.CANCELLED
            except VsortdError as error:
                job.result, job.state = str(error), JobState.FAILED
            except VideoError as error:
                job.result, job.state = error.reason, JobState.FAILED
            except Exception as error:  # noqa: BLE001 - whatever it is, the job says so
                logger.opt(exception=error).error("the page: {} failed: {!r}", job.title, error)
                job.result, job.state = "vsortd met an error of its own: see the log.", JobState.FAILED

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
            for job in self._jobs.values():
                job.cancel.set()
