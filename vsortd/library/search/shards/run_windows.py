"""Windows over runs, and what scenes there may be: as `scenes` makes them of frames, but of the runs' values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from vsortd.library.search.scenes import DROP, PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from vsortd.library.search.shards.shard import Shard

    Array = npt.NDArray[np.float64]
    Places = npt.NDArray[np.intp]
    Values = npt.NDArray[np.float32]

_TINY_S: Final = 1e-6


def runs_around(shard: Shard, runs: Places, window_s: float) -> Places:
    """Return runs with those of the same videos that are at most a window away, ascending."""
    owners = shard.video_of_run[runs]
    low = np.searchsorted(shard.ends_s, shard.begins_s[runs] - window_s, "right")
    high = np.searchsorted(shard.begins_s, shard.ends_s[runs] + window_s, "left")
    marks = np.zeros(len(shard.run_frames) + 1, np.int32)
    np.add.at(marks, np.maximum(low, shard.first_run[owners]), 1)
    np.add.at(marks, np.minimum(high, shard.first_run[owners + 1]), -1)
    return np.flatnonzero(np.cumsum(marks[:-1]) > 0)


@dataclass(frozen=True, slots=True, eq=False)
class RunWindows:
    """Windows over some runs of a shard, those of a stretch of neighbours behind one another.

    Of each: `values`, `begins_s` and `ends_s` on the shard's axis, and `stretches`, the number of its stretch. Of each
    stretch: `firsts` and `lasts`, its runs from the first to before the last.
    """

    shard: Shard
    values: Array
    begins_s: Array
    ends_s: Array
    stretches: Places
    firsts: Places
    lasts: Places

    @classmethod
    def over(cls, shard: Shard, runs: Places, values: Values, *, window_s: float, any_of: bool) -> Self:
        """Return the windows over runs, ascending and at least one, that say `values` [runs, columns].

        They are those of `scenes.find_scenes`: of one length, or the whole of a shorter video, and half that apart.
        """
        is_first = np.ones(len(runs), np.bool_)
        is_first[1:] = (np.diff(runs) > 1) | (np.diff(shard.video_of_run[runs]) != 0)
        firsts = np.flatnonzero(is_first)
        lasts = np.append(firsts[1:], len(runs)) - 1
        begins, ends = shard.begins_s[runs], shard.ends_s[runs]
        # each stretch's end is a knot as well, behind which nothing counts
        knots = np.insert(begins, lasts + 1, ends[lasts])
        shares = np.insert((ends - begins)[:, None] * values.astype(np.float64), lasts + 1, 0.0, axis=0)
        sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(shares, axis=0)[:-1]])
        owners = shard.video_of_run[runs[firsts]]
        starts, lengths = shard.starts_s[owners], shard.lengths_s[owners]
        sizes = np.minimum(window_s, lengths)
        hops = sizes / 2
        low, high = begins[firsts] - starts, ends[lasts] - starts
        first = np.ceil(low / hops - _TINY_S)
        last = np.floor((high - sizes) / hops + _TINY_S)
        count = np.maximum(last - first + 1, 0).astype(np.intp)
        whose = np.repeat(np.arange(len(firsts)), count + 1)
        number = np.arange(len(whose)) - np.repeat(np.cumsum(count + 1) - count - 1, count + 1)
        # the last window of each ends with the stretch, as the last one of a video does
        at = np.where(
            number < count[whose], (first[whose] + number) * hops[whose], np.maximum(high - sizes, low)[whose]
        )
        at = at + starts[whose]
        until = np.minimum(at + sizes[whose], ends[lasts][whose])
        columns = [np.interp(until, knots, one) - np.interp(at, knots, one) for one in sums.T]
        means = np.stack(columns, axis=1) / np.maximum(until - at, _TINY_S)[:, None]
        together = np.asarray(means.max(axis=1) if any_of else means.min(axis=1), np.float64)
        return cls(shard, together, at, until, whose, runs[firsts], runs[lasts] + 1)

    def runs_of(self, low: int, high: int) -> tuple[int, int]:
        """Return the runs, from the first to before the last, of the windows `low` to `high` of one stretch."""
        stretch = self.stretches[low]
        first, last = int(self.firsts[stretch]), int(self.lasts[stretch])
        begin_s, end_s = self.begins_s[low], self.ends_s[low : high + 1].max()
        begin = first + int(np.searchsorted(self.shard.ends_s[first:last], begin_s + _TINY_S, "right"))
        end = first + int(np.searchsorted(self.shard.begins_s[first:last], end_s - _TINY_S, "left"))
        return min(begin, last - 1), max(end, begin + 1)


@dataclass(frozen=True, slots=True)
class LikelyScene:
    """Where a scene may lie: the windows `low` to `high` of the `windows`-th ones; `value` is that of the best."""

    windows: int
    low: int
    high: int
    value: float


def likely_scenes(windows: Sequence[RunWindows], most: int) -> list[LikelyScene]:
    """Return where the best scenes may lie, best first.

    Each begins with the best window that is left, and takes those beside it that `scenes` would let it grow over.
    """
    if not windows:
        return []
    counts = [len(one.values) for one in windows]
    values = np.concatenate([one.values for one in windows])
    offsets = np.cumsum([0, *(len(one.firsts) for one in windows)])
    stretches = np.concatenate([one.stretches + offset for one, offset in zip(windows, offsets[:-1], strict=True)])
    begins = np.cumsum([0, *counts])
    taken = np.zeros(len(values), np.bool_)
    found: list[LikelyScene] = []
    for seed in np.argsort(-values, kind="stable").tolist():
        if len(found) == most:
            break
        if taken[seed]:
            continue
        value = float(values[seed])
        own = slice(*np.searchsorted(stretches, [stretches[seed], stretches[seed] + 1]).tolist())
        grows = ~taken[own] & (values[own] >= min(value - DROP, PLAIN))
        before, after = np.flatnonzero(~grows[: seed - own.start]), np.flatnonzero(~grows[seed - own.start + 1 :])
        low = own.start + int(before[-1]) + 1 if len(before) else own.start
        high = seed + int(after[0]) if len(after) else own.stop - 1
        # those half of which a scene has lie in what is looked at around it
        taken[max(low - 1, own.start) : min(high + 2, own.stop)] = True
        whose = int(np.searchsorted(begins, seed, "right")) - 1
        found.append(LikelyScene(whose, low - int(begins[whose]), high - int(begins[whose]), value))
    return found
