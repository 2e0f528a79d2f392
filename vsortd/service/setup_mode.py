"""Before there is a config that can be used: the page alone, which makes or mends one; the daemon then takes over.

Nothing is watched or filed here. The process holds the daemon's lock and answers on its control socket, so that no
other one begins beside it, and hands its page on: who is logged in stays so.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

from loguru import logger

from vsortd.config.check import check_file
from vsortd.config.web_options import Web, web_of
from vsortd.core.documents import status_document
from vsortd.errors import ExitCode, UsageError
from vsortd.service.event_stream import Hub
from vsortd.service.lock import DaemonLock
from vsortd.service.server import ControlServer
from vsortd.service.signals import DaemonSignals
from vsortd.service.wakeup import Wakeup
from vsortd.setup.first_config import FirstConfig
from vsortd.web.listener import PageListener, page_address, page_options, page_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.core.documents import ReloadDocument, StatusDocument, WayInDocument
    from vsortd.service.api import Controlled
    from vsortd.web.host import PageHost, PageTools
    from vsortd.web.sessions import PageSessions

# Nothing is due here but what wakes it.
_REST_S = 3600.0


@dataclass(frozen=True, slots=True)
class Handover:
    """What the daemon goes on with: its settings, who is logged in, and the page, None where it is to be elsewhere."""

    settings: Settings
    sessions: PageSessions
    page: PageListener | None


class SetupCalls:
    """Answers the control socket and the page as far as one can without a config; all else is refused."""

    def __init__(self, config_path: Path, state_folder: Path, tools: PageTools, wakeup: Wakeup) -> None:
        self.config_path = config_path
        self.state_folder = state_folder
        self.tools = tools
        self.first = FirstConfig()
        self.settings: Settings | None = None
        self.stopped = False
        self.hub = Hub()
        self.page: PageListener | None = None
        self._wakeup = wakeup

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any call of the control API
        if name.startswith("_"):
            raise AttributeError(name)
        return _refused

    @property
    def broken(self) -> bool:
        """Whether there is a config, which has mistakes."""
        return self.config_path.is_file()

    def status(self) -> StatusDocument:
        """Return a status that says that there is no config yet."""
        what = "has mistakes" if self.broken else "is not there yet"
        page = None if self.page is None else self.page.form()
        return status_document(
            "setup", trouble=[f"the config {what}: `vsortd open` shows the page that helps"], page=page, pid=os.getpid()
        )

    def health(self) -> list[str]:
        """Return what keeps it from its work."""
        return list(self.status()["trouble"])

    def way_in(self) -> WayInDocument:
        """Return the address that lets one browser in."""
        assert self.page is not None
        return {"address": self.page.way_in()}

    def events(self) -> AsyncIterator[str]:
        """Return a stream of server-sent events: the status, and its end."""
        return self.hub.stream(self.status)

    def stop(self) -> None:
        """End it."""
        self.stopped = True
        self._wakeup.set()

    def reload(self) -> ReloadDocument:
        """Begin with the config as somebody has written it meanwhile. Raises ConfigError while it has mistakes."""
        self.begin(check_file(self.config_path).settings_or_raise())
        return {"changed": [], "retried": []}

    def begin(self, settings: Settings) -> None:
        """Let the daemon take over."""
        self.settings = settings
        self._wakeup.set()

    def moves_to(self, settings: Settings) -> str | None:
        """Return where the page will be, with a code, "" if it stays, None if it is switched off."""
        assert self.page is not None
        options = page_options(settings)
        if options is None:
            return None
        if options == self.page.options:
            return ""
        return f"{page_address(options)}/enter#{self.page.sessions.new_code()}"


def _refused(*_arguments: object, **_options: object) -> NoReturn:
    raise UsageError("vsortd has no config yet that it can work by.", remedy="`vsortd open` shows what is to be done.")


class SetupMode:
    """Serves the page until there is a config, or it is told to stop; holds the state folder's lock up to its exit."""

    def __init__(self, state_folder: Path, config_path: Path, tools: PageTools) -> None:
        self._state_folder = state_folder
        self._config_path = config_path
        self._tools = tools
        self._lock = DaemonLock(state_folder)
        self._held = contextlib.ExitStack()
        self.exit_code = ExitCode.OK

    def __enter__(self) -> Self:
        self._held.enter_context(self._lock)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def run(self) -> Handover | None:
        """Return what the daemon goes on with, None when told to stop. Raises UsageError where there can be no page."""
        options = self._options()
        with contextlib.closing(Wakeup()) as wakeup:
            calls = SetupCalls(self._config_path, self._state_folder, self._tools, wakeup)
            page = calls.page = PageListener(cast("PageHost", calls), options)
            page.page.setup = calls

            def told(interrupted: bool) -> None:  # noqa: FBT001 - a callback
                self.exit_code = ExitCode.INTERRUPTED if interrupted else ExitCode.OK
                calls.stop()

            with DaemonSignals(told, lambda: None):
                page.start()
                if page.trouble:
                    raise UsageError(page.trouble, remedy="Choose another port: VSORTD_WEB=8738 vsortd open")
                server = ControlServer(cast("Controlled", calls), self._state_folder)
                try:
                    server.start()
                    logger.info("no config to work by: the page at {} helps to make one", page.address)
                    while not calls.stopped and calls.settings is None:
                        wakeup.wait(_REST_S)
                finally:
                    calls.hub.close()
                    server.stop()
                    handed = self._handed(calls, page)
        return handed

    def _handed(self, calls: SetupCalls, page: PageListener) -> Handover | None:
        """End what does not go on."""
        if calls.settings is None or calls.stopped:
            page.stop()
            return None
        if page_options(calls.settings) == page.options:
            self._held.callback(page.stop)  # the daemon stops it; this is for one that doesn't get so far
            return Handover(calls.settings, page.sessions, page)
        page.stop()
        return Handover(calls.settings, page.sessions, None)

    def _options(self) -> Web:
        """Return where the page is: as a config with mistakes says, as far as it can be read. Raises UsageError."""
        root = check_file(self._config_path).document.root if self._config_path.is_file() else None
        options = page_port(web_of(root))
        if options is None:
            raise UsageError(
                "There is no config to work by, and the page that would help is switched off.",
                remedy="`web: off` in the config does that, or $VSORTD_WEB. At a terminal: vsortd config init",
            )
        return options
