"""The thread that asks about undecided videos, one after another, and never in the way of filing.

A video comes here when it lies in the review folder and its item is written. Nothing is asked while a video is under
way, and nobody waits for an answer. The thread has the weight of any other: a worker process that it starts would
inherit a lesser one, and decode for filing with it. What was not answered is found again after a restart: it is every
undecided video whose item holds no opinion of the model that the config names.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.core.batch_ids import new_batch_id
from vsortd.core.units import about_duration
from vsortd.errors import Cancelled, StoreError, VideoError, VsortdError
from vsortd.filing.opinions import without_opinion
from vsortd.opinion.asking import ask, conclude
from vsortd.opinion.asking_pace import PAUSES_S, AskingPace
from vsortd.opinion.bounded_http import NoAnswerError
from vsortd.opinion.vision_server import VisionServer
from vsortd.pipeline.mishaps import DefectError, Mishaps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.config.unsure_options import Unsure
    from vsortd.filing.records import Item
    from vsortd.opinion.asking import OpinionGiven
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.services import Services

# So many wait in memory; the others are found in the journal when these are through.
_LINE_MOST: Final = 500
# How often it is looked for videos that another process (`vsortd sort`) left undecided, if anything was filed.
_LOOK_S: Final = 900.0
# While videos are filed: how often it is seen whether that is over.
_BUSY_S: Final = 1.0
# A question that gets no answer itself is given up after so many.
_TRIES: Final = 3


class OpinionThread:
    """Asks as the config of the present services wants it, until it is stopped.

    `paused` tells of a source whether nothing is to be done with it now, `busy` whether a video is under way.
    `on_filed` gets the job of each video that was filed by an answer, `on_fatal` the error that makes going on
    pointless.
    """

    def __init__(
        self,
        services: Callable[[], Services],
        *,
        paused: Callable[[Path], bool],
        busy: Callable[[], bool],
        on_filed: Callable[[Job], None],
        on_fatal: Callable[[BaseException], None],
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self._services = services
        self._paused = paused
        self._busy = busy
        self._on_filed = on_filed
        self._on_fatal = on_fatal
        self._pauses_s = pauses_s
        self._cancel = threading.Event()
        self._changed = threading.Condition()
        self._woken = False
        self._line: deque[int] = deque()
        self._scan_after: int | None = 0  # behind which item the journal is to be looked through; None: it was
        self._scanned_s = 0.0
        self._commits = -1
        self._options: Unsure | None = None  # that the rest is about
        self._server: VisionServer | None = None
        self._pace = AskingPace(1)
        self._tries: Counter[int] = Counter()
        self._mishaps = Mishaps()
        self._over: set[int] = set()  # there is nothing to ask about them
        self._batch = new_batch_id()  # one for all that is filed by answers: taken back together, if they were bad
        self._thread = threading.Thread(target=self._work, name="second-opinion", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def undecided(self, item: int) -> None:
        """Take a video into the line; returns at once."""
        with self._changed:
            if len(self._line) < _LINE_MOST:
                self._line.append(item)
            else:
                self._scan_after = 0
        self.wake()

    def wake(self) -> None:
        """See now what there is to do: after a reload, or when a pause has ended."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def call_off(self) -> None:
        """Call off what is under way, which is asked again another time; returns at once."""
        self._cancel.set()
        self.wake()

    def stop(self, *, patience_s: float = 0.5) -> bool:
        """Call off what is under way; returns whether the thread ended in time."""
        self.call_off()
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    # The thread

    def _work(self) -> None:
        try:
            while not self._cancel.is_set():
                self._rest(self._step())
        except Cancelled:
            logger.debug("second opinion: stopped amid a question; it is asked at the next start")
        except StoreError as error:
            if not self._cancel.is_set():  # else the journal is being closed
                self._on_fatal(error)
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it, and filing needs no second opinion
            if not self._cancel.is_set():
                told = None if isinstance(error, DefectError) else error  # each mishap was told of
                logger.opt(exception=told).error("nobody is asked any more until the next start: {}", error)

    def _rest(self, wait_s: float | None) -> None:
        """Sleep for some seconds, or (None) until something happens."""
        with self._changed:
            self._changed.wait_for(lambda: self._woken or self._cancel.is_set(), wait_s)
            self._woken = False

    def _step(self) -> float | None:
        """Do the next thing there is to do; return how long to rest then, seconds."""
        options = self._services().settings.unsure
        if options != self._options:
            self._begin_anew(options)
        if self._server is None:
            return None
        number = self._next()
        if number is None:
            return _LOOK_S
        wait_s = self._pace.wait_s() or (_BUSY_S if self._busy() else 0.0)
        if not wait_s:
            item = self._services().journal.item(number)
            self._take(number)
            if item is not None:
                self._attend(item, self._server)
        return wait_s

    def _begin_anew(self, options: Unsure) -> None:
        """Forget what was about another server, model or pace."""
        self._options, self._pace = options, AskingPace(options.per_hour, self._pauses_s)
        self._server = None
        if options.server is not None:
            self._server = VisionServer(options, limit_s=options.time_limit_s, cancel=self._cancel)
            where = f"{options.model} at {self._server.server.place}"
            logger.info("undecided videos are shown to {}", where)
        self._tries.clear()
        self._over.clear()
        self._commits = -1
        with self._changed:
            self._line.clear()
            self._scan_after = 0

    def _next(self) -> int | None:
        """Return the first in line that is not paused, None where there is none."""
        self._fill_line()
        journal = self._services().journal
        with self._changed:
            waiting = list(self._line)
        for number in waiting:
            item = None if number in self._over else journal.item(number)
            if item is None:
                self._take(number)
            elif not self._paused(item.source):
                return number
        return None

    def _fill_line(self) -> None:
        """Look for undecided videos in the journal: at the start, and when other processes may have left some."""
        assert self._options is not None
        assert self._server is not None
        journal = self._services().journal
        with self._changed:
            if self._line:
                return
            if time.monotonic() - self._scanned_s >= _LOOK_S:
                self._scan_after = 0
            after = self._scan_after
        if after is None or (after == 0 and self._commits == (commits := journal.db.commits())):
            return
        if after == 0:
            self._commits = commits
        self._scanned_s = time.monotonic()
        model, place = self._options.model or "", self._server.server.place
        found, after = without_opinion(journal, model, place, after=after, most=_LINE_MOST)
        with self._changed:
            self._scan_after = after if len(found) == _LINE_MOST else None
            self._line.extend(number for number in found if number not in self._over)

    def _take(self, number: int) -> None:
        with self._changed:
            if number in self._line:
                self._line.remove(number)

    def _attend(self, item: Item, server: VisionServer) -> None:
        """Ask about one video, and do what follows from the answer. Raises StoreError, Cancelled, DefectError."""
        try:
            asked = ask(self._services(), server, item, self._cancel)
            self._over.add(item.id)
            if asked is not None:
                self._answered(asked, server)
        except NoAnswerError as error:
            self._unanswered(item, server, error)
        except VideoError as error:
            logger.info("{}: nobody is asked about it: {}", item.source.name, error.reason)
            self._over.add(item.id)
        except StoreError:
            raise
        except VsortdError as error:  # decoders that can't be started: filing tells of it
            self._unanswered(item, server, NoAnswerError(f"no frames can be had: {error.title}"))
        except OSError as error:  # a disk or share that is away for now
            self._unanswered(item, server, NoAnswerError(f"{item.source.name} can't be looked at: {error.strerror}"))
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video's answer and no other's
            self._over.add(item.id)
            self._mishaps.reason_of(error, item.source)
        else:
            self._mishaps.went_well()

    def _answered(self, asked: OpinionGiven, server: VisionServer) -> None:
        """Do what follows from an answer, once nothing is paused."""
        self._pace.asked()
        if self._pace.answered():
            logger.info("{} answers again", server.server.place)
        while self._paused(asked.item.source):
            self._rest(None)
            if self._cancel.is_set():
                raise Cancelled
        job = conclude(self._services(), asked, self._batch, self._cancel)
        if job is not None:
            self._on_filed(job)

    def _unanswered(self, item: Item, server: VisionServer, error: NoAnswerError) -> None:
        """Wait before the next question, the longer the more failed; the video goes to the end of the line."""
        self._pace.asked()
        first = not self._pace.failing
        pause_s = self._pace.failed()
        who = server.server.place
        if first:
            again = about_duration(pause_s)
            tries = f"It is asked again in {again}, and then less often; videos are filed as ever."
            logger.warning("no second opinion from {}: {}. {}", who, error.reason.rstrip("."), tries)
        else:
            logger.debug("no second opinion from {}: {}", who, error.reason)
        self._tries[item.id] += error.of_question
        if self._tries[item.id] >= _TRIES:
            self._over.add(item.id)
            logger.info("{}: {} is not asked about it any more: {}", item.source.name, who, error.reason)
            return
        with self._changed:
            self._line.append(item.id)
