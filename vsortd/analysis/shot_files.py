"""A file for each shot of a video in a folder: its key frame as a picture, or the shot itself; never over another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.system.file_rights import make_for
from vsortd.core.system.os_errors import explained
from vsortd.errors import UsageError, VideoError, VsortdError
from vsortd.media.cut import cut
from vsortd.media.new_file import new_file, refuse_taken
from vsortd.media.thumbnails import stills_at

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.analysis.shots import ShotReport
    from vsortd.media.pool import MediaPool

THUMB_PX: Final = 1920  # the longer side at most; smaller films keep their own size
_QUALITY: Final = 90  # of JPEG: differences to the frame can't be seen


@dataclass(frozen=True, slots=True)
class ShotFile:
    """One file of a shot (1 is the first); `error` says why there is none, "" otherwise."""

    shot: int
    path: Path
    error: str = ""


def shot_paths(folder: Path, video: Path, count: int, ending: str) -> list[Path]:
    """Return the names for so many shots; numbers are filled up with zeros, so that they sort. Raises UsageError.

    Where one of them is taken nothing may be written at all.
    """
    digits = max(3, len(str(count)))
    paths = [folder / f"{video.stem}-shot-{number:0{digits}d}{ending}" for number in range(1, count + 1)]
    for path in paths:
        refuse_taken(path)
    return paths


def write_thumbs(
    media: MediaPool,
    video: Path,
    shots: ShotReport,
    folder: Path,
    *,
    longest_px: int,
    cancel: threading.Event | None = None,
) -> Iterator[ShotFile]:
    """Write each shot's key frame as a JPEG into a folder that is there, and yield them as they are written.

    `longest_px` is the longer side of the film as it is shown. Raises UsageError where a name is taken, FilingError
    where it can't be written, VideoError where the film can't be decoded.
    """
    from PIL import Image

    paths = shot_paths(folder, video, len(shots.shots), ".jpg")
    pictures = stills_at(
        media,
        video,
        [shot.key_frame_s for shot in shots.shots],
        side_px=max(1, min(longest_px, THUMB_PX)),
        duration_s=shots.duration_s,
        cancel=cancel,
    )
    for number, (path, pixels) in enumerate(zip(paths, pictures, strict=True), 1):
        with new_file(path) as temporary, explained("Could not write", path):
            make_for(temporary, [video])
            Image.fromarray(pixels).save(temporary, "JPEG", quality=_QUALITY)
        yield ShotFile(number, path)


def split_shots(
    media: MediaPool,
    video: Path,
    shots: ShotReport,
    folder: Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> list[ShotFile]:
    """Cut each shot out of an MP4 or MOV into a folder that is there, as `media.cut` does, and return what came of it.

    A shot that can't be cut is told of, the others stand. Raises UsageError where a name is taken, FilingError where
    nothing can be written, VideoError where the video can't be cut at all, ToolError without a usable ffmpeg.
    """
    clip = media.probe(video, cancel=cancel)
    paths = shot_paths(folder, video, len(shots.shots), ".mp4")
    found = []
    for number, (shot, path) in enumerate(zip(shots.shots, paths, strict=True), 1):
        error = ""
        try:
            cut(video, path, clip, shot.begin_s, shot.end_s, media, cancel=cancel)
        except VideoError as failure:
            error = failure.reason
        except UsageError as failure:  # a shot in which no picture begins
            error = failure.title
        found.append(ShotFile(number, path, error))
        if on_progress is not None:
            on_progress(number, len(paths))
    if found and all(one.error for one in found):
        raise VsortdError(f"{video} can't be split: {found[0].error.rstrip('.')}.", paths=[video])
    return found
