"""A copy of a cached video into an inbox: under its title, its subtitles beside it, never over anything."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING, Final

from vsortd.core.identity import Identity
from vsortd.core.system.atomic_file import sync_folder
from vsortd.core.system.file_times import give_times
from vsortd.core.system.fsync import sync
from vsortd.core.system.os_errors import explained
from vsortd.core.system.rename_noreplace import rename_noreplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.fetching.cache import CachedVideo, VideoCache

_COPY_BYTES: Final = 4 << 20
_PREFIX: Final = ".vsortd-fetch-"  # hidden: no inbox takes it for a video
_LEFT_S: Final = 86_400.0  # a copy that nobody has written to for so long was left by a process that died


def deliver(cache: VideoCache, video: CachedVideo, inbox: Path) -> tuple[Path, bool]:
    """Put a copy into an inbox; returns its path, and whether it lay there already.

    The subtitles come first: whoever takes the video finds them. Where a name is taken the next free one is had for
    all of them. Raises FilingError; what was put there until then is taken back.
    """
    with explained("Could not write into", inbox):
        _remove_left(inbox)
        known = Identity.of(video.path)
        for number in itertools.count(1):
            targets = [inbox / name for name in _names(video, number)]
            there = Identity.of(targets[0])
            if known is not None and known.carried_to(there):
                return targets[0], True
            if not any(map(os.path.lexists, targets)) and _put(cache, video, targets):
                return targets[0], False
    raise AssertionError  # numbers don't end


def _names(video: CachedVideo, number: int) -> Iterator[str]:
    """Yield the video's name, then its subtitles', each with the number behind the stem from the second on."""
    stem, mark = video.path.stem, "" if number == 1 else f" ({number})"
    for path in (video.path, *(subtitle for subtitle, _ in video.subtitles)):
        yield f"{stem}{mark}{path.name.removeprefix(stem)}"


def _put(cache: VideoCache, video: CachedVideo, targets: list[Path]) -> bool:
    """Copy all files beside their places, and give them their names; False where one was taken at that moment."""
    mark = f"{_PREFIX}{secrets.token_hex(8)}"
    sources = [video.path, *(path for path, _ in video.subtitles)]
    copies = [target.with_name(f"{mark}-{number}.tmp") for number, target in enumerate(targets)]
    named: list[Path] = []
    try:
        for source, copy in zip(sources, copies, strict=True):
            _copy(source, copy)
        cache.know_origin(video, copies[0])
        for copy, target in reversed(list(zip(copies, targets, strict=True))):
            rename_noreplace(str(copy), str(target), None, None, mark=mark)
            named.append(target)
        sync_folder(targets[0].parent)
    except FileExistsError:
        _take_back(named)
        return False
    except BaseException:
        if targets[0] not in named:
            _take_back(named)
        raise
    finally:
        _take_back(copies)
    return True


def _copy(source: Path, copy: Path) -> None:
    with source.open("rb") as read, copy.open("xb") as written:
        shutil.copyfileobj(read, written, _COPY_BYTES)
        written.flush()
        sync(written.fileno())
        status = os.fstat(read.fileno())
    give_times(copy, status.st_atime_ns, status.st_mtime_ns)


def _remove_left(inbox: Path) -> None:
    for path in inbox.glob(f"{_PREFIX}*.tmp"):
        with contextlib.suppress(OSError):
            if path.lstat().st_ctime < time.time() - _LEFT_S:
                path.unlink()


def _take_back(paths: list[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
