"""Reading the config anew while the daemon works, and changing over to it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.config.running_options import NEEDS_RESTART
from vsortd.core.text import storable
from vsortd.errors import Cancelled, VsortdError
from vsortd.service.daemon_log import follow_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsortd.config.settings import Settings
    from vsortd.core.documents import ReloadDocument
    from vsortd.pipeline.services import Services
    from vsortd.service.notify import Notifier
    from vsortd.service.workflow import Workflow


class _Attempt:
    """One reload: what changed, or the error that it ended with."""

    def __init__(self) -> None:
        self.ended = False
        self.done: ReloadDocument = {"changed": [], "retried": []}
        self.error: BaseException | None = None


class Reloader:
    """Changes a workflow over to the config as it is now; one reload after the other, each on a thread of its own.

    Reading the config, embedding its rules and stopping the old watcher may take as long as they like, since nobody who
    ends the daemon waits for them: after `stop` nothing is changed over and nothing started. Without `read_config` the
    settings stay as they are. `wake` is called when there is something to close, see `close_replaced`.
    """

    def __init__(
        self,
        workflow: Workflow,
        read_config: Callable[[], Settings] | None,
        *,
        notifier: Notifier,
        wake: Callable[[], None],
    ) -> None:
        self._workflow = workflow
        self._read_config = read_config
        self._notifier = notifier
        self._wake = wake
        self._turn = threading.Lock()  # held through a reload
        self._state = threading.Condition()  # held for a moment: what follows, and the change-over itself
        self._cancel = threading.Event()
        self._next: _Attempt | None = None  # has not read the config yet
        self._replaced: list[Services] = []

    def reload(self) -> ReloadDocument:
        """Read the config anew and work by it; return the top-level keys that changed, and what is tried again.

        What is under way ends as it began. Raises ConfigError (every mistake named), ModelError, or VsortdError when
        the daemon is told to stop meanwhile; the settings stay as they were then.
        """
        if self._read_config is None:
            return {"changed": [], "retried": []}
        attempt = self._begin()
        with self._state:
            self._state.wait_for(lambda: attempt.ended or self._cancel.is_set())
        if not attempt.ended or isinstance(attempt.error, Cancelled):
            raise VsortdError("vsortd is stopping; its config was not read anew.")
        if attempt.error is not None:
            raise attempt.error
        return attempt.done

    def begin(self) -> None:
        """Begin a reload and wait for nothing; an error is logged."""
        if self._read_config is not None:
            self._begin()

    def stop(self) -> None:
        """Call off what is under way: once this returns, nothing is changed over and nothing started any more."""
        with self._state:
            self._cancel.set()
            self._state.notify_all()

    @property
    def replaced(self) -> bool:
        """Whether reloads left services behind that are to be closed."""
        return bool(self._replaced)

    def close_replaced(self) -> None:
        """Close what reloads left behind, when nothing under way uses it."""
        with self._state:
            replaced, self._replaced = self._replaced, []
        for services in replaced:
            services.retire(self._workflow.services)

    def _begin(self) -> _Attempt:
        """Return a reload that will read the config after this moment, begun where none waits to do so."""
        with self._state:
            if self._next is not None:
                return self._next
            attempt = self._next = _Attempt()
        # a daemon thread: whatever it waits for (a share that hangs), the process ends without it
        threading.Thread(target=self._run, args=(attempt,), name="reload", daemon=True).start()
        return attempt

    def _run(self, attempt: _Attempt) -> None:
        with self._turn:
            with self._state:
                self._next = None
            try:
                with self._told():
                    attempt.done = self._reload()
            except Cancelled as error:
                attempt.error = error
                logger.debug("the reload was called off: vsortd is stopping")
            except VsortdError as error:
                attempt.error = error
                logger.error("the config was not changed, the last good one stays in force: {}", error)
            except BaseException as error:  # noqa: BLE001 - handed on to who waits; a thread has nobody above it
                attempt.error = error
                if not self._cancel.is_set():  # what was used is being closed
                    logger.opt(exception=error).error("the config was not changed: {}", error)
            finally:
                with self._state:
                    attempt.ended = True
                    self._state.notify_all()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell the service manager, as long as nobody has told it of the end."""
        with self._state:
            self._check()
            self._notifier.reloading()
        try:
            yield
        finally:
            with self._state:
                if not self._cancel.is_set():
                    self._notifier.ready(self._workflow.sentence())

    def _reload(self) -> ReloadDocument:
        assert self._read_config is not None
        after, before = self._read_config(), self._workflow.settings
        changed = [key for key in type(after).model_fields if getattr(after, key) != getattr(before, key)]
        if not changed:
            logger.info("the config was read anew: nothing changed")
            return {"changed": [], "retried": []}
        self._check()
        old = self._workflow.services
        services = old.changed(after, cancel=self._cancel)
        try:
            self._change_over(old, services)
        except BaseException:
            services.retire(old)  # nobody has used what is new
            raise
        self._wake()
        logger.info("the config was read anew; changed: {}", ", ".join(changed))
        for key in NEEDS_RESTART & set(changed):
            logger.warning("{}: takes effect when vsortd is started again", key)
        return {"changed": changed, "retried": [storable(path) for path in self._workflow.readmit()]}

    def _change_over(self, old: Services, services: Services) -> None:
        before, after = old.settings, services.settings
        watcher = None
        watched = (before.inboxes, before.library, old.takes_out)
        if (after.inboxes, after.library, services.takes_out) != watched:
            watcher = self._workflow.new_watcher(services)
            self._check()
            self._workflow.watcher.stop()
        with self._state:
            self._check()
            follow_config(after, services.state_folder)
            self._workflow.change_over(services, watcher)
            self._replaced.append(old)

    def _check(self) -> None:
        if self._cancel.is_set():
            raise Cancelled
