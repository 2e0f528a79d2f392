"""`vsortd status`: what the daemon does, and what the journal counts."""

from __future__ import annotations

from typing import Any

import typer

from vsortd.cli.common import JsonFlag, console, open_journal, print_json, printable, state_folder
from vsortd.errors import DaemonUnreachableError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(as_json: JsonFlag = False) -> None:
    """Show whether the daemon runs, what waits, and the health of each inbox."""
    document = current_status()
    if as_json:
        print_json(document)
        return
    _print(document)


def current_status() -> dict[str, Any]:
    """Return the daemon's status, or the journal's counts as a stopped daemon's.

    Raises DaemonUnreachableError when a daemon holds the state folder and does not answer.
    """
    from vsortd.service.client import Client
    from vsortd.service.lock import daemon_holds
    from vsortd.service.status import status_form

    folder = state_folder()
    try:
        return Client(folder).status()
    except DaemonUnreachableError:
        if daemon_holds(folder):
            raise
    journal = open_journal()
    counts = journal.counts() if journal is not None else {}
    return status_form("stopped", model={}, counts=counts)


def _print(document: dict[str, Any]) -> None:
    out = console()
    model = document["model"]
    state = document["state"]
    out.print(f"vsortd is [bold]{state}[/bold]" + (f" (process {document['pid']})" if document.get("pid") else ""))
    if model["name"]:
        out.print(
            f"model    {printable(model['name'])} / {printable(model['weights'])} on {model['device']}",
            markup=False,
        )
    if model["reason"]:
        out.print(f"model    {printable(model['reason'])}", style="red", markup=False)
    if state == "running":
        out.print(f"queue    {document['queued']} waiting, {document['working']} under way")
    counts = document["counts"]
    out.print("videos   " + ", ".join(f"{counts[name]} {name}" for name in counts))
    for inbox in document["inboxes"]:
        style = None if inbox["health"] == "ok" else "yellow"
        reason = f": {inbox['reason']}" if inbox["reason"] else ""
        out.print(printable(f"inbox    {inbox['path']} ({inbox['health']}{reason})"), style=style, markup=False)
    for line in document.get("trouble", ()):
        out.print(printable(f"trouble  {line}"), style="red", markup=False)
