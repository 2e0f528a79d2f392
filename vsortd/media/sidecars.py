"""The files that belong to a video and move with it: subtitles, metadata, thumbnails, proxies."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Known by their extension; may carry flags between stem and extension (`Film.en.forced.srt`).
FLAGGED_EXTENSIONS = frozenset(
    {"srt", "ass", "ssa", "vtt", "sub", "idx", "sup", "smi", "xmp", "aae", "gpx", "json", "nfo", "txt"}
)
# Made by cameras beside the film (thumbnail, low-resolution copy) or by media centres: the exact stem only.
EXACT_EXTENSIONS = frozenset({"thm", "lrf", "lrv", "jpg", "jpeg"})
# The still of a Live Photo, beside its film (.mov): the exact stem only. Beside any other video it is a photo apart.
LIVE_PHOTO_EXTENSIONS = frozenset({"heic", "heif", "png", "dng"})
_LIVE_PHOTO_FILM = "mov"
_VIDEO_EXTENSIONS = frozenset({"mp4", "mov", "m4v"})
# A language, `forced`, `sdh`, `pt-BR`, a track number …
_FLAG = re.compile(r"[A-Za-z0-9_-]{1,16}")


def find_sidecars(
    video: Path, extensions: Iterable[str] = (), names: Iterable[str] | None = None, *, live_photo: bool = False
) -> tuple[Path, ...]:
    """Return the regular files beside `video` that belong to it, by name; links and folders never do.

    A sidecar has the video's exact stem, then flags (`Film.en.srt`), or its whole name (`Film.mov.xmp`); the
    extension counts in any case. Where several videos could own it, the longest stem wins, and of equal stems
    (`Film.mov`, `Film.mp4`) the one that is left last. `extensions` are further names of videos (without
    dot); `names` are those beside the video that begin with its stem, where they are known, else the folder is
    listed. To a `live_photo` that is a .mov its still belongs, too. Raises OSError when the folder can't be read.
    """
    videos = _VIDEO_EXTENSIONS | {extension.lower().lstrip(".") for extension in extensions}
    names = [
        name
        for name in (os.listdir(video.parent) if names is None else names)  # noqa: PTH208 - no Path for each
        if name.startswith(video.stem) and name != video.name
    ]
    rivals = [name for name in names if _split(name)[1] in videos and _is_file(video.parent / name)]
    found = [
        name
        for name in names
        if _split(name)[1] not in videos
        and (_belongs(name, video.name, rivals, videos) or (live_photo and _is_still_of(name, video.name)))
        and _is_file(video.parent / name)
    ]
    return tuple(video.parent / name for name in sorted(found))


def _belongs(name: str, video: str, rivals: list[str], videos: frozenset[str]) -> bool:
    mine = _closeness(name, video, videos)
    if mine is None:
        return False
    # a rival that is equally close shares the stem: it keeps the sidecar until it is the only one left
    return all((theirs := _closeness(name, rival, videos)) is None or theirs < mine for rival in rivals)


def _is_still_of(name: str, video: str) -> bool:
    """Tell whether a name is that of a Live Photo's still; no other kind of video has one."""
    stem, extension = _split(name)
    return extension in LIVE_PHOTO_EXTENSIONS and _split(video) == (stem, _LIVE_PHOTO_FILM)


def _closeness(name: str, video: str, videos: frozenset[str]) -> tuple[int, int] | None:
    """Return how closely a sidecar's name fits a video's (whole name before stem, longer before shorter)."""
    base, extension = _split(name)
    stem, video_extension = _split(video)
    if extension not in FLAGGED_EXTENSIONS | EXACT_EXTENSIONS or not base.startswith(stem):
        return None
    rest = base[len(stem) :]
    if not rest:
        return (0, len(stem))
    if rest.lower() == f".{video_extension}":
        return (1, len(stem))
    flags = rest[1:].split(".")
    fits = rest.startswith(".") and all(_FLAG.fullmatch(flag) and flag.lower() not in videos for flag in flags)
    return (0, len(stem)) if fits and extension in FLAGGED_EXTENSIONS else None


def _split(name: str) -> tuple[str, str]:
    """Return stem and lower-case extension, like Path.stem and Path.suffix."""
    path = Path(name)
    return path.stem, path.suffix[1:].lower()


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
