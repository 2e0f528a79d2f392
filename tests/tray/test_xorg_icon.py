"""The plain icon on an X server: it ends when it is told to, however its threads fall in with one another."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.desktop import tray_manager, x_server
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.timeout(180)

if not sys.platform.startswith("linux"):
    pytest.skip("this desktop is an X server's", allow_module_level=True)


def test_a_stop_is_done_though_the_thread_that_asks_is_held_up() -> None:
    """python-xlib lets a request lie when another thread is inside its flush; nobody then wakes the loop."""
    with x_server() as display, tray_manager(display):
        subprocess.run(
            [sys.executable, "-m", "tests.support.slow_socket_icon"],
            env={**os.environ, "DISPLAY": display},
            check=True,
            timeout=PATIENCE_S,
        )
