"""Ctrl-C for what other threads wait for: the main thread alone hears of it, and it waits for them before it ends."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CAME: Final = threading.Event()
_ENDS: Final[set[Callable[[], object]]] = set()  # no lock: what is called by a signal may not wait for one


@contextlib.contextmanager
def interrupting_waits() -> Iterator[None]:
    """End on Ctrl-C whatever waits under `ended_by_interrupt`, before KeyboardInterrupt is raised as ever.

    Only on the main thread, and where nobody else listens for Ctrl-C or ignores it; elsewhere nothing changes.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    _CAME.clear()
    signal.signal(signal.SIGINT, _handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def ended_by_interrupt(end: Callable[[], object]) -> Iterator[None]:
    """Have `end` called when Ctrl-C comes meanwhile, or has come; it may wait for nothing. On any thread."""
    _ENDS.add(end)
    try:
        if _CAME.is_set():
            end()
        yield
    finally:
        _ENDS.discard(end)


def was_interrupted() -> bool:
    """Tell whether Ctrl-C has come, so that a wait that failed isn't made up for by other work."""
    return _CAME.is_set()


def _handle(number: int, frame: Any) -> None:  # noqa: ANN401 - as `signal` has it
    _CAME.set()
    for end in tuple(_ENDS):
        end()
    signal.default_int_handler(number, frame)
