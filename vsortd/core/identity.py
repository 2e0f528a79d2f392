"""Which bytes a path named when it was looked at."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from pathlib import Path


# By what filesystems cut times off: FAT 2 s, exFAT 10 ms, SMB and NTFS 100 ns, others in between; nanoseconds.
_GRAINS_NS = (2 * 10**9, 10**9, 10**7, 10**6, 10**3, 100)


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a file: it is the same file as long as all four are equal."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int

    @classmethod
    def from_stat(cls, status: os.stat_result) -> Identity:
        """Take the identity out of a stat result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    @classmethod
    def of(cls, path: Path) -> Identity | None:
        """Look at `path` without following a symlink; None if there is no regular file."""
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls.from_stat(status) if stat.S_ISREG(status.st_mode) else None

    def same_content(self, other: Identity | None) -> bool:
        """Tell whether size and time agree, for a file that moved to another filesystem (new device and inode)."""
        return other is not None and (self.size_bytes, self.mtime_ns) == (other.size_bytes, other.mtime_ns)

    def carried_to(self, other: Identity | None) -> bool:
        """Tell whether a file may be a copy of this one: size and time agree, as far as its filesystem keeps times."""
        if other is None or self.size_bytes != other.size_bytes:
            return False
        grain_ns = next((grain for grain in _GRAINS_NS if other.mtime_ns % grain == 0), 1)
        return abs(self.mtime_ns - other.mtime_ns) < grain_ns
