"""The decoding processes: started when needed, used again, killed when they run over.

Thread-safe; a call blocks its thread. A worker that crashes, hangs, lies or grows is replaced, and only the
video that it had in hand fails, with what happened as the reason.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from loguru import logger

from vsortd.errors import Cancelled, LimitError, VsortdError
from vsortd.media import protocol
from vsortd.media.protocol import Blob, Message, ProtocolError
from vsortd.media.worker_process import Child, ChildGoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.media.frames import Frames
    from vsortd.media.preprocess import Preprocess

T = TypeVar("T")

# A worker is replaced after this many requests, so that a leak in a decoder can't grow for months.
REQUESTS_PER_WORKER = 400
# A worker stops decoding by itself this part of the time limit into a request and hands over what it has.
_SOFT_PART = 0.7
_TICK_S = 0.1  # how often a waiting call looks at its cancel event
_START_LIMIT_S = 60.0  # a cold disk under load; normally 0.3 s


@dataclass(frozen=True, slots=True)
class PacketReport:
    """How two files' streams compare packet by packet: `difference` is "" where they agree."""

    difference: str
    packets: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """One stream, decoded to its end; of sound, `frames` counts samples and `sha256` is theirs."""

    index: int
    frames: int
    errors: int
    first_s: float
    last_s: float
    sha256: str


class _WorkerGoneError(LimitError):
    """The worker ended over a video."""


class MediaPool:
    """Up to `workers` processes; a request may take `timeout_s` seconds and `memory_bytes` of data memory.

    `decoder` is "cpu", or a kind of device ("cuda"); what the device can't do the CPU does.
    """

    def __init__(self, workers: int, *, timeout_s: float, memory_bytes: int, decoder: str = "cpu") -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._decoder = decoder
        self._no_hardware = ""
        self._workers = max(1, workers)
        self._wake = threading.Condition()
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._starting = 0
        self._closed = False
        # one long-lived thread starts all processes: PR_SET_PDEATHSIG fires when the *thread* that forked
        # ends
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="media-starter")

    def probe(self, path: Path, *, cancel: threading.Event | None = None) -> Clip:
        """Return the facts of a video. Raises Broken-, Incomplete-, Changed- or LimitError, Cancelled."""
        header, _ = self.call({"op": "probe", "path": str(path)}, cancel=cancel)
        return self._checked(lambda: protocol.clip_from_message(header.get("clip")))

    def sample(
        self,
        path: Path,
        clip: Clip,
        ranks: range,
        total: int,
        preprocess: Preprocess,
        *,
        cancel: threading.Event | None = None,
    ) -> Frames:
        """Return the frames of `ranks` (a range within `total`), ready for the model; raises like `probe`.

        The ranks are places in the order in which `total` moments spread over the video are visited; the same
        bytes give the same frames, and no frame is given to two ranks. A short video yields fewer.
        """
        most, side = len(ranks), preprocess.side_px
        request = {"op": "sample", "video_index": clip.video_index, **_frames_request(path, ranks, total, preprocess)}
        header, blob = self.call(request, max_blob_bytes=most * side * side * 3, cancel=cancel)
        return self._checked(lambda: protocol.frames_from_message(header, blob, most=most, side_px=side))

    def moments(
        self,
        path: Path,
        clip: Clip,
        times_ms: Sequence[int],
        preprocess: Preprocess,
        *,
        snap_ms: int = 0,
        cancel: threading.Event | None = None,
    ) -> Frames:
        """Return the frames shown at some moments (ms from the start), each once; raises like `probe`.

        A keyframe at most `snap_ms` away is taken instead: cheaper. Damaged frames are left out. Ask for few at a time:
        each takes `side_px` squared times three bytes, and all together one request's time.
        """
        most, side = len(times_ms), preprocess.side_px
        request = {
            "op": "moments",
            "path": str(path),
            "video_index": clip.video_index,
            "times_ms": [int(moment) for moment in times_ms],
            "snap_ms": snap_ms,
            "preprocess": _preprocess_request(preprocess),
        }
        header, blob = self.call(request, max_blob_bytes=most * side * side * 3, cancel=cancel)
        return self._checked(lambda: protocol.frames_from_message(header, blob, most=most, side_px=side))

    def look(
        self,
        path: Path,
        ranks: range,
        total: int,
        preprocess: Preprocess,
        *,
        cancel: threading.Event | None = None,
    ) -> tuple[Clip, Frames, float]:
        """Do `probe` and `sample` in one go; returns what both do, and how long the second took, seconds.

        Each of the two may take the time that a request may take.
        """
        most, side = len(ranks), preprocess.side_px
        request = {"op": "look", **_frames_request(path, ranks, total, preprocess)}
        header, blob = self.call(request, max_blob_bytes=most * side * side * 3, parts=2, cancel=cancel)

        def check() -> tuple[Clip, Frames, float]:
            clip = protocol.clip_from_message(header.get("clip"))
            frames = protocol.frames_from_message(header, blob, most=most, side_px=side)
            return clip, frames, max(0.0, _typed(header, "sampling_s", float))

        return self._checked(check)

    def compare_packets(
        self,
        source: Path,
        result: Path,
        pairs: Sequence[tuple[int, int]],
        *,
        timeout_s: float,
        cancel: threading.Event | None = None,
    ) -> PacketReport:
        """Compare streams (index in source, in result) of two files packet by packet; raises like `probe`."""
        request = {
            "op": "compare",
            "path": str(source),
            "other": str(result),
            "pairs": [list(p) for p in pairs],
        }
        header, _ = self.call(request, timeout_s=timeout_s, cancel=cancel)

        def check() -> PacketReport:
            difference = _typed(header, "difference", str)
            if difference:
                return PacketReport(protocol.cleaned(difference), 0, 0, "")
            return PacketReport(
                "",
                _typed(header, "packets", int),
                _typed(header, "bytes", int),
                _typed(header, "sha256", str),
            )

        return self._checked(check)

    def decode(
        self, path: Path, streams: Sequence[int], *, timeout_s: float, cancel: threading.Event | None = None
    ) -> tuple[DecodeReport, ...]:
        """Decode some streams to their end and count; raises like `probe`."""
        request = {"op": "decode", "path": str(path), "streams": list(streams)}
        header, _ = self.call(request, timeout_s=timeout_s, cancel=cancel)
        return self._checked(lambda: tuple(_decode_report(raw) for raw in _typed(header, "streams", list)))

    def call(
        self,
        request: Message,
        *,
        max_blob_bytes: int = 0,
        timeout_s: float | None = None,
        parts: int = 1,
        cancel: threading.Event | None = None,
    ) -> tuple[Message, Blob]:
        """Send one request to a worker and return its reply; the time limit begins when a worker is free.

        A request of several `parts` may take the time limit for each. Where a device decodes and its driver takes the
        process down, the video gets another try with the CPU.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            return self._call(request, max_blob_bytes, limit_s, parts, cancel)
        except _WorkerGoneError as error:
            if self._decoder == "cpu":
                raise
            logger.warning("{}: {} while {} decoded; the CPU tries", request.get("path"), error.reason, self._decoder)
            return self._call({**request, "cpu": True}, max_blob_bytes, limit_s, parts, cancel)

    def _call(
        self, request: Message, max_blob_bytes: int, limit_s: float, parts: int, cancel: threading.Event | None
    ) -> tuple[Message, Blob]:
        with self._borrowed(cancel, str(request.get("path", ""))) as child:
            deadline = time.monotonic() + parts * limit_s
            try:
                child.ask({**request, "soft_s": limit_s * _SOFT_PART}, max_blob_bytes)
                while (reply := child.reply(_TICK_S)) is None:
                    _honour(cancel)
                    if self._closed:
                        raise Cancelled
                    if time.monotonic() > deadline:
                        raise LimitError(
                            f"a worker took longer than {parts * limit_s:g} s for this video and was stopped"
                        )
            except ChildGoneError as error:
                raise _WorkerGoneError(f"the worker process {error} on this video") from error
            except ProtocolError as error:
                raise LimitError(f"the worker process broke its protocol on this video ({error})") from error
            child.served += 1
            child.healthy = True
        bad = self._checked(lambda: protocol.error_from(reply[0]))
        if bad is not None:
            raise bad
        return reply

    def warm(self, workers: int = 1) -> None:
        """Start workers ahead of the first video (0.2 s each); returns when they are ready to decode."""
        with ExitStack() as stack:
            for _ in range(min(workers, self._workers)):
                stack.enter_context(self._borrowed(None)).healthy = True

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
    def _borrowed(self, cancel: threading.Event | None, path: str = "") -> Iterator[Child]:
        child = self._take(cancel, path)
        child.last_path = path
        child.healthy = False  # until the reply is in: whatever interrupts a call, its worker is in an unknown state
        try:
            yield child
        finally:
            with self._wake:
                self._busy.discard(child)
                keep = child.healthy and not self._closed and child.served < REQUESTS_PER_WORKER
                if keep:
                    self._idle.append(child)
                self._wake.notify_all()
            if not keep:
                child.dispose()

    def _take(self, cancel: threading.Event | None, path: str) -> Child:
        """Take a free worker, at best the one that read `path` last: it still has the table; or start one."""
        with self._wake:
            while True:
                _honour(cancel)
                if self._closed:
                    raise Cancelled
                while self._idle:
                    # else the one that has been idle longest: the others' tables may still be asked for
                    place = next((n for n, one in enumerate(self._idle) if one.last_path == path), 0)
                    child = self._idle.pop(place)
                    if child.alive:
                        self._busy.add(child)
                        return child
                    child.dispose()
                if len(self._busy) + self._starting < self._workers:
                    self._starting += 1
                    break
                self._wake.wait(_TICK_S)
        try:
            child = self._starter.submit(Child, self._memory_bytes, self._decoder).result()
        except RuntimeError as error:  # the pool was closed meanwhile
            raise Cancelled from error
        finally:
            with self._wake:
                self._starting -= 1
        with self._wake:
            self._busy.add(child)
        try:
            self._note_hardware(child.greet(_START_LIMIT_S, cancel))
        except BaseException as error:
            with self._wake:
                self._busy.discard(child)
                self._wake.notify_all()
            child.dispose()
            if isinstance(error, ChildGoneError) and not self._closed:
                raise VsortdError(
                    f"The decoding process can't start: it {error}.",
                    remedy="`vsortd doctor` shows whether PyAV works; `workers: memory:` may be too small.",
                ) from error
            raise
        return child

    def _note_hardware(self, why_not: str) -> None:
        """Say once that the CPU decodes although the config asks for a device."""
        with self._wake:
            new, self._no_hardware = why_not != self._no_hardware, why_not
        if why_not and new:
            logger.warning("decoder: {}: {}; the CPU decodes instead", self._decoder, why_not)

    @staticmethod
    def _checked(check: Callable[[], T]) -> T:
        try:
            return check()
        except ProtocolError as error:
            raise LimitError(f"the worker process answered nonsense on this video ({error})") from error


def _frames_request(path: Path, ranks: range, total: int, preprocess: Preprocess) -> Message:
    return {
        "path": str(path),
        "start": ranks.start,
        "stop": ranks.stop,
        "total": total,
        "preprocess": _preprocess_request(preprocess),
    }


def _preprocess_request(preprocess: Preprocess) -> Message:
    return {
        "side_px": preprocess.side_px,
        "resize": preprocess.resize.value,
        "interpolation": preprocess.interpolation,
    }


def _honour(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Cancelled


def _typed(header: Message, name: str, kind: type[T]) -> T:
    value = header.get(name)
    if type(value) is not kind:
        raise ProtocolError(f"no {kind.__name__} {name}")
    return value


def _decode_report(raw: object) -> DecodeReport:
    if not isinstance(raw, dict):
        raise ProtocolError("no report of a stream")
    return DecodeReport(
        index=_typed(raw, "index", int),
        frames=_typed(raw, "frames", int),
        errors=_typed(raw, "errors", int),
        first_s=float(raw.get("first_s") or 0.0),
        last_s=float(raw.get("last_s") or 0.0),
        sha256=_typed(raw, "sha256", str),
    )
