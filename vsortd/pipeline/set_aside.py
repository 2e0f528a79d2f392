"""Setting a video aside: out of the library or an inbox, into `.vsortd/aside` below the library, until it is undone.

It goes as a filing does: with its sidecars, journalled, as one transaction. Nothing is ever removed from there.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.config.place_options import Place
from vsortd.core.media_endings import VIDEO_ENDINGS
from vsortd.core.outcomes import ItemState
from vsortd.core.text import storable
from vsortd.errors import ChangedError, FilingError, UsageError, VideoError
from vsortd.filing.follow import is_busy, standing_at
from vsortd.filing.open_folder import HIDDEN, identity_of
from vsortd.filing.open_media import item_video
from vsortd.filing.placement import FilingRequest
from vsortd.filing.records import IdentityMatch, likeness
from vsortd.filing.staging import ASIDE
from vsortd.pipeline.gathering import inbox_of
from vsortd.pipeline.note_placed import note_placed
from vsortd.watch.open_writers import Writer, writer_of

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.core.video_facts import Clip
    from vsortd.filing.records import Item
    from vsortd.pipeline.services import Services

REASON: Final = "you set it aside"
_FILM_OF_A_LIVE_PHOTO: Final = ".mov"


@dataclass(frozen=True, slots=True)
class AsideRequest:
    """What is to be set aside: a video, and the one that is kept in its stead, None where it goes for itself alone."""

    path: Path
    keep: Path | None = None
    batch: str = ""

    @property
    def reason(self) -> str:
        """Why it goes, for the history."""
        return REASON if self.keep is None else storable(f"{REASON}; {self.keep} is kept")


def set_aside(services: Services, asked: AsideRequest, *, cancel: threading.Event | None = None) -> Item:
    """Put a video of the library or of an inbox aside, with its sidecars; return its item.

    With `keep` it goes only as long as that one is there, in the library, and is another file: it is looked at again
    once the intent is written, so two that run at once can't set both aside. Raises UsageError, FilingError,
    StoreError, Cancelled; everything is as it was then.
    """
    request = foresee_aside(services, asked)

    def look_again(_item: Item) -> None:
        if asked.keep is not None:
            _see_kept(services, asked.path, request.identity, asked.keep)

    try:
        item = services.filer.place(request, cancel=cancel, by_hand=look_again)
    except ChangedError as error:
        raise FilingError(
            f"{asked.path} was not set aside: {error.reason}.",
            remedy="Try again when it is at rest.",
            paths=[asked.path],
        ) from error
    note_placed(services, request.identity, item.destination)
    return item


def foresee_aside(services: Services, asked: AsideRequest) -> FilingRequest:
    """Return what `set_aside` would do with a video, without any effect. Raises UsageError, FilingError, StoreError."""
    path = asked.path
    identity = identity_of(path)
    if identity is None:
        what = "is no regular file" if os.path.lexists(path) else "is not there"
        raise UsageError(f"{path} {what}.", remedy="Name a video: vsortd set-aside VIDEO", paths=[path])
    _see_ours(services, path)
    endings = VIDEO_ENDINGS | {f".{ending}" for ending in services.extensions}
    if path.suffix.lower() not in endings:
        raise UsageError(
            f"{path} is no video by its name.", remedy="Sidecars go with their video: name that.", paths=[path]
        )
    if is_busy(services.journal, path):
        raise FilingError(f"{path} is in work just now.", remedy="Try again in a moment.", paths=[path])
    found = standing_at(services.journal, path)
    before = found[0] if found is not None and likeness(found[1], identity) is not IdentityMatch.OTHER else None
    _see_at_rest(services, path, identity)
    if asked.keep is not None:
        _see_kept(services, path, identity, asked.keep)
    return FilingRequest(
        path,
        identity,
        (),
        outcome=ItemState.ASIDE,
        sidecars=services.sidecars_of(path, _clip(services, path)),
        rule="" if before is None else before.rule,
        tags=() if before is None else before.tags,
        reason=asked.reason,
        detail={"tags": [] if before is None else list(before.tags)},
        batch=asked.batch,
        place=Place(),
        stem=path.stem,
    )


def path_of_item(services: Services, number: int) -> Path:
    """Return where the video of an item is now. Raises UsageError where there is none, or it is gone; StoreError."""
    try:
        return item_video(services.journal, number).path
    except ChangedError as error:
        why = f"#{number} can't be set aside: {error.reason}."
        raise UsageError(why, remedy="`vsortd history` lists what there is.") from error


def _see_ours(services: Services, path: Path) -> None:
    """See that a video lies where vsortd files from or to. Raises UsageError."""
    inside = services.library_place(path)
    if inside is not None and HIDDEN in inside:
        if inside[:2] == (HIDDEN, ASIDE):
            raise UsageError(f"{path} is aside already.", remedy="`vsortd undo` brings it back.", paths=[path])
        raise UsageError(f"{path} lies in the folder that vsortd keeps for itself.", paths=[path])
    if inside is None and not any(path.is_relative_to(inbox.path) for inbox in services.settings.inboxes):
        raise UsageError(
            f"{path} lies neither in the library nor in an inbox.",
            remedy="Only what vsortd looks after can be set aside.",
            paths=[path],
        )


def _see_at_rest(services: Services, path: Path, identity: Identity) -> None:
    """See that nobody writes to a video, as far as the system tells; where it doesn't, that it has settled."""
    writer = writer_of(path)
    age_s = time.time() - identity.modified_s
    fresh = writer is Writer.UNKNOWN and 0 <= age_s < inbox_of(services.settings, path).settle_s
    if writer is Writer.WRITING or fresh:
        raise FilingError(f"{path} is being written to.", remedy="Try again when it is whole.", paths=[path])


def _see_kept(services: Services, path: Path, identity: Identity, keep: Path) -> None:
    """See that another file is there, in the library, in whose stead a video goes. Raises UsageError, FilingError."""
    inside = services.library_place(keep)
    if inside is None or HIDDEN in inside:
        raise UsageError(f"{keep} does not lie in the library.", remedy=f"{path} stays where it is.", paths=[keep])
    there = identity_of(keep)
    if there is None or is_busy(services.journal, keep):
        what = "is not there any more" if there is None else "is in work just now"
        raise FilingError(f"{keep} {what}.", remedy=f"{path} stays where it is.", paths=[keep])
    if (there.device, there.inode) == (identity.device, identity.inode):
        raise UsageError(f"{path} and {keep} are one file.", remedy="It stays where it is.", paths=[path])


def _clip(services: Services, path: Path) -> Clip | None:
    """Return a video's facts where they tell what goes with it; None for one that can't be read."""
    if path.suffix.lower() != _FILM_OF_A_LIVE_PHOTO:
        return None
    try:
        return services.media.probe(path)
    except VideoError:
        return None
