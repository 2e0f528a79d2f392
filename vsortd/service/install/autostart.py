"""The tray at login, on desktops that follow the XDG autostart specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsortd.service.install.program import MARK

if TYPE_CHECKING:
    from vsortd.service.install.program import Setup


def autostart_entry(setup: Setup) -> str:
    """Return the desktop entry (Desktop Entry Specification 1.5)."""
    argv = ("/usr/bin/env", f"VSORTD_STATE_DIR={setup.state}", *setup.tray_command)
    return f"""\
# Written by `{MARK}`.
[Desktop Entry]
Type=Application
Name=vsortd
Comment=Shows what vsortd files, and lets you pause it
Exec={" ".join(_exec_word(word) for word in argv)}
Path=/
Terminal=false
NoDisplay=true
StartupNotify=false
"""


def _exec_word(word: str) -> str:
    """Quote a word twice, as the specification wants it: for Exec's own rules, then as a string of the file."""
    inner = word.replace("%", "%%")
    if any(char in inner for char in " \t\"'\\><~|&;$*?#()`"):
        for char in '\\"`$':
            inner = inner.replace(char, f"\\{char}")
        inner = f'"{inner}"'
    return inner.replace("\\", "\\\\")
