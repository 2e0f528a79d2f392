"""`index --ray`: the same looks at videos, taken by workers on many machines, merged into one index.

The driver knows what is kept, hands the rest to actors of Ray Data and keeps each piece as it arrives, so that a run
that is killed goes on where it was. An actor or a node that dies is replaced by Ray, and its work is done again.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import os
import queue
import signal
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from loguru import logger

from vsortd.config.settings import ModelChoice
from vsortd.core.identity import Identity
from vsortd.errors import Cancelled, ChangedError, UsageError, VideoError, VsortdError
from vsortd.index.stored_looks import Embedded
from vsortd.library.indexing.embed import (
    Indexed,
    IndexingState,
    Keeper,
    SamplingRound,
    identity_of,
    known_of,
    step_ms_of,
)
from vsortd.library.indexing.ray_local import QUIET, local_ray
from vsortd.library.indexing.ray_worker import AttemptCounter, RayWorker, Task, WorkerFrames, WorkItem
from vsortd.library.indexing.sampling import name_of
from vsortd.media import protocol
from vsortd.pipeline.gathering import gather
from vsortd.pipeline.mishaps import Mishaps
from vsortd.vision.models import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vsortd.index.store import Index
    from vsortd.pipeline.services import Services
    from vsortd.vision.encoder import ModelInfo

_TICK_S: Final = 0.2
# Ray passes on what a second try at a video sends only beyond what the first one sent: a short word can be lost.
_WORDLESS: Final = "a worker died with it in hand, and no other came to its end; run it again"
_END_S: Final = 10.0  # for Ray's own threads to notice that it ended, or a cluster to answer
_CPUS_EACH: Final = 4  # of a worker, where nobody says how many there are: a model for each processor takes memory
_CALLS_AHEAD: Final = 4  # a worker's calls while it has the model: that many, so that the last ones end together
_MOST_FILES: Final = 8  # in one call: what is done again in vain when a worker dies


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """How many workers there are, and what each has of a machine; GPUs may be parts of one."""

    workers: int
    cpus: int
    gpus: float


@dataclass(slots=True)
class _Hand:
    """One video that the workers have: its bytes by the driver's own look, and what arrived of it."""

    identity: Identity
    keeper: Keeper
    frames: int = 0
    looks: set[str] = field(default_factory=set)


def index_with_ray(
    services: Services,
    paths: Sequence[Path],
    *,
    fps: float,
    address: str | None = None,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> list[Indexed]:
    """Look at every video under `paths` at a pace of `fps` with Ray's workers; return the outcomes in their order.

    `address` is a running cluster's ("auto": this machine's); without it a Ray of this machine's own starts and ends
    with the call. Of Ray's words none gets to standard output. Raises UsageError for a path that is not there or an
    impossible `fps`, VsortdError where Ray is missing, can't be reached or fails, ModelError where a worker can't have
    the model, StoreError, Cancelled.
    """
    step_ms = step_ms_of(fps)
    if workers is not None and workers < 1:
        raise UsageError(f"--workers: {workers} are none.", remedy="Write 1 or more.")
    if importlib.util.find_spec("ray") is None:
        raise VsortdError("Ray is not installed.", remedy="pip install 'vsortd[ray]'")
    files = [path for path, _, _ in gather(services.settings, paths)]
    stop = cancel or threading.Event()
    if not files:
        return []
    merge = _Merge(
        services.index, services.model.get(stop).encoder.info, step_ms, files, on_progress or (lambda *_: None)
    )
    items = merge.begin()
    if items:
        with contextlib.ExitStack() as stack:
            stack.callback(merge.save)  # also when it is called off
            waiting = _InterruptibleWait(stop)
            stack.callback(waiting.join)  # after Ray's end, which ends its wait
            share = stack.enter_context(_connected(address, workers))
            for sight in waiting.each(_frame_scores(services, merge, items, share)):
                merge.take(sight)
    return merge.end()


class _Merge:
    """The driver's books: what the workers still have, what they sent of it, and what became of each file."""

    def __init__(
        self, index: Index, info: ModelInfo, step_ms: int, files: Sequence[Path], report: Callable[[int, int], None]
    ) -> None:
        self.info = info
        self.step_ms = step_ms
        self._index = index
        self._files = files
        self._report = report
        self._hands: dict[Path, _Hand] = {}
        self._mishaps = Mishaps()
        self._done: dict[Path, Indexed] = {}

    def begin(self) -> list[WorkItem]:
        """Return what is to be done; the rest is done, or gone."""
        self._report(0, len(self._files))
        items = []
        for path in self._files:
            try:
                identity = identity_of(path)
                known = known_of(self._index, identity, self.info.key, path, self.step_ms)
            except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
                reason = self._mishaps.reason_of(error, path)
                self._end(path, Indexed(path, IndexingState.FAILED, reason=reason))
                continue
            if known is None:
                self._end(path, Indexed(path, IndexingState.KNOWN))
                continue
            self._hands[path] = _Hand(identity, Keeper(self._index, identity, path, self.info.key))
            items.append(WorkItem(path, identity.size_bytes, identity.mtime_ns, known))
        return items

    def take(self, sight: WorkerFrames) -> None:
        """Keep what a worker sent, or note how a video ended. Raises VsortdError where something ails the worker."""
        if sight.trouble:
            raise VsortdError(f"A worker can't go on: {sight.trouble}", remedy=sight.remedy)
        path = Path(os.fsdecode(sight.path))
        hand = self._hands.get(path)
        if hand is None:
            return  # it ended already: a worker died after its last word, and another did the work again
        reason = sight.reason
        if not reason:
            try:
                self._keep(path, hand, sight)
            except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
                reason = self._mishaps.reason_of(error, path)
        if reason:
            hand.keeper.flush()
            del self._hands[path]
            self._end(path, Indexed(path, IndexingState.FAILED, reason=reason))

    def _keep(self, path: Path, hand: _Hand, sight: WorkerFrames) -> None:
        if Identity.of(path) != hand.identity:
            raise ChangedError("the file changed or went away while it was looked at")
        last = sight.look == name_of(self.step_ms)
        if last and not hand.looks.issuperset(sight.sent):
            raise VideoError("a part of it got lost on the way; run it again")
        clip = protocol.clip_from_message(json.loads(sight.clip))
        times_ms = np.frombuffer(sight.times_ms, "<i8").astype(np.int64)
        vectors = np.frombuffer(sight.vectors, "<f2").astype(np.float32).reshape(len(times_ms), self.info.dim)
        hand.keeper.take(SamplingRound(clip, sight.look, Embedded(times_ms, vectors)))
        if sight.look not in hand.looks:
            hand.looks.add(sight.look)
            hand.frames += len(times_ms)
        if last:
            hand.keeper.flush()
            del self._hands[path]
            self._end(path, Indexed(path, IndexingState.INDEXED, hand.frames, clip.duration_s))

    def save(self) -> None:
        """Keep what has arrived of videos that are not done."""
        for hand in self._hands.values():
            hand.keeper.flush()

    def end(self) -> list[Indexed]:
        """Return what became of each file, in their order."""
        self.save()
        for path in list(self._hands):
            self._end(path, Indexed(path, IndexingState.FAILED, reason=_WORDLESS))
        return [self._done[path] for path in self._files]

    def _end(self, path: Path, outcome: Indexed) -> None:
        self._done[path] = outcome
        self._report(len(self._done), len(self._files))


def share_out(nodes: Sequence[tuple[int, int]], workers: int | None) -> WorkerShare:
    """Share the nodes' (CPUs, GPUs) out to workers that each fit on one of them. Pure.

    Without a number there is a worker for each GPU, else one for every four CPUs. There are fewer workers than asked
    for where there is no CPU for each. Raises VsortdError where there is none at all.
    """
    cpus, gpus = sum(node[0] for node in nodes), sum(node[1] for node in nodes)
    if not cpus:
        raise VsortdError("The Ray cluster has no CPU.", remedy="`ray status` shows its nodes.")
    count = workers or gpus or max(1, cpus // _CPUS_EACH)
    parts = -(-count // gpus) if gpus else 0  # workers on one GPU
    room = 0
    for each in range(max(1, cpus // count), 0, -1):
        room = sum(min(node[0] // each, node[1] * parts) if parts else node[0] // each for node in nodes)
        if room >= count:
            return WorkerShare(count, each, 1 / parts if parts else 0)
    if not room:  # the GPUs are where no CPU is
        return share_out([(node[0], 0) for node in nodes], workers)
    return WorkerShare(room, 1, 1 / parts if parts else 0)


@contextlib.contextmanager
def _connected(address: str | None, workers: int | None) -> Iterator[WorkerShare]:
    """Connect to a Ray, or to one of our own; leave it, or end it, whatever happens."""
    os.environ.update(QUIET)
    if address is not None:
        _insist_on_answer(address)
    with contextlib.ExitStack() as stack:
        if address is None:
            cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            address = stack.enter_context(local_ray(max(cpus, workers or 1)))
        stack.enter_context(contextlib.redirect_stdout(_ToLog()))  # Ray prints there that a worker died
        import ray
        import ray.data

        for name in ("ray", "ray.data"):  # they set their levels when imported
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told as an error of ours
        on_term = signal.getsignal(signal.SIGTERM)
        stack.callback(ray.shutdown)
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            raise _no_ray(address, error) from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_term)  # Ray puts its own in place
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        yield share_out([(int(one.get("CPU", 0)), int(one.get("GPU", 0))) for one in nodes], workers)


def _insist_on_answer(address: str) -> None:
    """Try the door first: Ray knocks for minutes. Raises UsageError, VsortdError."""
    host, _, port = address.rpartition(":")
    if "//" in address or (address != "auto" and not (host and port.isdecimal())):
        raise UsageError(f"--address: {address} is no address of a cluster.", remedy="Write HOST:PORT, or auto.")
    if address != "auto":
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_END_S).close()
        except (OSError, OverflowError) as error:
            raise _no_ray(address, error) from error


def _no_ray(address: str, error: Exception) -> VsortdError:
    return VsortdError(
        f"There is no Ray to connect to at {address}: {_last_line(error)}",
        remedy="`ray status` shows a cluster; every node needs the same Python, Ray and vsortd.",
    )


class _ToLog(io.TextIOBase):
    """A standard output whose lines are for the log."""

    def write(self, text: str) -> int:
        if text.strip():
            logger.debug("ray: {}", protocol.cleaned(text))
        return len(text)


def _frame_scores(
    services: Services, merge: _Merge, items: Sequence[WorkItem], share: WorkerShare
) -> Iterator[WorkerFrames]:
    """Let the workers look at the items; yield what they send, as it arrives."""
    import ray
    from pyarrow import Table  # type: ignore[attr-defined]  # compiled, without types
    from ray.data import ActorPoolStrategy, DataContext, from_arrow

    info = merge.info
    choice = SAMPLE if info.weights == SAMPLE else ModelChoice(name=info.name, weights=info.weights)
    task = Task(choice, info.key, merge.step_ms, services.settings.workers, share.cpus, on_gpu=share.gpus > 0)
    calls = share.cpus + 1  # one waits for the model
    context = DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.target_max_block_size = context.target_min_block_size = 1  # every sight is sent when it is there
    files = min(_MOST_FILES, max(1, len(items) // (share.workers * calls * _CALLS_AHEAD)))
    blocks = [
        Table.from_pylist([item.to_row() for item in items[begin : begin + files]])
        for begin in range(0, len(items), files)
    ]
    attempts = ray.remote(AttemptCounter).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
    seen = from_arrow(blocks).map_batches(
        RayWorker,
        fn_constructor_kwargs={"task": task, "attempts": attempts},
        batch_size=None,
        batch_format="pyarrow",
        num_cpus=share.cpus,
        num_gpus=share.gpus or None,
        compute=ActorPoolStrategy(
            size=share.workers, max_concurrent_calls_per_actor=calls, enable_true_multi_threading=True
        ),
    )
    batch: Any
    for batch in seen.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        yield from map(WorkerFrames.from_row, batch.to_pylist())


class _InterruptibleWait:
    """Waits for what blocks on a thread of its own, ready to stop at any time."""

    def __init__(self, cancel: threading.Event) -> None:
        self._cancel = cancel
        self._arrived: queue.SimpleQueue[WorkerFrames | Exception | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def each(self, frame_scores: Iterator[WorkerFrames]) -> Iterator[WorkerFrames]:
        """Yield what comes. Raises Cancelled, VsortdError where Ray fails."""
        self._thread = threading.Thread(target=self._fetch, args=(frame_scores,), name="ray-sights", daemon=True)
        self._thread.start()
        while True:
            if self._cancel.is_set():
                raise Cancelled
            try:
                sight = self._arrived.get(timeout=_TICK_S)
            except queue.Empty:
                continue
            if sight is None:
                return
            if isinstance(sight, Exception):
                raise VsortdError(
                    f"Ray stopped the work: {_last_line(sight)}",
                    remedy="What was done is kept: run it again to go on.",
                ) from sight
            yield sight

    def join(self) -> None:
        """Wait until the thread has ended; what it waits for must have come to its end."""
        if self._thread is not None:
            self._thread.join(_END_S)

    def _fetch(self, frame_scores: Iterator[WorkerFrames]) -> None:
        try:
            for sight in frame_scores:
                self._arrived.put(sight)
            self._arrived.put(None)
        except Exception as error:  # noqa: BLE001 - Ray and what it runs raise anything; it is told above
            self._arrived.put(error)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
