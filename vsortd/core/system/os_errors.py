"""What the system's refusals mean for a person: one title and one remedy for each."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vsortd.errors import FilingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What a filesystem answers that can't do it: not now, and not later. What only waits for a person or for a disk
# (read-only, full, no rights, gone) is not among them.
LASTING = frozenset(
    {
        errno.EINVAL,
        errno.ENOSYS,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.ENAMETOOLONG,
        errno.EILSEQ,
        errno.EFBIG,
        errno.EMLINK,
        errno.EOVERFLOW,
    }
)
_REMEDIES = {
    errno.ENOSPC: "Free some space there; vsortd tries again.",
    errno.EDQUOT: "The quota is used up: free some space or have it raised; vsortd tries again.",
    errno.EROFS: "The filesystem is mounted read-only (a card's lock?); mount it writable, and vsortd goes on.",
    errno.EACCES: "Let the user who runs vsortd write to that folder and read that file.",
    errno.EPERM: "The filesystem forbids it (immutable file, foreign owner in a sticky folder); lift that.",
    errno.EBUSY: "Another program holds it; vsortd tries again.",
    errno.ETXTBSY: "Another program holds it; vsortd tries again.",
    errno.EIO: "The disk or share reports an error; look at the system's log before anything else.",
    errno.ESTALE: "The share was mounted anew; vsortd tries again.",
    errno.EMFILE: "Too many files are open; vsortd tries again.",
    errno.ENAMETOOLONG: "The path is too long for that filesystem; shorten rule names or the name template.",
    errno.EFBIG: "That filesystem takes no file of this size (FAT: 4 GiB); keep the library on another one.",
    errno.EOPNOTSUPP: "The filesystem of that folder can't do this; `vsortd doctor` says what it can.",
    errno.ENOTDIR: "A file has the name of a folder on the way there; move it away.",
    errno.ELOOP: "Links lead in a circle on the way there; see to them.",
}
_LASTS = "The file is where it was; `vsortd doctor` tries what that disk can."


def filing_error(error: OSError, doing: str, path: Path, *, lasting: bool | None = None) -> FilingError:
    """Say which effect on which path the system refused, and what helps; `lasting` by default as the error says."""
    why = error.strerror or os.strerror(error.errno or 0)
    lasting = error.errno in LASTING if lasting is None else lasting
    return FilingError(
        f"{doing} {path}: {why}.",
        remedy=_REMEDIES.get(error.errno or 0, _LASTS if lasting else "The file is where it was; vsortd tries again."),
        paths=[path],
        lasting=lasting,
    )


@contextmanager
def explained(doing: str, path: Path) -> Iterator[None]:
    """Turn any OSError inside into a FilingError that names the path."""
    try:
        yield
    except OSError as error:
        raise filing_error(error, doing, path) from error
