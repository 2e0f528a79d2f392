"""Files whose folder lies elsewhere than before: where each is now, and what it is known by there."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from vsortd.core.identity import Identity
from vsortd.core.paths import below

if TYPE_CHECKING:
    from pathlib import Path


def moved_along(
    path: bytes, identity: Identity | None, before: Path, after: Path
) -> tuple[Path, Identity | None] | None:
    """Return where a file below `before` lies now that it is `after`, and its identity there.

    None for one that still lies, or lies again, where it did: that is another file; and for one that is below `after`
    already. What was copied has another identity; what is gone, or not for us to see, keeps its own.
    """
    if os.path.lexists(path) or path.startswith(below(after)[0]):
        return None
    new, there = after / os.fsdecode(path[len(below(before)[0]) :]), None
    with contextlib.suppress(OSError):
        there = Identity.of(new)
    return new, there if identity is not None and there is not None and identity.carried_to(there) else identity
