"""Which numbers an item of the journal can have. Light: the command line asks before anything is opened."""

from __future__ import annotations

from typing import Final

LARGEST_ID: Final = (1 << 63) - 1
"""Where SQLite's numbers end; no item has an id beyond."""


def is_possible_id(number: int) -> bool:
    """Tell whether an item can have this number."""
    return 0 <= number <= LARGEST_ID
