"""Telling the daemon what to do: `start`, `stop`, `pause`, `resume`, `metrics`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.common import JsonFlag, asking_the_daemon, lines, load, print_json, state_folder
from vsortd.cli.completing import inbox_paths
from vsortd.cli.front.declared import Option
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import printable
from vsortd.errors import AlreadyRunningError, ConfigError, DaemonUnreachableError, UsageError, VsortdError

if TYPE_CHECKING:
    import subprocess

    from vsortd.core.documents import StatusDocument

_START_S = 60.0  # until a daemon answers; the model is loaded later, in the background
_STOP_S = 15.0
_TICK_S = 0.05
_SAID = "start.log"  # what a daemon in the background prints

For = Annotated[str | None, Option("--for", metavar="TIME", help="Continue by itself after a time, such as 2h.")]
InboxOption = Annotated[
    Path | None, Option("--inbox", metavar="INBOX", help="Only this inbox.", autocompletion=inbox_paths)
]


def start(ctx: click.Context, as_json: JsonFlag = False) -> None:
    """Start the daemon in the background.

    To start it at each login instead, use `vsortd service install`.
    """
    document = start_daemon(ctx)
    if as_json:
        print_json(document)
    else:
        note(lines(), f"vsortd runs (process {document['pid']}). `vsortd status` shows it, `vsortd stop` ends it.")


def start_daemon(ctx: click.Context, *, setup: bool = False) -> StatusDocument:
    """Start the daemon in the background, and return its status. Raises VsortdError where it doesn't come up.

    `setup`: without a config that can be used, start what serves the page that helps to one.
    """
    import subprocess

    from vsortd.core.paths import config_to_mend
    from vsortd.core.system.private_files import FILE_MODE, NO_FOLLOW, private_folder
    from vsortd.service.lock import daemon_holds

    more: list[str] = []
    try:
        load(ctx)  # mistakes are told here, not in a log
    except ConfigError:
        if not setup:
            raise
        more = ["--setup"]
    config = config_to_mend(ctx.obj.config)
    folder = state_folder()
    if daemon_holds(folder):
        if not _begins_now(folder):
            raise AlreadyRunningError(f"A daemon already runs on {folder}.", remedy="`vsortd status` shows it.")
        return _when_it_answers(folder, None)
    private_folder(folder)
    command = [sys.executable, "-P", "-m", "vsortd", "--config", str(config.absolute()), "run", *more]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NO_FOLLOW
    with os.fdopen(os.open(folder / _SAID, flags, FILE_MODE), "wb") as log:
        daemon = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=Path.home()
        )
    return _when_it_answers(folder, daemon)


def _begins_now(folder: Path) -> bool:
    """Have a process that only helped to make a config begin with it; False where it is a daemon already."""
    from vsortd.service.client import Client

    try:
        if Client(folder).status()["state"] != "setup":
            return False
        Client(folder).reload()
    except DaemonUnreachableError:
        return False
    return True


def _when_it_answers(folder: Path, daemon: subprocess.Popen[bytes] | None) -> StatusDocument:
    """Return the status once there is one; `daemon` is the process that was started. Raises VsortdError."""
    from vsortd.service.client import Client

    said = folder / _SAID
    deadline_s = time.monotonic() + _START_S
    while True:
        try:
            status = Client(folder).status()
            if daemon is not None or status["state"] != "setup":
                return status
        except DaemonUnreachableError:
            pass
        ended = None if daemon is None else daemon.poll()
        if ended is not None or time.monotonic() > deadline_s:
            what = f"ended with {ended}" if ended is not None else "does not answer"
            lines = said.read_text("utf-8", "replace").strip().splitlines()
            last = next((line for line in reversed(lines) if not line.startswith(" ")), "it said nothing")
            raise VsortdError(
                f"The daemon {what}: {last}",
                remedy=f"Everything that it said is in {said}.",
                paths=[said],
            ) from None
        time.sleep(_TICK_S)


def stop(as_json: JsonFlag = False) -> None:
    """End the daemon; the file in hand is finished or put back."""
    from vsortd.service.client import Client
    from vsortd.service.lock import daemon_holds

    folder = state_folder()
    Client(folder).stop()
    deadline_s = time.monotonic() + _STOP_S
    while daemon_holds(folder):
        if time.monotonic() > deadline_s:
            raise VsortdError("The daemon was told to stop, but has not ended yet.", remedy="Look again: vsortd status")
        time.sleep(_TICK_S)
    if as_json:
        from vsortd.cli.status import current_status

        print_json(current_status())
    else:
        note(lines(), "vsortd has stopped.")


def pause(for_: For = None, inbox: InboxOption = None, as_json: JsonFlag = False) -> None:
    """Start no more videos until `vsortd resume`.

    The current video is finished; new files are noticed and wait.
    """
    seconds = None if for_ is None else _duration(for_)
    _say(_change(pause=True, inbox=inbox, for_s=seconds), as_json=as_json)


def resume(inbox: InboxOption = None, as_json: JsonFlag = False) -> None:
    """Continue after a pause.

    The videos are taken in the order in which they came. Without --inbox every pause ends.
    """
    _say(_change(pause=False, inbox=inbox, for_s=None), as_json=as_json)


def metrics() -> None:
    """Print the daemon's metrics in Prometheus' text format."""
    from vsortd.service.client import Client

    lines = Client(state_folder()).metrics().split("\n")
    sys.stdout.write("\n".join(printable(line) for line in lines))


def _duration(text: str) -> float:
    from vsortd.core.units import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--for {text!r} is not a length of time.", remedy="Write 30m, 2h, or 1d.") from error
    if seconds <= 0:
        raise UsageError(f"--for {text!r} is not a length of time.", remedy="Write 30m, 2h, or 1d.")
    return seconds


def _change(*, pause: bool, inbox: Path | None, for_s: float | None) -> StatusDocument:
    """Pause or resume through the daemon, or where none runs in the state folder, for the next start."""
    where = None if inbox is None else as_on_disk(inbox.expanduser().absolute())
    with asking_the_daemon(alone=True) as client:
        return client.pause(inbox=where, for_s=for_s) if pause else client.resume(inbox=where)
    from vsortd.cli.status import current_status
    from vsortd.service.pauses import Pauses, pauses_path

    pauses = Pauses(pauses_path(state_folder()))
    if pause:
        pauses.pause(where, until=None if for_s is None else time.time() + for_s)
    else:
        pauses.resume(where)
    return current_status()


def _say(document: StatusDocument, *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    from vsortd.cli.status import pause_lines

    for line in pause_lines(document["paused"]) or ["Nothing is paused."]:
        note(lines(), line)
    if document["state"] == "stopped":
        note(lines(), "No daemon runs: this counts from the next start on.", style="dim")
