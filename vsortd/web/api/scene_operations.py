"""Scenes: a photo to search by, a video of the web to search within, and cutting out what was found."""

from __future__ import annotations

from typing import Final

from vsortd.fetching.address import checked_address
from vsortd.web.api.asked import CutRequest, FetchRequest
from vsortd.web.api.job_operations import job_document
from vsortd.web.api.operation import ApiOperation, Call
from vsortd.web.api.told import JobDocument, PhotoDocument
from vsortd.web.cut_scenes import begin_to_cut
from vsortd.web.request_model import NothingMore
from vsortd.web.web_fetch import begin_to_fetch


def fetch(call: Call[FetchRequest]) -> JobDocument:
    """Begin to fetch a video of the web; the job's answer says what `search` takes for it as `inside`."""
    return job_document(begin_to_fetch(call.page, checked_address(call.asked.address)))


def cut(call: Call[CutRequest]) -> JobDocument:
    """Begin to cut a scene out of its video; the job's address hands it out."""
    return job_document(begin_to_cut(call.page, call.asked.video, call.asked.begin_s, call.asked.end_s))


OPERATIONS: Final = (
    ApiOperation(
        "photo",
        "POST",
        "/search/photo",
        "Upload a photo as the request body; the answer is a value for `like` of `search`",
        NothingMore,
        PhotoDocument,
        refusals={408: "the photo took too long to arrive", 413: "the photo is too large"},
        brings="image/*",
        elsewhere=True,
    ),
    ApiOperation(
        "fetch",
        "POST",
        "/v1/fetch",
        "Fetch a video from the web and look at it (a job, whose result names it)",
        FetchRequest,
        JobDocument,
        fetch,
        status=202,
    ),
    ApiOperation(
        "cut",
        "POST",
        "/v1/cut",
        "Cut out a scene (a job, whose `address` is where to get it)",
        CutRequest,
        JobDocument,
        cut,
        status=202,
        refusals={409: "the video is gone, or was changed"},
    ),
    ApiOperation(
        "cutScene",
        "GET",
        "/cuts/{job}",
        "Get a scene that a job cut out",
        NothingMore,
        None,
        media_type="video/mp4",
        refusals={404: "it is no longer kept"},
        elsewhere=True,
    ),
)
