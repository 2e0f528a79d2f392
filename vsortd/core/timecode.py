"""Frame rates as editing programs know them, and SMPTE timecodes (SMPTE ST 12-1). Pure.

A timecode counts frames at the whole rate next above: 30 for 30000/1001. Without dropping, an hour of it lasts
3603.6 s; with dropping the labels ;00 and ;01 (at 60: ;00 to ;03) are left out at the beginning of each minute but each
tenth, and it stays with the clock. No frame is lost by that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

# 24000/1001 is a thousandth slower than 24: half of that tells the one from the other.
_NTSC_SHARE: Final = Fraction(1, 2000)
_NTSC: Final = Fraction(1000, 1001)
_DROPPED_OF: Final = 15  # 2 labels of 30 a minute, 4 of 60
_DROPPING_RATES: Final = (30, 60)
_MINUTES: Final = 10
_DAY_HOURS: Final = 24
_LABEL: Final = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.,])(\d\d)", re.ASCII)


def editing_rate(fps: float) -> Fraction:
    """Return the rate at which an editing program would count the frames of a film with an average of `fps` > 0.

    That is a whole one, or 1000/1001 of it. A film whose rate varies, or is an odd one, is counted at the nearest.
    """
    whole = max(1, round(fps))
    ntsc = whole * _NTSC
    is_ntsc = abs(fps / ntsc - 1) < _NTSC_SHARE and abs(fps - ntsc) < abs(fps - whole)
    return ntsc if is_ntsc else Fraction(whole)


@dataclass(frozen=True, slots=True)
class Timecode:
    """Labels for frames counted from 0 at a `rate` of `editing_rate`; `start` is the first one's place in the day.

    `drop` is whether labels are dropped, which is done at 29.97 and 59.94 frames a second alone.
    """

    rate: Fraction
    drop: bool = False
    start: int = 0

    @classmethod
    def told_by(cls, label: str | None, rate: Fraction) -> Timecode:
        """Return how a file's own first timecode says its frames are labelled; from 0 where it says nothing usable."""
        found = _LABEL.fullmatch((label or "").strip())
        if found is None:
            return cls(rate)
        hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
        drop = found[4] != ":" and _may_drop(rate)
        whole = _whole(rate)
        if hours >= _DAY_HOURS or frames >= whole:
            return cls(rate)
        counted = ((hours * 60 + minutes) * 60 + seconds) * whole + frames
        if not drop:
            return cls(rate, start=counted)
        passed = hours * 60 + minutes
        return cls(rate, drop=True, start=counted - whole // _DROPPED_OF * (passed - passed // _MINUTES))

    def frame_at(self, time_s: float) -> int:
        """Return the frame that begins nearest to a moment, counted from the first one."""
        return max(0, round(time_s * self.rate))

    def label(self, frame: int) -> str:
        """Return what a frame, counted from the first one, is called; after a day it begins anew."""
        whole, number = _whole(self.rate), self.start + frame
        if self.drop:
            dropped = whole // _DROPPED_OF
            minute, ten_minutes = 60 * whole - dropped, 10 * (60 * whole - dropped) + dropped
            tens, rest = divmod(number, ten_minutes)
            number += dropped * (9 * tens + max(0, (rest - dropped) // minute))
        seconds, frames = divmod(number, whole)
        clock = f"{seconds // 3600 % _DAY_HOURS:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        return f"{clock}{';' if self.drop else ':'}{frames:02d}"


def _whole(rate: Fraction) -> int:
    return round(rate)


def _may_drop(rate: Fraction) -> bool:
    return rate.denominator != 1 and _whole(rate) in _DROPPING_RATES
