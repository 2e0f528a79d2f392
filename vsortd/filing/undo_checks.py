"""What an undo may touch: only what still is what was put there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.core.outcomes import ItemState
from vsortd.core.system.os_errors import explained
from vsortd.filing.file_bytes import sha256_of
from vsortd.filing.records import WAS_HELD, IdentityMatch, Operation, OperationKind, likeness

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.core.identity import Identity
    from vsortd.filing.open_folder import Folders
    from vsortd.filing.records import Item


class RefusedError(Exception):
    """This item can't be taken back; nothing was touched."""


def returns_to_library(item: Item) -> bool:
    """Tell whether undo brings a video back into its library: it was set aside from there, and is filed again."""
    return item.outcome is ItemState.ASIDE and item.library is not None and item.source.is_relative_to(item.library)


def held_once_back(item: Item) -> bool:
    """Tell whether a video is on hold once undo has brought it back."""
    return not returns_to_library(item) or bool(item.detail.get(WAS_HELD))


def now_at(path: Path, folders: Folders) -> Identity | None:
    """Return the identity of the regular file at a path now, None where there is none. Raises FilingError."""
    with explained("Could not look at", path):
        try:
            return folders.get(path.parent).identity(path.name)
        except (FileNotFoundError, NotADirectoryError):
            return None


def as_put(one: Operation, folders: Folders, *, sure: bool) -> Identity:
    """Return the identity of what an operation put, if that is what is there; `sure` also where inodes don't tell.

    Raises RefusedError, FilingError.
    """
    now = now_at(one.target, folders)
    like = likeness(one.destination_identity or one.identity, now)
    if now is None or like is IdentityMatch.ABSENT:
        raise RefusedError(f"{one.target} is no longer there")
    if like is IdentityMatch.ALIKE:
        doubtful = (
            sure if one.sha256 is None else one.sha256 != sha256_of(folders.get(one.target.parent), one.target.name)
        )
        if doubtful:
            raise RefusedError(f"{one.target} may not be the file that was put there")
    elif like is not IdentityMatch.SAME:
        raise RefusedError(f"{one.target} was changed since it was filed")
    return now


def came_back(done: Sequence[Operation]) -> Identity | None:
    """Return the identity of the video that an undo brought back, None where it had stayed; `done` are its operations.

    The video's own operation is the first.
    """
    return done[0].destination_identity if done and done[0].kind is OperationKind.RESTORE else None
