"""The way of a video: the job that travels, the one list of its stages, and the walk through them.

The daemon, `sort` and `plan` walk the same list; a dry run differs at the two stages with effects only
(`convert`, `place`), so they can't disagree. Converting comes after deciding: frames are taken from the
original, nothing is staged for a video that stays where it is, and the staged file lies on the destination's
filesystem.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.clock import Clock
from vsortd.errors import Cancelled, ChangedError, VideoError
from vsortd.identity import Identity

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsortd.clip import Clip
    from vsortd.decide import Decision
    from vsortd.filing.place import ConvertedFile
    from vsortd.media.frames import Frames
    from vsortd.workshop import Workshop


class State(StrEnum):
    """Where a video stands; all but WORKING end its way."""

    WORKING = "working"
    FILED = "filed"
    REVIEW = "review"
    REJECTED = "rejected"
    FAILED = "failed"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Glimpse:
    """Pictures of a video, made for a model (its key), of some ranks."""

    model: str
    ranks: range
    frames: Frames


@dataclass(frozen=True, slots=True)
class Job:
    """One video on its way; a stage returns a new one.

    `clock` says what its time was spent on, `frames` how many pictures the decision rests on and `frame_times_ms` when
    they are shown. `glimpse` are the pictures that came with the facts, until they are judged.
    """

    path: Path
    identity: Identity
    batch: str
    cancel: threading.Event
    state: State = State.WORKING
    reason: str = ""
    clip: Clip | None = None
    decision: Decision | None = None
    frame_times_ms: tuple[int, ...] = ()
    converted: ConvertedFile | None = None
    conversion: str = ""  # "", "remux" or "transcode": done, or foreseen by a dry run
    destination: Path | None = None
    item_id: int | None = None
    glimpse: Glimpse | None = None
    clock: Clock = field(default_factory=Clock)

    def ended(self, state: State, reason: str) -> Job:
        """Return the job at its end, with the sentence that says why."""
        return replace(self, state=state, reason=reason)

    @property
    def frames(self) -> int:
        """How many frames the decision rests on."""
        return len(self.frame_times_ms)


@dataclass(frozen=True, slots=True)
class Stage:
    """A named step; `run` returns the job as it is afterwards."""

    name: str
    run: Callable[[Job], Job]


def build_stages(shop: Workshop, *, dry_run: bool = False) -> tuple[Stage, ...]:
    """Return the way of a video, read from top to bottom; the order exists nowhere else."""
    from vsortd import stages

    return (
        Stage("probe", partial(stages.probe, shop)),
        Stage("admit", partial(stages.admit, shop)),
        Stage("judge", partial(stages.judge, shop)),
        Stage("convert", partial(stages.convert, shop, dry_run=dry_run)),
        Stage("place", partial(stages.place, shop, dry_run=dry_run)),
    )


def carry(job: Job, stages: Sequence[Stage]) -> Job:
    """Walk a job through the stages until one ends it, noting how long each took.

    Raises what a stage raises: `VideoError` and its kinds (`ChangedError` wherever the file changed meanwhile),
    `FilingError`, `ModelError`, `StoreError`, and `Cancelled` when the job's cancel event is set between two stages.
    """
    for stage in stages:
        if job.cancel.is_set():
            raise Cancelled
        # of a converted video the filing itself looks once more, and clears its staging away
        if job.converted is None and Identity.of(job.path) != job.identity:
            raise ChangedError("the file changed or went away while it was looked at")
        try:
            with job.clock.time(stage.name):
                job = stage.run(job)
        except VideoError as error:
            if isinstance(error, ChangedError) or Identity.of(job.path) == job.identity:
                raise
            # what was found wrong may be the change itself, and is no verdict on what is there now
            raise ChangedError(f"the file changed or went away while it was looked at ({error.reason})") from error
        logger.debug("{}: {} done", job.path.name, stage.name)
        if job.state is not State.WORKING:
            break
    return job
