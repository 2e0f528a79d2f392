"""Serves the page on a port of this machine; without one the daemon works on, and says why there is no page."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final, Literal

from loguru import logger

from vsortd.errors import UsageError, VsortdError
from vsortd.web.app import page_app
from vsortd.web.connections import BACKLOG, LibraryLog, Teller
from vsortd.web.http_server import SleepingServer, server_config
from vsortd.web.page import Page
from vsortd.web.plain_numbers import whole_or_none
from vsortd.web.sessions import PageSessions, read_password_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsortd.config.settings import Settings
    from vsortd.config.web_options import Web
    from vsortd.core.documents import PageDocument
    from vsortd.web.host import PageHost

# This machine has no such kind of address.
_NO_FAMILY: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
_LAST_PORT: Final = 65_535
_LOCAL: Final = ("127.0.0.1", "::1")


def page_options(settings: Settings) -> Web | None:
    """Return where the page is to listen: as $VSORTD_WEB says (`off`, or a port), else the config; None for nowhere."""
    return page_port(settings.web)


def page_port(web: Web | Literal["off"]) -> Web | None:
    """Return an option with what $VSORTD_WEB says put in; None for nowhere."""
    asked = os.environ.get("VSORTD_WEB", "")
    if asked == "off" or web == "off":
        return None
    port = whole_or_none(asked, 1, _LAST_PORT)
    return web if port is None else web.model_copy(update={"port": port})


class PageListener:
    """The page, on a thread of its own. `trouble` says why it can't be had, "" while it is served."""

    def __init__(self, host: PageHost, options: Web, sessions: PageSessions | None = None) -> None:
        self.sessions = sessions or PageSessions()
        self.page = Page(host, self.sessions)
        self.trouble = ""
        self.options = options
        self._sockets: list[socket.socket] = []
        self._server: SleepingServer | None = None
        self._thread: threading.Thread | None = None
        self._log: LibraryLog | None = None

    @property
    def address(self) -> str:
        """Where the page is, for this machine's browser."""
        return page_address(self.options)

    def hand_to(self, host: PageHost) -> None:
        """Have another one stand behind the page from now on: the daemon, once a first config is written."""
        self.page.host, self.page.setup = host, None

    def start(self) -> None:
        """Listen and serve, unless it does already; what keeps it from that is logged, and no error."""
        if self._thread is not None:
            return
        try:
            password = self._password()
            self._sockets = listening(self.options)
        except VsortdError as error:
            self.trouble = f"There is no page: {error}"
            logger.warning("{}", self.trouble)
            return
        teller = Teller("the page")
        app = page_app(self.page, port=self.options.port, names=self.options.names, password=password)
        self._server = SleepingServer(server_config(app, teller), teller)
        self._log = LibraryLog(teller)
        logging.getLogger("uvicorn.error").addHandler(self._log)
        self._thread = threading.Thread(target=self._serve, args=(self._server,), name="page", daemon=True)
        self._thread.start()
        logger.debug("the page: {}", self.address)

    def _password(self) -> Callable[[], str] | None:
        path = self.options.password_file
        if path is None:
            return None
        read_password_file(path)
        return lambda: read_password_file(path)

    def _serve(self, server: SleepingServer) -> None:
        try:
            server.run(sockets=self._sockets)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the filing goes on
            self.trouble = f"The page has ended: {error!r}"
            logger.error("{}", self.trouble)

    def form(self) -> PageDocument:
        """Return it as `status --json` has it."""
        return {"address": "" if self.trouble else self.address, "reason": self.trouble}

    def way_in(self) -> str:
        """Return the address that lets one browser in, once. Raises UsageError where there is no page."""
        if self.trouble:
            raise UsageError(self.trouble)
        return f"{self.address}/enter#{self.sessions.new_code()}"

    def stop(self) -> None:
        """Stop serving, and call off what the page had begun."""
        self.page.jobs.close()
        if self._server is not None:
            self._server.end()
        if self._thread is not None:
            self._thread.join(2.0)
        if self._log is not None:
            logging.getLogger("uvicorn.error").removeHandler(self._log)
        for one in self._sockets:
            one.close()


def page_address(options: Web) -> str:
    """Return where the page is, for this machine's browser."""
    host = options.host
    anywhere = options.is_local or host in {"0.0.0.0", "::"}  # noqa: S104 - compared
    name = _LOCAL[0] if anywhere else f"[{host}]" if ":" in host else host
    return f"http://{name}:{options.port}"


def listening(options: Web) -> list[socket.socket]:
    """Return sockets that listen where the page is to be, all of them or none. Raises UsageError, for a taken port."""
    hosts = _LOCAL if options.is_local else (options.host,)
    sockets: list[socket.socket] = []
    try:
        for host in hosts:
            sockets += _listening(host, options.port)
    except OSError as error:
        for one in sockets:
            one.close()
        taken = error.errno == errno.EADDRINUSE
        why = "another program has it" if taken else error.strerror or str(error)
        raise UsageError(
            f"port {options.port} can't be had, {why}.",
            remedy="Choose another: web: {port: …}, or see what has it; web: off does without a page.",
        ) from error
    if not sockets:
        raise UsageError(f"{options.host} is no address of this machine.", remedy="See web: {host: …}.")
    return sockets


def _listening(host: str, port: int) -> list[socket.socket]:
    """Return the socket that listens there, none where this machine has no such address. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno in _NO_FAMILY:
            return []
        raise
    try:
        if sys.platform == "win32":  # else another program could listen there, too
            server.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # a port whose last connections are just over
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((host, port))
        server.listen(BACKLOG)
    except OSError as error:
        server.close()
        if error.errno in _NO_FAMILY:
            return []
        raise
    return [server]
