"""`vsortd status`: what the daemon does, and what the journal counts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from vsortd.cli.common import JsonFlag, library_by_its_line, lines, open_journal, print_json, state_folder
from vsortd.cli.front.declared import Option
from vsortd.core.documents import status_document
from vsortd.core.moments import local_moment
from vsortd.core.output import note
from vsortd.core.text import counted
from vsortd.errors import DaemonUnreachableError, ExitCode

if TYPE_CHECKING:
    from vsortd.core.documents import AfterDocument, InboxDocument, PageDocument, PausesDocument, StatusDocument
    from vsortd.core.lines import Lines
    from vsortd.filing.journal import Journal

# A share that hangs does not answer at all.
_PATIENCE_S = 2.0

# A daemon that is being started holds its folder a moment before it answers.
_STARTING_S = 2.0
_BETWEEN_S = 0.1

_COUNTED = {"review": "to review", "held": "on hold", "aside": "set aside"}


def status(
    check: Annotated[
        bool,
        Option("--check", help="Exit code 1 if no daemon answers, it has no model, or no inbox is usable."),
    ] = False,
    as_json: JsonFlag = False,
) -> int:
    """Show whether the daemon runs and what is waiting.

    Also shows the health of each inbox.
    """
    try:
        document = current_status()
    except DaemonUnreachableError:
        if not check:
            raise
        document = unanswered()
    if as_json:
        print_json(document)
    else:
        _print(document)
    return int(ExitCode.FAILURE if check and not can_work(document) else ExitCode.OK)


def unanswered() -> StatusDocument:
    """Return the status of a daemon that is there and does not answer."""
    return status_document("stopped", model={"reason": "the daemon does not answer"})


def can_work(document: StatusDocument) -> bool:
    """Tell whether a daemon runs that can file something; paused is no illness."""
    inboxes = document["inboxes"]
    none_works = bool(inboxes) and all(map(_waits, inboxes))
    return document["state"] != "stopped" and not document["model"]["reason"] and not none_works


def _waits(inbox: InboxDocument) -> bool:
    """Tell whether nothing of an inbox can be sorted; a daemon of before an update says only which are missing."""
    return inbox.get("waits", inbox["health"] == "missing")


def current_status() -> StatusDocument:
    """Return the daemon's status, or the journal's counts as a stopped daemon's.

    Raises DaemonUnreachableError when a daemon holds the state folder and does not answer.
    """
    from vsortd.service.client import Client
    from vsortd.service.hooks.delivery_store import waiting_deliveries
    from vsortd.service.lock import daemon_holds
    from vsortd.service.pauses import Pauses, pauses_path

    folder = state_folder()
    until = time.monotonic() + _STARTING_S
    while True:
        try:
            return Client(folder).status()
        except DaemonUnreachableError as error:
            if not daemon_holds(folder):
                break
            if error.asked or time.monotonic() >= until:
                raise
        time.sleep(_BETWEEN_S)
    journal = open_journal()
    counts = journal.counts() if journal is not None else {}
    trouble = _library_trouble(journal)
    paused = Pauses(pauses_path(folder)).form()
    after: AfterDocument = {"waiting": waiting_deliveries(folder), "gave_up": 0}
    return status_document("stopped", counts=counts, paused=paused, trouble=trouble, after=after)


def _library_trouble(journal: Journal | None) -> list[str]:
    """Say why nothing could be filed into the library now; nothing where it isn't plain to see which that is."""
    from vsortd.core.system.patience import Patience
    from vsortd.filing.library_folder import waits

    library = library_by_its_line()
    why = None if library is None else Patience(_PATIENCE_S).ask(lambda: waits(journal, library), None)
    return [] if why is None else [str(why)]


def _print(document: StatusDocument) -> None:
    out = lines()
    state = document["state"]
    pid = f" (process {document['pid']})" if document["pid"] else ""
    out.print("vsortd is ", (state, "bold"), pid)
    if line := model_line(document):
        out.print(f"model    {line}")
    if document["model"]["reason"]:
        out.print(f"model    {document['model']['reason']}", style="red")
    if state != "stopped":
        out.print(f"queue    {document['queued']} waiting, {document['working']} under way")
    for line in pause_lines(document["paused"]):
        out.print(line, style="yellow")
    counts = document["counts"]
    out.print("videos   " + ", ".join(f"{count:,} {_COUNTED.get(name, name)}" for name, count in counts.items()))
    for inbox in document["inboxes"]:
        _print_inbox(out, inbox)
    for wait in document["waits"]:
        out.print(f"waits    {wait['path']}: {wait['reason']}", style="dim")
    if line := _after_line(document["after"]):
        out.print(f"after    {line}", style="yellow")
    _print_page(out, document.get("page"))  # a daemon of before an update does not tell it
    for line in document["trouble"]:
        out.print(f"trouble  {line}", style="red")
    if state == "stopped":
        note(out, "Start it with: vsortd run", style="dim")


def _print_page(out: Lines, page: PageDocument | None) -> None:
    if page is not None and (line := page["address"] or page["reason"]):
        out.print(f"page     {line}", style="yellow" if page["reason"] else None)


def _print_inbox(out: Lines, inbox: InboxDocument) -> None:
    from vsortd.watch.other_videos import left_alone_line

    style = None if inbox["health"] == "ok" else "yellow"
    reason = f": {inbox['reason']}" if inbox["reason"] else ""
    out.print(f"inbox    {inbox['path']} ({inbox['health']}{reason})", style=style)
    # a daemon of before an update does not tell it
    if line := left_alone_line(inbox.get("left_alone", {}), inbox.get("extensions", ())):
        out.print(f"         {line}", style="dim")


def _after_line(after: AfterDocument) -> str:
    """Say what is still to be done after videos, and what was given up; "" where all is done."""
    waits = f"{counted(after['waiting'], 'command or request waits', 'commands and requests wait')}"
    gave_up = f"{after['gave_up']:,} given up since the start: vsortd logs"
    return "; ".join(told for told, count in ((waits, after["waiting"]), (gave_up, after["gave_up"])) if count)


def model_line(document: StatusDocument) -> str:
    """Say which model it is, and whether it is loaded; "" where nothing is known of one."""
    model, waiting = document["model"], document["queued"] + document["working"]
    name = " / ".join(filter(None, (model["name"], model["weights"])))
    if not name:
        return ""
    if model["loading"]:
        waits = f"; {counted(waiting, 'video waits', 'videos wait')} for it" if waiting else ""
        return f"{name}, loading{waits}"
    if model["device"]:
        return f"{name} on {model['device']}"
    return f"{name}, not loaded" + ("" if model["reason"] else "; the next video has it loaded")


def pause_lines(paused: PausesDocument) -> list[str]:
    """Say what is paused, and until when."""
    everything = [("everything", paused["until"])] if paused["all"] else []
    return [
        f"Paused: {what}{_until(until)}"
        for what, until in everything + [(f"inbox {one['path']}", one["until"]) for one in paused["inboxes"]]
    ]


def _until(moment: float | None) -> str:
    if moment is None:
        return " until `vsortd resume`"
    then = local_moment(moment)
    today = then.date() == local_moment(time.time()).date()
    return f" until {then.strftime('%H:%M' if today else '%Y-%m-%d %H:%M')}"
