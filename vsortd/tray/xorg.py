"""The icon on X11 without GTK: an XEmbed window in whatever runs as tray manager. It has no menu, only a click.

pystray's own class is made to stand what happens to a tray that lives for weeks; each override says what.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pystray._xorg
import Xlib.display
import Xlib.error
import Xlib.X

from vsortd.tray.backend import Backend

# As many callers as may wait for the loop when it ends, and some more.
_SPARE_ANSWERS = 16
_REQUESTS, _REQUEST_EVERY_S = 20, 0.5


def backend(name: str) -> Backend:
    """Return the backend."""
    return Backend(name, XorgIcon, has_menu=False, opaque=True, missing=missing)


def missing() -> str:
    """Return why there is no tray on this display, or nothing."""
    try:
        display = Xlib.display.Display()
    except (Xlib.error.DisplayError, OSError) as error:
        return f"the display can't be reached ({error})"
    try:
        screen = display.get_default_screen()
        owner = display.get_selection_owner(display.intern_atom(f"_NET_SYSTEM_TRAY_S{screen}"))
        return "" if owner != Xlib.X.NONE else f"no tray manager runs on display {display.get_display_name()}"
    finally:
        display.close()


_Native: Any = pystray._xorg.Icon  # noqa: SLF001 - it has no public name, and no types


class XorgIcon(_Native):  # type: ignore[misc] # as above
    """pystray's, which ends its loop when the tray manager goes, so that a new one can be waited for."""

    _systray_manager: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        title = options.pop("title", "")
        super().__init__(*args, **options)
        self._title = title
        self._over = threading.Event()
        # pystray forgets to ask for clicks
        self._window.change_attributes(
            event_mask=Xlib.X.ExposureMask | Xlib.X.StructureNotifyMask | Xlib.X.ButtonPressMask
        )

    def run(self, setup: Any = None) -> None:
        """Show the icon until it is stopped or the tray manager goes."""

        def and_insist(icon: Any) -> None:
            setup(icon)
            self._insist()

        super().run(and_insist if setup is not None else None)

    def _insist(self) -> None:
        """Ask to be docked until that is done: a manager that has only just come can lose the first request."""
        for _ in range(_REQUESTS):
            if self._over.wait(_REQUEST_EVERY_S):
                return
            try:
                tree = self._window.query_tree()
            except (Xlib.error.XError, Xlib.error.ConnectionClosedError):
                return  # it is being taken down
            if tree.parent != tree.root:
                return
            self._systray_manager = None
            self._show()

    def _dock_window(self) -> None:
        # pystray asks again with each new picture; the manager then takes the window out and in, and clicks are lost
        if self._systray_manager is None:
            super()._dock_window()

    def _run(self) -> None:
        self._thread = threading.current_thread()  # pystray sets it only after others may ask for it
        try:
            super()._run()
        finally:
            self._over.set()
            self._running = False
            self._visible = False
            for _ in range(_SPARE_ANSWERS):  # for who waits for this loop to do something; it no longer will
                self._queue.put(True)

    def _update_title(self) -> None:
        # pystray's encodes as Latin-1 and raises for all else
        name = self._display.intern_atom("_NET_WM_NAME")
        kind = self._display.intern_atom("UTF8_STRING")
        self._window.change_property(name, kind, 8, self.title.encode())
        self._window.set_wm_name(self.title.encode("latin-1", "replace"))

    def _on_destroy_notify(self, event: Any) -> None:
        # pystray tries once to dock anew, fails as nobody is there yet, and is a stray window from then on
        if self._systray_manager is not None and event.window.id == self._systray_manager.id:
            self._systray_manager = None
            with contextlib.suppress(Xlib.error.XError):
                self._window.destroy()  # its own DestroyNotify ends the loop
            self._display.flush()
