"""Which of pystray's backends shows the icon, and whether there is a tray for it at all.

pystray is imported when it is chosen here and not before: on Linux its import already looks for a display.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Final

from vsortd.errors import NoTrayError
from vsortd.tray.backend import STATUS_INSTEAD, Backend

_WAYLAND_REMEDY = (
    "Without X (Wayland alone) it takes PyGObject and AyatanaAppIndicator3 where this Python finds them; on Debian: "
    "python3-gi and gir1.2-ayatanaappindicator3-0.1, and a venv made with --system-site-packages."
)
_DISPLAY_REMEDY = "See that $DISPLAY names a running desktop, and $PYSTRAY_BACKEND, if it is set, a backend of pystray."


DESKTOP_REMEDY: Final = "pip install 'vsortd[desktop]'"


def pystray_is_installed() -> bool:
    """Tell whether the extra `desktop` is here; nothing is imported."""
    return importlib.util.find_spec("pystray") is not None


def choose() -> Backend:
    """Return the backend for this desktop; `$PYSTRAY_BACKEND` chooses another. Raises NoTrayError with a remedy."""
    asked = os.environ.get("PYSTRAY_BACKEND", "")
    if sys.platform == "win32":
        from vsortd.tray import notification_area

        if notification_area.in_session_0():
            raise NoTrayError(
                "There is no tray to show an icon in: this is session 0, where services run.",
                remedy="Run `vsortd tray` as the user who is logged on.",
            )
    elif sys.platform != "darwin" and asked != "dummy":
        _check_display()
    name = _load(asked)
    module = importlib.import_module(f"vsortd.tray.{_MODULES[name]}")
    backend: Backend = module.backend(name)
    return backend


_MODULES = {
    "appindicator": "gtk",
    "gtk": "gtk",
    "xorg": "xorg",
    "win32": "notification_area",
    "darwin": "menu_bar",
    "dummy": "headless",
}


def _check_display() -> None:
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        raise NoTrayError(
            "There is no tray to show an icon in: no desktop is here ($DISPLAY and $WAYLAND_DISPLAY are not set).",
            remedy=f"Run `vsortd tray` in the desktop session of the user. {STATUS_INSTEAD}",
        )


def _load(asked: str) -> str:
    """Import pystray and return the name of its backend."""
    if not pystray_is_installed():
        raise NoTrayError(
            "The tray icon needs pystray, which is not installed.", remedy=f"Run `{DESKTOP_REMEDY}`. {STATUS_INSTEAD}"
        )
    try:
        pystray = importlib.import_module("pystray")
    except Exception as error:
        # where PyGObject is broken, or there without Gtk's typelibs, pystray's modules raise what pystray itself does
        # not take for a reason to go on to the next
        if not asked and sys.platform not in {"win32", "darwin"} and os.environ.get("DISPLAY"):
            os.environ["PYSTRAY_BACKEND"] = "xorg"
            return _load("xorg")
        # anything: display, libraries and bindings fail in their own ways, and all mean that there is no icon
        raise NoTrayError(
            f"There is no tray to show an icon in: {str(error).rstrip('.') or type(error).__name__}.",
            remedy=f"{_WAYLAND_REMEDY if not os.environ.get('DISPLAY') else _DISPLAY_REMEDY} {STATUS_INSTEAD}",
        ) from error
    name = str(pystray.Icon.__module__).rpartition("._")[2]
    return "dummy" if name == "base" else name  # its dummy is the base class itself
