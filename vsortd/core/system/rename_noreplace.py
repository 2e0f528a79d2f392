"""Rename that never replaces: the one system call that everything here rests on, by platform."""

from __future__ import annotations

import errno
import os
import sys

from vsortd.core.system.fault_points import Point, reach

# What a filesystem or kernel answers that doesn't know the flag (NFS, some FUSE, kernels before 3.15).
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


def rename_noreplace(source: str, destination: str, source_fd: int | None, destination_fd: int | None) -> None:
    """Rename a file; names are relative to the open folders, or whole paths where the descriptor is None.

    Raises FileExistsError when the destination exists, OSError with EXDEV across filesystems and mounts, and
    with EOPNOTSUPP on a filesystem that can neither rename without replacing nor make hard links.
    """
    reach(Point.RENAME_BEFORE)
    _rename(source, destination, source_fd, destination_fd)
    reach(Point.RENAME_AFTER)


if sys.platform == "win32":
    from vsortd.core.system.windows_files import patiently

    def _rename(source: str, destination: str, source_fd: int | None, destination_fd: int | None) -> None:
        # os.rename is MoveFileExW without MOVEFILE_REPLACE_EXISTING and without MOVEFILE_COPY_ALLOWED
        patiently(lambda: os.rename(source, destination, src_dir_fd=source_fd, dst_dir_fd=destination_fd))

else:
    import ctypes
    from functools import cache
    from typing import Any

    if sys.platform == "darwin":
        _CALL, _FLAG, _CWD = "renameatx_np", 0x4, -2  # RENAME_EXCL, AT_FDCWD
    else:
        _CALL, _FLAG, _CWD = "renameat2", 0x1, -100  # RENAME_NOREPLACE, AT_FDCWD

    @cache
    def _call() -> Any:  # noqa: ANN401 - ctypes makes its functions' types at run time
        """Return the C library's function, or None where it is older than the call (glibc before 2.28)."""
        function = getattr(ctypes.CDLL(None, use_errno=True), _CALL, None)
        if function is not None:
            function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
            function.restype = ctypes.c_int
        return function

    def _rename(source: str, destination: str, source_fd: int | None, destination_fd: int | None) -> None:
        function = _call()
        if function is not None:
            old = (_CWD if source_fd is None else source_fd, os.fsencode(source))
            new = (_CWD if destination_fd is None else destination_fd, os.fsencode(destination))
            if function(*old, *new, _FLAG) == 0:
                return
            code = ctypes.get_errno()
            if code not in _UNSUPPORTED:
                raise OSError(code, os.strerror(code), source, None, destination)
        link_and_unlink(source, destination, source_fd, destination_fd)


def link_and_unlink(source: str, destination: str, source_fd: int | None, destination_fd: int | None) -> None:
    """Rename in two steps, for filesystems without the call; a kill in between leaves one file with two names.

    Raises like `rename_noreplace`.
    """
    try:
        os.link(source, destination, src_dir_fd=source_fd, dst_dir_fd=destination_fd, follow_symlinks=False)
    except PermissionError as error:  # EPERM is how FAT says that it has no links
        if error.errno != errno.EPERM:
            raise
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), source, None, destination) from error
    reach(Point.LINK_BETWEEN)
    os.unlink(source, dir_fd=source_fd)
