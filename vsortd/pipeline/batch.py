"""`sort` and `plan`: the daemon's planner over files that are named, from settling to the last outcome."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from vsortd.core.batch_ids import new_batch_id
from vsortd.core.containers import ENDINGS, endings_among
from vsortd.core.identity import Identity
from vsortd.core.moments import utc_now
from vsortd.core.outcomes import PLACED, ConversionKind, ItemState
from vsortd.core.text import counted
from vsortd.errors import VsortdError
from vsortd.filing.holds import Why
from vsortd.pipeline.flow import Stage, build_stages
from vsortd.pipeline.gathering import gather
from vsortd.pipeline.job import Job
from vsortd.pipeline.ledger import Ledger
from vsortd.pipeline.mishaps import Mishaps
from vsortd.pipeline.runner import Runner
from vsortd.pipeline.services import Services
from vsortd.watch.settle import SettleOutcome as Settled
from vsortd.watch.settle import Settler, SettleTimes, SettleVerdict

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.inbox_options import Inbox
    from vsortd.config.settings import Settings
    from vsortd.core.documents import OutcomeDocument
    from vsortd.judging.model_source import ModelSource

Progress = Callable[[int, int], None]
# Sees every job that ended while the services are still open, on the thread that ended it.
OnJob = Callable[[Services, Job], None]
_TICK_S = 0.05


# Why a file is left to the daemon that has it in hand.
AT_WORK = "the daemon is at work on it this moment"


@dataclass(frozen=True, slots=True)
class SortOutcome:
    """What became of one file, or would in a dry run; the form of an item of `sort --json`.

    `conversion` says what is made of a video in another container than MP4, or why it stays as it is; `converted` is
    the kind alone ("remux", "transcode").
    """

    id: int | None
    batch: str
    time: str
    state: ItemState
    source: str
    destination: str
    rule: str
    score: float
    margin: float
    converted: ConversionKind
    reason: str
    tags: tuple[str, ...] = ()
    conversion: str = ""
    how: str = ""

    @classmethod
    def of(cls, job: Job) -> SortOutcome:
        """Take the outcome out of a job that ended."""
        decision = job.decision
        return cls(
            id=job.item_id,
            batch=job.batch,
            time=utc_now(),
            state=job.state,
            source=str(job.path),
            destination=str(job.destination) if job.destination else "",
            rule=decision.rule if decision else "",
            score=decision.score if decision else 0.0,
            margin=decision.margin if decision else 0.0,
            converted=job.conversion,
            reason=job.reason,
            tags=decision.tags if decision else (),
            conversion=job.conversion_note,
            how=job.how,
        )

    @classmethod
    def from_json(cls, item: OutcomeDocument) -> SortOutcome:
        """Take an outcome out of what `to_json` made of it."""
        fields: dict[str, Any] = {**item, "state": ItemState(item["state"])}
        fields |= {"converted": ConversionKind(item["converted"]), "tags": tuple(item["tags"])}
        return cls(**{**fields, "destination": item["destination"] or ""})

    def to_json(self) -> OutcomeDocument:
        """Return the item as `sort --json` prints it: like history's, null where there is no destination."""
        return {
            "id": self.id,
            "batch": self.batch,
            "time": self.time,
            "state": self.state.value,
            "source": self.source,
            "destination": self.destination or None,
            "rule": self.rule,
            "score": self.score,
            "margin": self.margin,
            "converted": self.converted.value,
            "reason": self.reason,
            "tags": list(self.tags),
            "how": self.how,
            "conversion": self.conversion,
        }


def sort_paths(
    settings: Settings,
    state_folder: Path,
    paths: Sequence[Path],
    *,
    dry_run: bool,
    on_progress: Progress | None = None,
    on_job: OnJob | None = None,
    cancel: threading.Event | None = None,
    models: ModelSource | None = None,
) -> list[SortOutcome]:
    """Carry every video under `paths` to its end and return the outcomes in the order of the files.

    Once `cancel` is set, what is in hand is put back or finished, and only what has its end is returned.

    `on_progress` gets how many are done and how many there are, `on_job` each job that ended (on several threads at
    once). `models` is where models come from, by default this process. Raises UsageError for a path that is not there,
    ModelError when the model can't be had, StoreError when the journal can't be used.
    """
    found = list(gather(settings, paths))
    if not found:
        return []
    with Services.open(settings, state_folder, keep_trying=False, recover_first=not dry_run, models=models) as services:
        return SortSession(
            services, found, dry_run=dry_run, on_progress=on_progress, on_job=on_job, cancel=cancel
        ).run()


def sort_within(
    services: Services, paths: Sequence[Path], *, own: Ownership, on_progress: Progress, cancel: threading.Event
) -> list[SortOutcome]:
    """Carry videos to their end with services that others use, too (the daemon's); see `sort_paths`.

    `own` keeps two from working on one file; `cancel` puts back what is in hand and leaves the rest.
    """
    found = list(gather(services.settings, paths))
    return SortSession(
        services, found, dry_run=False, on_progress=on_progress, on_job=None, own=own, cancel=cancel
    ).run()


def plan_within(services: Services, path: Path, *, on_job: OnJob, cancel: threading.Event) -> None:
    """Decide on one video with services that others use, too; nothing is moved. See `sort_paths`."""
    found = list(gather(services.settings, [path]))
    SortSession(services, found, dry_run=True, on_progress=None, on_job=on_job, cancel=cancel).run()


class Ownership(Protocol):
    """Who works on which file within one process."""

    def claim(self, path: Path) -> bool:
        """Take a file for this session; False if it is in other hands."""

    def give_back(self, path: Path) -> None:
        """Leave it to the others."""


class _Alone:
    """Ownership where there is nobody else."""

    def claim(self, path: Path) -> bool:  # noqa: ARG002 - see Ownership
        return True

    def give_back(self, path: Path) -> None:
        """Do nothing."""


class SortSession:
    """One command's files on their way: settled one by one, carried by the runner, collected.

    Without `stages` they go the way of every video.
    """

    def __init__(
        self,
        services: Services,
        found: Sequence[tuple[Path, Inbox, bool]],
        *,
        dry_run: bool,
        on_progress: Progress | None,
        on_job: OnJob | None,
        own: Ownership | None = None,
        cancel: threading.Event | None = None,
        stages: Sequence[Stage] | None = None,
    ) -> None:
        self._own = own or _Alone()
        self._claims: set[Path] = set()
        self._cancel = cancel or threading.Event()
        self._services = services
        self._found = found
        self._dry_run = dry_run
        self._on_progress = on_progress
        self._on_job = on_job
        self._batch = new_batch_id()
        self._jobs: dict[Path, Job] = {}
        self._again: list[tuple[Path, str]] = []
        self._settlers_of: dict[Path, Settler] = {}  # by the inbox
        self._settlers: dict[Path, Settler] = {}  # by the file that waits in it
        self._roots = {path: path.parent if inbox.path == path else inbox.path for path, inbox, _ in found}
        self._mishaps = Mishaps()
        self._fatal: list[BaseException] = []
        self._changed = threading.Condition()
        ledger = Ledger(services, self._send_back, effects=not dry_run)
        self._ledger = ledger
        self._runner = Runner(
            build_stages(services, dry_run=dry_run) if stages is None else stages,
            ledger,
            workers=services.worker_count,
            on_done=self._done,
            on_fatal=self._failed,
            retry_after_s=(),
        )

    def run(self) -> list[SortOutcome]:
        """Carry everything to its end."""
        if self._on_progress is not None:
            self._on_progress(0, len(self._found))
        self._runner.start()
        try:
            self._settle_all()
        finally:
            # Ctrl-C comes here too: what is in hand is put back
            self._runner.stop()
            for path in list(self._claims):  # called off, so they have no end that would give them back
                self._unclaim(path)
        if self._fatal:
            raise self._with_what_was_filed(self._fatal[0])
        return [SortOutcome.of(self._jobs[path]) for path, _, _ in self._found if path in self._jobs]

    def _with_what_was_filed(self, error: BaseException) -> BaseException:
        """Return the error that ended all, with how to take back what was filed before."""
        filed = sum(job.state in PLACED and job.item_id is not None for job in self._jobs.values())
        if filed and isinstance(error, VsortdError):
            said = f"{counted(filed, 'video')} had been filed; undo that with: vsortd undo --batch {self._batch}"
            error.details = (*error.details, said)
        return error

    def _settle_all(self) -> None:
        """Hand each file to the runner when it is whole and quiet, until every one has its end."""
        for path, inbox, named in self._found:
            with self._costing(path):
                self._begin(path, inbox, named=named)
        while len(self._jobs) < len(self._found) and not self._fatal and not self._cancel.is_set():
            for settler in self._settlers_of.values():
                for verdict in settler.due(time.monotonic()):
                    with self._costing(verdict.path):
                        self._attend(verdict, settler)
            for path, reason in self._take_again():
                with self._costing(path):
                    self._settle_again(path, reason)
            with self._changed:
                self._changed.wait(_TICK_S)

    @contextlib.contextmanager
    def _costing(self, path: Path) -> Iterator[None]:
        """Let what goes wrong with a file cost this file alone; what says that vsortd can't go on goes through."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            reason = self._mishaps.reason_of(error, path)
            try:
                self._end(path, Identity.of(path), ItemState.FAILED, reason)
            except VsortdError:
                raise
            except Exception:  # noqa: BLE001 - it can't be recorded: it has failed all the same
                self._end(path, None, ItemState.FAILED, reason)

    def _begin(self, path: Path, inbox: Inbox, *, named: bool) -> None:
        """Let a file settle, or end it where that can be said at once."""
        identity = Identity.of(path)
        endings = frozenset(ENDINGS) if named else endings_among(inbox.extensions)
        if path.suffix.lower().removeprefix(".") not in endings:
            told = ", ".join(ENDINGS if named else sorted(endings))
            self._end(path, identity, ItemState.REJECTED, f"its name is not that of a video ({told})")
        elif identity is None:
            self._end(path, None, ItemState.REJECTED, "it is a link, not a file of its own")
        elif (known := self._services.filer.known(path, identity)) is not None and known.why is Why.DONE:
            self._end(path, identity, ItemState.FILED, known.reason)
        elif not named and known is not None and known.why is Why.HELD:
            self._end(path, identity, ItemState.HELD, "it was undone and is on hold; `vsortd release` lifts it")
        else:
            quiet_s = max(0.0, time.time() - max(identity.modified_s, path.stat().st_ctime))
            settler = self._settlers_of.setdefault(inbox.path, _settler(self._services, inbox))
            settler.add(path, identity, time.monotonic() - min(quiet_s, inbox.settle_s))
            self._settlers[path] = settler

    def _settle_again(self, path: Path, reason: str) -> None:
        identity = Identity.of(path)
        if identity is None:
            self._end(path, None, ItemState.FAILED, "the file went away")
            return
        now_s = time.monotonic()
        if reason:
            self._settlers[path].again(path, identity, now_s, reason, now_s)
        else:
            self._settlers[path].add(path, identity, now_s)

    def _attend(self, verdict: SettleVerdict, settler: Settler) -> None:
        if verdict.outcome is Settled.READY and not self._claim(verdict.path):
            self._end(verdict.path, None, ItemState.HELD, AT_WORK)
        elif verdict.outcome is Settled.READY:
            settled_s = time.monotonic() - verdict.since_s
            self._runner.submit(
                verdict.path, verdict.identity, self._batch, settled_s=settled_s, root=self._roots[verdict.path]
            )
        elif verdict.outcome is Settled.WAITING:
            settler.forget(verdict.path)
            self._end(verdict.path, None, ItemState.HELD, verdict.reason)
        elif verdict.path not in self._jobs:
            settler.forget(verdict.path)  # one that still changes would go on waiting
            self._end(verdict.path, verdict.identity, ItemState.FAILED, verdict.reason or "the file went away")

    def _end(self, path: Path, identity: Identity | None, state: ItemState, reason: str) -> None:
        """End a file that never got on its way."""
        job = Job(path, identity or Identity(0, 0, 0, 0), self._batch, self._runner.cancel).ended(state, reason)
        if identity is not None and state is ItemState.FAILED:
            job = self._ledger.record(job)
        self._done(job)

    def _claim(self, path: Path) -> bool:
        if not self._own.claim(path):
            return False
        self._claims.add(path)
        return True

    def _unclaim(self, path: Path) -> None:
        """Give back what this session has claimed, and nothing that others have."""
        if path in self._claims:
            self._claims.discard(path)
            self._own.give_back(path)

    def _send_back(self, path: Path, _identity: Identity, reason: str) -> None:
        self._unclaim(path)
        if self._services.model.replaced:  # within a daemon that was reloaded: it would be sent back for ever
            remedy = "Begin it again: it goes by the new one then."
            self._failed(VsortdError("The config came to name another model, so this sort ended.", remedy=remedy))
            return
        with self._changed:
            self._again.append((path, reason))

    def _take_again(self) -> list[tuple[Path, str]]:
        with self._changed:
            taken, self._again = self._again, []
            return taken

    def _done(self, job: Job) -> None:
        self._unclaim(job.path)
        if self._on_job is not None:
            self._on_job(self._services, job)
        with self._changed:
            self._jobs[job.path] = job
            self._changed.notify_all()
        if self._on_progress is not None:
            self._on_progress(len(self._jobs), len(self._found))

    def _failed(self, error: BaseException) -> None:
        with self._changed:
            self._fatal.append(error)
            self._changed.notify_all()


def _settler(services: Services, inbox: Inbox) -> Settler:
    return Settler(SettleTimes.of(inbox, drain=True), sidecars_of=services.sidecars_of)
