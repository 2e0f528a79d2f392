"""The icon in the menu bar of macOS, which only the main thread may touch."""

from __future__ import annotations

import importlib
from typing import Any

from vsortd.tray.backend import Backend


def backend(name: str) -> Backend:
    """Return the backend."""
    native: Any = importlib.import_module("pystray._darwin")
    helper: Any = importlib.import_module("PyObjCTools.AppHelper")
    return Backend(name, native.Icon, call=helper.callAfter)
