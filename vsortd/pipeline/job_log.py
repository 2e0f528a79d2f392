"""The lines that the log gets of a video at the end of its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loguru import logger

from vsortd.core.ending import Ending
from vsortd.core.outcomes import ItemState

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.pipeline.job import Job


def tell_end(job: Job, library: Path) -> None:
    """Log the one line that says how a video's way ended, with everything that is known as fields.

    People who did not ask for more get its short form, `Ending`.
    """
    where = f" → {job.destination}" if job.destination else ""
    timings = job.clock.spent_ms()
    spent = " ".join(f"{name} {ms:.0f}" for name, ms in timings.items())
    decision = job.decision
    fields: dict[str, Any] = {
        "video": job.item_id,
        "state": str(job.state),
        "path": str(job.path),
        "destination": str(job.destination) if job.destination else None,
        "rule": decision.rule if decision else None,
        "score": decision.score if decision else None,
        "margin": decision.margin if decision else None,
        "reason": job.reason,
        "batch": job.batch,
        "conversion": job.conversion.value or None,
        "how": job.how or None,
        "timings_ms": timings,
    }
    ending = Ending.of(
        state=fields["state"],
        source=job.path,
        destination=job.destination,
        rule=fields["rule"] or "",
        reason=job.reason,
        library=library,
    )
    line = logger.bind(**fields, ending=ending)
    log = line.warning if job.state is ItemState.FAILED else line.info
    log(
        "#{} {}: {}{} ({}){}",
        job.item_id,
        job.state,
        job.path.name,
        where,
        job.reason,
        f" [ms: {spent}]" if spent else "",
    )
