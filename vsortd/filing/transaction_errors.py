"""Why a transaction of the filing could not be carried out."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from vsortd.errors import ChangedError, FilingError

if TYPE_CHECKING:
    from pathlib import Path


class TakenError(Exception):
    """The name at the destination is taken; nothing was touched."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


class NameRefusedError(FilingError):
    """The filesystem takes no file or folder of this name; nothing was touched. `too_long`: for its length."""

    def __init__(self, path: Path, code: int) -> None:
        super().__init__(
            f"The disk of {path.parent} refuses the name {path.name}: {os.strerror(code)}.",
            remedy="Give it a plainer name.",
            paths=[path],
            lasting=True,
        )
        self.path = path
        self.too_long = code == errno.ENAMETOOLONG


class BusyError(ChangedError):
    """The file is in another transaction, which may be a dead process's; it settles anew."""


class StuckError(FilingError):
    """A transaction could neither be finished nor taken back now; the journal keeps it, and recovery goes on."""
