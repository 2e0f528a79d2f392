"""An icon that nobody sees, on pystray's dummy backend: for tests, and to see whether a tray would run at all."""

from __future__ import annotations

import threading
from typing import Any

import pystray

from vsortd.tray.backend import Backend


def backend(name: str) -> Backend:
    """Return the backend."""
    return Backend(name, HeadlessIcon)


class HeadlessIcon(pystray.Icon):  # type: ignore[misc] # untyped
    """pystray's dummy raises NotImplementedError for all that draws; here nothing is drawn."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ended = threading.Event()

    def _run(self) -> None:
        self._mark_ready()
        self._ended.wait()

    def _stop(self) -> None:
        self._ended.set()

    def _show(self) -> None: ...

    def _hide(self) -> None: ...

    def _update_icon(self) -> None:
        self._icon_valid = True

    def _update_title(self) -> None: ...

    def _update_menu(self) -> None: ...
