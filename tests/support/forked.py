"""A process of its own that is killed at a fault point."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from vsortd.core.system.fault_points import Point, hooked

if TYPE_CHECKING:
    from collections.abc import Callable


def fork(act: Callable[[], None], hook: Callable[[Point], None]) -> int:
    """Run `act` in a process of its own under a hook; returns its exit status, negative for a signal."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            with hooked(hook):
                act()
            status = 0
        except BaseException:  # noqa: BLE001 - told by the status
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def trace(act: Callable[[], None]) -> list[Point]:
    """Return the fault points that `act` passes, in a process of its own."""
    reading, writing = os.pipe()

    def note(point: Point) -> None:
        os.write(writing, f"{point}\n".encode())

    status = fork(act, note)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        passed = [Point(line.strip()) for line in pipe]
    assert 0 == status
    return passed


def killing(number: int) -> Callable[[Point], None]:
    """Return a hook that kills the process at the n-th fault point it passes."""
    left = number

    def hook(_point: Point) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook
