"""The decoding processes: started when needed, used again, killed when they run over.

Thread-safe; a call blocks its thread. A worker that crashes, hangs, lies or grows is replaced, and only the
video that it had in hand fails, with what happened as the reason.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self, TypeVar, cast

from loguru import logger

from vsortd.errors import Cancelled, LimitError, VideoError, VsortdError
from vsortd.media import protocol
from vsortd.media.decoder_grants import confinement_missing
from vsortd.media.protocol import Blob, Message, ProtocolError
from vsortd.media.reply_parts import is_part
from vsortd.media.worker_process import NICENESS, ChildGoneError, UnheardError, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.media.replies import WorkerGreeting
    from vsortd.media.worker_process import WorkerOutput

T = TypeVar("T")
Check = Callable[[Message, Blob], T]
Take = Callable[[Message, Blob], None]

# A worker is replaced after this many requests, so that a leak in a decoder can't grow for months.
REQUESTS_PER_WORKER = 400
# A worker stops decoding by itself this part of the time limit into a request and hands over what it has.
_SOFT_PART = 0.7
_TICK_S = 0.1  # how often a waiting call looks at its cancel event
_START_LIMIT_S = 60.0  # a cold disk under load; normally 0.3 s


class _WorkerGoneError(LimitError):
    """The worker ended over a video."""


class WorkerPool:
    """Up to `workers` processes; a request may take `timeout_s` seconds and `memory_bytes` of data memory.

    `decoder` is "cpu", or a kind of device ("cuda"); what the device can't do the CPU does. With `must_confine` no
    worker and no ffmpeg runs that the kernel doesn't confine whole. With an `output` its workers draw into that, and
    may read the machine's fonts. `niceness` (0 to 19) is how far its workers stand back behind other programs.
    """

    def __init__(
        self,
        workers: int,
        *,
        timeout_s: float,
        memory_bytes: int,
        decoder: str = "cpu",
        must_confine: bool = False,
        output: WorkerOutput | None = None,
        niceness: int = NICENESS,
    ) -> None:
        self.must_confine = must_confine
        self.timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._decoder = decoder
        self._output = output
        self._niceness = niceness
        self._greeting: WorkerGreeting | None = None
        self._workers = max(1, workers)
        self._wake = threading.Condition()
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._starting = 0
        self._closed = False
        self._starter = _new_starter()

    def call(
        self,
        request: Message,
        *,
        max_blob_bytes: int = 0,
        timeout_s: float | None = None,
        cancel: threading.Event | None = None,
    ) -> tuple[Message, Blob]:
        """Send one request to a worker and return its reply as it is; raises VideoErrors, Cancelled."""
        return self.checked(
            request,
            lambda header, blob: (header, blob),
            max_blob_bytes=max_blob_bytes,
            timeout_s=timeout_s,
            cancel=cancel,
        )

    def checked(
        self,
        request: Message,
        check: Check[T],
        *,
        max_blob_bytes: int = 0,
        timeout_s: float | None = None,
        parts: int = 1,
        take: Take | None = None,
        cancel: threading.Event | None = None,
        fresh: bool = False,
    ) -> T:
        """Send one request to a worker and return what `check` makes of its reply.

        The time limit begins when a worker is free. With `fresh` the worker is started for this request and ends with
        it: no other video was in it. A request of several `parts` may take the time limit for each. What comes before
        the reply goes to `take`, see `reply_parts`. Where a device decodes and its driver takes the process down, the
        video gets another try with the CPU.
        """
        limit_s = parts * (self.timeout_s if timeout_s is None else timeout_s)
        timed = {**request, "soft_s": limit_s / parts * _SOFT_PART}
        try:
            try:
                return self._call(timed, check, max_blob_bytes, limit_s, cancel, take=take, fresh=fresh)
            except UnheardError:  # the worker had died while it was idle
                return self._call(timed, check, max_blob_bytes, limit_s, cancel, take=take, fresh=fresh)
        except UnheardError as error:
            raise LimitError(f"two worker processes ended before they were asked; the last one {error}") from error
        except _WorkerGoneError as error:
            if self._decoder == "cpu":
                raise
            logger.warning("{}: {} while {} decoded; the CPU tries", request.get("path"), error.reason, self._decoder)
            return self._call({**timed, "cpu": True}, check, max_blob_bytes, limit_s, cancel, take=take, fresh=fresh)

    def _call(
        self,
        request: Message,
        check: Check[T],
        max_blob_bytes: int,
        limit_s: float,
        cancel: threading.Event | None,
        *,
        take: Take | None,
        fresh: bool,
    ) -> T:
        with self._borrowed(cancel, str(request.get("path", "")), fresh=fresh) as child:
            deadline = time.monotonic() + limit_s
            try:
                self._send(child, request, max_blob_bytes, in_parts=take is not None)
                while (reply := child.reply(_TICK_S)) is None or is_part(reply[0]):
                    if reply is not None and take is not None:
                        take(*reply)
                    _honour(cancel)
                    if self._closed:
                        raise Cancelled
                    if time.monotonic() > deadline:
                        raise LimitError(f"a worker took longer than {limit_s:g} s for this video and was stopped")
                error = protocol.error_from(reply[0])
                result = None if error is not None else check(*reply)
            except UnheardError:
                raise
            except ChildGoneError as gone:
                raise _WorkerGoneError(f"the worker process {gone} on this video") from gone
            except ProtocolError as lie:
                raise LimitError(f"the worker process answered nonsense on this video ({lie})") from lie
            child.served += 1
            child.healthy = True
        if error is not None:
            raise error
        return cast("T", result)

    @staticmethod
    def _send(child: WorkerProcess, request: Message, max_blob_bytes: int, *, in_parts: bool) -> None:
        # until the reply is checked: whatever interrupts a call, its worker is in an unknown state
        child.healthy = False
        try:
            child.ask(request, max_blob_bytes, in_parts=in_parts)
        except VideoError:  # the file can't be opened: nothing was sent
            child.healthy = True
            raise

    def warm(self, workers: int = 1) -> None:
        """Start workers ahead of the first video (0.2 s each); returns when they are ready to decode."""
        with ExitStack() as stack:
            for _ in range(min(workers, self._workers)):
                stack.enter_context(self._borrowed(None))

    def pids(self) -> tuple[int, ...]:
        """Return the process ids of the workers that live now."""
        with self._wake:
            return tuple(child.pid for child in (*self._idle, *self._busy))

    def close(self) -> None:
        """Kill every worker and end every call under way with Cancelled; a second time does nothing."""
        with self._wake:
            self._closed = True
            children = [*self._idle, *self._busy]
            self._idle.clear()
            self._wake.notify_all()
        for child in children:
            child.kill()
        self._starter.shutdown(wait=True)
        for child in children:
            child.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _borrowed(
        self, cancel: threading.Event | None, path: str = "", *, fresh: bool = False
    ) -> Iterator[WorkerProcess]:
        child = self._take(cancel, path, fresh=fresh)
        child.last_path = path
        try:
            yield child
        finally:
            with self._wake:
                self._busy.discard(child)
                keep = child.healthy and not self._closed and not fresh and child.served < REQUESTS_PER_WORKER
                if keep:
                    self._idle.append(child)
                self._wake.notify_all()
            if not keep:
                child.dispose()

    def _take(self, cancel: threading.Event | None, path: str, *, fresh: bool) -> WorkerProcess:
        """Take a free worker, at best the one that read `path` last: it still has the table; or start one.

        For a `fresh` one a free worker makes room, so that there are never more than there may be.
        """
        with self._wake:
            while True:
                _honour(cancel)
                if self._closed:
                    raise Cancelled
                if fresh and self._idle and self._count() >= self._workers:
                    self._idle.pop(0).dispose()
                while self._idle and not fresh:
                    # else the one that has been idle longest: the others' tables may still be asked for
                    place = next((n for n, one in enumerate(self._idle) if one.last_path == path), 0)
                    child = self._idle.pop(place)
                    if child.alive:
                        self._busy.add(child)
                        return child
                    child.dispose()
                if (self._count() if fresh else len(self._busy) + self._starting) < self._workers:
                    self._starting += 1
                    break
                self._wake.wait(_TICK_S)
        child = self._started()
        with self._wake:
            self._busy.add(child)
        try:
            self._note(child.greet(_START_LIMIT_S, cancel))
        except BaseException as error:
            with self._wake:
                self._busy.discard(child)
                self._wake.notify_all()
            child.dispose()
            if isinstance(error, ChildGoneError | ProtocolError) and not self._closed:
                raise VsortdError(
                    f"The decoding process can't start: it {error}.",
                    remedy="`vsortd doctor` shows whether PyAV works; `workers: memory:` may be too small.",
                ) from error
            raise
        return child

    def _started(self) -> WorkerProcess:
        """Start a worker. Raises VsortdError where the system gives none, Cancelled where the pool is closed."""
        starter = self._starter
        try:
            try:
                started = starter.submit(WorkerProcess, self._memory_bytes, self._decoder, self._output, self._niceness)
            except RuntimeError:  # it has no thread yet, and would start what it was given with a later one
                starter.shutdown(wait=False, cancel_futures=True)
                with self._wake:
                    if (
                        self._starter is starter and not self._closed
                    ):  # else another call made a new one, or none is needed
                        self._starter = _new_starter()
                raise
            return started.result()
        except RuntimeError as error:
            if self._closed:
                raise Cancelled from error
            raise VsortdError(
                f"No decoding process can be started now: {error}.",
                remedy="The system gives no more threads or processes; vsortd tries again.",
            ) from error
        finally:
            with self._wake:
                self._starting -= 1

    def _count(self) -> int:
        """How many workers there are, those that are about to be included."""
        return len(self._idle) + len(self._busy) + self._starting

    def _note(self, greeting: WorkerGreeting) -> None:
        """Say once that the CPU decodes although the config asks for a device, and how decoders are confined.

        Raises VsortdError where they have to be confined and aren't.
        """
        with self._wake:
            told, self._greeting = self._greeting, greeting
        if self.must_confine and not (greeting.confined.whole and not greeting.problem):
            raise confinement_missing("decoders", greeting.confined, greeting.problem)
        if greeting.no_hardware and (told is None or told.no_hardware != greeting.no_hardware):
            logger.warning("decoder: {}: {}; the CPU decodes instead", self._decoder, greeting.no_hardware)
        if told is None and greeting.problem:
            logger.warning("decoders are not confined: {}", greeting.problem)

    @property
    def greeting(self) -> WorkerGreeting | None:
        """What the worker said that was started last, None before the first."""
        with self._wake:
            return self._greeting


def _honour(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Cancelled


def _new_starter() -> ThreadPoolExecutor:
    """Return the one long-lived thread that starts processes: PR_SET_PDEATHSIG fires when the one that forked ends."""
    return ThreadPoolExecutor(1, thread_name_prefix="media-starter")
