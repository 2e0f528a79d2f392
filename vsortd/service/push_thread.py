"""The thread that sends notifications to the config's addresses: what `vsortd tray` would show, wherever you are.

Nothing waits for it. What can't be sent is tried again, ever later, then given up, which the log says.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.core.push_sender import MISSING, can_send, knows, send, service_of
from vsortd.core.text import counted
from vsortd.core.units import about_duration
from vsortd.errors import Cancelled
from vsortd.tray.notes import Note, Notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vsortd.config.running_options import Notify
    from vsortd.core.documents import ItemDocument

# After the first failure, the second, …; behind the last one it is given up, seconds.
PAUSES_S: Final = (30.0, 120.0, 600.0, 1_800.0)
# So many wait at most; the oldest are given up.
_MOST: Final = 100
# How often it is looked at what the daemon does, which says when a batch is over; and what it complains of.
_SOON_S: Final = 1.0
_LOOK_S: Final = 60.0


@dataclass(slots=True)
class _Push:
    """A note on its way to one address: how often that went wrong, and when it is tried again."""

    url: str
    note: Note
    failed: int = 0
    not_before_s: float = 0.0


class PushThread:
    """Sends as the options in force want it, until it is stopped.

    `activity` tells whether nothing is left for the daemon to do, and whether a video is under way; `troubles` what it
    complains of, a sentence each.
    """

    def __init__(
        self,
        options: Callable[[], Notify],
        *,
        activity: Callable[[], tuple[bool, bool]],
        troubles: Callable[[], Iterable[str]],
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self._options = options
        self._activity = activity
        self._troubles = troubles
        self._pauses_s = tuple(pauses_s)
        self._notes = Notes()
        self._line: deque[_Push] = deque()
        self._changed = threading.Condition()
        self._woken = False
        self._ending = threading.Event()  # nothing more is begun
        self._cancel = threading.Event()  # what is on its way is given up too
        self._looked_at: tuple[str, ...] = ()  # the addresses that were
        self._thread = threading.Thread(target=self._work, name="notifications", daemon=True)

    @property
    def listens(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self._options().urls)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def item(self, item: ItemDocument) -> None:
        """Note that a video reached its end, or was undone; returns at once."""
        with self._changed:
            self._notes.item(item, time.monotonic())
        self.wake()

    def wake(self) -> None:
        """See now what there is to do; returns at once."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def stop(self, *, patience_s: float = 1.0) -> None:
        """End; what is on its way has so long to arrive, what waits is dropped, and so is a batch that is not over."""
        self._ending.set()
        self.wake()
        for wait_s in (patience_s, 0.2):
            if self._thread.is_alive():
                self._thread.join(wait_s)
            self._cancel.set()
        if self._line:
            logger.info("{} not sent: vsortd ends", counted(len(self._line), "notification was", "notifications were"))

    def drain(self, cancel: threading.Event) -> None:
        """Try once, on this thread, all that there is to tell, until `cancel` is set."""
        with contextlib.suppress(Cancelled):
            if not self._look_at_addresses(cancel):
                return
            self._gather(math.inf)
            for push in list(self._line):
                self._try(push, cancel, last=True)
        self._line.clear()

    # The thread

    def _work(self) -> None:
        while not self._ending.is_set():
            try:
                rest_s = self._step()
            except Cancelled:
                return
            except Exception as error:  # noqa: BLE001 - a thread has nobody above it, and filing needs no notification
                logger.opt(exception=error).error("no notifications are sent until the next start: {}", error)
                return
            with self._changed:
                self._changed.wait_for(lambda: self._woken or self._ending.is_set(), rest_s)
                self._woken = False

    def _step(self) -> float | None:
        """Do what there is to do; return how long to rest then, seconds, or None until something happens."""
        if not self._look_at_addresses(self._ending):
            self._line.clear()
            self._notes = Notes()
            return None
        self._gather(time.monotonic())
        for push in list(self._line):
            if push.not_before_s <= time.monotonic() and not self._ending.is_set():
                self._try(push, self._cancel)
        now_s = time.monotonic()
        with self._changed:
            gather_s = self._notes.wait_s(now_s)
        waits = [_LOOK_S, *(push.not_before_s - now_s for push in self._line)]
        return max(0.0, min(waits if gather_s is None else [*waits, min(gather_s, _SOON_S)]))

    def _look_at_addresses(self, cancel: threading.Event) -> bool:
        """Return whether anybody can be told; say what is wrong with addresses that are new."""
        urls, before = self._options().urls, self._looked_at
        self._looked_at = urls
        if urls and not can_send():
            if urls != before:
                logger.warning("{}", MISSING)
            return False
        for index, url in enumerate(urls if urls != before else ()):
            if not knows(url, cancel=cancel):
                told = "notify.urls[{}]: apprise knows no such service, or misses something in its address: {}"
                logger.warning(told, index, service_of(url))
        return bool(urls)

    def _gather(self, now_s: float) -> None:
        """Put what is due into the line, once for each address."""
        options, (idle, working) = self._options(), self._activity()
        troubles = list(self._troubles())
        with self._changed:
            self._notes.batches, self._notes.failures = options.batches, options.failures
            self._notes.status(idle=idle, working=working, troubles=troubles, now_s=min(now_s, time.monotonic()))
            due = self._notes.due(now_s)
        self._line.extend(_Push(url, note) for note in due for url in options.urls)
        while len(self._line) > _MOST:
            self._give_up(self._line.popleft(), "too many wait")

    def _try(self, push: _Push, cancel: threading.Event, *, last: bool = False) -> None:
        """Send a note to an address, and say how that went; after the `last` try it is given up."""
        note = push.note
        why = send(push.url, note.title, note.body or note.title, cancel=cancel)
        if not why:
            self._line.remove(push)
            logger.info("told {}: {}", service_of(push.url), push.note.line)
        elif last or push.failed >= len(self._pauses_s):
            self._line.remove(push)
            self._give_up(push, why)
        else:
            pause_s = self._pauses_s[push.failed]
            push.failed += 1
            push.not_before_s = time.monotonic() + pause_s
            level = "WARNING" if push.failed == 1 else "DEBUG"
            again = about_duration(pause_s)
            logger.log(level, "no notification to {}: {} (to be tried again in {})", service_of(push.url), why, again)

    def _give_up(self, push: _Push, why: str) -> None:
        tries = counted(push.failed + 1, "try", "tries")
        told = "no notification to {}: {}; given up after {}: {}"
        logger.warning(told, service_of(push.url), why, tries, push.note.line)
