"""At which moments a video is looked at for the index. Pure.

A pace is one frame every so many milliseconds, in the middle of each step, so that every frame stands for its step.
Paces and their parts are names of looks in the index.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

# Frames that are decoded in one request and kept together: a kill costs no more. At least half a minute of video, so
# that decoding from the keyframe before each part on is a small share; more would fill a request's time with 4K films.
PART: Final = 32
# A keyframe, or a frame that is kept already, this part of a step from a moment will do instead.
NEAR: Final = 0.25
_PREFIX: Final = "pace-"
_ALWAYS_LOOKED_AT: Final = 10_000  # moments, of a video with fewer frames
_SHORTEST_STEP_MS: Final = 0.5  # rounds to one
_LONGEST_STEP_MS: Final = 365.25 * 86_400_000  # no video is longer


def step_of(fps: float) -> int:
    """Return the step of a pace, ms. Raises ValueError unless it is from 1 ms to a year."""
    step_ms = 1000 / fps if fps > 0 else 0.0
    if not _SHORTEST_STEP_MS <= step_ms <= _LONGEST_STEP_MS:
        raise ValueError(f"{fps:g} frames a second are none, less than one a year, or more than a thousand")
    return max(1, round(step_ms))


def moments_of(duration_s: float, step_ms: int, *, frames: int | None = None) -> list[int]:
    """Return the moments of a pace, ms: the middle of each step; of a video shorter than one its own middle.

    A header may claim any duration: where the video has fewer than `frames` to show for it, the steps grow, so that
    there are no more moments than frames, or than ten thousand.
    """
    if frames is not None:
        step_ms = max(step_ms, math.ceil(duration_s * 1000 / max(frames, _ALWAYS_LOOKED_AT)))
    count = int(duration_s * 1000 // step_ms)
    moments = [number * step_ms + step_ms // 2 for number in range(count)]
    rest_ms = duration_s * 1000 - count * step_ms
    if rest_ms > step_ms * NEAR or not moments:  # a rest shorter than that belongs to the last frame
        moments.append(round(count * step_ms + rest_ms / 2))
    return moments


def parts_of(moments: Sequence[int]) -> list[list[int]]:
    """Cut moments into the parts that are decoded and kept together."""
    return [list(moments[begin : begin + PART]) for begin in range(0, len(moments), PART)]


def missing(moments: Sequence[int], times_ms: npt.NDArray[np.int64], step_ms: int) -> list[int]:
    """Return the moments that have no kept frame near them; `times_ms` are those frames' times, ascending."""
    if not len(times_ms):
        return list(moments)
    wanted = np.asarray(moments, np.int64)
    after = np.clip(np.searchsorted(times_ms, wanted), 0, len(times_ms) - 1)
    before = np.maximum(after - 1, 0)
    distance = np.minimum(np.abs(times_ms[after] - wanted), np.abs(times_ms[before] - wanted))
    return [int(moment) for moment in wanted[distance > step_ms * NEAR]]


def name_of(step_ms: int) -> str:
    """Return the name of the look that tells that a video was walked through at this pace."""
    return f"{_PREFIX}{step_ms}"


def part_name(step_ms: int, number: int) -> str:
    """Return the name of the look that holds one part."""
    return f"{_PREFIX}{step_ms}:{number}"


def is_walked(looks: Iterable[str], step_ms: int) -> bool:
    """Tell whether a video was walked through at this pace or a finer one."""
    steps = [name.removeprefix(_PREFIX) for name in looks if name.startswith(_PREFIX) and ":" not in name]
    return any(int(step) <= step_ms for step in steps)
