"""Groups of alike videos: named, chosen, and filed into folders that are looked at first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vsortd.core.batch_ids import new_batch_id
from vsortd.core.text import storable
from vsortd.errors import UsageError
from vsortd.library.clusters.apply import foresee
from vsortd.library.clusters.kept_clusters import KeptClusters, with_own_group
from vsortd.library.clusters.projection import insist_on_libraries
from vsortd.web.answers import NotThereError
from vsortd.web.api.asked import FileGroupsRequest, GroupRequest, OwnGroupRequest
from vsortd.web.api.job_operations import job_document
from vsortd.web.api.operation import ApiOperation, Call
from vsortd.web.api.told import (
    GroupDocument,
    GroupFolderDocument,
    GroupFoldersDocument,
    GroupsDocument,
    JobDocument,
)
from vsortd.web.group_filing import FILING, file_groups, group_name, wanted_piles
from vsortd.web.group_search import FINDING, look_for_groups
from vsortd.web.media_ids import indexed_id
from vsortd.web.request_model import NothingMore
from vsortd.web.shown_plans import folders_mark, insist_on_shown

if TYPE_CHECKING:
    from vsortd.index.video import IndexedVideo
    from vsortd.library.clusters.apply import Prospect
    from vsortd.library.clusters.cluster_folders import Pile
    from vsortd.library.clusters.grouping import Cluster
    from vsortd.library.clusters.kept_clusters import KeptGroups
    from vsortd.web.page_jobs import PageJob
    from vsortd.web.request_model import RequestModel


def clusters(call: Call[NothingMore]) -> GroupsDocument:
    """Return the groups that were found last."""
    kept = _store(call).groups(call.services.index)
    if kept is None:
        return {"found_s": None, "groups": [], "alone": 0}
    groups = [_group(kept, group) for group in kept.grouping.groups]
    return {"found_s": kept.found_s, "groups": groups, "alone": len(kept.grouping.noise)}


def find_groups(call: Call[NothingMore]) -> JobDocument:
    """Begin to find groups; those that were found before stay until then."""
    insist_on_libraries()
    host, store = call.page.host, _store(call)

    def run(job: PageJob) -> tuple[str, str]:
        return look_for_groups(host, store, job)

    return job_document(call.page.jobs.start("Finding groups", run, alone=FINDING))


def want(call: Call[GroupRequest]) -> GroupDocument:
    """Give a group another name, choose it or leave it out."""
    store, kept, number = _store(call), _kept(call), call.placed["group"]
    group = next((one for one in kept.grouping.groups if one.number == number), None)
    if group is None:
        raise NotThereError("There is no such group.", remedy="GET /v1/clusters lists those that there are.")
    names, left_out = dict(kept.choice.names), set(kept.choice.left_out)
    if call.asked.name is not None:
        names.pop(number, None)
        if (name := group_name(call.asked.name)) not in {"", group.name}:
            names[number] = name
    if call.asked.chosen is not None:
        (left_out.discard if call.asked.chosen else left_out.add)(number)
    choice = replace(kept.choice, names=names, left_out=frozenset(left_out))
    store.want(kept, choice)
    return _group(replace(kept, choice=choice), group)


def add_own(call: Call[OwnGroupRequest]) -> GroupsDocument:
    """Make a group of chosen videos; they are in no other any more."""
    store, kept, name = _store(call), _kept(call), group_name(call.asked.name)
    if not name:
        raise UsageError("The group needs a name.")
    rows = {_named(film): row for row, film in enumerate(kept.grouping.films)}
    if unknown := [one for one in call.asked.videos if one not in rows]:
        raise UsageError(f"{unknown[0]} is in none of the groups, nor alone.", remedy="GET /v1/clusters lists them.")
    grouping = with_own_group(kept.grouping, [rows[one] for one in call.asked.videos], name, call.services.index)
    store.keep(grouping, found_s=kept.found_s)
    store.want(kept, kept.choice)
    return clusters(Call(call.page, call.request, NothingMore()))


def folders(call: Call[NothingMore]) -> GroupFoldersDocument:
    """Say what filing the chosen groups would do; nothing is touched."""
    prospects = foresee(call.services, _piles(call))
    return {"plan": folders_mark(prospects), "folders": [_folder(one) for one in prospects]}


def file(call: Call[FileGroupsRequest]) -> JobDocument:
    """Begin to file the chosen groups into their folders, as the plan has it."""
    host, piles = call.page.host, _piles(call)
    insist_on_shown(call.asked.plan, folders_mark(foresee(call.services, piles)))

    def run(job: PageJob) -> tuple[str, str]:
        batch = new_batch_id()
        said, filed = file_groups(host, piles, job, batch)
        job.answer = {"batch": batch} if filed else None
        return said, f"/history?batch={batch}" if filed else ""

    return job_document(call.page.jobs.start(FILING, run, alone=FINDING))


def _store(call: Call[RequestModel]) -> KeptClusters:
    return KeptClusters(call.services.state_folder)


def _kept(call: Call[RequestModel]) -> KeptGroups:
    kept = _store(call).groups(call.services.index)
    if kept is None:
        raise NotThereError("There are no groups yet.", remedy="POST /v1/clusters finds them.")
    return kept


def _piles(call: Call[RequestModel]) -> list[Pile]:
    return wanted_piles(_kept(call), call.services.settings)


def _named(film: IndexedVideo) -> str:
    return indexed_id(film.id, film.identity)


def _group(kept: KeptGroups, group: Cluster) -> GroupDocument:
    return {
        "number": group.number,
        "name": kept.choice.name_of(group),
        "chosen": group.number not in kept.choice.left_out,
        "tightness": group.tightness,
        "rule": group.rule,
        "videos": [_named(member.film) for member in group.members],
    }


def _folder(one: Prospect) -> GroupFolderDocument:
    return {
        "folder": storable(one.pile.key),
        "new": one.is_new,
        "groups": [group.number for group in one.pile.groups],
        "going": [_named(member.film) for member in one.going],
        "there": len(one.there),
        "stays": [{"video": _named(member.film), "reason": reason} for member, reason in one.refused],
    }


_NONE: Final = {404: "there are no groups, or there is none of this number"}
OPERATIONS: Final = (
    ApiOperation(
        "clusters", "GET", "/v1/clusters", "List the groups of similar videos", NothingMore, GroupsDocument, clusters
    ),
    ApiOperation(
        "findClusters", "POST", "/v1/clusters", "Find groups (a job)", NothingMore, JobDocument, find_groups, status=202
    ),
    ApiOperation(
        "clusterFolders",
        "GET",
        "/v1/clusters/folders",
        "Preview the folders of the selected groups; nothing is touched",
        NothingMore,
        GroupFoldersDocument,
        folders,
        refusals=_NONE,
    ),
    ApiOperation(
        "fileClusters",
        "POST",
        "/v1/clusters/file",
        "File the selected groups into their folders, as previewed (a job)",
        FileGroupsRequest,
        JobDocument,
        file,
        status=202,
        refusals=_NONE,
    ),
    ApiOperation(
        "addCluster",
        "POST",
        "/v1/clusters/own",
        "Make a group of selected videos",
        OwnGroupRequest,
        GroupsDocument,
        add_own,
        refusals=_NONE,
    ),
    ApiOperation(
        "wantCluster",
        "POST",
        "/v1/clusters/{group}",
        "Name a group, select or deselect it",
        GroupRequest,
        GroupDocument,
        want,
        refusals=_NONE,
    ),
)
