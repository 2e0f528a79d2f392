"""Copies that share their blocks with the original until one of them is written to: Btrfs, XFS, bcachefs."""

from __future__ import annotations

import sys
from typing import Final

_FICLONE: Final = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)


def clone_bytes(reading: int, writing: int) -> bool:
    """Make an empty open file have another's bytes without copying them; False where that can't be done.

    The file that is written is as it was then.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(writing, _FICLONE, reading)
    except OSError:  # another filesystem, or one that can't: whoever asks copies then, and is told of what is wrong
        return False
    return True
