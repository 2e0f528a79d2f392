"""Rename that never replaces: the one system call that everything here rests on, by platform, and what replaces it.

Filesystems without the call (NFS, 9p, some FUSE) have hard links mostly: link the new name, then unlink the old one.
Those without links either (exfat-fuse, rclone, FAT by old drivers) can still create a file only if its name is free:
the name is reserved that way, and the file then renamed over what was put there to reserve it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from enum import StrEnum

from vsortd.core.system.fault_points import Point, reach

# What a filesystem or kernel answers that doesn't know the flag (NFS, some FUSE, kernels before 3.15).
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})
# The same of hard links: FAT says EPERM, and so does the kernel of files of other owners (protected_hardlinks).
_NO_LINKS = _UNSUPPORTED | {errno.EPERM, errno.EMLINK}
# No file has such a name, or none can have it there.
_NONE_THERE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
)
_NOTE = "vsortd reserved this name for a moment and was ended just then: this file may be removed.\n"


class RenameWay(StrEnum):
    """How a rename came to replace nothing."""

    CALL = "call"  # the system's own call
    LINK = "link"  # a second name, then the first unlinked
    RESERVED = "reserved"  # the name was created first, and what reserved it was renamed over


def rename_noreplace(
    source: str, destination: str, source_fd: int | None, destination_fd: int | None, *, mark: str = ""
) -> RenameWay:
    """Rename a file; names are relative to the open folders, or whole paths where the descriptor is None.

    `mark` is what a reservation holds, so that whoever gave it can tell his own after a kill: see `is_reservation`.

    Raises FileExistsError when the destination exists, OSError with EXDEV across filesystems and mounts.
    """
    reach(Point.RENAME_BEFORE)
    way = _rename(source, destination, source_fd, destination_fd, mark)
    reach(Point.RENAME_AFTER)
    return way


def rename_to_unique(source: str, destination: str, folder_fd: int | None) -> None:
    """Rename a file within its folder to a name that nobody else can have, for it was made up at random.

    Where the system has no call that replaces nothing, none is needed. Raises FileExistsError when the name is there
    all the same (it may be our own, from before a kill), OSError.
    """
    reach(Point.RENAME_BEFORE)
    if not _call_rename(source, destination, folder_fd, folder_fd):
        with contextlib.suppress(FileNotFoundError):
            os.stat(destination, dir_fd=folder_fd, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), destination)
        os.rename(source, destination, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    reach(Point.RENAME_AFTER)


def reservation(mark: str) -> bytes:
    """Return the bytes of the file that reserves a name."""
    return f"{mark}\n{_NOTE}".encode()


def is_reservation(name: str, folder_fd: int | None, mark: str) -> bool:
    """Tell whether what has a name is what reserved it, with this mark. Raises OSError for what can't be read."""
    wanted = reservation(mark)
    try:
        if os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_size != len(wanted):
            return False
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0), dir_fd=folder_fd)
    except OSError as error:
        if error.errno in _NONE_THERE:
            return False
        raise
    try:
        return os.read(descriptor, len(wanted) + 1) == wanted
    except IsADirectoryError:
        return False
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    from vsortd.core.system.windows_files import patiently

    def _call_rename(source: str, destination: str, source_fd: int | None, destination_fd: int | None) -> bool:
        # os.rename is MoveFileExW without MOVEFILE_REPLACE_EXISTING and without MOVEFILE_COPY_ALLOWED
        patiently(lambda: os.rename(source, destination, src_dir_fd=source_fd, dst_dir_fd=destination_fd))
        return True

else:
    from functools import cache
    from typing import Any

    if sys.platform == "darwin":
        _CALL, _FLAG, _CWD = "renameatx_np", 0x4, -2  # RENAME_EXCL, AT_FDCWD
    else:
        _CALL, _FLAG, _CWD = "renameat2", 0x1, -100  # RENAME_NOREPLACE, AT_FDCWD

    @cache
    def _call() -> Any:  # noqa: ANN401 - ctypes makes its functions' types at run time
        """Return the C library's function, or None where it is older than the call (glibc before 2.28)."""
        import ctypes  # by whoever renames; most commands only look

        function = getattr(ctypes.CDLL(None, use_errno=True), _CALL, None)
        if function is not None:
            function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
            function.restype = ctypes.c_int
        return function

    def _call_rename(source: str, destination: str, source_fd: int | None, destination_fd: int | None) -> bool:
        """Rename by the system's call; False where the filesystem or the kernel doesn't know it. Raises OSError."""
        function = _call()
        if function is None:
            return False
        old = (_CWD if source_fd is None else source_fd, os.fsencode(source))
        new = (_CWD if destination_fd is None else destination_fd, os.fsencode(destination))
        if function(*old, *new, _FLAG) == 0:
            return True
        from ctypes import get_errno

        code = get_errno()
        if code in _UNSUPPORTED:
            return False
        raise OSError(code, os.strerror(code), source, None, destination)


def _rename(source: str, destination: str, source_fd: int | None, destination_fd: int | None, mark: str) -> RenameWay:
    if _call_rename(source, destination, source_fd, destination_fd):
        return RenameWay.CALL
    try:
        link_and_unlink(source, destination, source_fd, destination_fd)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        reserve_and_rename(source, destination, source_fd, destination_fd, mark)
        return RenameWay.RESERVED
    return RenameWay.LINK


def link_and_unlink(source: str, destination: str, source_fd: int | None, destination_fd: int | None) -> None:
    """Rename in two steps, for filesystems without the call; a kill in between leaves one file with two names.

    Raises like `rename_noreplace`, and OSError where there are no links.
    """
    os.link(source, destination, src_dir_fd=source_fd, dst_dir_fd=destination_fd, follow_symlinks=False)
    reach(Point.LINK_BETWEEN)
    os.unlink(source, dir_fd=source_fd)


def reserve_and_rename(
    source: str, destination: str, source_fd: int | None, destination_fd: int | None, mark: str
) -> None:
    """Rename over a file that was created for it, which is possible only where the name was free.

    A program that writes into files that are there already, in the moment between, is noticed and gets its way; only
    one that does so between the last look and the rename would not be. A kill in between leaves the reservation, by
    whose mark it is known; only within the one call that writes the mark it leaves an empty file, which is not touched
    later, for it could be anybody's. Raises like `rename_noreplace`.
    """
    _reserve(destination, destination_fd, mark)
    try:
        reach(Point.NAME_RESERVED)
        if not is_reservation(destination, destination_fd, mark):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), destination)
        os.rename(source, destination, src_dir_fd=source_fd, dst_dir_fd=destination_fd)
    except OSError:
        _let_go(destination, destination_fd, mark)
        raise


def _reserve(name: str, folder_fd: int | None, mark: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(name, flags, 0o600, dir_fd=folder_fd)
    try:
        try:
            _write_whole(descriptor, reservation(mark))
        except OSError:  # a full disk: what was begun is ours, as long as it is what has the name
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(descriptor), os.stat(name, dir_fd=folder_fd, follow_symlinks=False)):
                    os.unlink(name, dir_fd=folder_fd)
            raise
    finally:
        os.close(descriptor)


def _write_whole(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _let_go(name: str, folder_fd: int | None, mark: str) -> None:
    """Remove a reservation that came to nothing; what can't be removed now is left to recovery."""
    with contextlib.suppress(OSError):
        if is_reservation(name, folder_fd, mark):
            os.unlink(name, dir_fd=folder_fd)
