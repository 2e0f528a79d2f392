"""The icon on X11 without GTK: an XEmbed window in whatever runs as tray manager. It has no menu, only a click.

pystray's own class is made to stand what happens to a tray that lives for weeks; each override says what.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import select
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pystray._xorg
import Xlib.display
import Xlib.error
import Xlib.X

from vsortd.tray.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    """pystray's, which ends its loop when the tray manager goes, so that a new one can be waited for.

    The thread of the loop alone speaks with the X server; what others ask for, it does for them. pystray has them send
    it a message by way of the server instead, on one connection with it. But python-xlib's flush does nothing while
    another thread is inside it, and nobody sends what was left: a picture stayed away, and a stop was for nothing.
    """

    _systray_manager: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        title = options.pop("title", "")
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._wakeup_reader, self._wakeup_writer = socket.socketpair()
        self._wakeup_reader.setblocking(False)
        self._wakeup_writer.setblocking(False)
        self._over = threading.Event()
        self._over_lock = threading.Lock()  # no call is taken on once the loop is over
        self._stopped = False
        self._thread = threading.current_thread()
        super().__init__(*args, **options)
        self._title = title
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
            if self._over.wait(_REQUEST_EVERY_S) or self._in_loop(self._ask_again):
                return

    def _ask_again(self) -> bool:
        """Ask to be docked, unless that is done: tell whether it is."""
        try:
            tree = self._window.query_tree()
        except (Xlib.error.XError, Xlib.error.ConnectionClosedError):
            return True  # it is being taken down
        if tree.parent != tree.root:
            return True
        self._systray_manager = None
        self._show()
        return False

    def _dock_window(self) -> None:
        # pystray asks again with each new picture; the manager then takes the window out and in, and clicks are lost
        if self._systray_manager is None:
            super()._dock_window()

    def _run(self) -> None:
        self._thread = threading.current_thread()  # the loop's; pystray sets it only after others may ask for it
        try:
            super()._run()
        finally:
            with self._over_lock:
                self._over.set()
                self._wakeup_writer.close()
                self._wakeup_reader.close()
            self._running = False
            self._visible = False
            self._do_calls(in_vain=True)

    def _stop(self) -> None:
        self._stopped = True
        super()._stop()

    # What other threads ask for

    def _rewrite_implementation(self, *methods: Any) -> None:
        """Have pystray's methods done by the loop, whichever thread calls them."""
        for method in methods:
            setattr(self, method.__name__, functools.partial(self._in_loop, method))

    def _in_loop(self, call: Callable[[], Any]) -> Any:
        """Have the loop do a call, and return or raise what it does; nothing once the loop is over."""
        if threading.current_thread() is self._thread:
            return call()
        answer: Future[Any] = Future()
        with self._over_lock:
            if self._over.is_set():
                return None
            self._calls.put((call, answer))
            with contextlib.suppress(BlockingIOError):  # full of what wakes it up already
                self._wakeup_writer.send(b"\0")
        return answer.result()

    def _do_calls(self, *, in_vain: bool = False) -> None:
        while not self._calls.empty():  # only this thread takes any out
            call, answer = self._calls.get()
            try:
                answer.set_result(None if in_vain else call())
            except Exception as error:  # noqa: BLE001 - for whoever called
                answer.set_exception(error)

    def _events(self) -> Iterator[Any]:
        while not self._stopped:
            self._do_calls()
            self._display.sync()  # now the server has all that was to be sent
            if self._display.pending_events():
                yield self._display.next_event()
            else:
                select.select([self._display, self._wakeup_reader], [], [])
                with contextlib.suppress(BlockingIOError):
                    self._wakeup_reader.recv(4096)

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
