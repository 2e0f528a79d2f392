"""Review: what waits for a decision, and deciding on it."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from vsortd.filing.queries import review_places
from vsortd.learning.review_queue import NotWaitingError, waiting_item
from vsortd.learning.teaching import find_rule
from vsortd.web.api.asked import ChooseRequest, WaitingRequest
from vsortd.web.api.item_operations import known_item
from vsortd.web.api.operation import ApiOperation, Call
from vsortd.web.api.told import DecidedDocument, WaitingDocument, WaitingListDocument
from vsortd.web.request_model import NothingMore

if TYPE_CHECKING:
    from vsortd.learning.teaching import Lesson

_ROWS: Final = 20
_REFUSALS: Final = {404: "there is no item by this id", 409: "it no longer waits for review"}


def waiting_list(call: Call[WaitingRequest]) -> WaitingListDocument:
    """List what waits for review."""
    services, rows = call.services, call.asked.limit or _ROWS
    ids = list(review_places(services.journal.db))
    found: list[WaitingDocument] = []
    for number in ids[bisect_right(ids, call.asked.after or 0) :]:
        if len(found) == rows:
            return {"items": found, "total": len(ids), "next": found[-1]["id"]}
        try:
            found.append(_document(call, number))
        except NotWaitingError:
            continue  # decided this moment, or its file is gone
    return {"items": found, "total": len(ids), "next": None}


def _document(call: Call[WaitingRequest] | Call[NothingMore], number: int) -> WaitingDocument:
    waiting: WaitingDocument = waiting_item(call.services.journal, call.services.tree, number).to_json()  # type: ignore[assignment]
    return waiting


def waiting(call: Call[NothingMore]) -> WaitingDocument:
    """Return one of those that wait."""
    known_item(call)
    return _document(call, call.item)


def choose(call: Call[ChooseRequest]) -> DecidedDocument:
    """File a video that waits under a rule."""
    known_item(call)
    return _decided(call.page.host.decide(call.item, find_rule(call.services.tree, call.asked.rule)))


def nowhere(call: Call[NothingMore]) -> DecidedDocument:
    """Say that a video belongs nowhere."""
    known_item(call)
    return _decided(call.page.host.decide(call.item, None))


def _decided(lesson: Lesson) -> DecidedDocument:
    return {**lesson.to_json(), "undo": lesson.item}


_ONE: Final = "/v1/review/{item}"
OPERATIONS: Final = (
    ApiOperation(
        "review",
        "GET",
        "/v1/review",
        "List the videos that wait for a decision",
        WaitingRequest,
        WaitingListDocument,
        waiting_list,
    ),
    ApiOperation(
        "waiting", "GET", _ONE, "Get one waiting video", NothingMore, WaitingDocument, waiting, refusals=_REFUSALS
    ),
    ApiOperation(
        "choose",
        "POST",
        f"{_ONE}/choose",
        "File a waiting video, and learn from it",
        ChooseRequest,
        DecidedDocument,
        choose,
        refusals=_REFUSALS,
    ),
    ApiOperation(
        "nowhere",
        "POST",
        f"{_ONE}/nowhere",
        "Decide that a waiting video belongs nowhere",
        NothingMore,
        DecidedDocument,
        nowhere,
        refusals=_REFUSALS,
    ),
)
