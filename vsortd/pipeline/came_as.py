"""The name that a video came with: what vsortd called it in the library says nothing of it that a rule may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.filing.queries import placed_at
from vsortd.filing.records import EARLIER_PLACES, IdentityMatch, likeness
from vsortd.filing.whereabouts import put_identity

if TYPE_CHECKING:
    from vsortd.core.identity import Identity
    from vsortd.filing.records import Item
    from vsortd.pipeline.services import Services


def came_as(services: Services, path: Path, identity: Identity) -> str:
    """Return the name of a video when it was dropped; of one that is in no library, or that a person renamed, its own.

    `identity` is that of the file at `path`: another one may lie where an item had put its video.

    Raises StoreError.
    """
    if services.library_place(path) is None:
        return path.name
    item = _that_put(services, path, identity)
    name = path.name
    while item is not None and not _was_renamed(item):
        name = item.source.name
        before = _that_put(services, item.source, item.identity)
        item = before if before is not None and before.id < item.id else None
    return name


def _that_put(services: Services, path: Path, identity: Identity) -> Item | None:
    """Return the newest item that put a file at a path, None where that isn't the file meant."""
    item = placed_at(services.journal.db, path)
    if item is None:
        return None
    put = put_identity(services.journal.operations(item.id)) or item.identity
    return None if likeness(put, identity) is IdentityMatch.OTHER else item


def _was_renamed(item: Item) -> bool:
    """Tell whether a person gave an item's video another name in the library."""
    assert item.destination is not None
    earlier = item.detail.get(EARLIER_PLACES, ())
    return any(Path(place["path"]).name != item.destination.name for place in earlier)
