"""What part of a file a request asks for (RFC 9110, 14): one range of bytes, or all of it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))")


class UnsatisfiableError(Exception):
    """The range lies behind the end of the file."""


def asked_part(headers: Mapping[str, str], size_bytes: int, etag: str) -> range | None:
    """Return the bytes that are asked for, None for all of them. Raises UnsatisfiableError.

    `headers` have names in lower case. Several ranges at once, another unit and what can't be read ask for all, as does
    a range of a file that is another by now (`if-range`; a date is never taken for this very file).
    """
    match = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if match is None or headers.get("if-range", etag) != etag:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        count = min(int(suffix), size_bytes)
        part = range(size_bytes - count, size_bytes)
    else:
        if last and int(last) < int(first):
            return None  # no range at all
        part = range(int(first), min(int(last) + 1, size_bytes) if last else size_bytes)
    if not part:
        raise UnsatisfiableError
    return part


def is_known(headers: Mapping[str, str], etag: str) -> bool:
    """Tell whether who asks has this very file already (`if-none-match`)."""
    told = headers.get("if-none-match", "")
    return told == "*" or etag in (one.strip().removeprefix("W/") for one in told.split(","))
