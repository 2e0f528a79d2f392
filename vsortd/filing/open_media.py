"""Opening the video of an item to hand it out: by the item's number, never by a path that somebody sends.

The journal says where the video is and which file it means. It is opened from a folder of the config down, following
no link on the way, and handed out only if it is that very file, and a video by its first bytes.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.core.media_types import media_type_of
from vsortd.core.system.os_errors import explained
from vsortd.core.system.regular_file import open_regular
from vsortd.core.text import storable
from vsortd.errors import BrokenError, ChangedError, FilingError, UsageError
from vsortd.filing.open_folder import OpenFolder
from vsortd.filing.records import IdentityMatch, likeness
from vsortd.filing.whereabouts import TracedVideo, expected_place, trace, whereabouts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from vsortd.config.settings import Settings
    from vsortd.filing.journal import Journal

_THERE = frozenset({IdentityMatch.SAME, IdentityMatch.ALIKE})


@dataclass(frozen=True, slots=True)
class ItemVideo:
    """Where an item's video is, and which file is meant there."""

    path: Path
    identity: Identity


@dataclass(slots=True)
class OpenedMedia:
    """An item's video, open for reading: a context manager that closes it.

    `media_type` is what its first bytes say, such as `video/mp4`; `identity` is that of the open file.
    """

    descriptor: int
    path: Path
    identity: Identity
    media_type: str

    @property
    def size_bytes(self) -> int:
        """The file's size when it was opened."""
        return self.identity.size_bytes

    @property
    def name(self) -> str:
        """The file's name, as text that every encoding takes."""
        return storable(self.path.name)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def detach(self) -> int:
        """Return the descriptor, which is the caller's from now on."""
        descriptor, self.descriptor = self.descriptor, -1
        return descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def media_roots(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that videos are handed out from: the library, with its originals, and the inboxes."""
    return (settings.library, *(inbox.path for inbox in settings.inboxes))


def item_video(journal: Journal, number: int) -> ItemVideo:
    """Return where an item's video is now; one that a person moved within its library is looked for there.

    Raises UsageError where there is no such item, ChangedError where its video is gone, StoreError.
    """
    item = journal.item(number)
    if item is None:
        raise UsageError(f"There is no item {number}.", remedy="`vsortd history` lists what there is.")
    # by itself first: to look for what became of it afterwards goes through the whole history
    alone = TracedVideo((item,), {item.id: journal.operations(item.id)}, {})
    if (there := _as_expected(alone)) is not None:
        return there
    traced = trace(journal, item)
    if (there := _as_expected(traced)) is not None:
        return there
    _, meant = expected_place(traced)
    found = whereabouts(traced)
    if found.path is None:
        raise ChangedError(found.note)
    return ItemVideo(found.path, meant)


def _as_expected(traced: TracedVideo) -> ItemVideo | None:
    """Return a video that lies where the journal has it, None where another file does, or none."""
    expected, meant = expected_place(traced)
    with contextlib.suppress(OSError):
        if likeness(meant, Identity.of(expected)) in _THERE:
            return ItemVideo(expected, meant)
    return None


def open_media(journal: Journal, roots: Sequence[Path], number: int) -> OpenedMedia:
    """Open the video of an item below one of `roots` (absolute), such that it is the file that the journal means.

    Raises UsageError where there is no such item, ChangedError where its video is gone or another file by now,
    BrokenError for what is no regular file or no video, FilingError where it lies elsewhere, or behind a link;
    StoreError.
    """
    return open_video(roots, item_video(journal, number))


def open_video(roots: Sequence[Path], video: ItemVideo) -> OpenedMedia:
    """Open a video below one of `roots` (absolute), such that it is the file that is meant; see `open_media`."""
    descriptor = _open_below(roots, video.path)
    try:
        identity = Identity.from_stat(os.fstat(descriptor))
        return OpenedMedia(descriptor, video.path, identity, _media_type(descriptor, video, identity))
    except BaseException:
        os.close(descriptor)
        raise


def _media_type(descriptor: int, meant: ItemVideo, found: Identity) -> str:
    """Return what the open file is. Raises ChangedError if it isn't the one that is meant, BrokenError for no video."""
    if likeness(meant.identity, found) not in _THERE:
        raise ChangedError("it was changed since vsortd saw it, or another file has its name")
    with explained("Could not read", meant.path):
        media_type = media_type_of(descriptor, found.size_bytes)
    if media_type is None:
        raise BrokenError("its first bytes are those of no video")
    return media_type


def _open_below(roots: Sequence[Path], path: Path) -> int:
    """Open a file component by component from the innermost of `roots` that it lies in."""
    around = [root for root in roots if path.is_relative_to(root) and path != root]
    if not around or ".." in path.parts:
        raise FilingError(
            f"{path} lies neither in the library nor in an inbox.",
            remedy="vsortd shows only what lies in the folders that the config names.",
            paths=[path],
        )
    root = max(around, key=lambda one: len(one.parts))
    *folders, name = path.relative_to(root).parts
    with contextlib.ExitStack() as opened, explained("Could not open", path):
        try:
            folder = OpenFolder.open(root)
            opened.callback(folder.close)
            for one in folders:
                folder = folder.child(one)
                opened.callback(folder.close)
        except FileNotFoundError as error:
            raise ChangedError("the file is gone") from error
        return open_regular(folder.at(name), folder=folder.fd)
