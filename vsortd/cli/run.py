"""`vsortd run`: the daemon in the foreground."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vsortd.cli.common import load, state_folder


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Drain the inboxes, then exit.")] = False,
    json_log: Annotated[bool, typer.Option("--json-log", help="Log JSON lines, for services.")] = False,
) -> int:
    """Watch the inboxes and file what arrives, in the foreground.

    Ctrl-C or SIGTERM finishes the file in hand or puts it back, and ends within 5 seconds.
    """
    settings = load(ctx)
    from vsortd.logs import set_up_logging
    from vsortd.service.daemon import Daemon

    set_up_logging(verbose=ctx.obj.verbose, as_json=json_log)
    code = Daemon(settings, state_folder(), once=once).run()
    sys.stderr.flush()
    return int(code)
