"""What is done with a scene that was found: cut out of its video, or opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsortd.core.text import storable
from vsortd.errors import VideoError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsortd.media.pool import MediaPool


def cut_out(media: MediaPool, scene: Mapping[str, Any], target: Path) -> dict[str, Any]:
    """Cut a scene (`file`, `begin_s`, `end_s`) out of its video; return what was made, as --json tells it.

    Raises VsortdError where that can't be done.
    """
    from vsortd.media.cut import cut

    source = Path(scene["file"])
    try:
        done = cut(source, target, media.probe(source), scene["begin_s"], scene["end_s"], media)
    except VideoError as error:
        raise VsortdError(f"{source} can't be cut: {error.reason}.", paths=[source]) from error
    return {
        "file": storable(target),
        "kind": done.kind.value,
        "begin_s": round(done.begin_s, 3),
        "end_s": round(done.end_s, 3),
        "note": done.note,
    }


def open_scene_file(scene: Mapping[str, Any], made: Path | None) -> None:
    """Open a scene's video where it begins, or what was made of it. Raises VsortdError where nothing can."""
    from vsortd.core.system.desktop_open import open_scene

    if not open_scene(made or Path(scene["file"]), 0.0 if made else scene["begin_s"]):
        raise VsortdError("There is no program here to open a video with.", remedy="Open it by hand.")
