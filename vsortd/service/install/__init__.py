"""Installing vsortd with the system's own service manager: systemd, launchd, or Windows' tasks and services."""

from __future__ import annotations
