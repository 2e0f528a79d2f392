"""`vsortd run`: the daemon in the foreground."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vsortd.cli.common import (
    SCHEMA_VERSION,
    AsRootFlag,
    JsonFlag,
    console,
    load,
    print_json,
    root_warning,
    say_retried,
    state_folder,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("reload")(reload)


def run(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Drain the inboxes, then exit.")] = False,
    json_log: Annotated[bool, typer.Option("--json-log", help="Log JSON lines, for services.")] = False,
    as_root: AsRootFlag = False,
) -> int:
    """Watch the inboxes and file what arrives, in the foreground.

    Ctrl-C or SIGTERM finishes the file in hand or puts it back, and ends within 5 seconds.
    """
    settings = load(ctx)
    from loguru import logger

    from vsortd.config.load import load_settings
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.core.paths import find_config
    from vsortd.service.daemon import Daemon
    from vsortd.service.daemon_log import daemon_log

    set_up_logging(verbose=ctx.obj.verbose, as_json=json_log)
    config = find_config(ctx.obj.config)
    with daemon_log(settings, state_folder()):
        if warning := root_warning(as_root=as_root):
            logger.warning(warning)
        code = Daemon(settings, state_folder(), once=once, read_config=lambda: load_settings(config)).run()
    sys.stderr.flush()
    return int(code)


def reload(as_json: JsonFlag = False) -> None:
    """Have the daemon read its config anew (as SIGHUP does); a config with mistakes changes nothing."""
    from vsortd.service.client import Client

    done = Client(state_folder()).reload()
    changed = done["changed"]
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **done})
    elif changed:
        console().print(f"The config was read anew; changed: {', '.join(changed)}.")
        if "workers" in changed:
            console().print("workers takes effect when vsortd is started again.")
    else:
        console().print("The config was read anew; nothing changed.")
    if not as_json:
        say_retried(done["retried"])
