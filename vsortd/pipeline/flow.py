"""The way of a video: the job that travels, the one list of its stages, and the walk through them.

The daemon, `sort` and `plan` walk the same list; a dry run differs at the two stages with effects only
(`convert`, `place`), so they can't disagree. Converting comes after deciding: frames are taken from the
original, nothing is staged for a video that stays where it is, and the staged file lies on the destination's
filesystem.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.errors import Cancelled, ChangedError, VideoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vsortd.pipeline.job import Job
    from vsortd.pipeline.services import Services


@dataclass(frozen=True, slots=True)
class Stage:
    """A named step; `run` returns the job as it is afterwards."""

    name: str
    run: Callable[[Job], Job]


def build_stages(services: Services, *, dry_run: bool = False) -> tuple[Stage, ...]:
    """Return the way of a video, read from top to bottom; the order exists nowhere else."""
    from vsortd.pipeline import stages

    return (
        Stage("probe", partial(stages.probe, services)),
        Stage("admit", partial(stages.admit, services)),
        Stage("measure", partial(stages.measure, services)),
        Stage("judge", partial(stages.judge, services)),
        Stage("convert", partial(stages.convert, services, dry_run=dry_run)),
        Stage("place", partial(stages.place, services, dry_run=dry_run)),
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
        if job.state is not ItemState.WORKING:
            break
    return job
