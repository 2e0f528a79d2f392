"""The videos to group: those of the index, and those of a folder that the index doesn't know, looked at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.filing.open_folder import HIDDEN
from vsortd.index.extent import Extent
from vsortd.library.indexing.embed import DEFAULT_FPS, IndexingState, index_paths
from vsortd.library.indexing.given_folders import asked_places
from vsortd.pipeline.gathering import gather

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vsortd.index.video import IndexedVideo
    from vsortd.library.indexing.embed import Indexed
    from vsortd.pipeline.services import Services


@dataclass(slots=True)
class Collected:
    """The videos to group, those `within` some places. `failed` can't be looked at, `looked_at` were new."""

    services: Services
    model: str
    folder: Path | None
    within: Extent
    failed: Sequence[Indexed] = ()
    looked_at: int = 0
    gone: int = 0  # of the index, no longer where they were; known when all films were read

    def films(self) -> Iterator[IndexedVideo]:
        """Yield the videos as they lie there now, one by one: all frames of a large library don't fit into memory."""
        for film in self.services.index.films(self.model, under=self.within):
            if HIDDEN in (self.services.library_place(film.path) or ()):
                continue  # an original that is kept for undo
            if film.identity.lies_at(film.path):
                yield film
            else:
                self.gone += 1


def collect(
    services: Services,
    model: str,
    folder: Path | None,
    *,
    fps: float = DEFAULT_FPS,
    on_progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> Collected:
    """Collect the videos of a folder (or of one file), or of the library and all that `vsortd index` was given.

    Of a folder, those that the index has no frame of for `model` (its key) are looked at first, at a pace of `fps`;
    the others cost nothing. Raises UsageError for a folder that is not there, ModelError, StoreError, Cancelled.
    """
    looked = [] if folder is None else _look(services, model, folder, fps, on_progress, cancel)
    failed = [one for one in looked if one.state is IndexingState.FAILED]
    within = asked_places(services.settings.library, services.index) if folder is None else Extent.of(folder)
    return Collected(services, model, folder, within, failed, len(looked) - len(failed))


def _look(  # noqa: PLR0917 - cut off for its length
    services: Services,
    model: str,
    folder: Path,
    fps: float,
    on_progress: Callable[[int, int], None] | None,
    cancel: threading.Event | None,
) -> list[Indexed]:
    """Look at what the index doesn't know; what it knows by another name gets its name of today."""
    known = {row.identity: row for row in services.index.rows(model)}
    unknown: list[Path] = []
    for path, _, _ in gather(services.settings, [folder]):
        identity = Identity.of(path)
        if identity is None:
            continue
        row = known.get(identity)
        if row is None:
            unknown.append(path)
        elif path not in row.names:
            services.index.met(identity, path)
    if not unknown:
        return []
    return index_paths(services, unknown, fps=fps, on_progress=on_progress, cancel=cancel)
