"""Opens a file or a folder with the desktop's own program for it."""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OPEN_NAME = "open.html"
_OPENER_S = 1.5  # an opener that finds no program says so within this time


# Players that begin at a moment, and how that is said.
_PLAYERS = {"mpv": "--start={:.1f}", "vlc": "--start-time={:.1f}", "ffplay": "-ss {:.1f}"}


def open_scene(video: Path, begin_s: float) -> bool:
    """Open a video at a moment where a player is there that can, else from its beginning; whether there is any."""
    for name, argv in _PLAYERS.items():
        program = shutil.which(name)
        if begin_s and program is not None and _begins(program, *argv.format(begin_s).split(), str(video)):
            return True
    return open_on_desktop(video)


def open_on_desktop(target: Path) -> bool:
    """Open a file or a folder; returns whether there is a program for it."""
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
    return _begins(program, str(target))


def open_address(address: str, folder: Path) -> bool:
    """Open an address that lets one browser in; returns whether there is a program for it.

    By a file in `folder` that only its owner can read: what a program is called with, others can see. Raises OSError.
    """
    from vsortd.core.system.atomic_file import write_whole

    to = html.escape(address)
    write_whole(
        folder / _OPEN_NAME,
        f'<!doctype html><meta charset="utf-8"><title>vsortd</title><meta http-equiv="refresh" content="0; url={to}">'
        f'<p><a href="{to}">Open the page of vsortd</a></p>',
    )
    return open_on_desktop(folder / _OPEN_NAME)


def _begins(program: str, *argv: str) -> bool:
    """Start a program; whether it goes on, or has ended well."""
    quiet = subprocess.DEVNULL
    opener = subprocess.Popen([program, *argv], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        return opener.wait(_OPENER_S) == 0
    except subprocess.TimeoutExpired:
        return True  # it stays as long as the program does
