"""Asking about one undecided video, and what becomes of the answer: written into the journal, or filed by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.core.identity import Identity
from vsortd.core.outcomes import ItemState
from vsortd.errors import FilingError, VideoError
from vsortd.filing import holds
from vsortd.filing.follow import standing_at
from vsortd.filing.opinions import note_opinion
from vsortd.filing.records import IdentityMatch, likeness, utc
from vsortd.filing.second_opinion import Opinion
from vsortd.judging.closeness import closeness
from vsortd.judging.decide import Decision, DecisionOutcome, LevelResult
from vsortd.media.thumbnails import spread_pictures
from vsortd.opinion.frame_sheet import FRAME_PX, FRAMES, frame_sheet
from vsortd.opinion.question import RuleQuestion
from vsortd.pipeline import stages
from vsortd.pipeline.condition_meter import ConditionMeter
from vsortd.pipeline.job import Job

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.filing.records import Item
    from vsortd.opinion.vision_server import VisionServer
    from vsortd.pipeline.services import Services


@dataclass(frozen=True, slots=True)
class OpinionGiven:
    """What was said of an undecided video that lies at `path`."""

    item: Item
    path: Path
    identity: Identity
    clip: Clip
    opinion: Opinion


def ask(services: Services, server: VisionServer, item: Item, cancel: threading.Event) -> OpinionGiven | None:
    """Ask about a video; None where there is nothing to ask: it is undecided no longer, elsewhere, changed or on hold.

    Raises NoAnswerError, VideoError where its frames can't be had, StoreError, Cancelled.
    """
    path = item.destination
    if path is None or item.item_state is not ItemState.REVIEW:
        return None
    identity = _as_filed(services, item, path)
    if identity is None:
        return None
    clip = services.media.probe(path, cancel=cancel)
    meter = ConditionMeter.of(services, services.tree)
    facts = replace(meter.facts(path, clip, name=item.source.name, cancel=cancel), tags=item.tags)
    question = RuleQuestion.about(services.tree, facts, closeness(item.detail))
    frames = spread_pictures(services.media, path, clip, FRAMES, side_px=FRAME_PX, cancel=cancel)
    if not question.rules or not frames:
        return None
    answer = question.read(server.ask(question, frame_sheet(frames), len(frames)))
    model = services.settings.unsure.model or ""
    opinion = Opinion(answer.rule, answer.why, model, server.server.place, utc())
    return OpinionGiven(item, path, identity, clip, opinion)


def conclude(services: Services, asked: OpinionGiven, batch: str, cancel: threading.Event) -> Job | None:
    """Write down what was said, or file the video by it where the config wants that; returns the filing's job, if any.

    What is filed is of a `batch`; what can't be just now is offered for review. Raises StoreError, Cancelled.
    """
    settings, rule = services.settings, asked.opinion.rule
    in_review = asked.path.parent == settings.library / settings.place.review
    if settings.unsure.file and rule and in_review and services.tree.find(rule) is not None:
        try:
            return _file(services, asked, batch, cancel)
        except FilingError as error:
            logger.warning("{} is not filed as it was said, and waits for review: {}", asked.path.name, error)
        except VideoError as error:
            logger.info("{} is not filed as it was said: {}", asked.path.name, error.reason)
            return None
    if note_opinion(services.journal, asked.item, asked.opinion):
        logger.info("#{} {}: {}", asked.item.id, asked.path.name, asked.opinion.sentence)
    return None


def _as_filed(services: Services, item: Item, path: Path) -> Identity | None:
    """Return the identity of the file that was put there, None if it is another, changed, gone, or was undone."""
    found = standing_at(services.journal, path)
    now = Identity.of(path)
    if found is None or now is None or found[0].id != item.id:
        return None
    if likeness(found[1], now) not in {IdentityMatch.SAME, IdentityMatch.ALIKE}:
        return None
    known = holds.known(services.journal.db, path, now)
    return None if known is not None and known.why is holds.Why.HELD else now


def _file(services: Services, asked: OpinionGiven, batch: str, cancel: threading.Event) -> Job | None:
    """File a video under the rule that was named. Raises VideoError, FilingError, StoreError, Cancelled."""
    if _as_filed(services, asked.item, asked.path) != asked.identity:
        return None
    if why := services.filer.begin_work(asked.path, asked.identity):
        logger.warning("{} is not filed as it was said: {}", asked.path.name, why)
        return None
    try:
        opinion, detail = asked.opinion, asked.item.detail
        job = Job(asked.path, asked.identity, batch, cancel, clip=asked.clip, reason=opinion.reason)
        times_ms = tuple(detail.get("frame_times_ms", ()))
        job = replace(job, decision=_decision(asked.item, opinion), frame_times_ms=times_ms, opinion=opinion)
        # whether its bytes lie in the library twice was decided when it came in
        return stages.place(services, job, dry_run=False, by_hand=lambda _: None)
    finally:
        services.filer.end_work(asked.path, asked.identity)


def _decision(item: Item, opinion: Opinion) -> Decision:
    """Return the decision that an opinion makes; the scores are those that the rules themselves gave."""
    levels = tuple(_shown_level(level["parent"], level["scores"]) for level in item.detail.get("levels", ()))
    facets = tuple(_shown_level(name, scores) for name, scores in item.detail.get("facets", {}).items())
    score = closeness(item.detail).get(opinion.rule, 0.0)
    return Decision(
        opinion.rule,
        DecisionOutcome.FILED,
        round(score, 4),
        0.0,
        levels,
        opinion.reason,
        settled=True,
        frame_scores={},
        tags=item.tags,
        facets=facets,
    )


def _shown_level(parent: object, scores: Mapping[str, float]) -> LevelResult:
    return LevelResult(str(parent), dict(scores), None, 0.0, 0.0, "", "")
