"""Named points at every effect, where a test may kill the process or make a system call fail.

Nothing happens at a point unless the environment variable VSORTD_FAULT is set when the process starts, such as
`rename.after:kill` or `folder.sync:ENOSPC@2` (the second time it is reached), or a test has put in a hook.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from vsortd.errors import UsageError

VARIABLE = "VSORTD_FAULT"


class Point(StrEnum):
    """Every fault point, in the order of a transaction; a test enumerates them."""

    SIDECAR_WRITE = "sidecar.write"
    SIDECAR_WRITTEN = "sidecar.written"  # the XMP sidecar lies in the staging folder
    MIGRATE_STEP = "migrate.step"  # one step to a newer format is done; nothing of it is committed yet
    MIGRATE_AFTER = "migrate.after"
    COMMIT_BEFORE = "commit.before"
    COMMIT_AFTER = "commit.after"
    PLACE_AFTER_INTENT = "place.after_intent"
    FOLDER_MAKE = "folder.make"
    FOLDER_MADE = "folder.made"
    FILE_SYNC = "file.sync"
    RENAME_BEFORE = "rename.before"
    RENAME_AFTER = "rename.after"
    LINK_BETWEEN = "link.between"  # linked under the new name, the old one not yet unlinked
    NAME_RESERVED = "name.reserved"  # the new name is reserved, the file not yet renamed over what reserves it
    NAME_TRIED = "name.tried"  # a file of such a name could be made; it is not yet removed
    HARDLINK_BEFORE = "hardlink.before"
    HARDLINK_AFTER = "hardlink.after"
    COPY_CREATE = "copy.create"
    COPY_CLONE = "copy.clone"  # the blocks of the source are about to be shared
    COPY_CHUNK = "copy.chunk"
    COPY_WRITTEN = "copy.written"
    COPY_SYNCED = "copy.synced"
    PUBLISH_BEFORE = "publish.before"
    PUBLISH_AFTER = "publish.after"
    FOLDER_SYNC = "folder.sync"
    ASIDE_BEFORE = "aside.before"
    ASIDE_AFTER = "aside.after"
    UNLINK_BEFORE = "unlink.before"
    UNLINK_AFTER = "unlink.after"
    PLACE_BEFORE_DONE = "place.before_done"
    PLACE_AFTER_DONE = "place.after_done"
    ROLL_BACK_BEFORE = "roll_back.before"
    ROLL_BACK_AFTER = "roll_back.after"
    UNDO_AFTER_INTENT = "undo.after_intent"
    UNDO_BEFORE_DONE = "undo.before_done"
    UNDO_AFTER_DONE = "undo.after_done"
    EXPIRE_AFTER_INTENT = "expire.after_intent"
    EXPIRE_BEFORE_DONE = "expire.before_done"
    RECOVER_ITEM = "recover.item"
    RECOVER_BEFORE_DONE = "recover.before_done"
    RECOVER_AFTER_DONE = "recover.after_done"
    STAGING_REMOVE = "staging.remove"


Hook = Callable[[Point], None]


def parse(text: str) -> Hook:
    """Turn `point:kill`, `point:ENOSPC` or `point:kill@3` into a hook. Raises UsageError for anything else."""
    name, _, action = text.partition(":")
    action, _, times = action.partition("@")
    code = getattr(errno, action, None) if action.startswith("E") else None
    known = name in {point.value for point in Point} and ((times.isascii() and times.isdigit()) or not times)
    if not known or (action != "kill" and not isinstance(code, int)):
        raise UsageError(f"${VARIABLE} is {text!r}.", remedy="Write POINT:kill or POINT:ENOSPC, then @N or nothing.")
    left = int(times or 1)

    def hook(point: Point) -> None:
        nonlocal left
        if point == name:
            left -= 1
            if left == 0:
                _act(point, code)

    return hook


def _act(point: Point, code: int | None) -> None:
    if code is not None:
        raise OSError(code, f"{os.strerror(code)} (injected at {point})")
    # SIGKILL where there is one: nothing is flushed, nothing is cleaned up
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


_hook: Hook | None = parse(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def reach(point: Point) -> None:
    """Pass a fault point; raises only what a hook raises (OSError for a failing system call)."""
    if _hook is not None:
        _hook(point)


@contextmanager
def hooked(hook: Hook) -> Iterator[None]:
    """Put in a hook for as long as the context lasts (tests only; one at a time)."""
    global _hook  # noqa: PLW0603 - the one switch of this module
    before, _hook = _hook, hook
    try:
        yield
    finally:
        _hook = before
