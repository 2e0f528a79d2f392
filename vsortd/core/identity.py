"""Which bytes a path named when it was looked at."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from pathlib import Path


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
