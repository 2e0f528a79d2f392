"""Whether a quiet file has to wait for others: a download's second file, streams that are yet to be merged.

`watch.neighbours` tells by names; this looks at the disk for how long a neighbour has rested.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.text import storable
from vsortd.watch.neighbours import Neighbour, is_stream, nameless_download, neighbour_of, state_of_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# A neighbour that has not changed for so long is a leftover, and keeps no whole video from being filed, unless it says
# that the video itself is being written.
STALE_S = 3_600.0
# Between a stream that is down and the next one that comes, yt-dlp leaves no other sign than the name.
STREAM_S = 600.0
# Torrents have folders in folders.
_FOLDERS_ABOVE = 3
_HOUR_S = 3_600.0
_DAYS_FROM_H = 48


@dataclass(slots=True)
class NeighbourSeen:
    """What was last seen beside one video: the name, "" for none, and since when it is as it is."""

    name: str = ""
    as_it_is: tuple[int, int] = (0, 0)  # time of change, ns, and size, bytes
    since_s: float = 0.0

    def look(self, video: Path, names: Sequence[str], now_s: float, *, empty: bool) -> str:
        """Say what a video has to wait for, "" for nothing; `names` are those beside it.

        A leftover is no reason to wait, but `name` has it all the same. An `empty` one may be the placeholder of a
        download that has no name yet.
        """
        found = _neighbour(video, names) or (nameless_download(names) if empty else None)
        self.name = "" if found is None else storable(found.name)
        if found is None:
            return ""
        quiet_s = self._quiet_s(video.parent / found.name, now_s)
        if not found.in_place and quiet_s >= STALE_S:
            return ""
        rests = f", unchanged for {_long(quiet_s)} (remove it if nothing is)" if quiet_s >= STALE_S else ""
        return f"a download or copy is under way: {self.name} lies beside it{rests}"

    def _quiet_s(self, neighbour: Path, now_s: float) -> float:
        """Return for how long a neighbour has not changed: by what was seen of it, or by its own time."""
        try:
            status = neighbour.lstat()
        except OSError:
            return 0.0  # it goes this moment
        seen = (status.st_mtime_ns, status.st_size)
        if self.as_it_is != seen:
            self.as_it_is, self.since_s = seen, now_s
        return max(now_s - self.since_s, time.time() - status.st_mtime)


def waits_to_be_merged(video: Path, alone_s: float, *, drain: bool) -> str:
    """Say that a stream has to wait, "" for any other file, or one that has been quiet and `alone_s` for long.

    Who drains has not watched it, so the file's own time counts as well.
    """
    if not is_stream(video.name):
        return ""
    try:
        age_s = time.time() - video.stat().st_ctime if drain else 0.0
    except OSError:
        return ""  # the video's own look will tell
    waits = max(alone_s, age_s) < STREAM_S
    return "by its name a download will merge it with other streams; left alone it is filed soon" if waits else ""


def _neighbour(video: Path, names: Sequence[str]) -> Neighbour | None:
    found = neighbour_of(video.name, names) if len(names) > 1 else None
    for folder in tuple(video.parents)[:_FOLDERS_ABOVE] if found is None else ():
        state = state_of_folder(str(folder))
        if os.path.lexists(state):
            return Neighbour(state, in_place=True)
    return found


def _long(seconds: float) -> str:
    hours = int(seconds // _HOUR_S)
    return f"{hours} h" if hours < _DAYS_FROM_H else f"{hours // 24} days"
