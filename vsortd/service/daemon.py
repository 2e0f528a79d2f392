"""The daemon: watcher, runner and control API over one workshop, from start to a clean end."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from loguru import logger

from vsortd.config.dump import fingerprint
from vsortd.core.batch_ids import Batches
from vsortd.core.units import format_duration
from vsortd.errors import ExitCode, UsageError, VsortdError
from vsortd.filing.holds import Why
from vsortd.filing.release import LetGo, let_go
from vsortd.filing.undo import undo as undo_items
from vsortd.index.relocate import follow
from vsortd.learning.library_watch import LibraryWatch
from vsortd.library.search.requests import Searcher
from vsortd.pipeline.batch import sort_within
from vsortd.pipeline.flow import build_stages
from vsortd.pipeline.job import Job, State
from vsortd.pipeline.job_log import tell_end
from vsortd.pipeline.ledger import Desk
from vsortd.pipeline.runner import RETRY_AFTER_S, Runner, fatal_message
from vsortd.pipeline.services import Workshop
from vsortd.service.api import ControlServer
from vsortd.service.daemon_log import follow_config
from vsortd.service.event_stream import Hub
from vsortd.service.lock import DaemonLock
from vsortd.service.metrics import StageTimes, exposition
from vsortd.service.notify import Notifier
from vsortd.service.pauses import Pauses, pauses_path
from vsortd.service.signals import Signals
from vsortd.service.status import status_form
from vsortd.service.wakeup import Bell
from vsortd.watch.inbox import InboxWatcher
from vsortd.watch.types import Health, ReportKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.core.identity import Identity
    from vsortd.filing.undo import Selection, UndoReport
    from vsortd.library.search.requests import Request
    from vsortd.watch.types import ReadyFile, Report

# How often the daemon looks after things that no event announces: retention of originals.
HOUSEKEEPING_S = 6 * 3600.0
# The video in hand is finished or put back within this time, seconds; with all else, SIGTERM to exit takes below 5.
STOP_PATIENCE_S = 2.5
# How often it is seen whether the last video that began before a reload has ended.
RETIRING_S = 1.0
# The service manager hears of a new status line at most this often.
STATUS_EVERY_S = 1.0


# Options that a reload can't change.
LATER = frozenset({"workers", "control"})


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
        self._left = False  # a pause kept some from being begun
        self._pauses = Pauses(pauses_path(state_folder))
        self._hub = Hub(self.status)
        self._notifier = Notifier.from_environment()
        self._told_manager = ("", 0.0)  # the last status line, and when
        self._spent = StageTimes()
        self._sorting = threading.Lock()
        self._cancels: set[threading.Event] = set()
        self._began_s = time.time()

    def run(self) -> ExitCode:
        """Run to the end. Raises AlreadyRunningError, StoreError, ModelError (with `once`)."""
        with (
            DaemonLock(self._state_folder),
            contextlib.closing(Bell()) as self._bell,
            Signals(self._told_to_stop, self._told_to_reload),
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
            return ExitCode.PARTIAL if self._missing or self._left else ExitCode.OK
        return ExitCode.PARTIAL if self._tally.total() > failed else ExitCode.FAILURE

    def _serve(self, shop: Workshop) -> None:
        self._shop = shop
        self._searcher = Searcher(shop.index)
        self._desk = Desk(shop, self._send_back)
        self._runner = Runner(
            build_stages(shop),
            self._desk,
            lanes=shop.lanes,
            on_done=self._done,
            on_begin=self._hub.changed,
            on_fatal=self._give_up,
            paused=self._pauses.holds,
            retry_after_s=() if self._once else RETRY_AFTER_S,
        )
        self._watcher = self._new_watcher()
        self._moves = LibraryWatch(lambda: self._shop, on_fatal=self._give_up)
        server = ControlServer(self, self._state_folder, loopback=self._settings.control == "loopback")
        self._runner.start()
        self._watcher.start()
        if not self._once:
            self._moves.start()
        server.start()
        logger.info("watching {}", ", ".join(str(inbox.path) for inbox in self._settings.inboxes))
        self._tell_pauses()
        self._notifier.ready(self._sentence())
        try:
            self._wait()
        finally:
            self._notifier.stopping()
            self._runner.cancel.set()  # first, so that all three waits pass together
            with self._sorting:
                for cancel in self._cancels:
                    cancel.set()
            self._watcher.stop(patience_s=1.0)
            if not self._once:
                self._moves.stop()
            if not self._runner.stop(patience_s=STOP_PATIENCE_S):
                logger.warning("a video in hand did not end in time; the journal will set it right at the next start")
            self._hub.close()
            server.stop()
            self._searcher.close()
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
            if self._pauses.end_due():
                logger.info("a pause is over")
                self._paused_anew()
            if time.monotonic() - tidied > HOUSEKEEPING_S and not self._pauses.everything:
                self._shop.expire_originals()
                tidied = time.monotonic()
            if self._reload_asked:
                self._reload_asked = False
                self._reload_by_signal()
            if self._retired and self._runner.working == 0:
                self._let_go()
            if not self._once:
                self._bell.wait(self._sleep_s())
                continue
            # both are asked in this order: what leaves the watcher is in the runner before the watcher is idle
            if self._watcher.idle() and (self._runner.idle() or self._runner.stuck()) and self._watcher.idle():
                self._left = self._runner.stuck()
                if self._left:
                    logger.warning("{} videos wait: vsortd is paused; `vsortd resume` ends that", self._runner.queued)
                self._missing = any(one.health in {Health.MISSING, Health.TAKEN} for one in self._watcher.health())
                return
            self._bell.wait(0.05)

    def _sleep_s(self) -> float:
        """Return how long there is nothing to do for the main thread, if nobody rings, seconds."""
        waits = [
            HOUSEKEEPING_S,
            RETIRING_S if self._retired else None,
            self._unload(),
            self._searcher.rest(),
            self._pauses.next_end_s(),
            self._tell_manager(),
        ]
        return min(seconds for seconds in waits if seconds is not None)

    def _tell_manager(self) -> float | None:
        """Tell the service manager that the loop turns, and what is going on; return when to do so again, seconds."""
        self._notifier.watchdog()
        if not self._notifier.listens:
            return self._notifier.watchdog_s
        sentence, (before, when_s) = self._sentence(), self._told_manager
        early_s = when_s + STATUS_EVERY_S - time.monotonic()
        if sentence != before and early_s > 0:
            return early_s
        if sentence != before:
            self._notifier.status(sentence)
            self._told_manager = (sentence, time.monotonic())
        return self._notifier.watchdog_s

    def _sentence(self) -> str:
        waiting, working = self._runner.queued + self._watcher.waiting(), self._runner.working
        state = "paused" if self._pauses.everything else "working" if working else "watching"
        count = len(self._settings.inboxes)
        counted = f"{waiting} waiting, {working} under way, {self._tally[State.FILED]} filed since the start"
        return f"{state} {count} inbox{'es' if count > 1 else ''}: {counted}"

    def _unload(self) -> float | None:
        """Let the model go if it has had nothing to do for long enough; returns when to see to it again, seconds."""
        after_s = self._settings.unload_model_s
        if after_s is None:
            return None
        model = self._shop.model
        left_s = after_s - model.idle_s
        if left_s > 0:
            return left_s
        if model.judge is not None and not self._cancels and self._runner.if_idle(model.unload):  # nor is it asked
            logger.info("the model was let go: {} without a video", format_duration(after_s))
        return after_s

    def _ready(self, file: ReadyFile) -> None:
        self._runner.submit(file.path, file.identity, self._batches.current(), settled_s=file.settled_s)
        self._hub.changed()

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
        self._spent.add(job.clock.spent_ms())
        tell_end(job)
        self._tell(job.item_id)
        if self._notifier.listens:
            self._bell.ring()  # another status line

    def _tell(self, *numbers: int | None) -> None:
        """Tell those who listen what became of some items, and how things stand now."""
        for number in numbers if self._hub.heard else ():
            item = None if number is None else self._shop.journal.item(number)
            if item is not None:
                self._hub.tell("item", item.to_json())
        self._hub.changed()

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
            "paused" if self._pauses.everything else "running",
            model=model,
            counts=self._shop.filer.counts(),
            queued=self._runner.queued + self._watcher.waiting(),
            working=self._runner.working,
            inboxes=[
                {
                    "path": str(one.path),
                    "health": str(one.health),
                    "reason": one.reason,
                    "paused": self._pauses.holds(one.path),
                }
                for one in self._watcher.health()
            ],
            paused=self._pauses.form(),
            library=str(self._settings.library),
            trouble=[f"{path}: {reason}" for path, reason in self._runner.trouble.items()],
            pid=os.getpid(),
        )

    def scan(self) -> None:
        """Look through the inboxes now, and ask for a missing model again."""
        self._shop.model.try_again()
        self._watcher.scan_now()

    def pause(self, inbox: Path | None = None, for_s: float | None = None) -> dict[str, Any]:
        """Begin no further video, of one inbox or of all, for some seconds or until told; return the status.

        What is in hand is finished. Raises UsageError for a folder that is no inbox, StoreError.
        """
        self._pauses.pause(self._inbox(inbox), until=None if for_s is None else time.time() + for_s)
        return self._paused_anew()

    def resume(self, inbox: Path | None = None) -> dict[str, Any]:
        """End the pause of one inbox, or every pause; return the status. Raises UsageError, StoreError."""
        self._pauses.resume(self._inbox(inbox))
        return self._paused_anew()

    def _inbox(self, path: Path | None) -> Path | None:
        inboxes = [inbox.path for inbox in self._settings.inboxes]
        if path is None or path in inboxes:
            return path
        raise UsageError(f"{path} is not an inbox.", remedy=f"There are: {', '.join(map(str, inboxes))}.", paths=[path])

    def _paused_anew(self) -> dict[str, Any]:
        self._runner.look_again()
        self._tell_pauses()
        self._bell.ring()
        self._hub.changed()
        return self.status()

    def _tell_pauses(self) -> None:
        form = self._pauses.form()
        for what, one in [("everything", form)] * form["all"] + [(one["path"], one) for one in form["inboxes"]]:
            ends = "" if one["until"] is None else f" until {time.strftime('%H:%M', time.localtime(one['until']))}"
            logger.info("paused: {}{}", what, ends)

    def history(self, **wanted: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - passed on as it is
        """Return the items of `history --json`; `last`, `since` and `tag` as for `Journal.history`."""
        return [item.to_json() for item in self._shop.journal.history(**wanted)]

    def undo(self, selection: Selection, *, dry_run: bool) -> UndoReport:
        """Take filings back; see `filing.undo.undo`."""
        report = undo_items(self._shop.journal, selection, dry_run=dry_run, cancel=self._runner.cancel)
        if report.undone and not dry_run:
            follow(self._shop.index.path, report.moves)
            self._watcher.scan_now()
            self._tell(*(item.id for item in report.undone))
        return report

    def let_go(self, verb: str, words: Sequence[str], *, everything: bool) -> LetGo:
        """Release holds or retry refusals, and look at what may be sorted again; see `filing.holds.let_go`."""
        found = let_go(self._shop.journal, verb, words, everything=everything)
        if found.freed:
            self.scan()
            self._hub.changed()
        return found

    def sort(
        self, paths: Sequence[Path], config: str, on_progress: Callable[[int, int], None], cancel: threading.Event
    ) -> list[dict[str, Any]] | None:
        """Sort files now, with the model that is loaded; see `oneshot.sort_within`. None for another `config`."""
        if config != fingerprint(self._settings):
            return None
        with self._stops_with(cancel):
            outcomes = sort_within(self._shop, paths, own=self._runner, on_progress=on_progress, cancel=cancel)
        self._tell(*(one.id for one in outcomes))
        return [one.to_json() for one in outcomes]

    def search(self, request: Request, config: str) -> dict[str, Any] | None:
        """Look for scenes with the model that is loaded; see `Searcher.answer`. None for another `config`."""
        if config != fingerprint(self._settings):
            return None
        cancel = threading.Event()
        with self._stops_with(cancel):
            found = self._searcher.answer(self._shop, request, cancel=cancel)
        self._bell.ring()  # its memory is to be given back some time
        return found

    @contextlib.contextmanager
    def _stops_with(self, cancel: threading.Event) -> Iterator[None]:
        """Let a cancel event be set when the daemon ends."""
        with self._sorting:
            self._cancels.add(cancel)
        try:
            if self._stop.is_set():
                cancel.set()
            yield
        finally:
            with self._sorting:
                self._cancels.discard(cancel)

    def events(self) -> AsyncIterator[str]:
        """Return a stream of server-sent events."""
        return self._hub.stream()

    def metrics(self) -> str:
        """Return the numbers in Prometheus' text form."""
        return exposition(self.status(), self._spent, dict(self._tally), time.time() - self._began_s)

    def health(self) -> list[str]:
        """Return what keeps this daemon from its work; [] when all is well."""
        wrong = [f"the model: {self._shop.model.trouble}"] if self._shop.model.trouble else []
        wrong += [f"inbox {one.path}: {one.reason}" for one in self._watcher.health() if one.health is not Health.OK]
        return [*wrong, *self.status()["trouble"]]

    def reload(self) -> list[str]:
        """Read the config anew and work by it; return the top-level keys that changed.

        What is under way ends as it began. Raises ConfigError (every mistake named) or ModelError; the settings stay
        as they were then.
        """
        if self._read_config is None:
            return []
        with self._reloading, self._reload_told():
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
            follow_config(after, self._state_folder)
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
            self._hub.changed()
            for key in LATER & set(changed):
                logger.warning("{}: takes effect when vsortd is started again", key)
            return changed

    @contextlib.contextmanager
    def _reload_told(self) -> Iterator[None]:
        self._notifier.reloading()
        try:
            yield
        finally:
            self._notifier.ready(self._sentence())

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
