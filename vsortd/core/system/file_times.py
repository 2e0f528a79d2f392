"""Times of files, on disks that may keep none of ours."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

# Said where only the owner may set times and the disk was mounted for another user (FAT, exFAT, NTFS, shares), and by
# filesystems that can't, or have no such time.
_NO_TIMES: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ERANGE, errno.EOVERFLOW}
)


def give_times(file: int | str | Path, atime_ns: int, mtime_ns: int) -> bool:
    """Set when a file was read and written last, ns; False where its disk doesn't let us. Raises OSError.

    A video without its times is worth more than one that is never filed.
    """
    try:
        os.utime(file, ns=(atime_ns, mtime_ns))
    except OverflowError:  # beyond what the system's calls can hold
        return False
    except OSError as error:
        if error.errno not in _NO_TIMES:
            raise
        return False
    return True
