"""What each stage of the way does, in terms of the rooms: a few lines each, the work is done in the rooms."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vsortd.config.settings import Accept
from vsortd.core.identity import Identity
from vsortd.core.names import nfc
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.errors import ChangedError, ToolError, VideoError
from vsortd.filing.placement import ConvertedFile, FilingRequest
from vsortd.index.store import DECIDING, Embedded
from vsortd.judging.conditions import ConditionFacts
from vsortd.judging.conditions import admit as admit_clip
from vsortd.judging.decide import Decision, DecisionOutcome, decide
from vsortd.media.conversion_plan import is_convertible, plan_conversion, staying
from vsortd.media.convert import convert as convert_clip
from vsortd.media.convert import fitting_ffmpeg
from vsortd.pipeline.job import Job, PrefetchedFrames

_EVERYTHING = Accept()

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vsortd.config.rules import RuleTree
    from vsortd.config.settings import Sampling
    from vsortd.filing.records import Item
    from vsortd.judging.resident_model import Classifier
    from vsortd.pipeline.services import Services
    from vsortd.vision.prompts import RuleVectors


def probe(services: Services, job: Job) -> Job:
    """Read the facts of the container, and see that a frame near the end can be decoded.

    Where no fact can keep the video from being judged, its first pictures are taken as well: it is opened once then.
    """
    ranks, total = _first_ranks(services), services.settings.sampling.max_frames
    resident = services.model.classifier
    if (
        resident is None
        or services.settings.accept != _EVERYTHING
        or services.index.recall(job.identity, resident.key, _plan(ranks, total)) is not None
    ):
        return replace(job, clip=services.media.probe(job.path, cancel=job.cancel))
    preprocess = resident.encoder.info.preprocess
    clip, frames, sampling_s = services.media.look(job.path, ranks, total, preprocess, cancel=job.cancel)
    job.clock.split("sample", sampling_s * 1000)
    return replace(job, clip=clip, prefetched=PrefetchedFrames(resident.key, ranks, frames))


def admit(services: Services, job: Job) -> Job:
    """Refuse what the config does not accept, by the facts alone."""
    assert job.clip is not None
    reason = admit_clip(job.clip, services.settings.accept)
    return job.ended(ItemState.REJECTED, reason) if reason else job


def judge(services: Services, job: Job) -> Job:
    """Look at a few frames, then at more while the decision is not settled, and decide."""
    if services.model.classifier is None:
        services.model.get(job.cancel)
        services.filer.risk(job.path)
    resident = services.model.get(job.cancel)
    assert job.clip is not None
    seen = rounds(services, job, resident)
    facts = ConditionFacts.of(job.clip, job.path.name)
    with job.clock.time("decide"):
        decision, times_ms = decide_in_rounds(resident.tree, resident.vectors, seen, facts)
    return replace(job, decision=decision, reason=decision.reason, frame_times_ms=times_ms, prefetched=None)


def rounds(services: Services, job: Job, resident: Classifier) -> Iterator[Embedded]:
    """Yield one look after the other, each when it is asked for: a few frames, then as many again, up to all."""
    for ranks in look_ranks(services.settings.sampling):
        part = _look(services, job, resident, ranks)
        yield part
        if not len(part.times_ms):  # the video has no more frames
            break


def look_ranks(sampling: Sampling) -> Iterator[range]:
    """Yield the ranks of each look: `min_frames`, then as many again, up to `max_frames`."""
    begin, end = 0, min(sampling.min_frames, sampling.max_frames)
    while begin < end:
        yield range(begin, end)
        begin, end = end, min(end * 2, sampling.max_frames)


def decide_in_rounds(
    tree: RuleTree, vectors: RuleVectors, looks: Iterable[Embedded], facts: ConditionFacts
) -> tuple[Decision, tuple[int, ...]]:
    """Decide after each look until more would hardly change it; return the decision and the times of its frames, ms.

    There is at least one look. Raises like `decide`.
    """
    seen: list[Embedded] = []
    decision: Decision | None = None
    for look in looks:
        seen.append(look)
        rows = np.concatenate([part.vectors for part in seen])
        times_ms = np.concatenate([part.times_ms for part in seen])
        decision = decide(tree, vectors, rows, times_ms=times_ms, facts=facts)
        if decision.settled:
            break
    assert decision is not None
    return decision, tuple(int(time_ms) for time_ms in times_ms)


def _look(services: Services, job: Job, resident: Classifier, ranks: range) -> Embedded:
    """Return one round's embeddings: from the index if this very file was seen before, else from its frames."""
    assert job.clip is not None
    total = services.settings.sampling.max_frames
    model, plan = resident.key, _plan(ranks, total)
    prefetched = job.prefetched
    if prefetched is not None and (prefetched.model, prefetched.ranks) == (model, ranks):
        frames = prefetched.frames
    else:
        known = services.index.recall(job.identity, model, plan)
        if known is not None:
            return known
        preprocess = resident.encoder.info.preprocess
        with job.clock.time("sample"):
            frames = services.media.sample(job.path, job.clip, ranks, total, preprocess, cancel=job.cancel)
    with job.clock.time("embed"):
        vectors = resident.encoder.encode_images(frames.pixels)
    # through the precision of the index, so that a second look decides exactly like the first
    embedded = Embedded(frames.times_ms, vectors.astype(np.float16).astype(np.float32))
    services.index.keep(job.identity, job.path, job.clip, model, plan, embedded)
    return embedded


def _first_ranks(services: Services) -> range:
    return next(look_ranks(services.settings.sampling))


def _plan(ranks: range, total: int) -> str:
    """Return the name under which the index keeps a look."""
    return f"{DECIDING}-{total}:{ranks.start}-{ranks.stop}"


def convert(services: Services, job: Job, *, dry_run: bool) -> Job:
    """Make an MP4 of a MOV in the library's staging folder, verified against the original; or say why it stays a MOV.

    A video that can't be converted alike is filed as it is. Raises only what keeps it from being filed, too: it changed
    or went away, a full disk, a folder that it can't be taken out of, Cancelled.
    """
    assert job.clip is not None
    policy = services.settings.convert.mov
    if not is_convertible(job.path, policy):
        return job
    try:
        movie = services.media.movie(job.path, cancel=job.cancel)
        plan = plan_conversion(job.clip, movie, job.path, policy)
        if plan.kind is not ConversionKind.NONE:
            fitting_ffmpeg(plan)
        if plan.kind is ConversionKind.NONE or dry_run:
            return replace(job, conversion=plan.kind, conversion_note=plan.reason)
        services.filer.see_movable(job.path)
        target = services.filer.staging_path(job.path)
        convert_clip(job.path, target, plan, job.clip, movie, services.media, cancel=job.cancel)
    except (VideoError, ToolError) as error:
        if isinstance(error, ChangedError) or Identity.of(job.path) != job.identity:
            raise ChangedError("the file changed or went away while it was converted") from error
        why = error.reason if isinstance(error, VideoError) else error.title
        return replace(job, conversion_note=staying(why).reason)
    staged = ConvertedFile(path=target, kind=plan.kind)
    return replace(job, converted=staged, conversion=plan.kind, conversion_note=plan.reason)


def place(services: Services, job: Job, *, dry_run: bool, by_hand: Callable[[Item], None] | None = None) -> Job:
    """Move the video with its sidecars to where the decision says; a dry run only says where that is.

    `by_hand` is for a decision that a person made, see `Filer.place`: it waits for nobody, in the review folder either.
    """
    assert job.clip is not None
    assert job.decision is not None
    request = _request(services, job, job.decision)
    if by_hand is not None:
        request = replace(request, outcome=ItemState.FILED)
    at = services.library_place(job.path)
    there = at is not None and (
        services.filer.folder_of(request) == job.path.parent or at == tuple(map(nfc, request.folder))
    )
    if there and job.conversion is ConversionKind.NONE:
        return job.ended(request.outcome, f"{request.reason}; it is there already")
    if dry_run:
        with services.foreseeing:
            preview = services.filer.preview(request, taken=services.foreseen, cancel=job.cancel)
            if preview.destination is not None:
                services.foreseen.add(preview.destination)
        return replace(job, state=preview.state, destination=preview.destination, reason=preview.reason)
    try:
        item = services.filer.place(request, cancel=job.cancel, by_hand=by_hand, clock=job.clock)
    except BaseException:
        if job.converted is not None:
            services.filer.discard(job.converted)  # the next try makes its own; a full disk must not fill further
        raise
    if job.converted is not None and item.state is ItemState.REJECTED:
        services.filer.discard(job.converted)  # a duplicate that is to be skipped
    destination = Path(item.destination) if item.destination else None
    if destination is not None:
        with contextlib.suppress(OSError):  # it is filed; a disk that goes this moment costs the index its new name
            if (now := Identity.of(destination)) is not None:
                services.index.moved(job.identity, now, destination)
    return replace(job, state=item.state, item_id=item.id, destination=destination, reason=item.reason)


def _request(services: Services, job: Job, decision: Decision) -> FilingRequest:
    assert job.clip is not None
    filed = decision.outcome is DecisionOutcome.FILED
    company = services.company_of(job.path, job.clip)
    return FilingRequest(
        source=job.path,
        identity=job.identity,
        sidecars=company.sidecars,
        folder=tuple(decision.rule.split("/")) if filed else (services.settings.place.review,),
        clip=job.clip,
        outcome=ItemState.FILED if filed else ItemState.REVIEW,
        rule=decision.rule,
        score=decision.score,
        margin=decision.margin,
        reason="; ".join(filter(None, (decision.reason, job.conversion_note, company.note))),
        detail=_detail(job, decision),
        batch=job.batch,
        converted=job.converted,
        conversion=job.conversion,
    )


def _detail(job: Job, decision: Decision) -> dict[str, object]:
    """Return why, as the journal keeps it: scores of each level on the way, frames used, time spent."""
    opinion = {} if job.opinion is None else {job.opinion.KEY: job.opinion.to_json()}
    return {
        "levels": [
            {
                "parent": level.parent,
                "scores": {name: round(score, 4) for name, score in level.scores.items()},
            }
            for level in decision.levels
        ],
        "frame_times_ms": list(job.frame_times_ms),
        "tags": list(decision.tags),
        "timings_ms": job.clock.spent_ms(),
        **opinion,
    }
