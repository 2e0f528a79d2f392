"""Making bytes last through a power cut."""

from __future__ import annotations

import errno
import os
import sys

if sys.platform == "darwin":
    import fcntl

    # What filesystems without it answer (SMB shares, some FUSE).
    _UNSUPPORTED = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY})

    def sync(descriptor: int) -> None:
        """Write what the system and the disk hold of a file or folder to the medium (F_FULLFSYNC). Raises OSError.

        macOS' fsync stops at the disk's own memory.
        """
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            os.fsync(descriptor)

else:

    def sync(descriptor: int) -> None:
        """Write what the system and the disk hold of a file or folder to the medium. Raises OSError."""
        os.fsync(descriptor)


# What filesystems answer that have nothing to sync there, or no such call (shares, some FUSE).
NOTHING_TO_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY})


def sync_as_can_be(descriptor: int) -> None:
    """Do the same for a folder, or for a file that others wrote, as far as its filesystem can. Raises OSError."""
    try:
        sync(descriptor)
    except OSError as error:
        if error.errno not in NOTHING_TO_SYNC:
            raise
