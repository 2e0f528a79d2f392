"""`vsortd tray`: the icon in the desktop's tray."""

from __future__ import annotations

import functools
from typing import Annotated

import click

from vsortd.cli.common import state_folder
from vsortd.cli.front.declared import Option
from vsortd.core.output import is_quiet
from vsortd.errors import UsageError


def tray(
    ctx: click.Context,
    wait: Annotated[
        str, Option("--wait", metavar="TIME", help="How long to wait for the desktop's tray, as at login.")
    ] = "2s",
) -> int:
    """Show the daemon as an icon in the tray.

    Its menu pauses, undoes and opens folders; it also notifies of each batch.
    """
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.core.units import parse_duration
    from vsortd.service.client import Client
    from vsortd.service.lock import TrayLock
    from vsortd.tray.backends import choose

    try:
        wait_s = parse_duration(wait)
    except ValueError as error:
        raise UsageError(f"--wait {wait!r} is no duration.", remedy="Write a time such as 500ms, 10s or 1m.") from error
    set_up_logging(verbose=ctx.obj.verbose, quiet=is_quiet())
    backend = choose()
    from vsortd.tray.notifier import DesktopNotifications
    from vsortd.tray.preferences import read_preferences
    from vsortd.tray.tray_app import TrayApp

    folder = state_folder()
    with TrayLock(folder):
        app = TrayApp(
            Client(folder),
            folder,
            backend=backend,
            show=DesktopNotifications().show,
            preferences=functools.partial(read_preferences, ctx.obj.config),
            wait_s=wait_s,
        )
        return int(app.run())
