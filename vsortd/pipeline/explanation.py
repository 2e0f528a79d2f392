"""Why a video belongs where it would go now: the planner's own decision, taken apart for people.

A dry run of `sort` over one file decides; nothing here judges a second time. What is added is arithmetic on the
decision's frame scores, what the journal knows of the file and, on request, the pictures of the frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from vsortd.config.choices import SamplingBy
from vsortd.core.containers import ENDINGS
from vsortd.core.measured_facts import NOTHING_MEASURED
from vsortd.core.outcomes import ItemState
from vsortd.core.paths import as_on_disk, is_folder
from vsortd.core.text import storable
from vsortd.errors import Cancelled, ChangedError, UsageError, VideoError
from vsortd.filing import holds
from vsortd.filing.queries import placed_at
from vsortd.judging.decide import NONE, Decision, LevelResult
from vsortd.judging.measured_conditions import measured_conditions
from vsortd.media.thumbnails import frame_pictures, pictures_at
from vsortd.pipeline.batch import SortOutcome, plan_within, sort_paths
from vsortd.pipeline.facet_views import facet_views
from vsortd.pipeline.gathering import gather

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from vsortd.config.rules import Rule, RuleTree, TagRule
    from vsortd.config.settings import Settings
    from vsortd.core.measured_facts import MeasuredFacts
    from vsortd.core.video_facts import Clip
    from vsortd.filing.records import Item
    from vsortd.judging.closer_look import Sighting
    from vsortd.judging.measured_conditions import MeasuredCondition
    from vsortd.judging.model_source import ModelSource
    from vsortd.media.thumbnails import Pixels
    from vsortd.pipeline.facet_views import FacetView
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.look_plan import LookPlan
    from vsortd.pipeline.services import Services

MOST_SPEAKERS: Final = 3  # frames named for each side
# An undecided video shows as pictures at most these many frames, evenly taken; a sheet of more can't be read.
MOST_PICTURES: Final = 48


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that was looked at: `scores` maps the key of every rule that competed to its probability here."""

    time_ms: int
    scores: dict[str, float]

    @property
    def clock(self) -> str:
        """The time as mm:ss.s, the way players show it."""
        tenths = (self.time_ms + 50) // 100
        return f"{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


@dataclass(frozen=True, slots=True)
class Speaker:
    """What one frame says about a level: `share` of the rule that came first there, and its strongest rival's."""

    frame: Frame
    share: float
    rival: str
    rival_share: float

    @property
    def lead(self) -> float:
        """By how much the rule is ahead in this frame; negative where the rival is."""
        return self.share - self.rival_share

    def to_json(self) -> dict[str, Any]:
        """Return it as `explain --json` prints it."""
        return {
            "time_ms": self.frame.time_ms,
            "score": self.share,
            "rival": self.rival,
            "rival_score": self.rival_share,
        }


@dataclass(frozen=True, slots=True)
class LevelView:
    """One level on the way down: the decision's own figures, the thresholds of the rule that came first, the frames.

    `shares` holds for each frame what each sibling of `names`, none of these last, has of it; empty where nothing
    competed (conditions alone decided). `not_found` are the rules that looked for something in vain, each with how
    probable it was in its best frame; `sightings` has what a closer look saw, of those and the one that found it.
    `conditions` are those of its rules on what was measured, by the rules' names.
    """

    level: LevelResult
    rule: Rule | None
    names: tuple[str, ...]
    frames: tuple[Frame, ...]
    shares: tuple[tuple[float, ...], ...]
    not_found: dict[str, float]
    sightings: dict[str, Sighting] = field(default_factory=dict)
    conditions: Mapping[str, tuple[MeasuredCondition, ...]] = field(default_factory=dict)

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """The siblings that took part by score, the first one first, none of these last."""
        out = {NONE, *self.not_found, *self.level.excluded}
        order = sorted(
            ((name, score) for name, score in self.level.scores.items() if name not in out),
            key=lambda pair: (pair[0] != self.level.best, -pair[1]),
        )
        return [*order, (NONE, self.level.scores[NONE])] if NONE in self.level.scores else order

    @property
    def speakers(self) -> list[Speaker]:
        """What each frame says, in the order of the frames; empty where nothing competed."""
        if self.level.best not in self.names:
            return []
        column = self.names.index(self.level.best)
        found = []
        for frame, shares in zip(self.frames, self.shares, strict=True):
            others = [(share, -place) for place, share in enumerate(shares) if place != column]
            share, place = max(others, default=(0.0, 0))
            found.append(Speaker(frame, shares[column], self.names[-place], share))
        return found

    @property
    def for_it(self) -> list[Speaker]:
        """The few frames in which the rule leads most clearly."""
        ahead = [speaker for speaker in self.speakers if speaker.lead > 0]
        return sorted(ahead, key=lambda speaker: -speaker.lead)[:MOST_SPEAKERS]

    @property
    def against_it(self) -> list[Speaker]:
        """The few frames in which something else leads most clearly."""
        behind = [speaker for speaker in self.speakers if speaker.lead <= 0]
        return sorted(behind, key=lambda speaker: speaker.lead)[:MOST_SPEAKERS]

    def to_json(self) -> dict[str, Any]:
        """Return the level as `explain --json` prints it; `rule` is the one whose own rules compete, "" at the top."""
        level, rule = self.level, self.rule
        return {
            "rule": level.parent,
            "scores": dict(level.scores),
            "winner": level.winner,
            "best": level.best,
            "score": level.score,
            "margin": level.margin,
            "runner_up": level.runner_up,
            "min_score": rule.min_score if rule else None,
            "min_margin": rule.min_margin if rule else None,
            "reason": level.reason,
            "excluded": dict(level.excluded),
            "heard": dict(level.heard),
            "seen": dict(level.seen),
            "sought": dict(self.not_found),
            "conditions": _conditions_json(self.conditions),
            "for": [speaker.to_json() for speaker in self.for_it],
            "against": [speaker.to_json() for speaker in self.against_it],
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that there is to say about one file. What was found is empty for one that was not looked at.

    `known` is the journal's newest word on the file as it lies there, None if it has none; `held` tells that it is
    on hold. `tag_conditions` are those of each tag on what was measured. `pictures` belong to `frames`, one each, if
    they were asked for; `look_plan` is how these were chosen.
    """

    outcome: SortOutcome
    clip: Clip | None
    decision: Decision | None
    levels: tuple[LevelView, ...] = ()
    frames: tuple[Frame, ...] = ()
    known: Item | None = None
    held: bool = False
    pictures: tuple[Pixels | None, ...] = ()
    facets: tuple[FacetView, ...] = ()
    tag_conditions: Mapping[str, tuple[MeasuredCondition, ...]] = field(default_factory=dict)
    look_plan: LookPlan | None = None

    @property
    def deciding(self) -> LevelView | None:
        """The level that says where the video goes: the deepest one won, or in review the one that nobody won."""
        if self.decision is None or not self.levels:
            return None
        undecided = self.levels[-1].level.winner is None
        stopped = undecided and self.outcome.state is ItemState.FILED and len(self.levels) > 1
        return self.levels[-2 if stopped else -1]

    @property
    def telling(self) -> LevelView | None:
        """The level whose frames have something to tell: the deciding one, or where its conditions decided, below."""
        deciding = self.deciding
        if deciding is None or deciding.shares:
            return deciding
        return next((view for view in reversed(self.levels) if view.shares), deciding)

    def to_json(self) -> dict[str, Any]:
        """Return it as `explain --json` prints it, without the schema version."""
        outcome, decision = self.outcome, self.decision
        return {
            "file": storable(outcome.source),
            "decision": {
                "state": outcome.state.value,
                "rule": outcome.rule,
                "score": outcome.score,
                "margin": outcome.margin,
                "reason": outcome.reason,
                "destination": storable(outcome.destination) if outcome.destination else None,
                "converted": outcome.converted.value,
                "conversion": outcome.conversion,
                "tags": list(decision.tags) if decision else [],
                "sightings": {key: seen.to_json() for key, seen in decision.sightings.items()} if decision else {},
                "tag_conditions": _conditions_json(self.tag_conditions),
            },
            "levels": [level.to_json() for level in self.levels],
            "facets": [facet.to_json() for facet in self.facets],
            "sampling": self.look_plan.to_json() if self.look_plan else None,
            "frames": [{"time_ms": frame.time_ms, "scores": frame.scores} for frame in self.frames],
            "journal": self.known.to_json() if self.known else None,
            "held": self.held,
        }


def explain_file(
    settings: Settings, state_folder: Path, path: Path, *, picture_px: int = 0, models: ModelSource | None = None
) -> Explanation:
    """Plan one file and return why it would go where it would go; nothing is moved or journalled.

    With `picture_px` the frames' pictures come along, with that longer side. `models` is where models come from, by
    default this process. Raises UsageError where there is no
    video of that name, ModelError and StoreError like `sort_paths`.
    """
    path = as_on_disk(path)
    _insist_on_a_video(settings, path)
    found: list[Explanation] = []

    def take_apart(services: Services, job: Job) -> None:
        found.append(_explanation(services, job, picture_px))

    sort_paths(settings, state_folder, [path], dry_run=True, on_job=take_apart, models=models)
    return found[0]


def explain_within(services: Services, path: Path, *, cancel: threading.Event) -> Explanation:
    """Explain one file with services that others use, too (the daemon's); see `explain_file`.

    Raises ChangedError where it can't be looked at now, Cancelled.
    """
    _insist_on_a_video(services.settings, path)
    found: list[Explanation] = []

    def take_apart(services: Services, job: Job) -> None:
        found.append(_explanation(services, job, 0))

    plan_within(services, path, on_job=take_apart, cancel=cancel)
    if cancel.is_set():
        raise Cancelled
    if not found:
        raise ChangedError("it is in work, or went away")
    return found[0]


def explained_levels(
    tree: RuleTree, decision: Decision, times_ms: Sequence[int], measured: MeasuredFacts = NOTHING_MEASURED
) -> tuple[LevelView, ...]:
    """Take a decision apart, level by level; its frames come in the order of their times."""
    frames = _frames(decision, times_ms)
    views = (_level_view(tree, level, frames, decision.sightings) for level in decision.levels)
    return tuple(
        replace(view, conditions=_conditions(_siblings(tree, view.level), measured)) if tree.measured else view
        for view in views
    )


def _conditions(asking: Iterable[Rule | TagRule], measured: MeasuredFacts) -> dict[str, tuple[MeasuredCondition, ...]]:
    """Return the conditions on what was measured, by the names of those that have some; not for whom nothing was."""
    held = {one.name: measured_conditions(one.when, measured) for one in asking if one.when is not None}
    return {name: found for name, found in held.items() if found and any(one.tried for one in found)}


def _conditions_json(conditions: Mapping[str, tuple[MeasuredCondition, ...]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [one.to_json() for one in found] for name, found in conditions.items()}


def _insist_on_a_video(settings: Settings, path: Path) -> None:
    if is_folder(path):
        raise UsageError(
            f"{path} is a folder; explain takes one video.", remedy="`vsortd plan` looks at folders.", paths=[path]
        )
    # a path that is not there is refused by `gather` itself
    for file, _, _ in gather(settings, [path]):
        if file.suffix.lower().removeprefix(".") not in ENDINGS:
            raise UsageError(
                f"{path} is no video by its name.",
                remedy=f"vsortd takes files that end in {', '.join(f'.{one}' for one in ENDINGS)}.",
                paths=[path],
            )


def _explanation(services: Services, job: Job, picture_px: int) -> Explanation:
    known, held = _journal_says(services, job)
    decision = job.decision
    plain = Explanation(SortOutcome.of(job), job.clip, decision, known=known, held=held, look_plan=job.look_plan)
    if decision is None:
        return plain
    levels = explained_levels(services.tree, decision, job.frame_times_ms, job.measured)
    frames = _frames(decision, job.frame_times_ms)
    pictures: tuple[Pixels | None, ...] = ()
    if picture_px:
        pictures = _pictures(services, job, frames, picture_px)
    of_tags, facets = _conditions(services.tree.tags, job.measured), facet_views(services.tree, decision)
    found = replace(plain, levels=levels, frames=frames, pictures=pictures)
    return replace(found, tag_conditions=of_tags, facets=facets)


def _frames(decision: Decision, times_ms: Sequence[int]) -> tuple[Frame, ...]:
    order = sorted(range(len(times_ms)), key=lambda place: (times_ms[place], place))
    scores = decision.frame_scores
    return tuple(Frame(times_ms[place], {key: row[place] for key, row in scores.items()}) for place in order)


def _siblings(tree: RuleTree, level: LevelResult) -> tuple[Rule, ...]:
    parent = tree.find(level.parent) if level.parent else None
    return parent.rules if parent else tree.rules


def _level_view(
    tree: RuleTree, level: LevelResult, frames: tuple[Frame, ...], sightings: Mapping[str, Sighting]
) -> LevelView:
    siblings = _siblings(tree, level)
    rule = next((one for one in siblings if one.name == level.best), None)
    taken = rule is not None and not rule.prompts  # by a rule that does not compete, before the others did
    competed = [rule] if rule is not None and taken else [one for one in siblings if one.prompts]
    asked = siblings[: siblings.index(rule)] if rule is not None and taken else siblings
    seen = frames[0].scores if frames else {}
    closer = {one.name: sightings[one.key] for one in siblings if one.key in sightings}
    not_found = {
        one.name: max(frame.scores[one.key] for frame in frames)
        for one in asked
        if not one.prompts and one.key in seen and one.name not in level.excluded
    }
    not_found |= {name: found.score for name, found in closer.items() if name != level.winner}
    if not frames or not all(one.key in seen for one in competed):  # conditions alone decided
        return LevelView(level, rule, (), frames, (), not_found, closer)
    shares = []
    for frame in frames:
        own = [frame.scores[one.key] for one in competed]
        # the shares of a level add up to one; what none of its rules has is none of these
        shares.append((*own, max(0.0, 1.0 - sum(own))))
    names = (*(one.name for one in competed), NONE)
    return LevelView(level, rule, names, frames, tuple(shares), not_found, closer)


def _pictures(services: Services, job: Job, frames: Sequence[Frame], picture_px: int) -> tuple[Pixels | None, ...]:
    """Decode the frames again, in the decoding processes; one that can't be had is None."""
    assert job.clip is not None
    assert job.look_plan is not None
    total, by = job.look_plan.total, job.look_plan.by
    wished = thinned([frame.time_ms for frame in frames], MOST_PICTURES)
    where = (services.media, job.path, job.clip, wished)
    try:
        if by is SamplingBy.SHOTS:
            found = pictures_at(*where, side_px=picture_px, cancel=job.cancel)
        else:
            found = frame_pictures(*where, total=total, side_px=picture_px, cancel=job.cancel)
    except VideoError:  # it could be looked at a moment ago; the numbers stand without pictures
        return (None,) * len(frames)
    by_time = dict(zip(wished, found, strict=True))
    return tuple(by_time.get(frame.time_ms) for frame in frames)


def thinned(values: Sequence[int], most: int) -> list[int]:
    """Return at most so many of the values, evenly taken, in their order."""
    if len(values) <= most:
        return list(values)
    return [values[(2 * number + 1) * len(values) // (2 * most)] for number in range(most)]


def _journal_says(services: Services, job: Job) -> tuple[Item | None, bool]:
    """Return the item that tells how the file came to be where it is, and whether it is on hold."""
    for path in dict.fromkeys((job.path, job.path.resolve())):  # a library may be reached through a link
        if (item := placed_at(services.journal.db, path)) is not None:
            return item, False
    known = holds.known(services.journal.db, job.path, job.identity)
    if known is None:
        return None, False
    return (services.journal.item(known.item) if known.item else None), known.why is holds.Why.HELD
