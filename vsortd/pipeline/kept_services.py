"""Services that know of videos only what is kept: the stages ask them as ever, and nothing is decoded or measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsortd.core.identity import Identity
    from vsortd.index.kept_looks import StoredVideo
    from vsortd.index.store import Index
    from vsortd.index.stored_looks import Embedded
    from vsortd.media.pool import MediaPool
    from vsortd.pipeline.services import Services


_OF_FRAMES: Final = frozenset({"sample", "moments"})
_MORE_FRAMES: Final = "these rules need more of its frames than were looked at"
_NOT_MEASURED: Final = "these rules ask for what was not measured of it yet"


class NotKeptError(Exception):
    """What a decision needs of a video is not kept; the text says what. No VideoError: the video is not at fault."""


class _NothingIsRead:
    """Stands where the worker processes stand, and reads nothing."""

    def __getattr__(self, name: str) -> NoReturn:
        raise NotKeptError(_MORE_FRAMES if name in _OF_FRAMES else _NOT_MEASURED)


class _PrefetchedIndex:
    """The index, with the frames of some videos read beforehand; those have no others."""

    def __init__(self, index: Index, videos: Mapping[Identity, StoredVideo]) -> None:
        self._index = index
        self._videos = videos

    def recall(self, identity: Identity, model: str, look: str) -> Embedded | None:
        """Return what was kept of one look; see `Index.recall`."""
        video = self._videos.get(identity)
        return self._index.recall(identity, model, look) if video is None else video.look(look)

    def __getattr__(self, name: str) -> object:
        return getattr(self._index, name)


def knowing_only(services: Services, videos: Mapping[Identity, StoredVideo]) -> Services:
    """Return services that know of these videos what is kept; asked for more, they raise NotKeptError."""
    return replace(
        services,
        media=cast("MediaPool", _NothingIsRead()),
        index=cast("Index", _PrefetchedIndex(services.index, videos)),
    )
