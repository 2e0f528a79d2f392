"""How many files the process may have open: the shortage that looks like anything else."""

from __future__ import annotations

import errno
import os
import sys

REMEDY = "Let vsortd have more open files: `ulimit -n`, or LimitNOFILE= of a systemd unit."
# The daemon has some hundred open at most; the rest is for a model's libraries, and for what nobody has thought of.
ENOUGH = 8192
_OF_WINDOWS = 512  # its C runtime's; sockets don't count there


def raise_limit() -> None:
    """Raise this process's own limit of open files to what is enough, as far as the system lets it.

    Children inherit it.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_files_limit() -> int:
    """Return how many files this process may have open."""
    if sys.platform == "win32":
        return _OF_WINDOWS
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return ENOUGH if soft == resource.RLIM_INFINITY else soft


def is_shortage(error: BaseException) -> bool:
    """Tell whether an error says that no more files can be opened, in whatever words a library has for it."""
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return True
    return os.strerror(errno.EMFILE) in str(error)
