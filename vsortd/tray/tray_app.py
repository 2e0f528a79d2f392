"""The tray's process: the icon's own loop on the main thread, the daemon's events and the menu's actions beside it.

Three threads, each the owner of its things: the follower reads the event stream; one thread keeps the state, the notes
and the icon up to date; the hand does what was chosen in the menu and shows notifications, both of which may take long.
"""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING, Any

from loguru import logger

from vsortd.core.system.desktop_open import open_address, open_on_desktop
from vsortd.errors import ExitCode
from vsortd.tray.actions import Actions, TrayClient
from vsortd.tray.end_signals import TraySignals
from vsortd.tray.follower import EventFollower
from vsortd.tray.icon import draw
from vsortd.tray.notes import Note, Notes
from vsortd.tray.preferences import Preferences
from vsortd.tray.state import SEPARATOR, Action, Entry, TrayState
from vsortd.tray.task_thread import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.core.documents import Event, StatusDocument
    from vsortd.tray.backend import Backend
    from vsortd.tray.follower import HistoryEvent
    from vsortd.tray.state import IconState

ICON_PX = 64  # panels make it smaller: 16 to 24 pixels, twice that on fine screens
# Some desktops close a menu that changes: not more often than this.
_MENU_EVERY_S = 1.0
_PATIENCE_S = 1.0
# A panel that is started again is back within seconds; the icon then comes back, however long it takes.
_FOREVER_S = float("inf")


class TrayApp:
    """Shows the daemon's state as an icon until it is told to end.

    `show` puts a note on the desktop; `preferences` reads the config, given what it said last.
    """

    def __init__(
        self,
        client: TrayClient,
        state_folder: Path,
        *,
        backend: Backend,
        show: Callable[[Note], None],
        preferences: Callable[[Preferences | None], Preferences] = lambda last: last or Preferences(),
        open_target: Callable[[Path], bool] = open_on_desktop,
        open_page: Callable[[str, Path], bool] = open_address,
        wait_s: float = 0.0,
    ) -> None:
        self._backend = backend
        self._show = show
        self._read_preferences = preferences
        self._preferences = Preferences()
        self._wait_s = wait_s
        self.state = TrayState()
        self.icon: Any = None
        self._shown: tuple[IconState, str] | None = None
        self._menu: tuple[Entry, ...] = ()
        self._menu_at_s = float("-inf")
        self._notes = Notes()
        self._ended = threading.Event()
        self._interrupted = False
        self._fatal: BaseException | None = None
        self._state_thread = Worker("tray-state", on_fatal=self._give_up, between=self._between)
        self._hand = Worker("tray-hand", on_fatal=self._give_up)
        self._follower = EventFollower(client, on_event=self._event, on_gone=self._gone, on_fatal=self._give_up)
        self._actions = Actions(
            client,
            state_folder,
            open_target=open_target,
            open_page=open_page,
            review_name=lambda: self._preferences.review,
            on_status=lambda status: self._state_thread.do(lambda: self._take_status(status)),
        )

    def run(self) -> ExitCode:
        """Run to the end. Raises NoTrayError when there is no tray at the start."""
        self._preferences = self._read_preferences(None)
        with TraySignals(self._signalled):
            self._backend.wait_for_tray(self._wait_s, until=self._ended.is_set)
            for part in (self._hand, self._state_thread, self._follower):
                part.start()
            try:
                self._show_icons()
            finally:
                self._ended.set()
                self._follower.stop()
                self._state_thread.stop(patience_s=_PATIENCE_S)
                self._hand.stop(patience_s=_PATIENCE_S)
        if self._fatal is not None:
            raise self._fatal
        return ExitCode.INTERRUPTED if self._interrupted else ExitCode.OK

    def stop(self) -> None:
        """End the tray; from any thread."""
        self._ended.set()
        if (icon := self.icon) is not None:
            self._backend.call(icon.stop)

    def _show_icons(self) -> None:
        """Show the icon, and another one each time the panel went and came back."""
        while not self._ended.is_set():
            self.icon = self._make_icon()
            logger.info("the icon is shown ({})", self._backend.name)
            self.icon.run(setup=self._set_up)
            self.icon, self._shown = None, None
            if not self._ended.is_set():
                logger.warning("the panel's tray is gone; the icon comes back with it")
                self._backend.wait_for_tray(_FOREVER_S, until=self._ended.is_set)

    def _make_icon(self) -> Any:
        state = self.state.icon
        self._menu = self.state.menu(time.time())
        pystray = _pystray()
        return self._backend.icon(
            "vsortd",
            draw(state, ICON_PX, opaque=self._backend.opaque),
            title="vsortd",
            menu=pystray.Menu(self._menu_items),
        )

    def _set_up(self, icon: Any) -> None:
        """Make the icon visible (pystray calls this on a thread of its own once the loop runs)."""
        icon.visible = True
        self._state_thread.do(lambda: None)  # it paints after each job
        if self._ended.is_set():  # told to end before there was a loop to end
            self._backend.call(icon.stop)

    # The menu, on the icon's thread

    def _menu_items(self) -> Iterator[Any]:
        return self._items(self._menu)

    def _items(self, entries: tuple[Entry, ...]) -> Iterator[Any]:
        pystray = _pystray()
        # where there is no menu, a click is all there is: it pauses and resumes
        on_click = {Action.LIBRARY} if self._backend.has_menu else {Action.PAUSE, Action.RESUME}
        for entry in entries:
            if entry is SEPARATOR:
                yield pystray.Menu.SEPARATOR
                continue
            yield pystray.MenuItem(
                entry.text.replace("&", self._backend.ampersand),
                pystray.Menu(*self._items(entry.children))
                if entry.children
                else functools.partial(self._chosen, entry),
                default=entry.action in on_click,
                enabled=entry.enabled,
            )

    def _chosen(self, entry: Entry, *_: object) -> None:
        if entry.action is None or not entry.enabled:
            return
        if entry.action is Action.QUIT:
            self._state_thread.do(self.stop)  # not from within the icon's own callback
        else:
            self._hand.do(lambda: self._act(entry))

    # On the hand's thread

    def _act(self, entry: Entry) -> None:
        note = self._actions.do(entry)
        if note is None:
            return
        if self._preferences.batches or self._preferences.failures:
            self._show(note)
        else:
            logger.info("{}", note.line)

    # On the follower's thread

    def _event(self, event: Event | HistoryEvent) -> None:
        self._state_thread.do(lambda: self._take(event))

    def _gone(self, reason: str) -> None:
        self._state_thread.do(lambda: self._take_gone(reason))

    # On the thread of the state

    def _take(self, event: Event | HistoryEvent) -> None:
        if event["event"] == "status":
            self._take_status(event["data"])
        elif event["event"] == "history":
            self.state = self.state.with_history(event["data"])
        elif event["event"] == "item":
            self.state = self.state.with_item(event["data"])
            self._notes.item(event["data"], time.monotonic())

    def _take_status(self, status: StatusDocument) -> None:
        before = self.state
        self.state = state = before.with_status(status)
        if before.connection != state.connection:
            logger.info("the daemon answers")
        self._notes.status(
            idle=state.idle, working=bool(status.get("working")), troubles=state.troubles, now_s=time.monotonic()
        )

    def _take_gone(self, reason: str) -> None:
        logger.info("{}", reason)
        self.state = self.state.gone()
        self._notes.gone()

    def _between(self) -> float | None:
        """Give out the notes that are due and bring the icon up to date; return when to come back at the latest."""
        now_s = time.monotonic()
        wait_s = self._notes.wait_s(now_s)
        if wait_s == 0:
            self._preferences = self._read_preferences(self._preferences)
            self._notes.batches, self._notes.failures = self._preferences.batches, self._preferences.failures
            for note in self._notes.due(now_s):
                self._hand.do(functools.partial(self._show, note))
            wait_s = self._notes.wait_s(now_s)
        waits = [wait for wait in (wait_s, self._paint(now_s)) if wait is not None]
        return min(waits, default=None)

    def _paint(self, now_s: float) -> float | None:
        """Bring icon, tooltip and menu up to date; return in how many seconds the menu may change again, if it must."""
        icon = self.icon
        if icon is None or not icon.visible or self._ended.is_set():
            return None
        wall_s = time.time()
        wait_s = self._paint_menu(icon, self.state.menu(wall_s), now_s)  # first: a click means what the icon shows
        shown = (self.state.icon, self.state.tooltip(wall_s))
        if shown != self._shown:
            self._backend.call(functools.partial(self._paint_icon, icon, *shown, before=self._shown))
            self._shown = shown
        return wait_s

    def _paint_menu(self, icon: Any, menu: tuple[Entry, ...], now_s: float) -> float | None:
        if menu == self._menu:
            return None
        wait_s = self._menu_at_s + _MENU_EVERY_S - now_s
        if wait_s > 0 and self._backend.has_menu:
            return wait_s
        self._menu, self._menu_at_s = menu, now_s
        self._backend.call(icon.update_menu)
        return None

    def _paint_icon(self, icon: Any, state: IconState, tooltip: str, *, before: tuple[IconState, str] | None) -> None:
        if before is None or before[0] is not state:
            icon.icon = draw(state, ICON_PX, opaque=self._backend.opaque)
        icon.title = tooltip

    # From anywhere

    def _signalled(self, *, interrupted: bool) -> None:
        self._interrupted = interrupted
        self.stop()

    def _give_up(self, error: BaseException) -> None:
        self._fatal = self._fatal or error
        self.stop()


def _pystray() -> Any:
    import pystray  # by now the backend has seen that it can be imported

    return pystray
