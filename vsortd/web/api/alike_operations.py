"""Videos that are alike: groups of them, and pairs of duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vsortd.core.text import storable
from vsortd.library.clusters.kept_clusters import KeptClusters
from vsortd.library.clusters.projection import insist_on_libraries
from vsortd.library.duplicates.kept_duplicates import FoundPair, KeptDuplicates
from vsortd.web.answers import NotThereError
from vsortd.web.api.asked import KeepRequest
from vsortd.web.api.job_operations import job_document
from vsortd.web.api.operation import ApiOperation, Call
from vsortd.web.api.told import (
    GroupDocument,
    GroupsDocument,
    JobDocument,
    PairDecidedDocument,
    PairDocument,
    PairsDocument,
    PairSideDocument,
)
from vsortd.web.duplicate_pairs import look_for_duplicates, set_other_aside
from vsortd.web.group_search import look_for_groups
from vsortd.web.media_ids import indexed_id, media_id
from vsortd.web.request_model import NothingMore

if TYPE_CHECKING:
    from vsortd.library.clusters.grouping import Cluster
    from vsortd.library.clusters.kept_clusters import KeptGroups
    from vsortd.library.duplicates.groups import GroupMember
    from vsortd.pipeline.services import Services
    from vsortd.web.page_jobs import PageJob


def clusters(call: Call[NothingMore]) -> GroupsDocument:
    """Return the groups that were found last."""
    kept = KeptClusters(call.services.state_folder).groups(call.services.index)
    if kept is None:
        return {"found_s": None, "groups": [], "alone": 0}
    groups = [_group(kept, group) for group in kept.grouping.groups]
    return {"found_s": kept.found_s, "groups": groups, "alone": len(kept.grouping.noise)}


def _group(kept: KeptGroups, group: Cluster) -> GroupDocument:
    return {
        "number": group.number,
        "name": kept.choice.name_of(group),
        "chosen": group.number not in kept.choice.left_out,
        "tightness": group.tightness,
        "rule": group.rule,
        "videos": [indexed_id(member.film.id, member.film.identity) for member in group.members],
    }


def find_groups(call: Call[NothingMore]) -> JobDocument:
    """Begin to find groups; those that were found before stay until then."""
    insist_on_libraries()
    host, kept = call.page.host, KeptClusters(call.services.state_folder)

    def run(job: PageJob) -> tuple[str, str]:
        return look_for_groups(host, kept, job)

    return job_document(call.page.jobs.start("Finding groups", run))


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

    return job_document(call.page.jobs.start("Looking for duplicates", run))


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
    ApiOperation("clusters", "GET", "/v1/clusters", "Groups of alike videos", NothingMore, GroupsDocument, clusters),
    ApiOperation(
        "findClusters", "POST", "/v1/clusters", "Find groups: a job", NothingMore, JobDocument, find_groups, status=202
    ),
    ApiOperation("duplicates", "GET", "/v1/duplicates", "Pairs to decide on", NothingMore, PairsDocument, duplicates),
    ApiOperation(
        "findDuplicates",
        "POST",
        "/v1/duplicates",
        "Look for duplicates: a job",
        NothingMore,
        JobDocument,
        find_pairs,
        status=202,
    ),
    ApiOperation(
        "keep",
        "POST",
        "/v1/duplicates/{pair}/keep",
        "Keep one of a pair and set the other aside, or let both stay",
        KeepRequest,
        PairDecidedDocument,
        decide,
        refusals={404: "there is no such pair any more", 409: "it has to stay, and why"},
    ),
)
