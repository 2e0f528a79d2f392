"""Numbers in addresses and forms, as they are written there: in the digits 0 to 9, finite, within bounds.

Python's own `int` and `float` take more for a number: digits of every script, `1_0`, ` 5 `, `+5`, `nan`.
"""

from __future__ import annotations

import math
import re
from typing import Final

from vsortd.core.text import printable
from vsortd.errors import UsageError

_WHOLE: Final = re.compile(r"-?[0-9]{1,40}")
_PLAIN: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_SHOWN_CHARS: Final = 40


def is_whole(text: str) -> bool:
    """Tell whether a text is a whole number, as JSON would have it but for zeros at its beginning."""
    return _WHOLE.fullmatch(text) is not None


def plain_or_none(text: str) -> float | None:
    """Return the finite number that a text is, None where it is none."""
    value = float(text) if _PLAIN.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def whole_or_none(text: str, low: int, high: int) -> int | None:
    """Return the whole number from `low` to `high` that a text is, None where it is none."""
    return value if is_whole(text) and low <= (value := int(text)) <= high else None


def whole_number(text: str, low: int, high: int, *, what: str) -> int:
    """Return the whole number from `low` to `high` that a text is; `what` it tells is named in the UsageError else."""
    value = whole_or_none(text, low, high)
    if value is None:
        raise UsageError(f"{what} is a whole number from {low} to {high}, not {_shown(text)}.")
    return value


def plain_number(text: str, low: float, high: float, *, what: str) -> float:
    """Return the number from `low` to `high` that a text is; `what` it tells is named in the UsageError else."""
    value = plain_or_none(text)
    if value is None or not low <= value <= high:
        raise UsageError(f"{what} is a number from {low:g} to {high:g}, not {_shown(text)}.")
    return value


def _shown(text: str) -> str:
    return printable(text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…") or "nothing"
