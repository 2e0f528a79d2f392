"""What only the files themselves tell of a lesser copy that is to be set aside: where both lie, what is to be heard."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vsortd.errors import FilingError, UsageError, VideoError
from vsortd.filing.open_folder import identity_of
from vsortd.library.duplicates.lesser_copies import lesser_copies
from vsortd.library.duplicates.pair_check import PairRelation
from vsortd.pipeline.set_aside import AsideRequest, foresee_aside

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from vsortd.library.duplicates.groups import DuplicateGroup
    from vsortd.library.duplicates.lesser_copies import LesserCopy
    from vsortd.pipeline.services import Services


def checked_copies(
    services: Services, groups: Sequence[DuplicateGroup], *, cancel: threading.Event | None = None
) -> list[LesserCopy]:
    """Return the lesser copies of groups, each with why it stays if it does. Raises StoreError, Cancelled."""
    found = []
    for copy in lesser_copies(groups):
        why_not = copy.why_not or why_it_stays(services, copy) or _unheard(services, copy, cancel)
        found.append(replace(copy, why_not=why_not))
    return found


def why_it_stays(services: Services, copy: LesserCopy) -> str:
    """Return why a copy can't be set aside as the files are now, "" if it can. Raises StoreError."""
    for one in (copy.member, copy.keep):
        if identity_of(one.path) != one.identity:
            return f"{one.path.name} changed since it was looked at"
    try:
        foresee_aside(services, AsideRequest(copy.member.path, copy.keep.path))
    except (UsageError, FilingError) as error:
        return error.title.rstrip(".")
    return ""


def _unheard(services: Services, copy: LesserCopy, cancel: threading.Event | None) -> str:
    """Return why a copy stays for its sound: only its pictures were compared."""
    if copy.kind is PairRelation.COPY:
        return ""
    try:
        lesser, kept = (services.media.probe(one.path, cancel=cancel) for one in (copy.member, copy.keep))
    except VideoError as error:
        return error.reason
    return "it has sound, and the other has none" if lesser.has_audio and not kept.has_audio else ""
