"""The state folder and what lies in it are their owner's alone: folders 0700, files 0600, no links followed.

What lies there says what is done with people's videos: whoever can write into it can have them moved anywhere. On
Windows a profile's folders are closed to others by themselves.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from shlex import quote
from typing import TYPE_CHECKING, Final

from vsortd.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def private_folder(path: Path) -> None:
    """Make a folder of ours where it is missing, and close it to others where they may only read.

    Raises StoreError for one that others may write to, or that is another user's, OSError.
    """
    path.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    if sys.platform == "win32":
        return
    status = path.stat()
    _require_own(path, status)
    mode = stat.S_IMODE(status.st_mode)
    if mode & _WRITABLE_BY_OTHERS:
        raise StoreError(
            f"The state folder {path} can be written to by others (mode {mode:04o}).",
            remedy=f"See that nobody has put anything there, then: chmod 700 {quote(str(path))}",
            paths=[path],
        )
    if mode & ~FOLDER_MODE:
        with contextlib.suppress(OSError):  # a filesystem without modes
            path.chmod(FOLDER_MODE)


def private_file(path: Path, *, create: bool = False) -> None:
    """See that a file is one of its own and closed to others; with `create` it is made, empty, where it is missing.

    It is not opened where it is there: SQLite's locks would go with the descriptor. Raises StoreError for a link,
    FileNotFoundError, OSError.
    """
    if create:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW, FILE_MODE))
            return
    refuse_link(path)
    status = path.lstat()
    if sys.platform == "win32" or not stat.S_ISREG(status.st_mode):
        return
    _require_own(path, status)
    if stat.S_IMODE(status.st_mode) & ~FILE_MODE:
        with contextlib.suppress(OSError):
            path.chmod(FILE_MODE)


def refuse_link(path: Path) -> None:
    """Raise StoreError for a link: what it leads to is not of ours."""
    if path.is_symlink():
        raise StoreError(
            f"{path} is a link: in the state folder none is followed.",
            remedy="Put what it leads to there itself; another disk is had with VSORTD_STATE_DIR.",
            paths=[path],
        )


def _require_own(path: Path, status: os.stat_result) -> None:
    """Refuse what is another user's. Root may use it, as in a container; not by sudo, what it made would be root's."""
    if sys.platform == "win32":
        return
    user = os.geteuid()
    by_sudo = user == 0 and os.environ.get("SUDO_UID") == str(status.st_uid) != "0"
    if status.st_uid == user or (user == 0 and not by_sudo):
        return
    raise StoreError(
        f"{path} belongs to another user (number {status.st_uid}).",
        remedy="Leave sudo out: vsortd runs as that user."
        if by_sudo
        else "Run vsortd as that user, or choose another folder with VSORTD_STATE_DIR.",
        paths=[path],
    )
