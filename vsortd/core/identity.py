"""Which bytes a path named when it was looked at.

Filesystems answer what they like: inodes of 64 bits without a sign (btrfs, FUSE) or of 128 (ReFS), times beyond the
year 2262 or before 1678, which don't fit 64 bits of nanoseconds. Here, and nowhere else, such numbers are brought into
the range that every database takes.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

_BITS: Final = 64
_MASK: Final = (1 << _BITS) - 1
_LARGEST: Final = (1 << _BITS - 1) - 1
_NS: Final = 1_000_000_000


# By what filesystems cut times off: FAT 2 s, exFAT 10 ms, SMB and NTFS 100 ns, others in between; nanoseconds.
_GRAINS_NS = (2 * 10**9, 10**9, 10**7, 10**6, 10**3, 100)


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a file: it is the same file as long as the first four are equal.

    `device` and `inode` are from 0 to 2^64 - 1, `size_bytes` from 0 to 2^63 - 1. `mtime_ns` is the time of change in
    nanoseconds as far as 64 bits with a sign tell it: of a time beyond their range the lowest 64, so that two times
    stay two. When that was, `modified_ns` says.
    """

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    beyond_ns: int | None = field(default=None, compare=False, repr=False)  # the time where `mtime_ns` can't hold it

    @classmethod
    def from_stat(cls, status: os.stat_result) -> Identity:
        """Take the identity out of a stat result, whatever numbers are in it."""
        mtime_ns = status.st_mtime_ns
        held = signed_64(mtime_ns)
        return cls(
            _folded(status.st_dev),
            _folded(status.st_ino),
            min(max(status.st_size, 0), _LARGEST),
            held,
            None if held == mtime_ns else mtime_ns,
        )

    @classmethod
    def of_columns(cls, columns: Sequence[int]) -> Identity:
        """Return the identity of what `columns` made of it."""
        device, inode, size_bytes, mtime_ns = columns
        return cls(device & _MASK, inode & _MASK, size_bytes, mtime_ns)

    def columns(self) -> tuple[int, int, int, int]:
        """Return device, inode, size and time as databases keep them: 64 bits with a sign."""
        size_bytes = min(max(self.size_bytes, 0), _LARGEST)
        return signed_64(self.device), signed_64(self.inode), size_bytes, signed_64(self.mtime_ns)

    @property
    def fingerprint(self) -> str:
        """What tells a file from others, also once it moved or its disk is mounted again, as another device.

        It is in what was kept and in addresses: a name that is made of it is another one if this is.
        """
        return f"{self.inode}:{self.size_bytes}:{self.mtime_ns}"

    @property
    def modified_ns(self) -> int:
        """When the file was changed, nanoseconds of Unix time.

        Of a time that doesn't fit 64 bits and comes out of a database, only those are known.
        """
        return self.mtime_ns if self.beyond_ns is None else self.beyond_ns

    @property
    def modified_s(self) -> float:
        """The same in seconds."""
        return self.modified_ns / _NS

    @classmethod
    def of(cls, path: Path) -> Identity | None:
        """Look at `path` without following a symlink; None if there is no regular file."""
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls.from_stat(status) if stat.S_ISREG(status.st_mode) else None

    def lies_at(self, path: Path) -> bool:
        """Tell whether this very file lies at a path; one that is not for us to see does not."""
        try:
            return Identity.of(path) == self
        except OSError:
            return False

    def same_content(self, other: Identity | None) -> bool:
        """Tell whether size and time agree, for a file that moved to another filesystem (new device and inode)."""
        return other is not None and (self.size_bytes, self.mtime_ns) == (other.size_bytes, other.mtime_ns)

    def carried_to(self, other: Identity | None) -> bool:
        """Tell whether a file may be a copy of this one: size and time agree, as far as its filesystem keeps times."""
        if other is None or self.size_bytes != other.size_bytes:
            return False
        grain_ns = next((grain for grain in _GRAINS_NS if other.mtime_ns % grain == 0), 1)
        return abs(self.mtime_ns - other.mtime_ns) < grain_ns


def signed_64(number: int) -> int:
    """Return the lowest 64 bits of a number as an integer with a sign; one that fits is returned as it is."""
    number &= _MASK
    return number - (1 << _BITS) if number > _LARGEST else number


def _folded(number: int) -> int:
    """Return a number in 64 bits; all bits of a longer one count."""
    if number < 0:
        return number & _MASK
    while number > _MASK:
        number = (number & _MASK) ^ (number >> _BITS)
    return number
