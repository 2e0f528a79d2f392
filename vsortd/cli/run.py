"""`vsortd run`: the daemon in the foreground."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.common import (
    SCHEMA_VERSION,
    AsRootFlag,
    JsonFlag,
    console,
    print_json,
    root_warning,
    say_retried,
    state_folder,
)
from vsortd.cli.front.declared import Option
from vsortd.core.output import is_quiet, note
from vsortd.errors import ConfigError, DaemonUnreachableError

if TYPE_CHECKING:
    from vsortd.config.check import CheckReport
    from vsortd.config.settings import Settings
    from vsortd.errors import ExitCode
    from vsortd.service.setup_mode import Handover
    from vsortd.web.host import PageTools

_STOP_S = 10.0
_TICK_S = 0.05


def run(
    ctx: click.Context,
    once: Annotated[bool, Option("--once", help="Drain the inboxes, then exit.")] = False,
    setup: Annotated[
        bool,
        Option("--setup", help="Without a config that can be used, serve the page that helps; then begin."),
    ] = False,
    json_log: Annotated[bool, Option("--json-log", help="Log JSON lines, for services.")] = False,
    as_root: AsRootFlag = False,
) -> int:
    """Watch the inboxes and file what arrives.

    Runs in the foreground until Ctrl-C. Ctrl-C or SIGTERM finishes the current file or puts it back, and ends
    within 5 seconds.
    """
    from vsortd.config.check import check_file
    from vsortd.core.paths import find_config

    with contextlib.ExitStack() as held:
        handover = report = None
        try:
            report = check_file(find_config(ctx.obj.config))
            settings = report.settings_or_raise()
        except ConfigError:
            if not setup or once:
                raise
            _begin_log(ctx, json_log=json_log)
            handover, code = _set_up(ctx, held)
            if handover is None:
                return int(code)
            settings = handover.settings
        else:
            _begin_log(ctx, json_log=json_log)
            end_setup_mode()
        return _work(ctx, settings, report, once=once, as_root=as_root, handover=handover)


def _begin_log(ctx: click.Context, *, json_log: bool) -> None:
    from vsortd.core.logs.sinks import set_up_logging

    set_up_logging(verbose=ctx.obj.verbose, as_json=json_log, quiet=is_quiet())


def _work(
    ctx: click.Context,
    settings: Settings,
    report: CheckReport | None,
    *,
    once: bool,
    as_root: bool,
    handover: Handover | None,
) -> int:
    """Run the daemon to its end; `report` is what the settings were read from, None where the page made them."""
    from loguru import logger

    from vsortd.core.paths import find_config
    from vsortd.service.config_reader import ConfigReader
    from vsortd.service.daemon import Daemon
    from vsortd.service.daemon_log import daemon_log

    config = find_config(ctx.obj.config)
    reader = ConfigReader(config)
    with daemon_log(settings, state_folder()):
        if warning := root_warning(as_root=as_root):
            logger.warning(warning)
        if report is not None:
            reader.note_version(report)
        code = Daemon(
            settings,
            state_folder(),
            once=once,
            read_config=reader.read,
            config_path=config,
            tools=page_tools(),
            handover=handover,
        ).run()
    sys.stderr.flush()
    return int(code)


def _set_up(ctx: click.Context, held: contextlib.ExitStack) -> tuple[Handover | None, ExitCode]:
    """Serve the page that helps to a config. Raises ConfigError where the page could not mend it."""
    from vsortd.config.check import check_file
    from vsortd.core.paths import config_to_mend
    from vsortd.service.setup_mode import SetupMode

    config = config_to_mend(ctx.obj.config)
    if config.is_file():
        check_file(config)  # one that can't be read can't be mended
    mode = held.enter_context(SetupMode(state_folder(), config, page_tools()))
    return mode.run(), mode.exit_code


def page_tools() -> PageTools:
    """Return what the page may use of what lies above it."""
    from vsortd.doctor.apart import examine_apart
    from vsortd.doctor.demo_clips import whole_clips
    from vsortd.web.host import PageTools

    return PageTools(examine_apart, whole_clips)


def end_setup_mode() -> None:
    """End a process that only helps to make a config: there is one now, and it gives way to a daemon."""
    from vsortd.service.client import Client
    from vsortd.service.lock import daemon_holds

    folder = state_folder()
    try:
        if not daemon_holds(folder) or Client(folder).status()["state"] != "setup":
            return
        Client(folder).stop()
    except DaemonUnreachableError:
        return  # whatever it is, the lock says so
    deadline_s = time.monotonic() + _STOP_S
    while daemon_holds(folder) and time.monotonic() < deadline_s:
        time.sleep(_TICK_S)


def reload(as_json: JsonFlag = False) -> None:
    """Make the daemon read its config again.

    SIGHUP does the same. A config with mistakes changes nothing.
    """
    from vsortd.service.client import Client

    done = Client(state_folder()).reload()
    changed = done["changed"]
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **done})
    elif changed:
        note(console(), f"The config was read anew; changed: {', '.join(changed)}.")
        if "workers" in changed:
            note(console(), "workers takes effect when vsortd is started again.")
    else:
        note(console(), "The config was read anew; nothing changed.")
    if not as_json:
        say_retried(done["retried"])
