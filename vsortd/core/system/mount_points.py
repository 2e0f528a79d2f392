"""Folders that a disk or share is to be mounted at, and isn't: what is put there is hidden once it is.

Nothing tells such a folder from another one for sure. It is one if the system's table names it (fstab(5)), or if it is
empty and lies where people mount disks (the Filesystem Hierarchy Standard's /mnt and /media, systemd's /run/media,
macOS' /Volumes).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_TABLE: Final = Path("/etc/fstab")
_MOUNTED: Final = Path("/proc/self/mountinfo")
_DISKS: Final = (Path("/mnt"), Path("/Volumes"))  # in these lie disks
_USERS: Final = (Path("/media"), Path("/run/media"))  # in these disks, or folders of users in which they lie
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")


def unmounted(folder: Path) -> Path | None:
    """Return the mount point without anything mounted that a folder is, or lies in; None for any other folder.

    The folder need not be there: the one above it is looked at then. Of one that is there and lies deeper than disks
    are mounted it is taken that somebody made it. Raises OSError.
    """
    folder = Path(os.path.realpath(folder))
    mounts, named = _mount_points(), _named()
    for path in (folder, *folder.parents):
        if _is_mounted(path, mounts):
            break
        if path in named:
            return path
    there = folder if folder.is_dir() else folder.parent
    disks = _disks_around(there)
    if disks is None or not there.is_dir() or (there == folder and there.parent != disks):
        return None
    around = [path for path in (there, *there.parents) if path.is_relative_to(disks)]
    if any(_is_mounted(path, mounts) for path in around):
        return None
    return None if os.listdir(there) else there  # noqa: PTH208 - names are enough


def why_not_made(folder: Path) -> str:
    """Return why a folder is not to be made (or, being there, not to be used) without being asked to, "" if it is.

    Its last part may be made; what is above it is left to people. Raises OSError.
    """
    mount_point = unmounted(folder)
    if mount_point is not None:
        return f"nothing is mounted at {mount_point}"
    if folder.is_dir() or folder.parent.is_dir():
        return ""
    return f"there is no folder {folder.parent}"


def _disks_around(folder: Path) -> Path | None:
    """Return the folder of disks that a folder is, or lies in."""
    if folder.parent in _USERS:
        return folder.parent
    for path in (folder, *folder.parents):
        if path in _DISKS or path.parent in _USERS:
            return path
    return None


def _is_mounted(path: Path, mounts: set[Path] | None) -> bool:
    return os.path.ismount(path) if mounts is None else path in mounts


def _named() -> set[Path]:
    """Return the mount points of the system's table."""
    try:
        lines = _TABLE.read_bytes().splitlines()
    except OSError:
        return set()
    fields = [line.split() for line in lines if not line.lstrip().startswith(b"#")]
    return {_path(where) for _, where, *_ in (one for one in fields if len(one) > 1) if where.startswith(b"/")}


def _mount_points() -> set[Path] | None:
    """Return where anything is mounted by the kernel's list, which knows folders mounted elsewhere (`mount --bind`)."""
    try:
        lines = [line.split() for line in _MOUNTED.read_bytes().splitlines()]
    except OSError:
        return None
    return {_path(fields[4]) for fields in lines if len(fields) > 4}  # noqa: PLR2004 - see proc(5)


def _path(field: bytes) -> Path:
    return Path(os.fsdecode(_OCTAL.sub(lambda match: bytes([int(match[1], 8)]), field)))
