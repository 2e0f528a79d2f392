"""The icon in the notification area of Windows."""

from __future__ import annotations

import ctypes
import importlib
import sys
from typing import Any

from vsortd.tray.backend import Backend


def backend(name: str) -> Backend:
    """Return the backend."""
    native: Any = importlib.import_module("pystray._win32")
    icon = type("WindowsIcon", (_FreshMenu, native.Icon), {"opening": native.win32.WM_RBUTTONUP})
    return Backend(name, icon, ampersand="&&")


class _FreshMenu:
    """Makes the menu when it is opened: pystray destroys it whenever it changes, also under the user's mouse."""

    opening = 0
    _menu_handle: Any = None

    def _update_menu(self) -> None:
        if self._menu_handle is None:
            super()._update_menu()  # type: ignore[misc] # it stands before an icon class

    def _on_notify(self, wparam: int, lparam: int) -> None:
        if lparam == self.opening:
            super()._update_menu()  # type: ignore[misc]
        super()._on_notify(wparam, lparam)  # type: ignore[misc]


def in_session_0() -> bool:
    """Tell whether this process runs where services do, without a desktop."""
    if sys.platform != "win32":
        return False
    session = ctypes.c_ulong()
    kernel = ctypes.windll.kernel32
    return bool(kernel.ProcessIdToSessionId(kernel.GetCurrentProcessId(), ctypes.byref(session))) and not session.value
