"""One stream's packets as they go by: how many, how large, how far apart. Worker processes only."""

from __future__ import annotations

from array import array
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av

# An interval is irregular if it is off by more than this part of the median ...
_IRREGULAR = 0.05
# ... and by more than one tick of the clock, where the clock counts at least so many ticks in the median: Matroska and
# FLV round to milliseconds, so that 60 frames a second come as 16, 17, 17.
_FINE_TICKS = 4
_NO_TIME = -(2**63)
LONGEST_S: Final = 1e9
"""Thirty years: what is told to be longer is nonsense."""
# Faster than all memory.
_FASTEST_BPS = 1e15


class PacketTimes:
    """Counts a stream's packets; `base` is its time base in seconds. Packets that an edit list hides don't count.

    Times are of showing where all packets have one, else of decoding (AVI may say nothing else).
    """

    def __init__(self, base: Fraction | None) -> None:
        self.shown = 0
        self.bytes = 0
        self._base = base or Fraction(0)
        self._pts, self._dts = array("q"), array("q")
        self._keys = array("b")
        self._hidden = array("b")
        self._last: tuple[int, int] = (_NO_TIME, 0)

    def add(self, packet: av.Packet[Any]) -> None:
        """Count one packet."""
        hidden = packet.is_discard
        pts = _NO_TIME if packet.pts is None else packet.pts
        dts = _NO_TIME if packet.dts is None else packet.dts
        self._pts.append(pts)
        self._dts.append(dts)
        self._keys.append(packet.is_keyframe)
        self._hidden.append(hidden)
        if hidden:
            return
        self.shown += 1
        self.bytes += packet.size
        self._last = max(self._last, (pts if pts != _NO_TIME else dts, packet.duration or 0))

    @property
    def span_s(self) -> float | None:
        """How long the stream lasts, s: to the end of its last packet, which lasts as the median if it doesn't say."""
        span = self._span
        return float(span) if span is not None else None

    @property
    def rate_hz(self) -> float | None:
        """Average number of packets a second, of two at least."""
        span = self._span
        return float(self.shown / span) if self.shown > 1 and span else None

    @property
    def bitrate_bps(self) -> float | None:
        """Bits a second."""
        return bits_a_second(self.bytes, self.span_s)

    @property
    def interval_s(self) -> float | None:
        """Median time between packets, s."""
        intervals = np.diff(self._times(keys_only=False))
        return self._seconds(_median(intervals)) if len(intervals) else None

    @property
    def irregular_share(self) -> float | None:
        """Share of the intervals that are off by more than 5 % from their median, 0 to 1."""
        intervals = np.diff(self._times(keys_only=False))
        if not len(intervals):
            return None
        median = _median(intervals)
        allowed = median * _IRREGULAR
        if median >= _FINE_TICKS:
            allowed = max(allowed, 1.0)
        return float(np.mean(np.abs(intervals - median) > allowed))

    @property
    def keyframes(self) -> int:
        """How many packets are keyframes, hidden ones included."""
        return sum(self._keys)

    @property
    def key_interval_s(self) -> float | None:
        """Median time between keyframes, s."""
        intervals = np.diff(self._times(keys_only=True))
        return self._seconds(_median(intervals)) if len(intervals) else None

    @property
    def key_interval_max_s(self) -> float | None:
        """Longest time between two keyframes, s."""
        intervals = np.diff(self._times(keys_only=True))
        return self._seconds(float(intervals.max())) if len(intervals) else None

    @property
    def _span(self) -> Fraction | None:
        """The span in seconds, exact, so that 25 frames a second don't become 24.999."""
        times = self._times(keys_only=False)
        if not len(times):
            return None
        last = self._last[1] if self._last[1] > 0 else _median(np.diff(times))
        span = Fraction(float(times[-1] - times[0]) + last) * self._base
        return span if 0 < span <= LONGEST_S else None

    def _seconds(self, ticks: float) -> float | None:
        seconds = ticks * float(self._base)
        return seconds if self._base and 0 <= seconds <= LONGEST_S else None

    def _times(self, *, keys_only: bool) -> npt.NDArray[np.float64]:
        """Return the times of keyframes, or of what is shown, sorted; as floats, so that no difference overflows."""
        pts = np.array(self._pts, np.int64)
        chosen = pts if (pts != _NO_TIME).all() else np.array(self._dts, np.int64)
        wanted = np.array(self._keys, np.bool_) if keys_only else ~np.array(self._hidden, np.bool_)
        return np.sort(chosen[wanted & (chosen != _NO_TIME)].astype(np.float64))


def bits_a_second(size_bytes: int, duration_s: float | None) -> float | None:
    """Return a bitrate, None where the time is unknown or makes it nonsense."""
    rate = size_bytes * 8 / duration_s if duration_s else None
    return rate if rate is not None and rate <= _FASTEST_BPS else None


def _median(values: npt.NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else 0.0
