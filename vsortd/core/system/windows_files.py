"""What is Windows' own about files: names that are longer than 260 characters, and files that others hold for a moment.

Both are rules over what is passed in, so that they can be tested on any system.
"""

from __future__ import annotations

import ntpath
import sys
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

# MAX_PATH is 260 with the zero at the end; folders have to leave room for a short name, so 248 is where trouble begins.
LONG_CHARS = 248
# ERROR_ACCESS_DENIED (a file that waits to be deleted, too), ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION.
HELD = frozenset({5, 32, 33})
# A virus scanner or a preview lets go within a second; who plays the video does not, and the runner tries again later.
RETRY_AFTER_S = (0.05, 0.1, 0.2, 0.4, 0.8)


def extended(path: str) -> str:
    r"""Return a name that Windows takes at any length: `\\?\C:\…` or `\\?\UNC\server\share\…` from 248 characters on.

    Relative names and short ones stay as they are: after `\\?\` nothing is resolved any more.
    """
    if len(path) < LONG_CHARS or path.startswith("\\\\?\\") or not ntpath.isabs(path):
        return path
    clean = ntpath.normpath(path)  # no slashes and no dots: they would be taken as they stand
    if clean.startswith("\\\\"):
        return "\\\\?\\UNC\\" + clean[2:]
    return "\\\\?\\" + clean if clean[1:2] == ":" else path


def for_system(path: Path) -> str:
    """Return what names a path to this system."""
    return extended(str(path)) if sys.platform == "win32" else str(path)


def patiently(
    call: Callable[[], T],
    *,
    delays_s: Sequence[float] = RETRY_AFTER_S,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Do a call again while Windows says that somebody holds the file. Raises the last OSError."""
    for delay_s in delays_s:
        try:
            return call()
        except OSError as error:
            if getattr(error, "winerror", None) not in HELD:
                raise
        sleep(delay_s)
    return call()
