"""The daemon's life, from start to a clean end."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.core.outcomes import ItemState
from vsortd.core.system.descriptors import raise_limit
from vsortd.core.text import counted
from vsortd.core.units import format_duration
from vsortd.errors import ExitCode
from vsortd.pipeline.runner import fatal_message
from vsortd.pipeline.services import Services
from vsortd.service.controller import Controller
from vsortd.service.lock import DaemonLock
from vsortd.service.notify import Notifier
from vsortd.service.quiet_copies import QuietCopies
from vsortd.service.quiet_shards import QuietShards
from vsortd.service.reload import Reloader
from vsortd.service.server import ControlServer
from vsortd.service.signals import DaemonSignals
from vsortd.service.wakeup import Wakeup
from vsortd.service.workflow import Workflow
from vsortd.web.listener import PageListener, page_options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.service.setup_mode import Handover
    from vsortd.web.host import PageTools

# How often the daemon looks after things that no event announces: retention of originals.
HOUSEKEEPING_S = 6 * 3600.0
# How often it is seen whether the last video that began before a reload has ended.
RETIRING_S = 1.0
# The service manager hears of a new status line at most this often.
STATUS_EVERY_S = 1.0
# How often it is seen whether the inboxes are drained.
_DRAIN_TICK_S = 0.05


@dataclass(slots=True)
class Orders:
    """What the daemon was told to do, by signals, by the control API, or by an error."""

    stop: threading.Event = field(default_factory=threading.Event)
    why: str = ""  # it is to stop, for people
    reload: bool = False
    interrupted: bool = False


class Daemon:
    """Files what arrives in the inboxes until it is told to stop, or with `once` until they are drained."""

    def __init__(
        self,
        settings: Settings,
        state_folder: Path,
        *,
        once: bool = False,
        read_config: Callable[[], Settings] | None = None,
        config_path: Path | None = None,
        tools: PageTools | None = None,
        handover: Handover | None = None,
    ) -> None:
        """`read_config` loads the config anew for a reload; without it the settings stay as they are.

        `config_path` is where it lies, for a page that edits it, `tools` what lies above that page. `handover` comes
        from the setup mode before, which holds the lock.
        """
        self._config_path = config_path
        self._tools = tools
        self._handover = handover
        self._settings = settings
        self._state_folder = state_folder
        self._once = once
        self._read_config = read_config
        self._orders = Orders()

    def run(self) -> ExitCode:
        """Run to the end. Raises AlreadyRunningError, StoreError, ModelError."""
        raise_limit()
        with (
            contextlib.nullcontext() if self._handover else DaemonLock(self._state_folder),
            contextlib.closing(Wakeup()) as wakeup,
            DaemonSignals(self._told_to_stop, self._told_to_reload),
            Services.open(self._settings, self._state_folder, keep_trying=not self._once) as services,
        ):
            run = DaemonRun(
                services,
                self._orders,
                wakeup,
                once=self._once,
                read_config=self._read_config,
                config_path=self._config_path,
                tools=self._tools,
                handover=self._handover,
            )
            run.run()
        if run.fatal is not None:
            raise run.fatal
        if self._orders.interrupted:
            return ExitCode.INTERRUPTED
        return run.exit_code if self._once else ExitCode.OK

    # On the main thread, between any two instructions of it; the signal has set the wakeup

    def _told_to_stop(self, interrupted: bool) -> None:  # noqa: FBT001 - a callback
        self._orders.interrupted = interrupted or self._once  # a drain that was cut short is not done
        self._orders.why = "Ctrl-C" if interrupted else "SIGTERM"
        self._orders.stop.set()

    def _told_to_reload(self) -> None:
        self._orders.reload = True


class DaemonRun:
    """One run of the daemon over services that are open: starts everything, waits, and ends everything."""

    def __init__(
        self,
        services: Services,
        orders: Orders,
        wakeup: Wakeup,
        *,
        once: bool,
        read_config: Callable[[], Settings] | None,
        config_path: Path | None = None,
        tools: PageTools | None = None,
        handover: Handover | None = None,
    ) -> None:
        self.fatal: BaseException | None = None
        self._opened = services
        self._orders = orders
        self._wakeup = wakeup
        self._once = once
        self._missing = False
        self._left = False  # a pause kept some from being begun
        self._notifier = Notifier.from_environment()
        self._told_manager = ("", 0.0)  # the last status line, and when
        self._workflow = Workflow(
            services,
            once=once,
            stopping=orders.stop,
            wake=wakeup.set,
            on_done=self._video_done,
            on_fatal=self._give_up,
        )
        self._reloader = Reloader(self._workflow, read_config, notifier=self._notifier, wake=wakeup.set)
        self._controller = Controller(
            self._workflow,
            reload=self._reloader.reload,
            stop=self._told_to_stop,
            wake=wakeup.set,
            config_path=config_path,
            tools=tools,
        )
        self._copies = QuietCopies(services.journal, services.state_folder, on_damage=self._give_up)
        self._shards = QuietShards(services.index, self._controller.searched_models)
        loopback = services.settings.control == "loopback"
        self._server = ControlServer(self._controller, services.state_folder, loopback=loopback, on_fatal=self._give_up)
        web = page_options(services.settings)
        if not once and web is not None:
            handed = None if handover is None else handover.page
            sessions = None if handover is None else handover.sessions
            self._controller.page = handed or PageListener(self._controller, web, sessions)

    @property
    def exit_code(self) -> ExitCode:
        """How a drain went."""
        tally = self._workflow.account.tally
        failed = tally[ItemState.FAILED]
        if not failed:
            return ExitCode.PARTIAL if self._missing or self._left else ExitCode.OK
        return ExitCode.PARTIAL if tally.total() > failed else ExitCode.FAILURE

    def run(self) -> None:
        """Work until told to stop, or with `once` until the inboxes are drained; the log says why it ends."""
        self._workflow.start()
        if self._controller.page is not None:  # first: who asks the control API for the way in finds it open
            self._controller.page.hand_to(self._controller)
            self._controller.page.start()
        self._server.start()
        logger.info("watching {}", ", ".join(str(inbox.path) for inbox in self._workflow.settings.inboxes))
        if waits := self._workflow.services.library_trouble():
            logger.warning("{}", waits)
        self._workflow.log_pauses()
        self._notifier.ready(self._workflow.sentence())
        try:
            self._wait()
            if self._orders.stop.is_set() and self.fatal is None:
                logger.info("stopping: {}", self._orders.why)
        finally:
            self._end()
        self._say_farewell()

    def _end(self) -> None:
        self._reloader.stop()  # first: from here on services and watcher stay what they are
        self._notifier.stopping()
        self._workflow.runner.cancel.set()
        self._controller.cancel_all()
        self._copies.stop()
        self._shards.stop()
        self._workflow.stop()
        self._workflow.hub.close()
        if self._controller.page is not None:
            self._controller.page.stop()
        self._server.stop()
        self._controller.close()
        self._reloader.close_replaced()
        self._workflow.services.retire(self._opened)  # whoever opened those closes what is their own

    def _wait(self) -> None:
        """Sleep until told to stop; housekeeping in between; with `once` until nothing is left to do."""
        workflow = self._workflow
        tidied = float("-inf")
        while not self._orders.stop.is_set():
            if workflow.pauses.end_due():
                logger.info("a pause is over")
                workflow.pauses_changed()
            if time.monotonic() - tidied > HOUSEKEEPING_S and not workflow.pauses.everything:
                workflow.services.expire_originals()
                tidied = time.monotonic()
            if self._orders.reload:
                self._orders.reload = False
                self._reloader.begin()
            self._close_unused()
            if not self._once:
                self._wakeup.wait(self._sleep_s())
                continue
            if workflow.drained():
                workflow.drain_afterwards()
                self._drained()
                return
            self._wakeup.wait(_DRAIN_TICK_S)

    def _close_unused(self) -> None:
        """Close what reloads left behind, unless a video, search or sort under way may use it."""
        if self._reloader.replaced and self._workflow.runner.working == 0 and not self._controller.busy:
            self._reloader.close_replaced()

    def _drained(self) -> None:
        """Note what a drain has to leave."""
        runner = self._workflow.runner
        self._left = runner.stuck()
        if self._left:
            waiting = counted(runner.queued, "video waits", "videos wait")
            logger.warning("{}: vsortd is paused; `vsortd resume` ends that", waiting)
        away = [one for one in self._workflow.watcher.health() if one.waits]
        self._missing = bool(away)
        for one in away:
            logger.warning("the inbox {} was left out: {}", one.path, one.reason)

    def _say_farewell(self) -> None:
        """Say what was done, and of a drain that is not all well, why."""
        if self.fatal is not None:
            return
        done = self._workflow.account.sentence()
        if not self._once:
            logger.info("vsortd has stopped: {}", done)
        elif self._orders.stop.is_set():
            logger.warning("vsortd has stopped before the inboxes were drained: {}", done)
        else:
            logger.info(
                "{}: {}",
                "all that could be done is done" if self._missing or self._left else "the inboxes are drained",
                done,
            )
            if failures := self._workflow.account.failures():
                logger.warning("exit code {}: {}", int(self.exit_code), failures)
            elif self.exit_code is not ExitCode.OK:
                logger.warning("exit code {}: {}", int(self.exit_code), "not every inbox was drained")

    def _sleep_s(self) -> float:
        """Return how long there is nothing to do for the main thread, if nothing wakes it, seconds."""
        waits = [
            HOUSEKEEPING_S,
            RETIRING_S if self._reloader.replaced else None,
            self._unload(),
            self._controller.searcher.rest(),
            self._controller.filed.rest(),
            self._controller.rest_pictures(),
            self._workflow.pauses.next_end_s(),
            self._tell_manager(),
            self._copies.tend(self._workflow.settings.journal),
            None if self._once else self._shards.tend(),
        ]
        return min(seconds for seconds in waits if seconds is not None)

    def _tell_manager(self) -> float | None:
        """Tell the service manager that the loop turns, and what is going on; return when to do so again, seconds."""
        self._notifier.watchdog()
        if not self._notifier.listens:
            return self._notifier.watchdog_s
        sentence, (before, when_s) = self._workflow.sentence(), self._told_manager
        early_s = when_s + STATUS_EVERY_S - time.monotonic()
        if sentence != before and early_s > 0:
            return early_s
        if sentence != before:
            self._notifier.status(sentence)
            self._told_manager = (sentence, time.monotonic())
        return self._notifier.watchdog_s

    def _unload(self) -> float | None:
        """Let the model go if it has had nothing to do for long enough; returns when to see to it again, seconds."""
        after_s = self._workflow.settings.unload_model_s
        if after_s is None:
            return None
        services = self._workflow.services
        left_s = after_s - services.model.idle_s
        if left_s > 0:
            return left_s
        idle = services.model.classifier is not None and not self._controller.busy
        if idle and self._workflow.runner.if_idle(services.unload):
            logger.info("the model was let go: {} without a video", format_duration(after_s))
        return after_s

    # From other threads

    def _video_done(self) -> None:
        if self._notifier.listens:
            self._wakeup.set()  # another status line

    def _give_up(self, error: BaseException) -> None:
        if self.fatal is None:  # every worker meets a broken store or model; once is enough
            logger.critical("vsortd stops: {}", fatal_message(error))
            self.fatal = error
        self._stop()

    def _told_to_stop(self) -> None:
        self._orders.why = self._orders.why or "`vsortd stop`"
        self._stop()

    def _stop(self) -> None:
        self._orders.stop.set()
        self._wakeup.set()
