"""What the page calls a video: never by a path, so that none ever comes from a browser.

A number is an item of the journal. `v12-3f9a…` is video 12 of the index, with a check of which file that is: numbers of
the index are given again, and an address that somebody kept must not show another video one day. Either names only what
the server already knows; whether it is handed out is decided when it is opened.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.core.identity import Identity
from vsortd.errors import ChangedError, UsageError
from vsortd.fetching.cache import fetched_folder
from vsortd.filing.item_ids import LARGEST_ID
from vsortd.filing.open_media import ItemVideo, OpenedMedia, item_video, media_roots, open_video
from vsortd.web.plain_numbers import whole_or_none

if TYPE_CHECKING:
    from vsortd.pipeline.services import Services

_INDEXED: Final = re.compile(r"v([0-9]{1,19})-([0-9a-f]{16})")


def media_id(services: Services, path: Path) -> str:
    """Return what to call a video, "" for one that the index doesn't know, or that is gone. Raises StoreError."""
    try:
        identity = Identity.of(path)
    except OSError:
        return ""
    number = None if identity is None else services.index.number_of(identity)
    return "" if identity is None or number is None else indexed_id(number, identity)


def indexed_id(number: int, identity: Identity) -> str:
    """Return what to call a video of the index, by its number there, without a look at it."""
    return f"v{number}-{_check(identity)}"


def find_media(services: Services, named: str) -> ItemVideo:
    """Return where a video is that the page names.

    Raises UsageError where it names none, ChangedError where the video is gone, StoreError.
    """
    if (number := whole_or_none(named, 1, LARGEST_ID)) is not None:
        return item_video(services.journal, number)
    match = _INDEXED.fullmatch(named)
    known = None if match is None or int(match[1]) > LARGEST_ID else services.index.numbered(int(match[1]))
    if match is None or known is None or _check(known[0]) != match[2]:
        raise UsageError("No video has this id.", remedy="Search for it once more.")
    identity, names = known
    there = next((name for name in names if identity.lies_at(name)), None)
    if there is None:
        raise ChangedError("the video is gone, or was changed since")
    return ItemVideo(there, identity)


def open_found(services: Services, named: str) -> OpenedMedia:
    """Open a video that the page names, from the folders that the page may show; see `open_media`."""
    video = find_media(services, named)
    return open_video(_roots(services, video.path), video)


def insist_on_same(services: Services, named: str, path: Path, identity: Identity) -> None:
    """See that what `open_found` opened then is what it would open now. Raises ChangedError, and as `open_found`."""
    with open_found(services, named) as opened:
        if (opened.path, opened.identity) != (path, identity):
            raise ChangedError("it was changed meanwhile, or another file has its name")


def _roots(services: Services, path: Path) -> list[Path]:
    """Return the folders that videos are shown from: those of the config, what was indexed, and what was fetched."""
    given = services.index.folders()
    places = [*media_roots(services.settings), *given, fetched_folder(services.state_folder)]
    alone = [path.parent] if path in given else []
    return [*places, *(Path(os.path.realpath(place)) for place in places), *alone]


def _check(identity: Identity) -> str:
    """Return what tells a file from others that had its number."""
    return hashlib.sha256(identity.fingerprint.encode()).hexdigest()[:16]
