"""Which service manager this system has."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vsortd.errors import UsageError
from vsortd.service.install.program import Scope, ServiceError

if TYPE_CHECKING:
    from vsortd.service.install.program import Manager


def manager_of(scope: Scope, platform: str = sys.platform) -> Manager:
    """Return the manager for a scope. Raises UsageError or ServiceError where there is none."""
    if platform == "win32":
        from vsortd.service.install.windows import LogonTask, WindowsService

        return LogonTask() if scope is Scope.USER else WindowsService()
    if platform == "darwin":
        if scope is Scope.SYSTEM:
            raise UsageError(
                "On macOS vsortd runs as an agent of its user.",
                remedy="Leave --system out: macOS guards people's folders from daemons of the machine.",
            )
        from vsortd.service.install.launchd import Launchd

        return Launchd()
    if platform == "linux":
        from vsortd.service.install.systemd import Systemd

        return Systemd(scope)
    raise ServiceError(
        f"There is no service installer for {platform}.",
        remedy="Have the system's own supervisor run `vsortd run`.",
    )
