"""Opening a stranger's file to read it, such that only a regular file of that very name is opened."""

from __future__ import annotations

import os
import stat
import sys

from vsortd.errors import BrokenError, ChangedError


def open_regular(path: str, *, folder: int | None = None) -> int:
    """Return a descriptor of the regular file `path` (surrogate-escaped), no link, for reading alone.

    `folder` is the descriptor of the folder that a relative path begins in.

    Raises ChangedError if it is gone, BrokenError if it can't be opened or is no regular file.
    """
    flags = os.O_RDONLY
    if sys.platform != "win32":
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO put in its place would block for ever
    else:
        flags |= os.O_BINARY
    try:
        descriptor = os.open(path, flags, dir_fd=folder)
    except FileNotFoundError as error:
        raise ChangedError("the file is gone") from error
    except (OSError, ValueError) as error:
        raise BrokenError(f"the file can't be opened ({getattr(error, 'strerror', None) or error})") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BrokenError("this is not a regular file")
    return descriptor
