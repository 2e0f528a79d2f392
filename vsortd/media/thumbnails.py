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
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsortd.core.video_facts import Clip
    from vsortd.media.pool import MediaPool

Pixels = npt.NDArray[np.uint8]

_REQUEST_BYTES = 32 << 20  # of pixels that one answer carries
# A frame this far before the last moment of a request tells that its time was up, and not that the rest is damaged.
_SLACK_MS = 1000
_STILLS_BYTES = 64 << 20  # of pictures that come from a worker at once
_DURATIONS = 4  # a worker may take so many times what the film lasts, beyond what any request may
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


def frames_as_shown(
    media: MediaPool,
    path: Path,
    clip: Clip,
    times_ms: Sequence[int],
    *,
    side_px: int,
    cancel: threading.Event | None = None,
) -> Iterator[tuple[int, Pixels]]:
    """Yield the frames shown at some moments (ms, ascending) with their true times, each once, in the order of time.

    Each is uint8 [h, w, 3] RGB with the longer side `side_px`; a few are decoded at a time. Damaged ones are left out.
    Raises like `MediaPool.moments`.
    """
    at_once = max(1, _REQUEST_BYTES // (3 * side_px * side_px))
    reached_ms, left = -1, list(times_ms)
    while left:
        frames = media.moments(path, clip, left[:at_once], _shape(side_px), cancel=cancel)
        fresh = [place for place, time_ms in enumerate(frames.times_ms) if time_ms > reached_ms]
        for place in fresh:
            yield int(frames.times_ms[place]), _without_padding(frames.pixels[place], clip)
        last_ms = left[min(at_once, len(left)) - 1]
        if fresh:
            reached_ms = int(frames.times_ms[-1])
            if reached_ms < last_ms - _SLACK_MS:  # its time was up
                last_ms = reached_ms + _SLACK_MS
        left = [moment for moment in left if moment > last_ms]


def moments_a_second(duration_s: float, most: int) -> list[int]:
    """Return the middle (ms) of each second of a video; of a longer one `most` moments spread evenly, at least one."""
    count = min(most, max(1, round(duration_s)))
    return [round((number + 0.5) * duration_s * 1000 / count) for number in range(count)]


def stills_at(
    media: MediaPool,
    path: Path,
    times_s: Sequence[float],
    *,
    side_px: int,
    duration_s: float,
    cancel: threading.Event | None = None,
) -> Iterator[Pixels]:
    """Yield what a film of any container shows at ascending moments (s), each uint8 [h, w, 3] RGB, a few at a time.

    The longer side is `side_px`; `duration_s` is how long the film is, by which the time for it is measured. Raises
    like `MediaPool.stills`.
    """
    together = max(1, _STILLS_BYTES // (side_px * side_px * 3))
    timeout_s = media.timeout_s + _DURATIONS * duration_s
    for first in range(0, len(times_s), together):
        part = times_s[first : first + together]
        yield from media.stills(path, part, side_px=side_px, timeout_s=timeout_s, cancel=cancel).pixels


def spread_pictures(
    media: MediaPool, path: Path, clip: Clip, count: int, *, side_px: int, cancel: threading.Event | None = None
) -> list[Pixels]:
    """Return up to `count` frames spread over a video, in the order of time, each like those of `frame_pictures`."""
    frames = media.sample(path, clip, range(count), count, _shape(side_px), cancel=cancel)
    return [_without_padding(square, clip) for square in frames.pixels]


def timed_pictures(
    media: MediaPool,
    path: Path,
    clip: Clip | None,
    ranks: range,
    total: int,
    *,
    side_px: int,
    cancel: threading.Event | None = None,
) -> tuple[Clip, list[int], list[Pixels]]:
    """Return a video's facts, and the frames of some ranks out of `total` with their true times (ms), in their order.

    The facts are read along with the frames where `clip` is None. Pictures are like those of `frame_pictures`; raises
    like `MediaPool.look`.
    """
    if clip is None:
        clip, frames, _ = media.look(path, ranks, total, _shape(side_px), cancel=cancel)
    else:
        frames = media.sample(path, clip, ranks, total, _shape(side_px), cancel=cancel)
    return clip, frames.times_ms.tolist(), [_without_padding(square, clip) for square in frames.pixels]


def keyframe_pictures(
    media: MediaPool, path: Path, clip: Clip, count: int, *, side_px: int, cancel: threading.Event | None = None
) -> tuple[list[int], list[Pixels]]:
    """Return up to `count` keyframes spread over a video with their true times (ms), in their order, each once.

    They need no other frame, so that they cost little; a video may have few. Pictures are like those of
    `frame_pictures`; raises like `MediaPool.moments`.
    """
    whole_ms = max(1, round(clip.duration_s * 1000))
    times_ms = [round((number + 0.5) * whole_ms / count) for number in range(count)]
    frames = media.moments(path, clip, times_ms, _shape(side_px), snap_ms=whole_ms, cancel=cancel)
    return frames.times_ms.tolist(), [_without_padding(square, clip) for square in frames.pixels]


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
