"""A worker of `index --ray`: an actor that looks at videos somewhere and sends what it saw, piece by piece.

It keeps nothing: the index lies on the driver's machine, because SQLite can't be shared over a network. Every node
needs the same vsortd and must see the videos under the same paths.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vsortd.core.identity import Identity
from vsortd.errors import ModelError, VideoError, VsortdError, unexpected_reason
from vsortd.library.indexing.embed import KnownFrames, SamplingRound, walk
from vsortd.media import protocol
from vsortd.media.pool import MediaPool
from vsortd.vision.factory import load_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyarrow import Table  # type: ignore[attr-defined]  # compiled, without types

    from vsortd.config.running_options import Workers
    from vsortd.config.settings import ModelChoice
    from vsortd.vision.encoder import Encoder

# A worker process that ends over a video is started again and gets it again; so often, then the video is given up.
MOST_TRIES: Final = 4
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """What all workers do: one model (its key tells that all have the same weights), one pace, their share of a node.

    `cpus` is how many videos a worker decodes at once and how many threads its model has.
    """

    model: str | ModelChoice
    model_key: str
    step_ms: int
    workers: Workers
    cpus: int
    on_gpu: bool


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One video to look at: where it lies, which bytes it should have there, and what is kept of it."""

    path: Path
    size_bytes: int
    mtime_ns: int
    known: KnownFrames

    def to_row(self) -> Values:
        """Return the item as Arrow takes it."""
        return {
            "path": os.fsencode(self.path),  # names need not be valid UTF-8
            "size_bytes": self.size_bytes,
            "mtime_ns": self.mtime_ns,
            "looks": json.dumps(self.known.looks),
            "times_ms": self.known.times_ms.astype("<i8").tobytes(),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> WorkItem:
        """Take an item out of what `to_row` made of it."""
        known = KnownFrames(tuple(json.loads(row["looks"])), np.frombuffer(row["times_ms"], "<i8"))
        return cls(Path(os.fsdecode(row["path"])), row["size_bytes"], row["mtime_ns"], known)


@dataclass(frozen=True, slots=True)
class WorkerFrames:
    """What a worker sends of a video: a look at it with its clip (JSON), or why there is none.

    `sent` are the names of all looks before, so that the last one tells whether any went missing. `trouble` is what
    ails the worker and not the video. Times are int64, vectors fp16, as bytes.
    """

    path: bytes
    look: str = ""
    clip: str = ""
    times_ms: bytes = b""
    vectors: bytes = b""
    sent: tuple[str, ...] = ()
    reason: str = ""
    trouble: str = ""
    remedy: str = ""

    @classmethod
    def of(cls, item: WorkItem, look: SamplingRound, sent: tuple[str, ...]) -> WorkerFrames:
        """Pack a look."""
        return cls(
            os.fsencode(item.path),
            look.name,
            json.dumps(protocol.clip_to_message(look.clip)),
            look.embedded.times_ms.astype("<i8").tobytes(),
            look.embedded.vectors.astype("<f2").tobytes(),
            sent,
        )

    def to_row(self) -> Values:
        """Return it as Arrow takes it."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {**fields, "sent": json.dumps(self.sent)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> WorkerFrames:
        """Take it out of what `to_row` made of it."""
        return cls(**{**row, "sent": tuple(json.loads(row["sent"]))})


class AttemptCounter:
    """An actor that counts how often each video was begun: its word outlives the workers."""

    def __init__(self) -> None:
        self._tries: dict[bytes, int] = {}

    def begin(self, path: bytes) -> int:
        """Count one more try at a video and return how many that makes."""
        self._tries[path] = self._tries.get(path, 0) + 1
        return self._tries[path]


class RayWorker:
    """The actor of Ray Data: loads the model once, owns decoding processes of its own, serves several calls at once.

    The decoding processes end with it, however it ends (see `media/worker.py`).
    """

    def __init__(self, task: Task, attempts: Any) -> None:  # noqa: ANN401 - Ray's handles have no types
        import torch

        torch.set_num_threads(task.cpus)  # several workers may share a machine
        self._task = task
        self._attempts = attempts
        self._encoder: Encoder | None = None
        self._trouble: VsortdError | None = None
        try:
            self._encoder = _load(task)
        except VsortdError as error:  # told with the first video: Ray would try to start this actor without end
            self._trouble = error
        self._media = MediaPool.of(task.workers, count=task.cpus)

    def __call__(self, batch: Table) -> Iterator[Table]:
        """Look at the videos of a batch; yield each sight (a table of one row) as soon as it is there."""
        from pyarrow import Table  # type: ignore[attr-defined]

        for row in batch.to_pylist():
            for sight in self._frame_scores(WorkItem.from_row(row)):
                yield Table.from_pylist([sight.to_row()])

    def _frame_scores(self, item: WorkItem) -> Iterator[WorkerFrames]:
        path = os.fsencode(item.path)
        try:
            if self._trouble is not None:
                raise self._trouble  # noqa: TRY301 - told below, like the others
            yield from self._looks(item)
        except VideoError as error:
            yield WorkerFrames(path, reason=error.reason)
        except VsortdError as error:
            yield WorkerFrames(path, trouble=error.title, remedy=error.remedy)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this video and no other
            yield WorkerFrames(path, reason=unexpected_reason(error))

    def _looks(self, item: WorkItem) -> Iterator[WorkerFrames]:
        import ray

        identity = Identity.of(item.path)
        if identity is None:
            raise VideoError(f"{socket.gethostname()} doesn't find it: the file is gone, or not on a shared filesystem")
        if (identity.size_bytes, identity.mtime_ns) != (item.size_bytes, item.mtime_ns):
            raise VideoError(f"{socket.gethostname()} sees another size or time of change: the file changed")
        if ray.get(self._attempts.begin.remote(os.fsencode(item.path))) > MOST_TRIES:
            raise VideoError(f"a worker died with it in hand {MOST_TRIES} times")
        assert self._encoder is not None
        sent: tuple[str, ...] = ()
        step_ms = self._task.step_ms
        for look in walk(self._media, self._encoder, item.path, identity, item.known, step_ms=step_ms):
            yield WorkerFrames.of(item, look, sent)
            sent = (*sent, look.name)


def _load(task: Task) -> Encoder:
    encoder = load_encoder(task.model, device=None if task.on_gpu else "cpu")
    if encoder.info.key != task.model_key:
        encoder.close()
        raise ModelError(
            f"{socket.gethostname()} has other weights of the model than this machine.",
            remedy="Put the same weights file on every node; `vsortd model list` shows what is there.",
        )
    return encoder
