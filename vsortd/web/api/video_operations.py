"""What a video shows, and where it would go: explain, timeline, plan, search; and its pictures, by their own routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vsortd.core.text import counted, storable
from vsortd.errors import Cancelled, UsageError
from vsortd.library.timeline.by_rules import is_looked_through, timeline_by_rules
from vsortd.pipeline.batch import SortOutcome, plan_within
from vsortd.pipeline.explanation import explain_within
from vsortd.web.api.asked import PlanRequest, SearchScenesRequest, StillRequest, TimelineRequest
from vsortd.web.api.item_operations import known_item, video_of
from vsortd.web.api.job_operations import job_document
from vsortd.web.api.operation import ApiOperation, Call
from vsortd.web.api.told import (
    ExplanationDocument,
    FoundScenesDocument,
    JobDocument,
    SheetTimesDocument,
    TimelineDocument,
)
from vsortd.web.found_scenes import find_wish
from vsortd.web.request_model import NothingMore
from vsortd.web.video_page import found_video

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.core.documents import OutcomeDocument
    from vsortd.pipeline.job import Job
    from vsortd.pipeline.services import Services
    from vsortd.web.found_scenes import FoundScene, FoundScenes
    from vsortd.web.page_jobs import PageJob

_GONE: Final = {404: "there is no item by this id", 409: "its video is gone, was changed, or is in work"}
_NOT_LOOKED: Final = _GONE | {409: "it was not looked through yet (POST does that), or its video is gone"}
_NO_VIDEO: Final = {403: "it is in no folder that the page shows", 404: "no video has this id, or it is gone"}


def explain(call: Call[NothingMore]) -> ExplanationDocument:
    """Say why a video goes where it would go now."""
    path = video_of(call, call.item)
    with call.page.host.borrowed() as (services, cancel):
        found: Any = explain_within(services, path, cancel=cancel).to_json()
    explanation: ExplanationDocument = found
    return explanation


def timeline(call: Call[TimelineRequest]) -> TimelineDocument:
    """Say when a video shows what, if its frames are kept."""
    known_item(call)
    path, identity = found_video(call.services, call.item)
    if not is_looked_through(call.services, identity):
        raise NotLookedError("This video was not looked through yet.", remedy="POST to this address does that.")
    with call.page.host.borrowed() as (services, cancel):
        return _timeline(timeline_by_rules(services, path, call.asked.prompts or (), cancel=cancel).to_json())


class NotLookedError(UsageError):
    """A video's frames are not kept yet."""


def _timeline(found: Any) -> TimelineDocument:  # noqa: ANN401 - as `timeline --json` has it
    document: TimelineDocument = found
    return document


def look_through(call: Call[TimelineRequest]) -> JobDocument:
    """Begin to look through a video; the job's answer is its timeline."""
    known_item(call)
    path, _ = found_video(call.services, call.item)
    prompts, number, host = tuple(call.asked.prompts or ()), call.item, call.page.host

    def run(job: PageJob) -> tuple[str, str]:
        with host.borrowed(job.cancel) as (services, cancel):
            job.answer = timeline_by_rules(services, path, prompts, cancel=cancel).to_json()
        return "It was looked through.", f"/videos/{number}"

    return job_document(
        call.page.jobs.start("Looking through the video", run, alone=("answered timeline", number, prompts))
    )


def plan(call: Call[PlanRequest]) -> JobDocument:
    """Begin to decide on videos; nothing is moved. The job's answer has `items`, as `vsortd plan --json` has them."""
    asked = call.asked
    if (asked.ids is None) == (asked.inbox is None):
        raise UsageError("The request names no videos.", remedy="It takes ids or an inbox, one of the two.")
    places = [_inbox(call.services, asked.inbox)] if asked.inbox is not None else []
    places += [video_of(call, number) for number in asked.ids or ()]
    host = call.page.host

    def run(job: PageJob) -> tuple[str, str]:
        found: list[OutcomeDocument] = []

        def note(_services: Services, one: Job) -> None:
            found.append(SortOutcome.of(one).to_json())

        for done, place in enumerate(places):
            job.progress(done, len(places))
            with host.borrowed(job.cancel) as (services, cancel):
                plan_within(services, place, on_job=note, cancel=cancel)
        if job.cancel.is_set():
            raise Cancelled
        job.answer = {"items": found}
        return f"{counted(len(found), 'video')} decided on; nothing was moved.", ""

    return job_document(call.page.jobs.start("Planning", run, alone=("plan", *places)))


def _inbox(services: Services, place: int) -> Path:
    inboxes = services.settings.inboxes
    if place >= len(inboxes):
        raise UsageError(f"There is no inbox {place}.", remedy="GET /v1/status lists them, from 0 on.")
    return inboxes[place].path


def search(call: Call[SearchScenesRequest]) -> FoundScenesDocument:
    """Look for scenes."""
    wish = call.asked.wish
    if wish.web_address:
        raise UsageError("An address is not searched for.", remedy="POST /v1/fetch fetches it: search inside it then.")
    if not wish.asks:
        raise UsageError("The request looks for nothing.", remedy="It takes words, or `like`.")
    return _found(find_wish(call.page.host, wish))


def _found(found: FoundScenes) -> FoundScenesDocument:
    return {
        "scenes": [_scene(one) for one in found.scenes],
        "next": found.first + len(found.scenes) if found.more else None,
        "looked_through": found.looked_through,
        "weaker": found.weaker,
        "floor": found.floor,
        "unlikely": found.unlikely,
        "unknown": list(found.unknown),
        "model": found.model,
        "notes": list(found.notes),
    }


def _scene(scene: FoundScene) -> Any:  # noqa: ANN401
    return {
        "video": scene.media,
        "item": scene.item,
        "file": storable(scene.path),
        "begin_s": scene.begin_s,
        "end_s": scene.end_s,
        "peak_s": scene.peak_s,
        "score": scene.score,
        "text": scene.text,
        "rule": scene.rule,
        "copies": list(scene.copies),
    }


_JPEG: Final = "image/jpeg"
OPERATIONS: Final = (
    ApiOperation(
        "explain",
        "GET",
        "/v1/explain/{item}",
        "Explain where a video would go now, and why",
        NothingMore,
        ExplanationDocument,
        explain,
        refusals=_GONE,
    ),
    ApiOperation(
        "timeline",
        "GET",
        "/v1/timeline/{item}",
        "Find out when a video shows what",
        TimelineRequest,
        TimelineDocument,
        timeline,
        refusals=_NOT_LOOKED,
    ),
    ApiOperation(
        "lookThrough",
        "POST",
        "/v1/timeline/{item}",
        "Look through a video (a job, whose result is its timeline)",
        TimelineRequest,
        JobDocument,
        look_through,
        status=202,
        refusals=_GONE,
    ),
    ApiOperation(
        "plan",
        "POST",
        "/v1/plan",
        "Decide where videos would go, without moving them (a job, whose result has `items`)",
        PlanRequest,
        JobDocument,
        plan,
        status=202,
        refusals=_GONE,
    ),
    ApiOperation("search", "GET", "/v1/search", "Search for scenes", SearchScenesRequest, FoundScenesDocument, search),
    ApiOperation(
        "media",
        "GET",
        "/media/{id}",
        "Get the video itself; with `Range`, a part of it (206)",
        NothingMore,
        None,
        media_type="video/*",
        refusals=_NO_VIDEO | {416: "the range begins after its end"},
        elsewhere=True,
    ),
    ApiOperation(
        "copy",
        "GET",
        "/copy/{id}",
        "Get a copy of the video that browsers can play; it is made if there is none",
        NothingMore,
        None,
        media_type="video/mp4",
        refusals=_NO_VIDEO | {416: "the range begins after its end"},
        elsewhere=True,
    ),
    ApiOperation(
        "thumb",
        "GET",
        "/thumb/{id}",
        "Get a thumbnail",
        NothingMore,
        None,
        media_type=_JPEG,
        refusals=_NO_VIDEO,
        elsewhere=True,
    ),
    ApiOperation(
        "sprite",
        "GET",
        "/sprite/{id}",
        "Get a sheet of small frames from the whole video",
        NothingMore,
        None,
        media_type=_JPEG,
        refusals=_NO_VIDEO,
        elsewhere=True,
    ),
    ApiOperation(
        "spriteTimes",
        "GET",
        "/sprite/{id}/times",
        "Get the times of the sheet's frames",
        NothingMore,
        SheetTimesDocument,
        refusals=_NO_VIDEO,
        elsewhere=True,
    ),
    ApiOperation(
        "still",
        "GET",
        "/still/{id}/{ms}",
        "Get the frame at one moment",
        StillRequest,
        None,
        media_type=_JPEG,
        refusals=_NO_VIDEO,
        elsewhere=True,
    ),
)
