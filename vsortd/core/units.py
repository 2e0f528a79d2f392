"""Durations and sizes as people write them: `2s`, `500ms`, `1h30m`, `30d`; `2GB`, `512MiB`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vsortd.core.late_pattern import LatePattern

if TYPE_CHECKING:  # at run time where something is read or written: commands import this that do neither
    from fractions import Fraction

# Milliseconds, largest first; a compound duration names its units in this order.
_DURATION_UNITS_MS: dict[str, int] = {
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_SIZE_UNITS: dict[str, int] = {
    "TB": 10**12,
    "GB": 10**9,
    "MB": 10**6,
    "KB": 10**3,
    "TiB": 2**40,
    "GiB": 2**30,
    "MiB": 2**20,
    "KiB": 2**10,
    "B": 1,
}
_SIZE_FACTORS = {unit.lower(): factor for unit, factor in _SIZE_UNITS.items()}

_CLOCK_S = (1, 60, 3_600)

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_DURATION_PART = LatePattern(rf"({_NUMBER})\s*(ms|[wdhms])\s*")
_PLAIN_NUMBER = LatePattern(_NUMBER)
_SIZE = LatePattern(rf"({_NUMBER})\s*([A-Za-z]*)")

FIRST_MOMENT_S = -62_135_596_800.0
LAST_MOMENT_S = 253_402_300_799.0
"""The years 1 to 9999, in Unix seconds: there are no dates beyond."""

DURATION_PATTERN = rf"^\s*({_NUMBER}|({_NUMBER}\s*(ms|[wdhms])\s*)+)\s*$"
"""What a duration looks like, for JSON schemas (which can't say that the units must fall)."""
SIZE_PATTERN = rf"^\s*{_NUMBER}\s*([kKmMgGtT][iI]?)?[bB]?\s*$"
"""What a size looks like, for JSON schemas."""


def parse_duration(value: str | float) -> float:
    """Read a duration and return seconds (finite, not negative).

    A number is taken as seconds; a text is one or more parts with falling units (`1h30m`) out of ms, s, m, h,
    d (24 hours) and w, or a bare number of seconds. Raises ValueError with a sentence for people.
    """
    if isinstance(value, bool):
        raise ValueError("not a duration")  # noqa: TRY004 - one kind of error for whoever asks
    if not isinstance(value, str):
        return _finite(value)
    from fractions import Fraction

    text = value.strip()
    if _PLAIN_NUMBER.compiled.fullmatch(text):
        return _finite(Fraction(text))
    total, position, last_unit = Fraction(0), 0, ""
    order = list(_DURATION_UNITS_MS)
    while position < len(text):
        part = _DURATION_PART.compiled.match(text, position)
        if part is None or (last_unit and order.index(part[2]) <= order.index(last_unit)):
            raise ValueError("not a duration")
        total += Fraction(part[1]) * _DURATION_UNITS_MS[part[2]] / 1000
        position, last_unit = part.end(), part[2]
    if not last_unit:
        raise ValueError("not a duration")
    return _finite(total)


def parse_clock(value: str) -> float:
    """Read a moment in a video and return seconds: `1:23`, `1:02:03.5`, or a duration such as `83s` or `12.5`.

    Raises ValueError with a sentence for people.
    """
    parts = value.strip().split(":")
    if len(parts) == 1:
        return parse_duration(value)
    if len(parts) > len(_CLOCK_S) or not all(_PLAIN_NUMBER.compiled.fullmatch(part) for part in parts):
        raise ValueError("not a time in a video")
    if not all(part.isdigit() for part in parts[:-1]) or any(float(part) >= 60 for part in parts[1:]):  # noqa: PLR2004
        raise ValueError("not a time in a video")
    from fractions import Fraction

    return _finite(sum(Fraction(part) * unit_s for part, unit_s in zip(reversed(parts), _CLOCK_S, strict=False)))


def about_clock(seconds: float) -> str:
    """Write a moment in a video the way players show it, with tenths: `01:23.4`, `1:02:03.4`."""
    tenths = round(seconds * 10)
    hours, rest = divmod(tenths, 36_000)
    text = f"{rest // 600:02d}:{rest // 10 % 60:02d}.{rest % 10}"
    return f"{hours}:{text}" if hours else text


def _finite(seconds: float | Fraction) -> float:
    """Return `seconds` as a float, or raise ValueError for what is negative, too large or not a number."""
    try:
        result = float(seconds)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise ValueError("not a finite duration")
    if result < 0:
        raise ValueError("a duration can't be negative")
    return result


def format_duration(seconds: float) -> str:
    """Write a duration (finite seconds ≥ 0) with its largest fitting unit; parses back to itself."""
    from decimal import Decimal
    from fractions import Fraction

    exact_ms = Fraction(Decimal(repr(float(seconds)))) * 1000
    if exact_ms:
        for unit, factor in _DURATION_UNITS_MS.items():
            if (exact_ms / factor).denominator == 1:
                return f"{exact_ms / factor}{unit}"
    return f"{Decimal(repr(float(seconds))):f}".removesuffix(".0") + "s"


def parse_size(value: str | int) -> int:
    """Read a size and return whole bytes (not negative).

    A whole number is bytes; a text has a unit, decimal (`kB`, `MB`, `GB`, `TB`: powers of 1000) or binary
    (`KiB`, `MiB`, `GiB`, `TiB`: powers of 1024), in any case. Raises ValueError with a sentence for people.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("not a size")  # noqa: TRY004 - one kind of error for whoever asks
    if isinstance(value, int):
        if value < 0:
            raise ValueError("a size can't be negative")
        return value
    match = _SIZE.compiled.fullmatch(value.strip())
    unit = match[2].lower() if match else ""
    factor = _SIZE_FACTORS.get(unit or "b")
    if match is None or factor is None:
        raise ValueError("not a size")
    from fractions import Fraction

    return round(Fraction(match[1]) * factor)


def format_size(size_bytes: int) -> str:
    """Write a size (whole bytes, not negative) with its largest fitting unit; parses back to itself."""
    if size_bytes:
        for unit, factor in sorted(_SIZE_UNITS.items(), key=lambda item: -item[1]):
            if size_bytes % factor == 0:
                return f"{size_bytes // factor}{unit}"
    return "0B"


def about_size(size_bytes: float) -> str:
    """Write a size for people, rounded: `12.3 GB`, `850 MB`, `17 bytes`."""
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if size_bytes >= factor * 0.9995:
            return f"{_three_digits(size_bytes / factor)} {unit}"
    return "1 byte" if size_bytes == 1 else f"{size_bytes:.0f} bytes"


def missing_at_end(size_bytes: int) -> str:
    """Say of a file that so many bytes are missing at its end."""
    return f"{about_size(size_bytes)} {'is' if size_bytes == 1 else 'are'} missing at its end"


def about_duration(seconds: float) -> str:
    """Write a duration for people, rounded: `2.5 days`, `12 min`, `3 s`, `40 ms`."""
    for unit, factor in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * factor * 0.9995:
            return f"{_three_digits(seconds / factor)} {unit}"
    if seconds >= 0.9995 or not seconds:  # noqa: PLR2004 - from there on it would be 1000 ms
        return f"{_three_digits(seconds)} s"
    return f"{seconds * 1000:.0f} ms"


def _three_digits(number: float) -> str:
    """Round so that three digits are left, and nothing behind a whole number."""
    digits = 0 if abs(number) >= 99.95 else 1  # noqa: PLR2004 - from there on three stand before the point
    return f"{number:.{digits}f}".removesuffix(".0")
