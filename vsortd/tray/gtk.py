"""The icon through GTK: AppIndicator (StatusNotifierItem, also on Wayland) or GtkStatusIcon (X11). Needs PyGObject."""

from __future__ import annotations

import importlib
import os
import signal
from typing import Any

from vsortd.tray.backend import Backend

_WATCHER = "org.kde.StatusNotifierWatcher"


def backend(name: str) -> Backend:
    """Return the backend: `name` is appindicator or gtk."""
    base = importlib.import_module(f"pystray._{name}").Icon
    notifying: Any = importlib.import_module("pystray._util.notify_dbus")
    notifying.Notifier = _NoNotifier
    icon = type("GtkIcon", (_KeepsSignals, base), {})
    return Backend(name, icon, missing=_missing_indicator if name == "appindicator" else _missing_manager)


class _KeepsSignals:
    """pystray gives Ctrl-C back to the system, which then ends the process before anything is put away."""

    def _initialize(self) -> None:
        before = signal.getsignal(signal.SIGINT)
        super()._initialize()  # type: ignore[misc] # it stands before an icon class
        signal.signal(signal.SIGINT, before)


class _NoNotifier:
    """In place of pystray's, which we don't use and which raises at start and end where nothing shows notifications."""

    def hide(self) -> None: ...


def _missing_manager() -> str:
    if not os.environ.get("DISPLAY"):
        return "GTK's status icon needs X11, and $DISPLAY is not set"
    xorg = importlib.import_module("vsortd.tray.xorg")
    return str(xorg.missing())


def _missing_indicator() -> str:
    """Return why nothing shows indicators: no watcher on the session bus, and no tray manager, libayatana's way out."""
    if _has_watcher():
        return ""
    why = f"no {_WATCHER} on the session bus"
    if not os.environ.get("DISPLAY"):
        return why
    manager = _missing_manager()
    return f"{why}, and {manager}" if manager else ""


def _has_watcher() -> bool:
    gio: Any = importlib.import_module("gi.repository.Gio")
    glib: Any = importlib.import_module("gi.repository.GLib")
    try:
        bus = gio.bus_get_sync(gio.BusType.SESSION, None)
        answer = bus.call_sync(
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
            "NameHasOwner",
            glib.Variant("(s)", (_WATCHER,)),
            None,
            gio.DBusCallFlags.NONE,
            2000,
            None,
        )
    except glib.Error:
        return False  # no session bus at all
    return bool(answer.unpack()[0])
