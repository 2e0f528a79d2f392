"""The daemon's work: what a video meets from its inbox to its end, wired together over one set of services."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.core.batch_ids import Batches
from vsortd.core.moments import local_moment
from vsortd.core.outcomes import ItemState
from vsortd.core.text import counted
from vsortd.errors import StoreError
from vsortd.filing.holds import Why
from vsortd.learning.library_watch import LibraryWatch
from vsortd.opinion.opinion_thread import OpinionThread
from vsortd.pipeline.flow import build_stages
from vsortd.pipeline.job import Job
from vsortd.pipeline.job_log import tell_end
from vsortd.pipeline.ledger import Ledger
from vsortd.pipeline.readmission import readmit
from vsortd.pipeline.runner import RETRY_AFTER_S, Runner
from vsortd.service.account import DaemonAccount
from vsortd.service.event_stream import Hub
from vsortd.service.hooks.delivery_queue import DeliveryQueue
from vsortd.service.hooks.hook_runner import HookRunner
from vsortd.service.metrics import StageTimes
from vsortd.service.pauses import Pauses, pauses_path
from vsortd.service.push_thread import PushThread
from vsortd.watch.inbox import InboxWatcher
from vsortd.watch.types import ReportKind

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.core.identity import Identity
    from vsortd.pipeline.services import Services
    from vsortd.watch.types import ReadyFile, Report

# The video in hand is finished or put back within this time, seconds; with all else, SIGTERM to exit takes below 5.
STOP_PATIENCE_S = 2.5


class Workflow:
    """Watcher, runner and the watch over the library, and how a video goes from one to the other.

    A reload replaces services and watcher while work goes on. `wake` is called when the main thread has something to
    see to, `on_done` after each video that ended, `on_fatal` with the error that makes going on pointless. `stopping`
    is set when the daemon ends. With `once` the inboxes are drained, the library is not watched, and nobody is asked.
    """

    def __init__(
        self,
        services: Services,
        *,
        once: bool,
        stopping: threading.Event,
        wake: Callable[[], None],
        on_done: Callable[[], None],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self.services = services
        self.account = DaemonAccount()
        self.stage_times = StageTimes()
        self.pauses = Pauses(pauses_path(services.state_folder))
        self.hub = Hub()
        self._once = once
        self._stopping = stopping
        self._wake = wake
        self._on_fatal = on_fatal
        self._on_done = on_done
        self._batches = Batches()
        self._ledger = Ledger(services, self._send_back)
        self.runner = Runner(
            build_stages(services),
            self._ledger,
            workers=services.worker_count,
            on_done=self._done,
            on_begin=self.hub.changed,
            on_fatal=on_fatal,
            paused=self.pauses.holds,
            retry_after_s=() if once else RETRY_AFTER_S,
        )
        self.watcher = self.new_watcher(services)
        self.moves = LibraryWatch(lambda: self.services, on_fatal=on_fatal)
        queue = DeliveryQueue(services.journal, services.state_folder, lambda: self.services.tree)
        self.hooks = HookRunner(queue, services.state_folder, activity=self._activity)
        self.push = PushThread(lambda: self.settings.notify, activity=self._activity, troubles=self._troubles)
        self.opinions = OpinionThread(
            lambda: self.services,
            paused=self.pauses.holds,
            busy=lambda: self.runner.working > 0,
            on_filed=self._filed_by_opinion,
            on_fatal=on_fatal,
        )

    @property
    def settings(self) -> Settings:
        """The config in force."""
        return self.services.settings

    def start(self) -> None:
        """Begin to work."""
        self.services.model.when_half_loaded(self._on_fatal)
        if self._once:
            self.hooks.config_changed()  # they are tried when the inboxes are drained
        else:
            self.hooks.start()
        self.runner.start()
        readmit(self.services)
        self.watcher.start()
        if not self._once:
            self.moves.start()
            self.opinions.start()
            self.push.start()

    def stop(self) -> None:
        """End: the videos in hand are finished or put back."""
        self.runner.cancel.set()  # first, so that all waits pass together
        self.opinions.call_off()
        self.hooks.call_off()
        self.watcher.stop(patience_s=1.0)
        if not self._once:
            self.moves.stop()
        if not self.runner.stop(patience_s=STOP_PATIENCE_S):
            logger.warning("a video in hand did not end in time; the journal will set it right at the next start")
        if not self._once:
            self.opinions.stop()
        self.hooks.stop()
        self.push.stop()

    def drain_afterwards(self) -> None:
        """Do once what is to be done after videos, and tell who is to be told (with `once`)."""
        self.hooks.drain(self._stopping)
        if self.push.listens:
            self.push.drain(self._stopping)

    def new_watcher(self, services: Services) -> InboxWatcher:
        """Return a watcher over the inboxes of some services, to be started."""
        settings = services.settings
        return InboxWatcher(
            settings.inboxes,
            on_ready=self._ready,
            on_report=self._report,
            known=self._known,
            sidecars_of=services.sidecars_of,
            drain=self._once,
            exclude=[settings.library, services.state_folder],
            takes_out=services.takes_out,
        )

    def change_over(self, services: Services, watcher: InboxWatcher | None) -> None:
        """Work with other services from now on, and with another watcher where there is one; the old one has stopped.

        What is under way ends as it began. Returns soon.
        """
        before = self.services
        self.services = services
        self._ledger = Ledger(services, self._send_back)
        folders = tuple(inbox.path for inbox in services.settings.inboxes)
        self.runner.change_stages(
            build_stages(services), self._ledger, wanted=lambda path: any(path.is_relative_to(f) for f in folders)
        )
        if services.model is not before.model:
            services.model.when_half_loaded(self._on_fatal)
            services.model.start()
            before.model.send_back()
        if watcher is not None:
            self.watcher = watcher
            watcher.start()
        if before.detector is not None:
            before.detector.send_back(replaced=services.detector is not before.detector)
        self.moves.wake()
        self.opinions.wake()
        self.hooks.config_changed()
        self.push.wake()
        self.hub.changed()

    def readmit(self) -> list[Path]:
        """Look again at rejected videos that the config may take now; return them."""
        freed = readmit(self.services)
        if freed:
            self.watcher.scan_now()
        return freed

    def drained(self) -> bool:
        """Tell whether the inboxes are empty of what can be done now (with `once`)."""
        # both are asked in this order: what leaves the watcher is in the runner before the watcher is idle
        return self.watcher.idle() and (self.runner.idle() or self.runner.stuck()) and self.watcher.idle()

    def sentence(self) -> str:
        """Say in one line what goes on."""
        waiting, working = self.runner.queued + self.watcher.waiting(), self.runner.working
        state = "paused" if self.pauses.everything else "working" if working else "watching"
        told = f"{waiting} waiting, {working} under way, {self.account.tally[ItemState.FILED]} filed since the start"
        return f"{state} {counted(len(self.settings.inboxes), 'inbox', 'inboxes')}: {told}"

    def tell(self, *numbers: int | None) -> None:
        """Tell those who listen what became of some items, and how things stand now."""
        for number in numbers if self.hub.heard or self.push.listens else ():
            item = None if number is None else self.services.journal.item(number)
            if item is not None:
                self.hub.tell_item(item.to_json())
                self.push.item(item.to_json())
        self.hooks.wake()
        self.hub.changed()

    def _troubles(self) -> list[str]:
        """Say what keeps videos from being filed, as far as it is known without looking at disks."""
        services = self.services
        detector = services.detector.trouble if services.detector is not None else ""
        unwell = [f"{one.path}: {one.reason}" for one in self.watcher.health() if one.waits]
        told = [f"{path}: {reason}" for path, reason in self.runner.trouble.items()]
        return [*filter(None, (services.model.trouble, detector)), *unwell, *told]

    def _activity(self) -> tuple[bool, bool]:
        """Tell whether nothing is left to do, and whether a video is under way."""
        working = self.runner.working > 0
        return not (working or self.runner.queued or self.watcher.waiting()), working

    def pauses_changed(self) -> None:
        """Begin what is no longer paused, and tell of it; once it returns, nothing begins that is paused now."""
        self.runner.look_again()
        self.opinions.wake()
        self.log_pauses()
        self._wake()
        self.hub.changed()

    def log_pauses(self) -> None:
        """Log what is paused."""
        form = self.pauses.form()
        everything = [("everything", form["until"])] if form["all"] else []
        for what, until in everything + [(one["path"], one["until"]) for one in form["inboxes"]]:
            ends = "" if until is None else f" until {local_moment(until).strftime('%Y-%m-%d %H:%M')}"
            logger.info("paused: {}{}", what, ends)

    # What watcher and runner say, on their threads

    def _ready(self, file: ReadyFile) -> None:
        with self._stops_if_broken():
            self.runner.submit(file.path, file.identity, self._batches.current(), settled_s=file.settled_s)
        self.hub.changed()

    def _known(self, path: Path, identity: Identity) -> bool:
        """Tell whether a file is to be left alone as it is: undone, or refused before. One in work elsewhere isn't."""
        with self._stops_if_broken():
            known = self.services.filer.known(path, identity)
            return known is not None and known.why is not Why.WORKING
        return True

    def _report(self, report: Report) -> None:
        """Record a file that never became ready (unfinished, always changing, failing); it stays where it is."""
        job = Job(report.path, report.identity, self._batches.current(), self._stopping)
        lasting = report.kind in {ReportKind.INCOMPLETE, ReportKind.FAILED}  # the others go on being watched
        with self._stops_if_broken():
            self._done(self._ledger.record(job.ended(ItemState.FAILED, report.reason), lasting=lasting))

    @contextlib.contextmanager
    def _stops_if_broken(self) -> Iterator[None]:
        """End the daemon where the journal can't be used: the watcher would ask again and again, for ever."""
        try:
            yield
        except StoreError as error:
            self._on_fatal(error)

    def _send_back(self, path: Path, identity: Identity, reason: str) -> None:
        logger.debug("{}: back to settle: {}", path, reason or "it changed")
        self.watcher.again(path, reason, identity=identity)

    def _done(self, job: Job) -> None:
        self.watcher.done(job.path)
        if job.destination is not None:
            self.moves.wake()  # the first video makes the library
        self.account.add(job)
        self.stage_times.add(job.clock.spent_ms())
        tell_end(job, self.settings.library)
        self.tell(job.item_id)
        if job.state is ItemState.REVIEW and job.item_id is not None:
            self.opinions.undecided(job.item_id)
        self._on_done()

    def _filed_by_opinion(self, job: Job) -> None:
        self.account.add(job)
        tell_end(job, self.settings.library)
        self.tell(job.item_id)
