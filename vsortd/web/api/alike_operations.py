"""Pairs of duplicates: looking for them, and deciding on one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.text import storable
from vsortd.library.duplicates.kept_duplicates import FoundPair, KeptDuplicates
from vsortd.web.answers import NotThereError
from vsortd.web.api.asked import KeepRequest
from vsortd.web.api.job_operations import job_document
from vsortd.web.api.operation import ApiOperation, Call
from vsortd.web.api.told import (
    JobDocument,
    PairDecidedDocument,
    PairDocument,
    PairsDocument,
    PairSideDocument,
)
from vsortd.web.duplicate_pairs import LOOKING, look_for_duplicates, set_other_aside
from vsortd.web.media_ids import media_id
from vsortd.web.request_model import NothingMore

if TYPE_CHECKING:
    from vsortd.library.duplicates.groups import GroupMember
    from vsortd.pipeline.services import Services
    from vsortd.web.page_jobs import PageJob


def duplicates(call: Call[NothingMore]) -> PairsDocument:
    """Return the pairs to decide on."""
    search = KeptDuplicates(call.services.state_folder).search()
    if search is None:
        return {"found_s": None, "videos": 0, "pairs": []}
    pairs = [_pair(call.services, pair) for pair in search.pairs()]
    return {"found_s": search.found_s, "videos": search.videos, "pairs": pairs}


def _pair(services: Services, pair: FoundPair) -> PairDocument:
    left, right = (_side(services, member) for member in pair.both)
    found = pair.duplicate
    return {
        "id": pair.id,
        "kind": found.kind.value,
        "score": found.score,
        "begins_s": found.begins_s,
        "left": left,
        "right": right,
    }


def _side(services: Services, member: GroupMember) -> PairSideDocument:
    return {
        "video": media_id(services, member.path),
        "file": storable(member.path),
        "duration_s": member.duration_s,
        "width_px": member.width_px,
        "height_px": member.height_px,
        "size_bytes": member.size_bytes,
    }


def find_pairs(call: Call[NothingMore]) -> JobDocument:
    """Begin to look for duplicates; what was found before stays until then."""
    host, kept = call.page.host, KeptDuplicates(call.services.state_folder)

    def run(job: PageJob) -> tuple[str, str]:
        return look_for_duplicates(host, kept, job)

    return job_document(call.page.jobs.start("Looking for duplicates", run, alone=LOOKING))


def decide(call: Call[KeepRequest]) -> PairDecidedDocument:
    """Keep one of a pair and set the other aside, or let both stay."""
    kept, keep = KeptDuplicates(call.services.state_folder), call.asked.keep
    search = kept.search()
    pair = next((one for one in (search.pairs() if search else ()) if one.id == call.placed["pair"]), None)
    if pair is None:
        raise NotThereError("This pair is not there any more.", remedy="GET /v1/duplicates lists those that are.")
    if keep == "both":
        kept.let_stay(pair.id, both=True)
        return {"aside": None}
    return {"aside": set_other_aside(call.page.host, pair, keep)}


OPERATIONS: Final = (
    ApiOperation(
        "duplicates",
        "GET",
        "/v1/duplicates",
        "List pairs of duplicates that wait for a decision",
        NothingMore,
        PairsDocument,
        duplicates,
    ),
    ApiOperation(
        "findDuplicates",
        "POST",
        "/v1/duplicates",
        "Look for duplicates (a job)",
        NothingMore,
        JobDocument,
        find_pairs,
        status=202,
    ),
    ApiOperation(
        "keep",
        "POST",
        "/v1/duplicates/{pair}/keep",
        "Keep one video of a pair and set the other aside, or keep both",
        KeepRequest,
        PairDecidedDocument,
        decide,
        refusals={404: "there is no such pair any more", 409: "the other video can't be set aside, with the reason"},
    ),
)
