"""Services that know of videos only what is kept: the stages ask them as ever, and nothing is decoded or measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn, cast

from vsortd.config.rules import build_rules
from vsortd.core.paths import texts_path
from vsortd.filing.place import Filer
from vsortd.judging.corrections import Corrections
from vsortd.judging.resident_detector import ResidentDetector
from vsortd.judging.resident_model import ResidentModel
from vsortd.pipeline.services import sound_model

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from vsortd.config.settings import Settings
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


def by_other_rules(services: Services, settings: Settings, *, cancel: threading.Event) -> Services:
    """Return services that would decide by other settings, and leave these as they are; `retire` them for these.

    What is loaded serves both, but for another model. Raises ModelError, Cancelled.
    """
    tree = build_rules(settings)
    corrections = Corrections(settings, services.state_folder, services.examples, services.journal, tries=True)
    before = services.settings
    if (settings.model, settings.sound_model) == (before.model, before.sound_model):
        model, sound = services.model.beside(tree, corrections.applied, cancel=cancel), services.sound
    else:
        texts = texts_path(services.state_folder)
        sound = sound_model(settings, texts)
        model = ResidentModel(
            settings.model,
            tree,
            keep_trying=False,
            refine=corrections.applied,
            texts_path=texts,
            sound=sound,
        )
    same_detector = settings.detector == before.detector
    return replace(
        services,
        settings=settings,
        tree=tree,
        model=model,
        sound=sound,
        filer=Filer(services.journal, settings.library, settings.place),
        corrections=corrections,
        detector=services.detector if same_detector else ResidentDetector.of(settings, keep_trying=False),
        foreseen=set(),
    )


def knowing_only(services: Services, videos: Mapping[Identity, StoredVideo]) -> Services:
    """Return services that know of these videos what is kept; asked for more, they raise NotKeptError."""
    return replace(
        services,
        media=cast("MediaPool", _NothingIsRead()),
        index=cast("Index", _PrefetchedIndex(services.index, videos)),
    )
