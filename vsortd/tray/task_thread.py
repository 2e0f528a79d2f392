"""A thread that does one job after another, so that what it owns needs no locks."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Worker:
    """Does jobs in their order. `between` is called after each and says in how many seconds at most to call it again.

    A job that raises ends the worker: `on_fatal` gets the error.
    """

    def __init__(
        self,
        name: str,
        *,
        on_fatal: Callable[[BaseException], None],
        between: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._between = between
        self._on_fatal = on_fatal
        # a daemon thread: an undo that takes long must not keep a tray from ending, the daemon goes on with it
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def do(self, job: Callable[[], None]) -> None:
        """Add a job; from any thread."""
        self._jobs.put(job)

    def stop(self, *, patience_s: float) -> None:
        """End after the jobs that are waiting; wait so long at most."""
        self._jobs.put(None)
        self._thread.join(patience_s)

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - handed on: a tray whose thread died must not go on looking well
            self._on_fatal(error)

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._between())
            except queue.Empty:
                continue
            if job is None:
                return
            job()
