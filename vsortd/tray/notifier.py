"""Shows notifications through desktop-notifier (the extra `notify`); without it the tray works and says so once."""

from __future__ import annotations

import html
import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any

from loguru import logger

if TYPE_CHECKING:
    from vsortd.tray.notes import Note


class DesktopNotifications:
    """Shows notes on the desktop. For one thread: desktop-notifier keeps an event loop of its own.

    What can't be shown is told in the log, for the first time as a warning: a notification is never worth a stop.
    """

    def __init__(self) -> None:
        self._native: Any = None
        self._tried = False
        self._failures = _ToOurLog()

    def show(self, note: Note) -> None:
        """Show a note."""
        logger.info("{}", note.line)
        if not self._tried or self._failures.take():  # its connection may be one of a session that is over
            self._tried = True
            self.close()
            self._native = _native(self._failures)
        if self._native is not None:
            # the body is markup on Linux (Desktop Notifications Specification 1.2), and names are a stranger's
            body = html.escape(note.body, quote=False) if sys.platform.startswith("linux") else note.body
            self._native.send(title=note.title, message=body)

    def close(self) -> None:
        """Let go of the library's event loop."""
        if self._native is not None:
            native = self._native  # it has no way to close itself, so its parts are reached for
            bus = getattr(native._async_api._backend, "bus", None)  # noqa: SLF001
            if bus is not None and bus.connected:
                bus.disconnect()
                native._loop.run_until_complete(bus.wait_for_disconnect())  # noqa: SLF001
            native._loop.close()  # noqa: SLF001
            self._native = None


def _native(failures: logging.Handler) -> Any:
    try:
        sync = importlib.import_module("desktop_notifier.sync")
    except ImportError:
        logger.warning("notifications need desktop-notifier: pip install 'vsortd[notify]'; the tray works without")
        return None
    library = logging.getLogger("desktop_notifier")  # it swallows every failure, and logs it with a traceback
    library.handlers = [failures]
    library.propagate = False
    return sync.DesktopNotifierSync(app_name="vsortd", app_icon=None)


class _ToOurLog(logging.Handler):
    """Says in one line that notifications can't be shown, once; then only to whoever wants all."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said = False
        self._failed = False

    def take(self) -> bool:
        """Tell whether there was a failure since this was last asked."""
        failed, self._failed = self._failed, False
        return failed

    def emit(self, record: logging.LogRecord) -> None:
        """Take a message of the library."""
        cause = record.exc_info[1] if record.exc_info else None
        level = "DEBUG" if self._said else "WARNING"
        logger.log(level, "a notification was not shown: {}", cause or record.getMessage())
        self._said = self._failed = True
