"""What a tray backend does, whichever desktop it is for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vsortd.errors import NoTrayError

if TYPE_CHECKING:
    from collections.abc import Callable


_LOOK_AGAIN_S = 0.5


STATUS_INSTEAD = "Without a tray, `vsortd status`, `pause` and `history` tell and do the same."


_MANAGER_REMEDY = (
    "Switch the panel's tray on, or start one, such as trayer or stalonetray; GNOME needs the extension "
    f"AppIndicator. {STATUS_INSTEAD}"
)


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to show the icon.

    `missing` says why there is no tray now, or nothing; `call` runs a function where the icon may be touched.
    """

    name: str
    icon: Callable[..., Any]  # makes a pystray icon
    has_menu: bool = True
    opaque: bool = False  # it knows no transparency
    ampersand: str = "&"  # how a menu's text writes one
    missing: Callable[[], str] = lambda: ""
    call: Callable[[Callable[[], None]], None] = lambda function: function()

    def wait_for_tray(self, wait_s: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Wait for a tray, as at login, where the panel may come later; or `until`. Raises NoTrayError after that."""
        deadline = time.monotonic() + wait_s
        while (why := self.missing()) and not until():
            if time.monotonic() >= deadline:
                raise NoTrayError(f"There is no tray to show an icon in: {why}.", remedy=_MANAGER_REMEDY)
            time.sleep(_LOOK_AGAIN_S)
