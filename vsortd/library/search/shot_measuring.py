"""The shots of the videos that are searched through: those that are kept, and measuring the others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.analysis.key_frames import SHOTS_ALONE, shots_of_file
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.video_analysis import shots_of
from vsortd.core.paths import own_name
from vsortd.index.measured_documents import kept_documents, measured_videos
from vsortd.library.indexing.embed import each_video
from vsortd.library.indexing.given_folders import asked_places, named_places

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from vsortd.analysis.shots import Shot
    from vsortd.index.store import Index
    from vsortd.index.video import IndexRow
    from vsortd.media.pool import MediaPool

_KEPT = (AnalysisPart.SHOTS.value, SHOTS_ALONE.version(AnalysisPart.SHOTS))


def kept_shots(index: Index, rows: Sequence[IndexRow]) -> dict[int, tuple[Shot, ...]]:
    """Return the shots that are kept of videos, by their places among these. Raises StoreError."""
    with index.reading() as db:
        documents = kept_documents(db, *_KEPT, {row.id for row in rows})
    found = {}
    for place, row in enumerate(rows):
        if document := documents.get(row.id):
            found[place] = shots_of(document).shots
    return found


def measure_missing_shots(
    media: MediaPool,
    index: Index,
    library: Path,
    under: Path | None,
    *,
    jobs: int,
    on_progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event,
) -> None:
    """Measure the shots of indexed videos under a place, where they are not kept; those that can't be are passed over.

    Without `under`: of the library and what `vsortd index` was given. A file needs not be indexed. Each is kept when it
    is done, so a run that is stopped goes on where it was. Raises StoreError, Cancelled.
    """

    def measure(path: Path) -> None:
        shots_of_file(media, index, path, cancel=cancel)

    if files := _unmeasured(index, library, under):
        each_video(files, measure, lambda *_: None, jobs=jobs, on_progress=on_progress, cancel=cancel)


def _unmeasured(index: Index, library: Path, under: Path | None) -> list[Path]:
    if under is not None and os.path.isfile(under):  # noqa: PTH113 - what is not for us to see is no error
        return [own_name(under)]
    place = (
        asked_places(library, index) if under is None else named_places(library, (under, Path(os.path.realpath(under))))
    )
    rows = index.rows(under=place)
    with index.reading() as db:
        known = measured_videos(db, *_KEPT)
    standing = (row.standing() for row in rows if row.id not in known)
    return [row.path for row in standing if row.identity.lies_at(row.path)]
