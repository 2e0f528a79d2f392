"""What the index is told of a video that was just put somewhere."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.errors import VideoError

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.pipeline.services import Services


def note_placed(services: Services, before: Identity, destination: Path | None, *, converted: bool = False) -> None:
    """Let the index follow a video to where it was put; None for one that was put nowhere. Raises StoreError.

    Of a `converted` one the facts are read anew. It is filed by now: a disk that goes this moment costs the index its
    new name, and nothing else.
    """
    if destination is None:
        return
    with contextlib.suppress(OSError):
        if (now := Identity.of(destination)) is None:
            return
        services.index.moved(before, now, destination, converted=converted)
        if converted:  # its streams are others now
            with contextlib.suppress(VideoError):
                services.index.keep_clip(now, destination, services.media.probe(destination))
