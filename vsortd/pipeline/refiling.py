"""Moving what is filed to where the rules of today would have it: as `sort` would, and only what a preview named.

Each video walks the stages that every video walks, but for converting: what is filed is not made anew. It is the
transaction of every move within the library, so undo takes it back to where it lay.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from vsortd.core.outcomes import ItemState
from vsortd.filing.follow import standing_at
from vsortd.filing.holds import Why
from vsortd.filing.own_decisions import DecidedBy, decided_by
from vsortd.filing.records import IdentityMatch, likeness
from vsortd.pipeline import stages
from vsortd.pipeline.batch import SortSession
from vsortd.pipeline.flow import Stage, build_stages
from vsortd.pipeline.gathering import inbox_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.pipeline.batch import Ownership, Progress, SortOutcome
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.rules_preview import PreviewItem
    from vsortd.pipeline.services import Services

ELSEWHERE: Final = "it is no longer where it was filed; it is left alone"
MEANWHILE: Final = "somebody decided on it meanwhile; it is left alone"


def refile(
    services: Services,
    items: Sequence[PreviewItem],
    *,
    dry_run: bool,
    yours: bool = False,
    own: Ownership | None = None,
    on_progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> list[SortOutcome]:
    """Move videos of a preview to where the services' rules have them, one batch; return what became of each.

    One that changed, went, or was decided on since is left where it is; with `yours` also those are moved that a person
    put where they lie. `own` keeps two from working on one file. Once `cancel` is set, what is in hand is finished or
    put back. Raises ModelError, StoreError.
    """
    way = _RefilingWay(services, items, dry_run=dry_run, yours=yours)
    found = [(item.path, inbox_of(services.settings, item.path), True) for item in items]
    return SortSession(
        services,
        found,
        dry_run=dry_run,
        on_progress=on_progress,
        on_job=None,
        own=own,
        cancel=cancel,
        stages=way.stages(),
    ).run()


class _RefilingWay:
    """The stages of a video that is filed already."""

    def __init__(self, services: Services, items: Sequence[PreviewItem], *, dry_run: bool, yours: bool) -> None:
        self._services = services
        self._items: dict[Path, PreviewItem] = {item.path: item for item in items}
        self._dry_run = dry_run
        self._yours = yours

    def stages(self) -> tuple[Stage, ...]:
        """Return the way from top to bottom; what `accept` refuses now is not among what a preview would have moved."""
        usual = {stage.name: stage for stage in build_stages(self._services, dry_run=self._dry_run)}
        return (
            Stage("stand", self._see_that_it_stands),
            *(usual[name] for name in ("probe", "measure", "judge")),
            Stage("place", partial(stages.place, self._services, dry_run=self._dry_run)),
        )

    def _see_that_it_stands(self, job: Job) -> Job:
        """Leave alone what is no longer as the preview found it. Raises StoreError."""
        found = standing_at(self._services.journal, job.path)
        if found is None or found[0].id != self._items[job.path].id:
            return job.ended(ItemState.HELD, ELSEWHERE)
        item, put = found
        if likeness(put, job.identity) is IdentityMatch.OTHER:
            return job.ended(ItemState.HELD, ELSEWHERE)
        if not self._yours and (decided_by(item.reason) is DecidedBy.YOU or self._is_held(job)):
            return job.ended(ItemState.HELD, MEANWHILE)
        return job

    def _is_held(self, job: Job) -> bool:
        known = self._services.filer.known(job.path, job.identity)
        return known is not None and known.why is Why.HELD
