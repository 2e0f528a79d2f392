"""The files that a decoding process may read: those that came with the request, as open descriptors.

A path is only a name there: the process may not be able to open anything by it. Where descriptors can't be handed over
(Windows), the path is opened. Worker processes only.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, Final

from vsortd.core.system.regular_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Sequence


class GivenFiles:
    """The descriptors of the request under way, by path."""

    def __init__(self) -> None:
        self._descriptors: dict[str, int] = {}

    def replace(self, paths: Sequence[str], descriptors: Sequence[int]) -> None:
        """Let go of what was given before and hold these; they belong to this object now."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors = dict(zip(paths, descriptors, strict=False))

    def open(self, path: str) -> BinaryIO:
        """Return a file from its beginning; two of one path must not be read by turns, they share their place.

        Raises ChangedError if it is gone, BrokenError if it can't be read or is no regular file.
        """
        given = self._descriptors.get(path)
        descriptor = open_regular(path) if given is None else os.dup(given)
        file = os.fdopen(descriptor, "rb", buffering=0)
        file.seek(0)
        return file

    def output(self, path: str) -> int:
        """Return a descriptor of the file or pipe to be written; it belongs to the caller. Raises OSError."""
        given = self._descriptors.get(path)
        return os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0)) if given is None else os.dup(given)


GIVEN_FILES: Final = GivenFiles()
