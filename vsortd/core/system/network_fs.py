"""Whether a folder lies on a network filesystem, where changes made elsewhere raise no events."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_MOUNTINFO = Path("/proc/self/mountinfo")
# Filesystem types (the kernel's names) whose files other machines, or the host of a virtual one, may change.
_NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ncpfs",
        "9p",
        "afs",
        "ceph",
        "coda",
        "davfs",
        "glusterfs",
        "lustre",
        "beegfs",
        "gpfs",
        "gfs2",
        "ocfs2",
        "orangefs",
        "virtiofs",
        "vboxsf",
        "vmhgfs",
        "prl_fs",
        "drvfs",
        "fuse",
    }
)
# FUSE filesystems over local folders: what is done through the mount raises events.
_LOCAL_FUSE = frozenset(
    {
        "fuse.bindfs",
        "fuse.gocryptfs",
        "fuse.encfs",
        "fuse.cryfs",
        "fuse.ntfs-3g",
        "fuse.exfat",
        "fuse.fuse-overlayfs",
    }
)
# Those that may refuse what Windows does in a name; `fuseblk` is NTFS or exFAT by FUSE, and shares may translate it.
PICKY_TYPES = frozenset(
    {
        "vfat",
        "msdos",
        "exfat",
        "ntfs",
        "ntfs3",
        "fuseblk",
        "fuse.exfat",
        "fuse.ntfs-3g",
        "cifs",
        "smb3",
        "smbfs",
        "drvfs",
        "vboxsf",
    }
)
_ESCAPE = re.compile(r"\\([0-7]{3})")
_DRIVE_REMOTE = 4


def inodes_last(kind: str) -> bool:
    """Tell whether a filesystem of this type gives a file the same inode number after it was mounted anew."""
    return kind not in PICKY_TYPES and not kind.startswith("fuse")


def network_type(folder: Path, *, mountinfo: Path = _MOUNTINFO) -> str:
    """Return the type of the network filesystem that `folder` lies on, "" if it is local or can't be told."""
    if sys.platform == "win32":
        return _windows_network_type(folder)
    try:
        text = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # not Linux
        return ""
    kind = _type_of(os.path.realpath(folder), text)
    remote = kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)
    return kind if remote else ""


def filesystem_type(folder: Path, *, mountinfo: Path = _MOUNTINFO) -> str:
    """Return the type of the filesystem that `folder` lies on by the kernel's name, "" where it can't be told."""
    try:
        text = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:  # not Linux
        return ""
    return _type_of(os.path.realpath(folder), text)


def _type_of(folder: str, mountinfo: str) -> str:
    """Return the type of the mount that a resolved path lies on (proc_pid_mountinfo(5)); the last covers."""
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:  # noqa: PLR2004 - the mount point is the fifth field
            continue
        point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])
        inside = folder == point or folder.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, kind = len(point), after.split(" ")[0]
    return kind


def _windows_network_type(folder: Path) -> str:
    if sys.platform != "win32":
        return ""
    import ctypes

    drive = folder.resolve().drive
    if drive.startswith("\\\\"):
        return "smb"
    return "smb" if ctypes.windll.kernel32.GetDriveTypeW(drive + "\\") == _DRIVE_REMOTE else ""
