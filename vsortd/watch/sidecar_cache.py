"""Which videos have company: sidecars, or signs of a download. Asked for each of 20,000 files, answered cheaply.

Finding them lists a folder; doing so for every file of a large folder would cost the square of its size. So a folder
is listed once for many questions, its names by the keys that a video shares with what may belong to it, and only a
video with such a name beside it is looked into.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.names import nfc
from vsortd.core.sidecar_forms import is_many_dotted, listing_keys, special_keys, video_keys

if TYPE_CHECKING:
    from pathlib import Path

# A listing this young is taken as it is: a sidecar that comes later than this before its video is ready might
# as well have come after. An older one counts only while the folder's own mtime stands, and not for ever:
# some shares and filesystems tell it late or coarsely.
_FRESH_S = 0.1
_STALE_S = 5.0
# Of a folder that changes all the time, listings may take this part of the time.
_SHARE = 0.05
# FAT tells times to two seconds.
_RACY_NS = 3_000_000_000
_FOLDERS_KEPT = 16


@dataclass(frozen=True, slots=True)
class _Listing:
    made_s: float
    fresh_s: float
    mtime_ns: int
    racy: bool  # made so soon after the folder changed that another change may have left its mtime as it is
    names: dict[str, list[str]]  # by every key that they have


class Companions:
    """Answers from listings that are up to date by the clock that is passed in and the folder's mtime."""

    def __init__(self) -> None:
        self._listings: dict[str, _Listing] = {}

    def has_any(self, video: Path, now: float) -> bool:
        """Tell whether another name beside `video` may belong to it. Raises OSError when the folder can't be listed."""
        return len(self.of(video, now)) > 1

    def of(self, video: Path, now: float) -> list[str]:
        """Return the names beside `video`, its own among them, that may belong to it or to a video that has them, too.

        All that do are among them; who asks looks closer. Raises OSError when the folder can't be listed.
        """
        if is_many_dotted(video.stem):  # not listed by all its beginnings
            begins = _head(video.stem)
            listed = os.listdir(video.parent)  # noqa: PTH208 - names are wanted
            return [name for name in listed if begins in nfc(name).casefold()]
        names = self._names(str(video.parent), now)
        found = dict.fromkeys(name for key in video_keys(video.name) for name in names.get(key, ()))
        for name in tuple(found) if len(found) > 1 else ():
            for key in special_keys(nfc(name).casefold()):
                found.update(dict.fromkeys(names.get(key, ())))
        return list(found)

    def clear(self) -> None:
        """Forget the listings, so that nothing is kept while nothing waits."""
        self._listings.clear()

    def _names(self, folder: str, now: float) -> dict[str, list[str]]:
        known = self._listings.get(folder)
        age_s = now - known.made_s if known is not None else -1.0
        if known is not None and 0 <= age_s < known.fresh_s:
            return known.names
        mtime_ns = os.stat(folder).st_mtime_ns  # noqa: PTH116 - no Path for each question
        if known is not None and not known.racy and 0 <= age_s < _STALE_S and mtime_ns == known.mtime_ns:
            return known.names
        began_s, racy = time.perf_counter(), abs(time.time_ns() - mtime_ns) < _RACY_NS
        names: dict[str, list[str]] = {}
        for name in os.listdir(folder):  # noqa: PTH208 - no Path for each of 20,000 names
            for key in listing_keys(name):
                names.setdefault(key, []).append(name)
        if len(self._listings) >= _FOLDERS_KEPT:
            self._listings.clear()
        fresh_s = max(_FRESH_S, (time.perf_counter() - began_s) / _SHARE)
        self._listings[folder] = _Listing(now, fresh_s, mtime_ns, racy, names)
        return names


def _head(stem: str) -> str:
    """Return the beginning of a stem of many dots that all its company has, too."""
    return ".".join(nfc(stem).casefold().split(".")[:3])
