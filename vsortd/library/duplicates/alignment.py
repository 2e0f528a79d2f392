"""How two videos lie over each other in time, by what the model saw of them. Pure.

Their frames were taken at different moments, so a moment of the longer one is as alike as the frames around it; what
comes back are guesses, good to about the distance of its frames, which the pictures themselves then confirm or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vsortd.index.video import IndexedVideo

LEAST_INSIDE: Final = 0.4  # of the shorter video's frames must lie within the longer one
MOST_SHIFTS: Final = 3  # guesses worth a look at the pictures
_MOST_FRAMES: Final = 64  # of the shorter video are compared: enough to find its place, however long it is
_STEP_S: Final = 0.25  # between shifts that are tried; finer than any usual distance of frames
_NEARER: Final = 0.25  # how much the nearer frame counts by itself
_MOST_STEPS: Final = 20_000  # for videos of hours the step grows instead


@dataclass(frozen=True, slots=True)
class Shift:
    """A guess: what the shorter video shows at t seconds the longer one shows at t + `shift_s`, ± `slack_s`.

    `cosine` is the mean over the shorter one's frames that lie within the longer one.
    """

    shift_s: float
    slack_s: float
    cosine: float


def shifts(
    longer: IndexedVideo,
    longer_shows: npt.NDArray[np.bool_],
    shorter: IndexedVideo,
    shorter_shows: npt.NDArray[np.bool_],
    *,
    least_cosine: float,
) -> list[Shift]:
    """Return where the shorter video may lie within the longer one, the best first; [] where they differ too much.

    The masks (bool [n]) say which frames have a say. Counted is by how much each frame is more alike than
    `least_cosine`, so that a shift under which more frames agree comes first. Of equal ones (a picture that never
    moves) the one with both beginnings together comes first, then the one with both ends together.
    """
    if not longer_shows.any() or not shorter_shows.any():
        return []
    chosen = np.flatnonzero(shorter_shows)
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), _MOST_FRAMES)).round().astype(int))]
    times_s = shorter.times_ms[chosen] / 1000
    longer_s = longer.times_ms / 1000
    cosines = longer.vectors.astype(np.float32) @ shorter.vectors[chosen].astype(np.float32).T  # [long, short]
    cosines[~longer_shows] = -1
    tried = _tried(longer.duration_s, shorter.duration_s)
    gap_s = max(0.04, float(np.median(np.diff(longer_s)))) if len(longer_s) > 1 else max(0.5, longer.duration_s)
    matched = np.full((len(tried), len(chosen)), np.nan, np.float32)
    for place, time_s in enumerate(times_s):
        at = time_s + tried
        inside = (at >= -gap_s / 2) & (at <= longer.duration_s + gap_s / 2)
        matched[inside, place] = _between(longer_s, cosines[:, place], at[inside])
    inside_share = np.mean(~np.isnan(matched), axis=1)
    gain = np.nansum(matched - least_cosine, axis=1)
    gain[inside_share < LEAST_INSIDE] = -np.inf
    # a still picture is the same under every shift: prefer that the beginnings, else the ends, lie together
    for share, shift_s in ((1e-3, 0.0), (5e-4, longer.duration_s - shorter.duration_s)):
        gain += share * len(chosen) * np.isclose(tried, shift_s, rtol=0, atol=1e-9)
    found: list[Shift] = []
    for place in np.argsort(-gain, kind="stable"):
        mean = float(np.nanmean(matched[place])) if gain[place] > -np.inf else -1.0
        if mean < least_cosine or len(found) == MOST_SHIFTS:
            break
        if all(abs(tried[place] - one.shift_s) > gap_s for one in found):
            found.append(Shift(float(tried[place]), gap_s / 2 + _STEP_S / 2, mean))
    return found


def _tried(longer_s: float, shorter_s: float) -> npt.NDArray[np.float64]:
    """Return the shifts to try, seconds: a grid, and the two at which the beginnings or the ends lie together."""
    step = max(_STEP_S, (longer_s + shorter_s) / _MOST_STEPS)
    count = int((longer_s + shorter_s) / step) + 1
    grid = -shorter_s + step * np.arange(count)
    return np.unique(np.concatenate([grid, [0.0, longer_s - shorter_s]]))


def _between(
    times_s: npt.NDArray[np.float64], values: npt.NDArray[np.float32], at_s: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Return how alike each moment is: the better of the frames around it, with a look at which of them is nearer.

    Between cuts an average of both would be neither; the better one alone could not tell shifts half a gap apart.
    """
    after = np.clip(np.searchsorted(times_s, at_s), 0, len(times_s) - 1)
    before = np.maximum(after - 1, 0)
    # at a frame's own time, and before the first one, only that one counts
    earlier = np.where(at_s < times_s[after], before, after)
    nearer = np.where(np.abs(times_s[after] - at_s) <= np.abs(at_s - times_s[earlier]), after, earlier)
    better = np.maximum(values[after], values[earlier])
    return np.asarray((1 - _NEARER) * better + _NEARER * values[nearer], np.float32)
