"""Moments in time out of numbers and texts that others wrote: bounded, and by the clock that people go by.

A file's time may be of any year, and a camera's words may mean anything; nothing here raises for them. Local is the
time zone of this machine (`TZ`, else the system's), with the rules for summer that hold at that moment.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from vsortd.core.units import FIRST_MOMENT_S, LAST_MOMENT_S, parse_duration
from vsortd.errors import UsageError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What Windows filesystems and those who copy from them have for a file without a date: 1601-01-01, the zero there.
_NO_DATE_S: Final = -11_644_473_600


def utc_moment(unix_s: float) -> datetime:
    """Return Unix seconds as a date and time in UTC; what lies beyond the years 1 to 9999 is their first or last."""
    bounded_s = FIRST_MOMENT_S if math.isnan(unix_s) else min(max(unix_s, FIRST_MOMENT_S), LAST_MOMENT_S)
    return _EPOCH + timedelta(seconds=bounded_s)


def utc_now() -> str:
    """Return this moment in UTC, to the second, as documents have it."""
    return utc_moment(time.time()).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix_seconds(moment: datetime) -> float:
    """Return the Unix seconds of a moment; one without a time zone is local."""
    return (_aware(moment) - _EPOCH).total_seconds()


def local_moment(unix_s: float) -> datetime:
    """Return Unix seconds by the clock of this machine; what lies beyond all dates is the first or last of them."""
    return _localised(utc_moment(unix_s))


def file_moment(modified_ns: int) -> datetime | None:
    """Return a file's time (Unix time, ns) by the clock of this machine, whole seconds; None where it has no date.

    No date is one beyond the years 1 to 9999, too.
    """
    modified_s = modified_ns // 1_000_000_000
    if not FIRST_MOMENT_S <= modified_s <= LAST_MOMENT_S or modified_s == _NO_DATE_S:
        return None
    return local_moment(modified_s)


def parse_since(text: str, *, option: str = "--since") -> float:
    """Turn `--since` into Unix seconds: an ISO date or time (local where no offset is given), or an age like 2h.

    What lies beyond all dates is the first or the last of them. Raises UsageError for anything else; `option` is where
    it was typed.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return min(max(unix_seconds(moment), FIRST_MOMENT_S), LAST_MOMENT_S)
    try:
        return max(time.time() - parse_duration(text), FIRST_MOMENT_S)
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r} is neither a time nor an age.",
            remedy="Write 2026-11-20, 2026-11-20T18:30, or an age such as 30m, 2h, 7d.",
        ) from error


def local_text(text: str) -> str:
    """Return a time of the journal or the log (ISO 8601) by the clock on the wall; what is none as it stands."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return _localised(moment).replace(tzinfo=None, microsecond=0).isoformat(" ")


def recorded_moment(recorded_at: str) -> datetime | None:
    """Return the wall clock at which a video was recorded, out of `Clip.recorded_at`; None where the file doesn't say.

    An offset is the camera's own word for where it was: its wall clock stays as it is. A `Z` says that the time is in
    UTC, which nobody's clock shows: it becomes this machine's local time. A time without either is the camera's.
    """
    try:
        moment = datetime.fromisoformat(recorded_at)
    except ValueError:
        return None
    return _localised(moment) if is_utc(recorded_at) else moment


def is_utc(text: str) -> bool:
    """Tell whether a time's text says that it is in UTC, rather than at a place where clocks show the same."""
    return text.endswith(("Z", "z"))


def _localised(moment: datetime) -> datetime:
    try:
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):  # at the ends of all dates, or beyond what this system's clock tells
        return moment


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is not None:
        return moment
    local = _localised(moment)
    return local if local.tzinfo is not None else moment.replace(tzinfo=UTC)
