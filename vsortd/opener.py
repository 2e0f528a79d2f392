"""Opens a file, a folder or a page with the desktop's own program for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OPENER_S = 1.5  # an opener that finds no program says so within this time


def open_on_desktop(target: Path | str) -> bool:
    """Open a path or an address; returns whether there is a program for it."""
    if sys.platform == "win32":
        import os

        try:
            os.startfile(target)  # noqa: S606 - the user asks for it
        except OSError:
            return False
        return True
    program = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if program is None:
        return False
    quiet = subprocess.DEVNULL
    opener = subprocess.Popen([program, str(target)], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        return opener.wait(_OPENER_S) == 0
    except subprocess.TimeoutExpired:
        return True  # it stays as long as the program does
