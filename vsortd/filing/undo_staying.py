"""Undoing a filing that left its source where it is: what was made goes, as long as the source is there.

Where the source is gone, the library's file may be the last copy: it comes back in the source's place. One that was
changed since is nobody's to remove: it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.text import storable
from vsortd.filing.records import IdentityMatch, Operation, OperationKind, Phase, likeness
from vsortd.filing.staying import PUT_SIDECAR, StayedSource, find_source, is_linked, leaves_source, source_of
from vsortd.filing.undo_checks import RefusedError, as_put, now_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.core.identity import Identity
    from vsortd.filing.open_folder import Folders


@dataclass(frozen=True, slots=True)
class StayingPlan:
    """`operations` take the library's files away, the video first; `source` is the video's, where it stayed."""

    operations: list[Operation]
    notes: list[str]
    source: StayedSource | None


def plan_staying(there: Sequence[Operation], video: Operation, folders: Folders) -> StayingPlan:
    """Work out what takes back a filing whose source stayed, from the operations that were done.

    Raises RefusedError when the library's video was changed, or both it and its source are gone; FilingError.
    """
    now = _in_library(video, folders)
    source = find_source(there, video, now or video.destination_identity or video.identity)
    plan = StayingPlan([], [], source)
    if now is not None and source is not None:
        plan.operations.append(Operation(OperationKind.REMOVE_PLACED, Phase.UNDO, video.target, None, now))
    elif now is not None:
        plan.operations.append(_instead(there, video, now))
        came, gone = storable(plan.operations[0].target.name), storable(source_of(there, video).source.name)
        plan.notes.append(f"{came} came back from the library, since {gone} was gone or changed")
    elif source is not None:
        plan.notes.append(f"{storable(video.target)} was no longer there")
    else:
        raise RefusedError(f"{video.target} is no longer there")
    for one in there:
        if one.kind in PUT_SIDECAR and leaves_source(one):
            _plan_sidecar(plan, there, one, folders)
    return plan


def _in_library(put: Operation, folders: Folders) -> Identity | None:
    """Return the identity of what was put into the library, None where it is gone. Raises RefusedError, FilingError."""
    now = now_at(put.target, folders)
    linked = is_linked(put) and likeness(put.destination_identity or put.identity, now) is IdentityMatch.EDITED
    # what is written to one name of a file is written to its source: nothing is only here
    return now if now is None or linked else as_put(put, folders, sure=True)


def _instead(there: Sequence[Operation], video: Operation, now: Identity) -> Operation:
    """Return what brings the library's video back in its source's place, an MP4 that was made of it beside that."""
    place = source_of(there, video).source
    if video.kind is OperationKind.PUBLISH:
        place = place.with_suffix(video.target.suffix)
    return Operation(OperationKind.RESTORE, Phase.UNDO, video.target, place, now)


def _plan_sidecar(plan: StayingPlan, there: Sequence[Operation], one: Operation, folders: Folders) -> None:
    try:
        now = _in_library(one, folders)
    except RefusedError as refusal:
        plan.notes.append(f"{storable(refusal)} and stays")
        return
    if now is None:
        return
    if find_source(there, one, now) is not None:
        plan.operations.append(Operation(OperationKind.REMOVE_PLACED_SIDECAR, Phase.UNDO, one.target, None, now))
    elif now_at(one.source, folders) is None:
        plan.operations.append(Operation(OperationKind.RESTORE_SIDECAR, Phase.UNDO, one.target, one.source, now))
    else:
        plan.notes.append(f"{storable(one.target)} stays: {storable(one.source.name)} is another file by now")
