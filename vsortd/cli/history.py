"""What was done, and taking it back: `history`, `undo`, `release`, `retry`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsortd.cli.common import (
    SCHEMA_VERSION,
    STATE_STYLES,
    CsvFlag,
    JsonFlag,
    asking_the_daemon,
    console,
    one_form,
    open_journal,
    parse_since,
    print_json,
    progress_bar,
    write_csv_of,
)
from vsortd.cli.completing import batches, held_ids, refused_ids, tag_names, undoable_ids
from vsortd.cli.interrupts import Interruption
from vsortd.core.documents import ITEM_FIELDS
from vsortd.core.paths import as_on_disk
from vsortd.core.text import storable
from vsortd.errors import ExitCode, UsageError
from vsortd.filing.item_ids import LARGEST_ID, is_possible_id
from vsortd.filing.release import ReleaseReport, ReleaseVerb, is_id, release_or_retry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.core.documents import ItemDocument, RefusedUndoDocument, UndoDocument, UndoneDocument

Last = Annotated[int | None, typer.Option("--last", metavar="N", min=1, help="Only the newest N.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="T", help="Only since a time or an age (2h, 2026-11-20).")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (history, undo, release, retry):
        app.command(command.__name__)(command)


def history(
    last: Last = None,
    since: Since = None,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="NAME", help="Only videos with this tag.", autocompletion=tag_names)
    ] = None,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """List what was done with each video, newest first."""
    one_form(as_csv=as_csv, as_json=as_json)
    since_s = parse_since(since) if since else None
    items = _items(last, since_s, tag)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "items": items})
    elif as_csv:
        write_csv_of(ITEM_FIELDS, items)
    elif not items:
        console().print("Nothing has been filed yet." if tag is None else f"No video has the tag {tag}.")
    else:
        _table(items)


def _items(last: int | None, since_s: float | None, tag: str | None) -> list[ItemDocument]:
    """Ask the daemon where one runs, else the journal itself."""
    last = last and min(last, LARGEST_ID)
    with asking_the_daemon() as client:
        return client.history(last=last, since=since_s, tag=tag)
    journal = open_journal()
    found = journal.history(last=last, since=since_s, tag=tag) if journal is not None else []
    return [item.to_json() for item in found]


def _table(items: Sequence[ItemDocument]) -> None:
    """Print the items: the video by its name, where it went within the library, and why."""
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table
    from vsortd.filing.records import Opinion

    columns = (
        Column("id", ColumnKind.NUMBER, first=True),
        Column("time", first=True),
        Column("state", first=True),
        Column("video", ColumnKind.NAME),
        Column("where", ColumnKind.NAME),
        Column("why", ColumnKind.PROSE),
    )
    rows = []
    for item in items:
        why = Text(item["reason"], style="dim")
        if item["tags"]:
            why.append(f"  [{', '.join(item['tags'])}]", style="cyan")
        if item["second_opinion"] and item["state"] == "review":  # one that was filed by it says so in its reason
            why.append(f"  {Opinion(**item['second_opinion']).sentence}", style="cyan")
        state = Text(item["state"], style=STATE_STYLES.get(item["state"], ""))
        row = (str(item["id"]), _local(item["time"]), state, Path(item["source"]).name, _within_library(item), why)
        rows.append(row)
    print_table(console(), columns, rows)


def _within_library(item: ItemDocument) -> str:
    """Return where a video is as people say it: the folders of its rule, and its name there if it is another."""
    if item["state"] not in {"filed", "review"} or not item["destination"]:
        return ""
    folders = item["rule"].count("/") + 1 if item["state"] == "filed" else 1
    there = Path(item["destination"])
    inside = Path(*there.parts[-folders - 1 : -1])
    return str(inside if there.name == Path(item["source"]).name else inside / there.name)


def _local(text: str) -> str:
    """Return a UTC time of the journal as the clock on the wall says it."""
    from vsortd.core.moments import local_text

    return local_text(text)


def undo(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID…]", help="Items by their id in `history`.", autocompletion=undoable_ids),
    ] = None,
    last: Last = None,
    since: Since = None,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="B", help="Everything of one batch.", autocompletion=batches)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that can be undone.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be undone.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Take filings back: each file returns to where it came from, byte for byte, and is held until released."""
    chosen = [bool(ids), last is not None, since is not None, batch is not None, everything]
    if sum(chosen) != 1:
        raise UsageError(
            "Say what to undo, in one way.",
            remedy="ID…, --last N, --since T, --batch B or --all; see `vsortd history`.",
        )
    wanted = {
        "ids": tuple(number for number in ids or () if is_possible_id(number)),
        "last": last and min(last, LARGEST_ID),
        "since": parse_since(since) if since else None,
        "batch": batch,
        "all": everything,
    }
    report: UndoDocument = {"undone": [], "refused": [], "left": []}
    with Interruption() as interruption:
        if wanted["ids"] or not ids:
            report = _undo(wanted, interruption, dry_run=dry_run)
    undone, left = report["undone"], report["left"]
    refused = [*report["refused"], *_impossible(ids or ())]
    if as_json:
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                "dry_run": dry_run,
                "undone": undone,
                "refused": refused,
                "left": left,
            }
        )
    else:
        _print_undone(undone, refused, dry_run=dry_run)
    if left:
        said = f"interrupted: {len(undone)} undone, {len(left)} left as they were"
        console(stderr=True).print(f"{said}. The same command goes on with them.")
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.PARTIAL if refused else ExitCode.OK)


def _impossible(ids: Sequence[int]) -> list[RefusedUndoDocument]:
    """Refuse the ids that no journal can have; nobody needs to be asked about them."""
    return [{"id": number, "reason": "there is no such item"} for number in ids if not is_possible_id(number)]


def _undo(wanted: dict[str, Any], interruption: Interruption, *, dry_run: bool) -> UndoDocument:
    """Have the daemon undo where one runs, else do it here; return what is undone and what was refused."""
    from vsortd.core.paths import index_path, state_folder
    from vsortd.filing.undo import Selection, UndoReport
    from vsortd.filing.undo import undo as undo_items
    from vsortd.index.relocate import follow

    journal = open_journal()
    batch = wanted["batch"]
    if batch is not None and (journal is None or not journal.has_batch(batch)):
        raise UsageError(f"There is no batch {batch!r}.", remedy="`vsortd history --json` names each item's batch.")
    if journal is None:
        return UndoReport(refused=[(number, "no such item") for number in wanted["ids"]]).to_json()
    with asking_the_daemon() as client:
        interruption.tell = _say_that_the_daemon_goes_on
        return client.undo(dry_run=dry_run, **wanted)
    interruption.tell = None
    with progress_bar("undoing") as on_progress:
        report = undo_items(
            journal, Selection(**wanted), dry_run=dry_run, cancel=interruption.cancel, on_progress=on_progress
        )
    if not dry_run:
        follow(index_path(state_folder()), report.moves)
    return report.to_json()


def _say_that_the_daemon_goes_on() -> None:
    console(stderr=True).print(
        "The daemon goes on with it; Ctrl-C again leaves it to that, `vsortd history` says what it did."
    )


def _print_undone(undone: Sequence[UndoneDocument], refused: Sequence[RefusedUndoDocument], *, dry_run: bool) -> None:
    out = console()
    for item in undone:
        if _stays(item):
            what = "would not be" if dry_run else "is not"
            out.print(f"#{item['id']} {what} decided any more; it stays at {item['back_at']}")
            continue
        back = "would go back to" if dry_run else "is back at"
        out.print(f"#{item['id']} {back} {item['back_at']}")
        for one in item["missing"]:
            comes = "would not come" if dry_run else "did not come"
            out.print(f"   {Path(one['path']).name} {comes} back: {one['reason']}", style="yellow")
    for refusal in refused:
        out.print(f"#{refusal['id']} refused: {refusal['reason']}", style="red")
    if not undone and not refused:
        out.print("Nothing to undo.")
    elif undone and not dry_run:
        held = "" if all(map(_stays, undone)) else " They are held: `vsortd release` lets them be sorted again."
        out.print(f"{len(undone)} undone.{held}")


def _stays(item: UndoneDocument) -> bool:
    """Whether no file was moved: a decision on a video that lies in the review folder."""
    return item["back_at"] == item["destination"]


def release(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID|FILE…]", help="Held items by id or path.", autocompletion=held_ids),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is held.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Let undone videos be sorted again."""
    return _release_or_retry(ReleaseVerb.RELEASE, which, everything=everything, as_json=as_json)


def retry(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID|FILE…]", help="Failed items by id or path.", autocompletion=refused_ids),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything failed or rejected.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Try failed or rejected videos again, though they have not changed."""
    return _release_or_retry(ReleaseVerb.RETRY, which, everything=everything, as_json=as_json)


def _release_or_retry(verb: ReleaseVerb, which: list[str] | None, *, everything: bool, as_json: bool) -> int:
    if bool(which) == everything:
        raise UsageError(f"Say what to {verb}.", remedy="Ids or files, or --all; see `vsortd history`.")
    # of a name that is too long Path.exists() raises
    names = [
        name if is_id(name) and not os.path.exists(name) else str(as_on_disk(Path(name).absolute()))  # noqa: PTH110
        for name in which or ()
    ]
    found = _free(verb, names, everything=everything)
    shown = dict(zip(names, which or (), strict=True))
    refused = [(shown.get(name, name), reason) for name, reason in found.refused]
    _print_freed(verb, found.freed, refused, as_json=as_json)
    return int(ExitCode.PARTIAL if refused else ExitCode.OK)


def _free(verb: ReleaseVerb, names: Sequence[str], *, everything: bool) -> ReleaseReport:
    """Ask the daemon where one runs, else do it here."""
    with asking_the_daemon() as client:
        return ReleaseReport.from_json(client.release_or_retry(verb, names, everything=everything))
    return release_or_retry(open_journal(), verb, names, everything=everything)


def _print_freed(
    verb: ReleaseVerb, freed: Sequence[Path], refused: Sequence[tuple[str, str]], *, as_json: bool
) -> None:
    if as_json:
        key = "released" if verb is ReleaseVerb.RELEASE else "retried"
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                key: [storable(path) for path in freed],
                "refused": [{"what": storable(name), "reason": reason} for name, reason in refused],
            }
        )
        return
    for path in freed:
        console().print(f"{path} will be sorted again")
    for name, reason in refused:
        console().print(f"{name} refused: {reason}", style="red")
    if not freed and not refused:
        console().print(f"Nothing to {verb}.")
