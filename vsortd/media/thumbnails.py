"""Small pictures of a video for people to look at: the frames that a decision saw, in the shape they are shown.

The decoding processes make them (`MediaPool.sample` in its padded form); here the padding is cut off.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vsortd.media.preprocess import Preprocess, ResizeMode

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.media.pool import MediaPool

Pixels = npt.NDArray[np.uint8]

_FIRST_LOOK = 8  # ranks asked for at first; then twice as many until every wished frame is there


def frame_pictures(
    media: MediaPool,
    path: Path,
    clip: Clip,
    times_ms: Sequence[int],
    *,
    total: int,
    side_px: int,
    cancel: threading.Event | None = None,
) -> list[Pixels | None]:
    """Return pictures of the frames that were sampled at `times_ms` out of `total`, None for one that is not found.

    Each is uint8 [h, w, 3] RGB with the longer side `side_px`. Raises like `MediaPool.sample`.
    """
    found: dict[int, deque[Pixels]] = defaultdict(deque)
    begin, end = 0, min(_FIRST_LOOK, total)
    while begin < total and any(times_ms.count(time_ms) > len(found[time_ms]) for time_ms in set(times_ms)):
        frames = media.sample(path, clip, range(begin, end), total, _shape(side_px), cancel=cancel)
        for time_ms, square in zip(frames.times_ms.tolist(), frames.pixels, strict=True):
            found[time_ms].append(_without_padding(square, clip))
        begin, end = end, min(end * 2, total)
    return [found[time_ms].popleft() if found[time_ms] else None for time_ms in times_ms]


def pictures_at(
    media: MediaPool,
    path: Path,
    clip: Clip,
    times_ms: Sequence[int],
    *,
    side_px: int,
    cancel: threading.Event | None = None,
) -> list[Pixels | None]:
    """Return pictures of what is shown at some moments (ms), like `frame_pictures`; None where nothing is near."""
    if not len(times_ms):
        return []
    frames = media.moments(path, clip, sorted(set(times_ms)), _shape(side_px), cancel=cancel)
    if not len(frames.times_ms):
        return [None] * len(times_ms)
    nearest = [int(np.argmin(np.abs(frames.times_ms - moment))) for moment in times_ms]
    return [_without_padding(frames.pixels[place], clip) for place in nearest]


def spread_pictures(
    media: MediaPool, path: Path, clip: Clip, count: int, *, side_px: int, cancel: threading.Event | None = None
) -> list[Pixels]:
    """Return up to `count` frames spread over a video, in the order of time, each like those of `frame_pictures`."""
    frames = media.sample(path, clip, range(count), count, _shape(side_px), cancel=cancel)
    return [_without_padding(square, clip) for square in frames.pixels]


def middle_picture(
    media: MediaPool, path: Path, clip: Clip, *, total: int, side_px: int, cancel: threading.Event | None = None
) -> Pixels | None:
    """Return one frame from about the middle, like `frame_pictures`; None where nothing can be decoded."""
    # the second rank is the middle; a video of one frame has only the first
    frames = media.sample(path, clip, range(min(2, total)), total, _shape(side_px), cancel=cancel)
    return _without_padding(frames.pixels[-1], clip) if len(frames.pixels) else None


def _shape(side_px: int) -> Preprocess:
    return Preprocess(side_px, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), ResizeMode.LONGEST, "bicubic")


def _without_padding(square: Pixels, clip: Clip) -> Pixels:
    side = len(square)
    longest = max(clip.shown_width_px, clip.shown_height_px)
    width = max(1, round(side * clip.shown_width_px / longest))
    height = max(1, round(side * clip.shown_height_px / longest))
    left, top = (side - width) // 2, (side - height) // 2
    return square[top : top + height, left : left + width]
