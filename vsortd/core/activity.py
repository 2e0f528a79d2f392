"""What takes long just now and is nobody's progress, such as loading the model: told to whoever waits at a terminal."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK: Final = threading.Lock()
_NOW: Final[list[str]] = []  # of all threads, the latest last


@contextlib.contextmanager
def busy_with(what: str) -> Iterator[None]:
    """Have it said meanwhile that this is done. Thread-safe."""
    with _LOCK:
        _NOW.append(what)
    try:
        yield
    finally:
        with _LOCK:
            _NOW.remove(what)


def current_activity() -> str:
    """Return what is done now, "" for nothing in particular."""
    with _LOCK:
        return _NOW[-1] if _NOW else ""
