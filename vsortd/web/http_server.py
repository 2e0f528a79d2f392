"""uvicorn, as the control API and the page run it: it sleeps while nobody asks, and holds only so many connections."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from vsortd.core.system.descriptors import REMEDY, is_shortage, open_files_limit
from vsortd.web.connections import (
    BACKLOG,
    HEADER_TIMEOUT_S,
    MOST_CONNECTIONS,
    MOST_HEADER_BYTES,
    Connections,
    ControlConnection,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from vsortd.web.connections import Teller


def server_config(app: ASGIApp, teller: Teller) -> uvicorn.Config:
    """Return how an application is served."""
    connections = Connections(teller, min(MOST_CONNECTIONS, open_files_limit() // 4))
    return uvicorn.Config(
        app,
        # uvicorn calls it for each connection, so it need not be a class
        http=partial(ControlConnection, connections),  # type: ignore[arg-type]
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        lifespan="off",
        backlog=BACKLOG,
        timeout_keep_alive=int(HEADER_TIMEOUT_S),
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        date_header=False,
        server_header=False,
    )


class SleepingServer(uvicorn.Server):
    """Sleeps until its end; uvicorn's own wakes ten times a second, to renew a date header that nobody here reads."""

    _loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, config: uvicorn.Config, teller: Teller) -> None:
        super().__init__(config)
        self._teller = teller

    async def main_loop(self) -> None:
        """Wait until `end`."""
        asyncio.get_running_loop().set_exception_handler(self._tell)
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:  # `end` came before there was anything to wake
            await self._ended.wait()

    def _tell(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell what went wrong beside every request: connections that can't be accepted above all."""
        error, text = context.get("exception"), str(context["message"])
        if error is not None and is_shortage(error):
            text, error = f"no connection can be accepted: {error}. {REMEDY}", None
        self._teller.tell(text, text, error)

    def end(self) -> None:
        """Stop serving; from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)
