"""What tells one start of the machine from another."""

from __future__ import annotations

import functools
import uuid
from pathlib import Path
from typing import Final

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@functools.cache
def boot_name() -> str:
    """Return the name of this start of the machine; where none is known, one of this process."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return uuid.uuid4().hex
