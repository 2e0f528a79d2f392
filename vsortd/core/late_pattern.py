"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import functools
import re


class LatePattern:
    """A regular expression that costs nothing to those that import it and never match by it; thread-safe.

    Compiling takes up to some milliseconds, for large ones more than the import of all else in their module.
    """

    def __init__(self, source: str, flags: int = 0) -> None:
        """Take it as `re.compile` does; what is wrong with it is told by the first use."""
        self._source, self._flags = source, flags

    @functools.cached_property
    def compiled(self) -> re.Pattern[str]:
        """What `re.compile` makes of it."""
        return re.compile(self._source, self._flags)
