"""Waiting for an event: until it is there, however busy the machine is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# After so long without the event a test calls it a hang. It decides no pass: what is waited for comes in a moment, on a
# machine with much else to do in seconds. Less than a test's own limit, so that the message tells what did not come.
PATIENCE_S = 45.0


def until(condition: Callable[[], object], *, what: str) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)
