"""Applying a plan that a person has looked through: checked as a whole, then filed as the rows say.

Each video walks the stages that every video walks, so scores, tags, sidecars and conversions are those of `sort`. What
the row says of folder and name counts: where the model would have said otherwise, it is the person's word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.config.choices import OnDuplicate
from vsortd.core.outcomes import ItemState
from vsortd.filing.follow import standing_at
from vsortd.filing.own_decisions import BY_PLAN
from vsortd.filing.place import Filer
from vsortd.judging.decide import Decision, DecisionOutcome
from vsortd.judging.example_store import Link, NewExample, Origin
from vsortd.pipeline import stages
from vsortd.pipeline.batch import SortSession
from vsortd.pipeline.flow import Stage, build_stages
from vsortd.pipeline.gathering import inbox_of
from vsortd.pipeline.plan_check import check_plan
from vsortd.pipeline.plan_file import PlanMistakes, read_plan
from vsortd.pipeline.services import Services
from vsortd.pipeline.stages import ChosenPlace

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.filing.records import Item
    from vsortd.judging.model_source import ModelSource
    from vsortd.pipeline.batch import Progress, SortOutcome
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.plan_check import PlannedVideo

_CHANGED: Final = "it changed while the plan was being applied; it is left where it is"


@dataclass(frozen=True, slots=True)
class AppliedPlan:
    """What became of the rows that are to be filed, the items of those filed before, and how many were left alone."""

    outcomes: list[SortOutcome]
    done: tuple[Item, ...]
    left: int


def apply_plan(
    settings: Settings,
    state_folder: Path,
    plan: Path,
    *,
    dry_run: bool,
    learn: bool = False,
    on_progress: Progress | None = None,
    cancel: threading.Event | None = None,
    models: ModelSource | None = None,
) -> AppliedPlan:
    """File every row of a plan as it says; nothing moves before all rows are found sound. Rows filed before are passed.

    With `learn` a video that goes to another rule than the model would have said becomes an example of that rule. Once
    `cancel` is set, what is in hand is put back or finished. Raises UsageError for a plan with mistakes, ModelError,
    StoreError.
    """
    mistakes = PlanMistakes(plan)
    rows = read_plan(plan, mistakes)
    with Services.open(
        settings, state_folder, keep_trying=False, recover_first=not dry_run, load_model=False, models=models
    ) as services:
        checked = check_plan(services, rows, mistakes)
        if not checked.videos:
            return AppliedPlan([], checked.done, checked.left)
        services.model.start()
        # a person chose the folders, so duplicates make no difference
        place = settings.place.model_copy(update={"on_duplicate": OnDuplicate.KEEP_BOTH})
        filer = Filer(services.journal, settings.library, place)
        try:
            filing = replace(services, filer=filer, foreseen=set())
            way = _PlannedWay(filing, checked.videos, plan.name, dry_run=dry_run, learn=learn)
            found = [(one.path, inbox_of(settings, one.path), True) for one in checked.videos]
            session = SortSession(
                filing,
                found,
                dry_run=dry_run,
                on_progress=on_progress,
                on_job=None,
                cancel=cancel,
                stages=way.stages(),
            )
            return AppliedPlan(session.run(), checked.done, checked.left)
        finally:
            filer.close()


class _PlannedWay:
    """The stages of a planned video: those of every video, with the row's word where the decision was made."""

    def __init__(
        self, services: Services, videos: tuple[PlannedVideo, ...], plan: str, *, dry_run: bool, learn: bool
    ) -> None:
        self._services = services
        self._videos = {one.path: one for one in videos}
        self._plan = plan
        self._dry_run = dry_run
        self._learn = learn

    def stages(self) -> tuple[Stage, ...]:
        """Return the way from top to bottom; what `accept` says counts no longer, a person has looked at it."""
        usual = {stage.name: stage for stage in build_stages(self._services, dry_run=self._dry_run)}
        return (
            Stage("plan", self._see_that_it_is_the_same),
            *(usual[name] for name in ("probe", "measure", "judge", "convert")),
            Stage("place", self._place),
        )

    def _see_that_it_is_the_same(self, job: Job) -> Job:
        if job.identity != self._videos[job.path].identity:
            return job.ended(ItemState.HELD, _CHANGED)
        return job

    def _place(self, job: Job) -> Job:
        assert job.decision is not None
        video, judged = self._videos[job.path], job.decision
        decision = self._decision(video, judged)
        job = replace(job, decision=decision, reason=decision.reason)
        note = partial(self._note, job) if self._learn and _differs(video, judged) else None
        chosen = ChosenPlace(video.folder, video.stem)
        return stages.place(self._services, job, dry_run=self._dry_run, by_hand=note, chosen=chosen)

    def _decision(self, video: PlannedVideo, judged: Decision) -> Decision:
        """Return the model's decision where the row agrees with it, else the person's, with what the model saw."""
        filed = judged.outcome is DecisionOutcome.FILED
        if video.duplicates or (judged.rule in video.rules if filed else video.review):
            return judged
        outcome = DecisionOutcome.REVIEW if video.review else DecisionOutcome.FILED
        reason = f"{BY_PLAN} {self._plan}"
        return replace(judged, rule=video.rule, outcome=outcome, score=1.0, margin=1.0, reason=reason)

    def _note(self, job: Job, item: Item) -> None:
        """Keep the video as an example of its row's rule; it counts if and as long as the item is placed."""
        services = self._services
        key = services.model.get(job.cancel).key
        kept = services.index.kept(job.identity, key)
        if kept is None:
            logger.warning("{}: nothing could be learned from it; its frames are in no index", job.path)
            return
        found = standing_at(services.journal, job.path)
        former = None if found is None else Link(found[0].id, found[0].transaction_id)
        new = NewExample(item.rule, job.path, job.identity, Origin.TEACH, key, kept.vectors)
        services.examples.add(new, link=Link(item.id, item.transaction_id), former=former)


def _differs(video: PlannedVideo, judged: Decision) -> bool:
    """Tell whether a row files a video under another rule than the model would have."""
    return bool(video.rule) and (judged.outcome is not DecisionOutcome.FILED or judged.rule != video.rule)
