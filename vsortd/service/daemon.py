"""The daemon: watcher, runner and control API over one workshop, from start to a clean end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from loguru import logger

from vsortd.batches import Batches
from vsortd.errors import ExitCode, VsortdError
from vsortd.filing.holds import Why
from vsortd.learning.librarywatch import LibraryWatch
from vsortd.pipeline import Job, State, build_stages
from vsortd.runner import RETRY_AFTER_S, Runner, fatal_message
from vsortd.service.api import ControlServer
from vsortd.service.bell import Bell
from vsortd.service.lock import DaemonLock
from vsortd.service.status import status_form
from vsortd.units import format_duration
from vsortd.watch.inbox import InboxWatcher
from vsortd.watch.kinds import Health, ReportKind
from vsortd.workshop import Desk, Workshop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.identity import Identity
    from vsortd.settings import Settings
    from vsortd.watch.kinds import ReadyFile, Report

# How often the daemon looks after things that no event announces: retention of originals.
HOUSEKEEPING_S = 6 * 3600.0
# The video in hand is finished or put back within this time, seconds; with all else, SIGTERM to exit takes below 5.
STOP_PATIENCE_S = 2.5
# How often it is seen whether the last video that began before a reload has ended.
RETIRING_S = 1.0


class Daemon:
    """Files what arrives in the inboxes until it is told to stop, or with `once` until they are drained."""

    def __init__(
        self,
        settings: Settings,
        state_folder: Path,
        *,
        once: bool = False,
        read_config: Callable[[], Settings] | None = None,
    ) -> None:
        """`read_config` loads the config anew for a reload; without it the settings stay as they are."""
        self._settings = settings
        self._read_config = read_config
        self._reloading = threading.Lock()
        self._reload_asked = False
        self._retired: list[Workshop] = []
        self._state_folder = state_folder
        self._once = once
        self._stop = threading.Event()
        self._fatal: BaseException | None = None
        self._batches = Batches()
        self._tally: Counter[State] = Counter()
        self._interrupted = False
        self._missing = False

    def run(self) -> ExitCode:
        """Run to the end. Raises AlreadyRunningError, StoreError, ModelError (with `once`)."""
        with (
            DaemonLock(self._state_folder),
            contextlib.closing(Bell()) as self._bell,
            _Signals(self._told_to_stop, self._told_to_reload),
            Workshop.open(self._settings, self._state_folder, keep_trying=not self._once) as shop,
        ):
            self._serve(shop)
        if self._fatal is not None:
            raise self._fatal
        if self._interrupted:
            return ExitCode.INTERRUPTED
        failed = self._tally[State.FAILED]
        if not self._once:
            return ExitCode.OK
        if not failed:
            return ExitCode.PARTIAL if self._missing else ExitCode.OK
        return ExitCode.PARTIAL if self._tally.total() > failed else ExitCode.FAILURE

    def _serve(self, shop: Workshop) -> None:
        self._shop = shop
        self._desk = Desk(shop, self._send_back)
        self._runner = Runner(
            build_stages(shop),
            self._desk,
            lanes=shop.lanes,
            on_done=self._done,
            on_fatal=self._give_up,
            retry_after_s=() if self._once else RETRY_AFTER_S,
        )
        self._watcher = self._new_watcher()
        self._moves = LibraryWatch(lambda: self._shop, on_fatal=self._give_up)
        server = ControlServer(self, self._state_folder)
        self._runner.start()
        self._watcher.start()
        if not self._once:
            self._moves.start()
        server.start()
        logger.info("watching {}", ", ".join(str(inbox.path) for inbox in self._settings.inboxes))
        try:
            self._wait()
        finally:
            self._runner.cancel.set()  # first, so that all three waits pass together
            self._watcher.stop(patience_s=1.0)
            if not self._once:
                self._moves.stop()
            if not self._runner.stop(patience_s=STOP_PATIENCE_S):
                logger.warning("a video in hand did not end in time; the journal will set it right at the next start")
            server.stop()
            self._let_go()
            self._shop.retire(shop)  # whoever opened `shop` closes what is its own

    def _new_watcher(self) -> InboxWatcher:
        return InboxWatcher(
            self._settings.inboxes,
            on_ready=self._ready,
            on_report=self._report,
            known=self._known,
            sidecars_of=self._shop.sidecars_of,
            drain=self._once,
            exclude=[self._settings.library, self._state_folder],
        )

    def _wait(self) -> None:
        """Sleep until told to stop; housekeeping in between; with `once` until nothing is left to do."""
        tidied = float("-inf")
        while not self._stop.is_set():
            if time.monotonic() - tidied > HOUSEKEEPING_S:
                self._shop.expire_originals()
                tidied = time.monotonic()
            if self._reload_asked:
                self._reload_asked = False
                self._reload_by_signal()
            if self._retired and self._runner.working == 0:
                self._let_go()
            if not self._once:
                self._bell.wait(RETIRING_S if self._retired else min(HOUSEKEEPING_S, self._unload()))
                continue
            # both are asked in this order: what leaves the watcher is in the runner before the watcher is idle
            if self._watcher.idle() and self._runner.idle() and self._watcher.idle():
                self._missing = any(one.health in {Health.MISSING, Health.TAKEN} for one in self._watcher.health())
                return
            self._bell.wait(0.05)

    def _unload(self) -> float:
        """Let the model go if it has had nothing to do for long enough; returns when to see to it again, seconds."""
        after_s = self._settings.unload_model_s
        if after_s is None:
            return HOUSEKEEPING_S
        model = self._shop.model
        left_s = after_s - model.idle_s
        if left_s > 0:
            return left_s
        if model.judge is not None and self._runner.if_idle(model.unload):
            logger.info("the model was let go: {} without a video", format_duration(after_s))
        return after_s

    def _ready(self, file: ReadyFile) -> None:
        self._runner.submit(file.path, file.identity, self._batches.current(), settled_s=file.settled_s)

    def _known(self, path: Path, identity: Identity) -> bool:
        """Tell whether a file is to be left alone as it is: undone, or refused before. One in work elsewhere isn't."""
        known = self._shop.filer.known(path, identity)
        return known is not None and known.why is not Why.WORKING

    def _report(self, report: Report) -> None:
        """Record a file that never became ready (unfinished, always changing); it stays where it is."""
        job = Job(report.path, report.identity, self._batches.current(), self._stop)
        lasting = report.kind is ReportKind.INCOMPLETE  # the others go on being watched
        self._done(self._desk.record(job.ended(State.FAILED, report.reason), lasting=lasting))

    def _send_back(self, path: Path, identity: Identity, reason: str) -> None:
        logger.debug("{}: back to settle: {}", path, reason or "it changed")
        self._watcher.again(path, reason, identity=identity)

    def _done(self, job: Job) -> None:
        self._watcher.done(job.path)
        if job.destination is not None:
            self._moves.wake()  # the first video makes the library
        self._tally[job.state] += 1
        where = f" → {job.destination}" if job.destination else ""
        spent = " ".join(f"{name} {ms:.0f}" for name, ms in job.clock.spent_ms().items())
        log = logger.warning if job.state is State.FAILED else logger.info
        log(
            "#{} {}: {}{} ({}){}",
            job.item_id,
            job.state,
            job.path.name,
            where,
            job.reason,
            f" [ms: {spent}]" if spent else "",
        )

    def _give_up(self, error: BaseException) -> None:
        if self._fatal is None:  # every lane meets a broken store or model; once is enough
            logger.critical("vsortd stops: {}", fatal_message(error))
            self._fatal = error
        self.stop()

    def _told_to_stop(self, interrupted: bool) -> None:  # noqa: FBT001 - a callback
        self._interrupted = interrupted or self._once  # a drain that was cut short is not done
        self._stop.set()  # the signal has rung the bell

    def _told_to_reload(self) -> None:
        self._reload_asked = True

    # What the control API asks for.

    def status(self) -> dict[str, Any]:
        """Return the status as `status --json` prints it."""
        judge = self._shop.model.judge
        choice = self._settings.model  # until it is loaded, what was asked for
        asked = (choice, "") if isinstance(choice, str) else (choice.name, choice.weights)
        model = {"name": asked[0], "weights": asked[1], "reason": self._shop.model.trouble}
        if judge is not None:
            info = judge.encoder.info
            model |= {"name": info.name, "weights": info.weights, "device": info.device}
        return status_form(
            "running",
            model=model,
            counts=self._shop.filer.counts(),
            queued=self._runner.queued + self._watcher.waiting(),
            working=self._runner.working,
            inboxes=[
                {"path": str(one.path), "health": str(one.health), "reason": one.reason}
                for one in self._watcher.health()
            ],
            trouble=[f"{path}: {reason}" for path, reason in self._runner.trouble.items()],
            pid=os.getpid(),
        )

    def scan(self) -> None:
        """Look through the inboxes now, and ask for a missing model again."""
        self._shop.model.try_again()
        self._watcher.scan_now()

    def reload(self) -> list[str]:
        """Read the config anew and work by it; return the top-level keys that changed.

        What is under way ends as it began. Raises ConfigError (every mistake named) or ModelError; the settings stay
        as they were then.
        """
        if self._read_config is None:
            return []
        with self._reloading:
            before, after = self._settings, self._read_config()
            changed = [key for key in type(after).model_fields if getattr(after, key) != getattr(before, key)]
            if not changed:
                logger.info("the config was read anew: nothing changed")
                return []
            old, shop = self._shop, self._shop.changed(after)
            rewatch = (after.inboxes, after.library) != (before.inboxes, before.library)
            if rewatch:
                self._watcher.stop()
            self._settings, self._shop = after, shop
            self._desk = Desk(shop, self._send_back)
            folders = tuple(inbox.path for inbox in after.inboxes)
            self._runner.change_stages(
                build_stages(shop), self._desk, wanted=lambda path: any(path.is_relative_to(f) for f in folders)
            )
            if rewatch:
                self._watcher = self._new_watcher()
                self._watcher.start()
            self._retired.append(old)
            self._moves.wake()
            self._bell.ring()
            logger.info("the config was read anew; changed: {}", ", ".join(changed))
            if "workers" in changed:
                logger.warning("workers: takes effect when vsortd is started again")
            return changed

    def _reload_by_signal(self) -> None:
        try:
            self.reload()
        except VsortdError as error:
            logger.error("the config was not changed, the last good one stays in force: {}", error)

    def _let_go(self) -> None:
        """Close what reloads left behind, now that nothing under way uses it."""
        with self._reloading:
            for shop in self._retired:
                shop.retire(self._shop)
            self._retired.clear()

    def stop(self) -> None:
        """End the daemon: the file in hand is finished or put back."""
        self._stop.set()
        self._bell.ring()


class _Signals:
    """SIGTERM and SIGINT end the daemon, a second SIGINT at once; SIGHUP reloads. Only the main thread can listen."""

    def __init__(self, on_stop: Callable[[bool], None], on_reload: Callable[[], None]) -> None:
        self._on_stop = on_stop
        self._on_reload = on_reload
        self._before: dict[int, Any] = {}
        self._asked = False

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._handle)
        if sys.platform != "win32":
            self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: self._on_reload())

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: object) -> None:
        interrupted = number == signal.SIGINT
        if interrupted and self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self._on_stop(interrupted)
