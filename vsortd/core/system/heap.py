"""Memory: what was freed given back to the system, and a while in which no garbage is looked for."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_pausing = threading.Lock()
_paused = 0  # how many are at it
_was_on = True  # before the first of them began


def trim_heap() -> None:
    """Return what was freed to the system; the C library would keep it for later (measured: 270 MB of a ViT-B-32)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a C library without it: musl
            ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def no_collections() -> Iterator[None]:
    """Look for no reference cycles meanwhile: for a moment in which very many objects come and none makes a cycle.

    Each collection goes through all objects there are: a quarter of a second where torch is loaded. The collector is
    the process's, so wait for nothing in here, and come out of it again and again: other threads may make cycles. Once
    the last one is out it is as it was before the first, whatever was raised.
    """
    global _paused, _was_on  # noqa: PLW0603 - the collector is the process's
    with _pausing:
        if not _paused:
            _was_on = gc.isenabled()
        _paused += 1
    try:
        gc.disable()
        yield
    finally:
        with _pausing:
            _paused -= 1
            if not _paused and _was_on:
                gc.enable()
