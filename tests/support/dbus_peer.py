# mypy: ignore-errors
# ... because annotations are D-Bus signatures here, not types.
# No `from __future__ import annotations` here: dbus-fast reads the annotations as D-Bus signatures.
"""The services of a desktop's session bus that the tray talks to."""

from typing import Any

from dbus_fast import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_property, method


class Notifications(ServiceInterface):
    """org.freedesktop.Notifications: keeps what it is to show."""

    def __init__(self, notes: list[tuple[str, str]]) -> None:
        super().__init__("org.freedesktop.Notifications")
        self._notes = notes

    @method()
    def Notify(  # noqa: N802, PLR0917 - the specification's
        self,
        app: "s",  # noqa: ARG002, F821
        replaces: "u",  # noqa: ARG002, F821
        icon: "s",  # noqa: ARG002, F821
        title: "s",  # noqa: F821
        body: "s",  # noqa: F821
        actions: "as",  # noqa: ARG002, F722
        hints: "a{sv}",  # noqa: ARG002, F722
        timeout: "i",  # noqa: ARG002, F821
    ) -> "u":  # noqa: F821
        """Show a notification."""
        self._notes.append((title, body))
        return len(self._notes)

    @method()
    def GetServerInformation(self) -> "ssss":  # noqa: N802, F821
        """Say who this is."""
        return ["test", "vsortd", "1", "1.2"]

    @method()
    def GetCapabilities(self) -> "as":  # noqa: N802, F722
        """Say what it can show."""
        return ["body", "body-markup"]


class Watcher(ServiceInterface):
    """org.kde.StatusNotifierWatcher: what a panel has that shows indicators."""

    def __init__(self, _indicators: list[Any]) -> None:
        super().__init__("org.kde.StatusNotifierWatcher")

    @method()
    def RegisterStatusNotifierItem(self, service: "s") -> None:  # noqa: N802, F821
        """Take an indicator in."""

    @dbus_property(access=PropertyAccess.READ)
    def IsStatusNotifierHostRegistered(self) -> "b":  # noqa: N802, F821
        """Say that somebody shows them."""
        return True
