"""Whether anybody has a file open for writing.

Linux answers through a read lease (fcntl(2), F_SETLEASE): it is granted only while no descriptor anywhere is
open for writing, idle writers included, other names of the same file included. Windows answers by refusing to
share. Everything else, and filesystems without leases (NFS, CIFS, FUSE), answer nothing: then only stability
counts.
"""

from __future__ import annotations

import errno
import os
import sys
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Writer(Enum):
    """Whether a file is open for writing somewhere."""

    NONE = "none"
    WRITING = "writing"
    UNKNOWN = "unknown"  # not our file, no leases here, another system


if sys.platform == "linux":
    import fcntl
    import signal

    def writer_on(descriptor: int) -> Writer:
        """Ask about the file behind a descriptor that is open for reading only.

        A descriptor of this process that is open for writing counts as a writer, too.
        """
        try:
            # Whoever opens the file for writing while we hold the lease makes the kernel signal us. The
            # default, SIGIO, would kill the process; SIGURG is ignored by default and can be set from any
            # thread. The lease is given back at once, so the other waits for microseconds.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            # EACCES: the file is another user's. EINVAL, ENOLCK, …: no leases on this filesystem.
            return Writer.WRITING if error.errno == errno.EAGAIN else Writer.UNKNOWN
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError:
            return Writer.UNKNOWN  # closing the descriptor releases it
        return Writer.NONE

elif sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _GENERIC_READ = 0x80000000
    _OPEN_EXISTING = 3
    _ERROR_SHARING_VIOLATION = 32

    def writer_on(descriptor: int) -> Writer:
        """Open the file behind a descriptor once more, sharing it with readers only (ReOpenFile)."""
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.ReOpenFile.restype = wintypes.HANDLE
        share_read = 1
        handle = kernel32.ReOpenFile(wintypes.HANDLE(msvcrt.get_osfhandle(descriptor)), _GENERIC_READ, share_read, 0)
        if handle == wintypes.HANDLE(-1).value:
            busy = ctypes.get_last_error() == _ERROR_SHARING_VIOLATION
            return Writer.WRITING if busy else Writer.UNKNOWN
        kernel32.CloseHandle(wintypes.HANDLE(handle))
        return Writer.NONE

else:

    def writer_on(descriptor: int) -> Writer:  # noqa: ARG001 - the same signature everywhere
        """Say that this system doesn't tell."""
        return Writer.UNKNOWN


def open_to_look(path: Path) -> int:
    """Open a file for reading without following a link, without waiting for a pipe's other end.

    Returns the descriptor, which the caller closes. Raises OSError.
    """
    wanted = ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY")
    flags = os.O_RDONLY
    for name in wanted:
        flags |= getattr(os, name, 0)
    return os.open(path, flags)


def writer_of(path: Path) -> Writer:
    """Ask about the file at `path`; UNKNOWN when it can't be opened."""
    try:
        descriptor = open_to_look(path)
    except OSError:
        return Writer.UNKNOWN
    try:
        return writer_on(descriptor)
    finally:
        os.close(descriptor)
