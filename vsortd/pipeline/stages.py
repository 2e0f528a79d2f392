"""What each stage of the way does, in terms of the rooms: a few lines each, the work is done in the rooms."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from loguru import logger

from vsortd.config.choices import PlaceMethod, SamplingBy
from vsortd.config.condition_options import Accept
from vsortd.core.identity import Identity
from vsortd.core.names import facet_values, nfc
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.errors import BrokenError, ChangedError, ToolError, VideoError
from vsortd.fetching.origins import origin_of
from vsortd.filing.copy_in import copy_in
from vsortd.filing.holds import Why
from vsortd.filing.name_fit import folder_below
from vsortd.filing.placement import ConvertedFile, FilingRequest
from vsortd.hearing.listening import hear_around
from vsortd.index.stored_looks import Embedded
from vsortd.judging.closer_look import NOTHING_SEEN
from vsortd.judging.conditions import admit as admit_clip
from vsortd.judging.decide import Decision, DecisionOutcome, SeenVideo, decide_all
from vsortd.media.conversion_plan import is_convertible, plan_conversion, policy_for, staying
from vsortd.media.convert import convert as convert_clip
from vsortd.media.convert import fitting_ffmpeg, reading_limit_s
from vsortd.pipeline.came_as import came_as
from vsortd.pipeline.closer_look import closer_look
from vsortd.pipeline.condition_meter import ConditionMeter
from vsortd.pipeline.job import Job, PrefetchedFrames
from vsortd.pipeline.look_plan import LookPlan, look_ranks, plan_looks
from vsortd.pipeline.note_placed import note_placed
from vsortd.pipeline.video_folders import folders_of, place_of

_EVERYTHING = Accept()
_Found = TypeVar("_Found")

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    import numpy.typing as npt

    from vsortd.config.place_options import Place
    from vsortd.config.rules import RuleTree
    from vsortd.filing.records import Item
    from vsortd.judging.closer_look import CloserLook
    from vsortd.judging.conditions import ConditionFacts
    from vsortd.judging.resident_model import Classifier, Listening
    from vsortd.judging.sound_evidence import HeardRules
    from vsortd.media.frames import Frames
    from vsortd.media.pool import MediaPool
    from vsortd.media.preprocess import Preprocess
    from vsortd.pipeline.services import Services
    from vsortd.vision.prompts import RuleVectors


def probe(services: Services, job: Job) -> Job:
    """Read the facts of the container, and see that a frame near the end can be decoded.

    Where no fact can keep the video from being judged, its first pictures are taken as well: it is opened once then.
    """
    sampling = services.settings.sampling
    ranks, total = next(look_ranks(sampling)), sampling.max_frames
    resident = services.model.classifier
    if (
        resident is None
        or services.settings.accept != _EVERYTHING
        or sampling.by is not SamplingBy.TIME
        or services.index.recall(job.identity, resident.key, LookPlan(total).name(ranks)) is not None
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


def measure(services: Services, job: Job) -> Job:
    """Measure what conditions ask for beyond what the file says; a video that leaves none of them open is not read."""
    assert job.clip is not None
    meter = ConditionMeter.of(services, services.tree)
    facts = meter.facts(job.path, job.clip, name=_asked_name(services, services.tree, job), cancel=job.cancel)
    return replace(job, measured=facts.measured)


def _asked_name(services: Services, tree: RuleTree, job: Job) -> str:
    """Return the name that the conditions of a tree are held against, "" where none asks for it."""
    return came_as(services, job.path, job.identity) if tree.asks_name else ""


def judge(services: Services, job: Job) -> Job:
    """Look at a few frames, then at more while the decision is not settled, and decide."""
    if services.model.classifier is None:
        services.model.get(job.cancel)
        services.filer.risk(job.path)
    resident = services.model.get(job.cancel)
    return _driven(judging(services, job, resident), partial(_decided, job, resident))


def judging(services: Services, job: Job, resident: Classifier) -> Generator[SeenVideo, Decision, Job]:
    """Yield what is seen of a video, more each time, for whoever drives this to decide on; return the judged job."""
    assert job.clip is not None
    plan = planned_looks(services, job)
    seen = rounds(services, job, resident, plan)
    # rules that came with a reload meanwhile may ask for more than was measured
    meter = ConditionMeter.of(services, resident.tree)
    name = _asked_name(services, resident.tree, job)
    facts = meter.facts(job.path, job.clip, name=name, known=job.measured, cancel=job.cancel)
    if facts.measured is not job.measured:
        job = replace(job, measured=facts.measured)
    closer = closer_look(services, job, resident, facts)
    hear = None if resident.listening is None else partial(heard_at, services, job, resident.listening)
    decision, times_ms = yield from deciding_in_rounds(seen, facts, hear, closer=closer)
    return replace(
        job, decision=decision, reason=decision.reason, frame_times_ms=times_ms, prefetched=None, look_plan=plan
    )


def _decided(job: Job, resident: Classifier, seen: SeenVideo) -> Decision:
    with job.clock.time("decide"):
        return decide_all(resident.tree, resident.vectors, [seen])[0]


def _driven(steps: Generator[SeenVideo, Decision, _Found], decided: Callable[[SeenVideo], Decision]) -> _Found:
    """Decide on each thing that is seen until nothing more is, and return what came of it."""
    try:
        seen = next(steps)
        while True:
            seen = steps.send(decided(seen))
    except StopIteration as end:
        found: _Found = end.value
        return found


def planned_looks(services: Services, job: Job) -> LookPlan:
    """Return how the job's video is looked at; see `plan_looks`."""
    sampling = services.settings.sampling
    with job.clock.time("shots") if sampling.by is SamplingBy.SHOTS else contextlib.nullcontext():
        return plan_looks(sampling, services.media, services.index, job.path, job.cancel)


def rounds(services: Services, job: Job, resident: Classifier, plan: LookPlan) -> Iterator[Embedded]:
    """Yield one look after the other, each when it is asked for: a few frames, then as many again, up to all."""
    for ranks in look_ranks(services.settings.sampling):
        part = _look(services, job, resident, plan, ranks)
        yield part
        if not len(part.times_ms):  # the video has no more frames
            break


def heard_at(services: Services, job: Job, listening: Listening, times_ms: npt.NDArray[np.int64]) -> HeardRules | None:
    """Return what is heard around some moments of a video; None where its sound can't be decoded."""
    assert job.clip is not None
    try:
        with job.clock.time("listen"):
            video = hear_around(
                services.media, services.index, listening.encoder, job.path, job.clip, times_ms, cancel=job.cancel
            )
    except ChangedError:
        raise
    except VideoError as error:
        logger.warning("{}: nothing is heard of it, {}; it is judged by its pictures", job.path, error.reason)
        return None
    return listening.rules.heard_in(video)


def decide_in_rounds(
    tree: RuleTree,
    vectors: RuleVectors,
    looks: Iterable[Embedded],
    facts: ConditionFacts,
    hear: Callable[[npt.NDArray[np.int64]], HeardRules | None] | None = None,
    *,
    closer: CloserLook = NOTHING_SEEN,
) -> tuple[Decision, tuple[int, ...]]:
    """Decide after each look until more would hardly change it; return the decision and the times of its frames, ms.

    There is at least one look; `hear` says what is heard at their frames' times. Raises like `decide`, and what `hear`
    raises.
    """
    steps = deciding_in_rounds(looks, facts, hear, closer=closer)
    return _driven(steps, lambda seen: decide_all(tree, vectors, [seen])[0])


def deciding_in_rounds(
    looks: Iterable[Embedded],
    facts: ConditionFacts,
    hear: Callable[[npt.NDArray[np.int64]], HeardRules | None] | None = None,
    *,
    closer: CloserLook = NOTHING_SEEN,
) -> Generator[SeenVideo, Decision, tuple[Decision, tuple[int, ...]]]:
    """Yield what is seen after each look, for a decision to be sent back, until that is settled; see above."""
    parts: list[Embedded] = []
    decision: Decision | None = None
    for look in looks:
        parts.append(look)
        rows, times_ms = look.vectors, look.times_ms
        if len(parts) > 1:
            rows = np.concatenate([part.vectors for part in parts])
            times_ms = np.concatenate([part.times_ms for part in parts])
        heard = None if hear is None else hear(times_ms)
        decision = yield SeenVideo(rows, times_ms, facts, heard, closer)
        if decision.settled:
            break
    assert decision is not None
    return decision, tuple(times_ms.tolist())


def _look(services: Services, job: Job, resident: Classifier, plan: LookPlan, ranks: range) -> Embedded:
    """Return one round's embeddings: from the index if this very file was seen before, else from its frames."""
    assert job.clip is not None
    model, name = resident.key, plan.name(ranks)
    prefetched = job.prefetched
    if prefetched is not None and (prefetched.model, prefetched.ranks) == (model, ranks):
        frames = prefetched.frames
    else:
        known = services.index.recall(job.identity, model, name)
        if known is not None:
            return known
        with job.clock.time("sample"):
            frames = _sampled(services.media, job, resident.encoder.info.preprocess, plan, ranks)
    with job.clock.time("embed"):
        vectors = resident.encoder.encode_images(frames.pixels)
    # through the precision of the index, so that a second look decides exactly like the first
    embedded = Embedded(frames.times_ms, vectors.astype(np.float16).astype(np.float32))
    services.index.keep(job.identity, job.path, job.clip, model, name, embedded)
    return embedded


def _sampled(media: MediaPool, job: Job, preprocess: Preprocess, plan: LookPlan, ranks: range) -> Frames:
    """Decode the frames of one round. Raises BrokenError where the first one has none, and like `MediaPool.sample`."""
    assert job.clip is not None
    if plan.moments_ms is None:
        return media.sample(job.path, job.clip, ranks, plan.total, preprocess, cancel=job.cancel)
    moments = sorted(plan.moments_ms[ranks.start : ranks.stop])
    frames = media.moments(job.path, job.clip, moments, preprocess, cancel=job.cancel)
    if not len(frames.times_ms) and not ranks.start:
        raise BrokenError("no frame could be decoded")
    return frames


def convert(services: Services, job: Job, *, dry_run: bool) -> Job:
    """Make an MP4 of another video in the library's staging folder, verified against it; or say why it stays as it is.

    A video that can't be converted alike is filed as it is. Raises only what keeps it from being filed, too: it changed
    or went away, a full disk, a folder that it can't be taken out of, Cancelled.
    """
    assert job.clip is not None
    policy = policy_for(job.path, services.settings.convert)
    if not is_convertible(job.path, policy):
        return job
    try:
        movie = services.media.movie(job.path, timeout_s=reading_limit_s(job.path), cancel=job.cancel)
        plan = plan_conversion(job.clip, movie, job.path, policy)
        if plan.kind is not ConversionKind.NONE:
            fitting_ffmpeg(plan)
        if plan.kind is ConversionKind.NONE or dry_run:
            return replace(job, conversion=plan.kind, conversion_note=plan.reason)
        if services.filer.method_for(job.path, _place_of(services, job)) is PlaceMethod.MOVE:
            services.filer.see_movable(job.path)
        target = services.filer.staging_path(job.path)
        told = job.clock.reach
        convert_clip(job.path, target, plan, job.clip, movie, services.media, cancel=job.cancel, progress=told)
    except (VideoError, ToolError) as error:
        if isinstance(error, ChangedError) or Identity.of(job.path) != job.identity:
            raise ChangedError("the file changed or went away while it was converted") from error
        why = error.reason if isinstance(error, VideoError) else error.title
        return replace(job, conversion_note=staying(job.path, why).reason)
    staged = ConvertedFile(path=target, kind=plan.kind)
    return replace(job, converted=staged, conversion=plan.kind, conversion_note=plan.reason)


@dataclass(frozen=True, slots=True)
class ChosenPlace:
    """Where a person wants a video: the folder below the library; the name without ending, None for the config's."""

    folder: tuple[str, ...]
    stem: str | None = None


def place(
    services: Services,
    job: Job,
    *,
    dry_run: bool,
    by_hand: Callable[[Item], None] | None = None,
    chosen: ChosenPlace | None = None,
) -> Job:
    """Move the video with its sidecars to where the decision says; a dry run only says where that is.

    `by_hand` is for a decision that a person made, see `Filer.place`: it waits for nobody, in the review folder either.
    `chosen` is where a person wants it, whatever was decided of it.
    """
    assert job.clip is not None
    assert job.decision is not None
    request = _chosen(_request(services, job, job.decision), chosen, by_hand=by_hand is not None)
    if there := _there_already(services, job, request, by_hand=by_hand is not None or chosen is not None):
        return job.ended(request.outcome, there)
    if dry_run:
        with services.foreseeing:
            preview = services.filer.preview(request, taken=services.foreseen, cancel=job.cancel)
            if preview.destination is not None:
                services.foreseen.add(preview.destination)
        how = "" if preview.destination is None else preview.method.value
        return replace(job, state=preview.state, destination=preview.destination, reason=preview.reason, how=how)
    try:
        item = services.filer.place(request, cancel=job.cancel, by_hand=by_hand, clock=job.clock)
    except BaseException:
        if job.converted is not None:
            services.filer.discard(job.converted)  # the next try makes its own; a full disk must not fill further
        raise
    if job.converted is not None and item.state is ItemState.REJECTED:
        services.filer.discard(job.converted)  # a duplicate that is to be skipped
    destination = Path(item.destination) if item.destination else None
    note_placed(services, job.identity, destination, converted=job.converted is not None)
    return replace(job, state=item.state, item_id=item.id, destination=destination, reason=item.reason, how=item.how)


def _there_already(services: Services, job: Job, request: FilingRequest, *, by_hand: bool) -> str:
    """Return why a video need not be placed, "" where it has to be; `by_hand`: a person says where."""
    if _lies_there(services, request) and job.conversion is ConversionKind.NONE:
        return f"{request.reason}; it is there already"
    if not by_hand and services.filer.is_kept_duplicate(job.path, job.identity):
        return f"{request.reason}; it is a duplicate, and stays among them"
    known = None if by_hand else services.filer.known(job.path, job.identity)
    return known.reason if known is not None and known.why is Why.DONE else ""


def _chosen(request: FilingRequest, chosen: ChosenPlace | None, *, by_hand: bool) -> FilingRequest:
    """Return the request as a person made it, of the place or of the decision."""
    if chosen is not None:
        return replace(request, folder=chosen.folder, stem=chosen.stem)
    return replace(request, outcome=ItemState.FILED) if by_hand else request


def _lies_there(services: Services, request: FilingRequest) -> bool:
    """Tell whether a video lies in its folder of the library, under the name that it is to have if that was said."""
    if request.stem is not None and nfc(request.stem) != nfc(request.source.stem):
        return False
    return lies_in(services, request.source, request.folder)


def lies_in(services: Services, path: Path, folder: tuple[str, ...]) -> bool:
    """Tell whether a video lies in a folder of the library, by its names from the top."""
    at = services.library_place(path)
    if at is None:
        return False
    return folder_below(services.filer.library, folder) == path.parent or at == tuple(map(nfc, folder))


def copy(services: Services, job: Job) -> Job:
    """Copy the video with its sidecars to where the decision says; what there is of it stays where and as it is."""
    assert job.clip is not None
    assert job.decision is not None
    request = _request(services, job, job.decision)
    if _lies_there(services, request):
        return job.ended(request.outcome, f"{request.reason}; it is there already")
    destination = copy_in(services.filer, request, cancel=job.cancel)
    return replace(job, state=request.outcome, destination=destination, reason=request.reason)


def folder_for(services: Services, job: Job, decision: Decision) -> tuple[str, ...]:
    """Return the folder of the library, by its names from the top, that a decision sends a video to."""
    if decision.outcome is not DecisionOutcome.FILED:
        return (services.settings.place.review,)
    return folders_of(services, job, decision.rule, decision.tags, _facets(services, decision))


def _facets(services: Services, decision: Decision) -> dict[str, str]:
    """Return for each facet of the config the value that was found, "" for none."""
    found = facet_values(decision.tags)
    return {facet.name: found.get(facet.name, "") for facet in services.tree.facets}


def _request(services: Services, job: Job, decision: Decision) -> FilingRequest:
    assert job.clip is not None
    filed = decision.outcome is DecisionOutcome.FILED
    company = services.company_of(job.path, job.clip)
    return FilingRequest(
        source=job.path,
        identity=job.identity,
        sidecars=company.sidecars,
        folder=folder_for(services, job, decision),
        clip=job.clip,
        outcome=ItemState.FILED if filed else ItemState.REVIEW,
        rule=decision.rule,
        score=decision.score,
        margin=decision.margin,
        tags=decision.tags,
        facets=_facets(services, decision),
        reason="; ".join(filter(None, (decision.reason, job.conversion_note, company.note))),
        detail=_detail(services, job, decision),
        batch=job.batch,
        converted=job.converted,
        conversion=job.conversion,
        place=_place_of(services, job),
        came_as=came_as(services, job.path, job.identity),
    )


def _place_of(services: Services, job: Job) -> Place | None:
    """Return how a video's rule places it, None for as all are placed."""
    if job.decision is None or job.decision.outcome is not DecisionOutcome.FILED:
        return None
    return place_of(services, job.decision.rule)


def _detail(services: Services, job: Job, decision: Decision) -> dict[str, object]:
    """Return why, as the journal keeps it: scores of each level on the way and each facet, frames used, time spent."""
    origin = origin_of(services.state_folder, job.identity)
    opinion = {} if job.opinion is None else {job.opinion.KEY: job.opinion.to_json()}
    return {
        "levels": [{"parent": level.parent, "scores": _rounded(level.scores)} for level in decision.levels],
        "frame_times_ms": list(job.frame_times_ms),
        "tags": list(decision.tags),
        "facets": {level.parent: _rounded(level.scores) for level in decision.facets},
        "timings_ms": job.clock.spent_ms(),
        **opinion,
        **({} if origin is None else {origin.KEY: origin.to_json()}),
    }


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: round(score, 4) for name, score in scores.items()}
