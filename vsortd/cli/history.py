"""What was done, and taking it back: `history`, `undo`."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from vsortd.cli.common import (
    SCHEMA_VERSION,
    STATE_STYLES,
    CsvFlag,
    JsonFlag,
    asking_the_daemon,
    console,
    lines,
    open_journal,
    print_json,
    print_json_list,
    progress_bar,
    write_csv_of,
)
from vsortd.cli.completing import (
    batches,
    inbox_paths,
    item_states,
    rule_names,
    tag_names,
    undoable_ids,
)
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.interrupts import Interruption
from vsortd.cli.video_argument import undoable_meant
from vsortd.core.moments import parse_since
from vsortd.core.origin import WebOrigin
from vsortd.core.output import is_quiet, note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import storable
from vsortd.errors import ExitCode, UsageError
from vsortd.filing.history_query import HistoryQuery, parse_states
from vsortd.filing.item_ids import LARGEST_ID, is_possible_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vsortd.core.console import Text
    from vsortd.core.documents import ItemDocument, RefusedUndoDocument, UndoDocument, UndoneDocument
    from vsortd.core.outcomes import ItemState

_LAST = 50  # items, where nobody says how many

Last = Annotated[int | None, Option("--last", "-n", metavar="N", min=1, help="Only the newest N.")]
Since = Annotated[str | None, Option("--since", metavar="WHEN", help="Only since a time or an age (2h, 2026-11-20).")]


def history(
    last: Annotated[
        int | None,
        Option(
            "--last", "-n", metavar="N", min=0, help="Only the newest N, 0 all; else 50, with --csv and --json all."
        ),
    ] = None,
    everything: Annotated[bool, Option("--all", help="All, however many there are.")] = False,
    since: Since = None,
    tag: Annotated[
        str | None, Option("--tag", metavar="NAME", help="Only videos with this tag.", autocompletion=tag_names)
    ] = None,
    state: Annotated[
        str | None,
        Option(
            "--state",
            metavar="LIST",
            help="Only these, such as filed,review; there are also rejected, failed, aside, undone, held.",
            autocompletion=item_states,
        ),
    ] = None,
    rule: Annotated[
        str | None,
        Option("--rule", metavar="RULE", help="Only this rule and those below it.", autocompletion=rule_names),
    ] = None,
    text: Annotated[
        str | None,
        Option("--match", metavar="WORDS", help="Only with all these words in a name or in the reason."),
    ] = None,
    inbox: Annotated[
        Path | None,
        Option("--inbox", metavar="INBOX", help="Only videos that came from this folder.", autocompletion=inbox_paths),
    ] = None,
    batch: Annotated[
        str | None, Option("--batch", metavar="BATCH", help="Only this batch.", autocompletion=batches)
    ] = None,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """List what was done with each video.

    The newest is at the end, or first with --csv and --json. If there are several conditions, all must hold.
    """
    query = HistoryQuery(
        last=_wished(last, everything=everything, table=not as_csv and not as_json),
        since=parse_since(since) if since else None,
        tag=tag,
        states=_states(state),
        rule=rule,
        text=text,
        inbox=None if inbox is None else as_on_disk(Path(os.path.abspath(inbox.expanduser()))),  # noqa: PTH100
        batch=batch,
    )
    if as_json:
        print_json_list({"schema_version": SCHEMA_VERSION}, "items", _items(query))
    elif as_csv:
        from vsortd.core.documents import ITEM_FIELDS

        write_csv_of(ITEM_FIELDS, _items(query))
    else:
        _print(query, default=last is None and not everything)


def _wished(last: int | None, *, everything: bool, table: bool) -> int | None:
    """Return how many items are to be listed; None is all."""
    if last is not None and everything:
        raise UsageError("--last and --all exclude one another.", remedy="Take one of them.")
    if last is None:
        return _LAST if table and not everything else None
    return min(last, LARGEST_ID) or None


def _print(query: HistoryQuery, *, default: bool) -> None:
    """Print the table; `default`: nobody said how many, and where there are older ones that is said."""
    if query.last is None:
        items: Iterator[ItemDocument] = _items(replace(query, oldest_first=True))
        more = False
    else:
        newest = list(_items(replace(query, last=min(query.last + 1, LARGEST_ID))))
        more = default and len(newest) > query.last
        items = reversed(newest[: query.last])
    first = next(items, None)
    if first is None:
        note(lines(), _nothing(query))
        return
    _table(itertools.chain((first,), items))
    if more:
        note(lines(stderr=True), f"These are the newest {query.last}; all are listed by --all.", style="dim")


def _states(text: str | None) -> frozenset[ItemState]:
    if text is None:
        return frozenset()
    try:
        return parse_states(text)
    except ValueError as error:
        raise UsageError(
            f"--state: {error}.", remedy="Write one, or several with commas: --state filed,review"
        ) from error


def _nothing(query: HistoryQuery) -> str:
    """Say that there is no item, and why that may be."""
    if not query.selects:
        return "Nothing has been filed yet." if query.since is None else "Nothing was filed since then."
    return (
        f"No video has the tag {query.tag}."
        if replace(query, last=None) == HistoryQuery(tag=query.tag)
        else "Nothing in the history is so."
    )


def _items(query: HistoryQuery) -> Iterator[ItemDocument]:
    """Ask the daemon for some where one runs; all are read from the journal itself, in memory one at a time."""
    # other bytes are in no address
    if query.last is not None and (query.inbox is None or storable(query.inbox) == str(query.inbox)):
        with asking_the_daemon() as client:
            found = client.history(
                last=query.last,
                since=query.since,
                tag=query.tag,
                state=",".join(sorted(query.states)) or None,
                rule=query.rule,
                text=query.text,
                inbox=None if query.inbox is None else str(query.inbox),
                batch=query.batch,
            )
            return iter(found)
    journal = open_journal()
    return iter(()) if journal is None else (item.to_json() for item in journal.history_items(query))


def _table(items: Iterable[ItemDocument]) -> None:
    """Print the items: the video by its name, where it went within the library, and why."""
    from vsortd.core.tables import Column, ColumnKind, print_table

    columns = (
        Column("id", ColumnKind.NUMBER, first=True),
        Column("time", first=True),
        Column("state", first=True),
        Column("video", ColumnKind.NAME),
        Column("where", ColumnKind.NAME),
        Column("why", ColumnKind.PROSE),
    )
    print_table(console(), columns, map(_row, items))


def _row(item: ItemDocument) -> tuple[str | Text, ...]:
    from vsortd.config.choices import PlaceMethod
    from vsortd.core.console import Text
    from vsortd.filing.second_opinion import Opinion

    why = Text(item["reason"], style="dim")
    if item["how"] and (how := PlaceMethod(item["how"]).words):
        why.append(f"  {how}", style="cyan")
    if item["tags"]:
        why.append(f"  [{', '.join(item['tags'])}]", style="cyan")
    if item["second_opinion"] and item["state"] == "review":  # one that was filed by it says so in its reason
        why.append(f"  {Opinion(**item['second_opinion']).sentence}", style="cyan")
    if item["origin"]:
        why.append(f"  {WebOrigin(**item['origin']).sentence}", style="cyan")
    state = Text(item["state"], style=STATE_STYLES.get(item["state"], ""))
    return (str(item["id"]), _local(item["time"]), state, Path(item["source"]).name, _within_library(item), why)


def _within_library(item: ItemDocument) -> str:
    """Return where a video is as people say it: the folders within the library, and its name there if it is another."""
    if item["state"] not in {"filed", "review"} or not item["destination"]:
        return ""
    there, folder = Path(item["destination"]), item.get("folder")  # a daemon that runs from before has no `folder`
    inside = there.parent if folder is None else Path(folder)
    return str(inside if there.name == Path(item["source"]).name else inside / there.name)


def _local(text: str) -> str:
    """Return a UTC time of the journal as the clock on the wall says it."""
    from vsortd.core.moments import local_text

    return local_text(text)


def undo(
    which: Annotated[
        list[str] | None,
        Argument(
            metavar="[ID|FILE|NAME…]",
            help="Items by their id in `history`, or videos by a path or a name.",
            autocompletion=undoable_ids,
        ),
    ] = None,
    last: Last = None,
    since: Since = None,
    batch: Annotated[
        str | None, Option("--batch", metavar="BATCH", help="Everything of one batch.", autocompletion=batches)
    ] = None,
    everything: Annotated[bool, Option("--all", help="Everything that can be undone.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only show what would be undone.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Take filings back, each file byte for byte.

    Each file returns to where it came from, and is held there until you release it.
    """
    chosen = [bool(which), last is not None, since is not None, batch is not None, everything]
    if sum(chosen) != 1:
        raise UsageError(
            "Say what to undo, in one way.",
            remedy="ID|FILE|NAME…, --last N, --since WHEN, --batch BATCH or --all; see `vsortd history`.",
        )
    journal = open_journal() if which else None
    ids = [undoable_meant(journal, word) for word in which or ()]
    wanted = {
        "ids": tuple(number for number in ids if is_possible_id(number)),
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
    refused = [*report["refused"], *_impossible(ids)]
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
        lines(stderr=True).print(f"{said}. The same command goes on with them.")
        return int(ExitCode.INTERRUPTED)
    return int(ExitCode.PARTIAL if refused else ExitCode.OK)


def _impossible(ids: Sequence[int]) -> list[RefusedUndoDocument]:
    """Refuse the ids that no journal can have; nobody needs to be asked about them."""
    return [{"id": number, "reason": "there is no such item"} for number in ids if not is_possible_id(number)]


def _undo(wanted: dict[str, Any], interruption: Interruption, *, dry_run: bool) -> UndoDocument:
    """Have the daemon undo where one runs, else do it here; return what is undone and what was refused."""
    journal = open_journal()
    batch = wanted["batch"]
    if batch is not None and (journal is None or not journal.has_batch(batch)):
        raise UsageError(f"There is no batch {batch!r}.", remedy="`vsortd history --json` names each item's batch.")
    if journal is None:
        refused: list[RefusedUndoDocument] = [{"id": number, "reason": "no such item"} for number in wanted["ids"]]
        return {"undone": [], "refused": refused, "left": []}
    with asking_the_daemon() as client:
        interruption.tell = _say_that_the_daemon_goes_on
        return client.undo(dry_run=dry_run, **wanted)
    interruption.tell = None
    from vsortd.filing.undo import Selection  # with much that the daemon's answer can do without
    from vsortd.filing.undo import undo as undo_items

    with progress_bar("undoing") as on_progress:
        report = undo_items(
            journal, Selection(**wanted), dry_run=dry_run, cancel=interruption.cancel, on_progress=on_progress
        )
    if not dry_run and report.moves:
        from vsortd.core.paths import index_path, state_folder
        from vsortd.index.relocate import follow

        follow(index_path(state_folder()), report.moves)
    return report.to_json()


def _say_that_the_daemon_goes_on() -> None:
    lines(stderr=True).print(
        "The daemon goes on with it; Ctrl-C again leaves it to that, `vsortd history` says what it did."
    )


def _print_undone(undone: Sequence[UndoneDocument], refused: Sequence[RefusedUndoDocument], *, dry_run: bool) -> None:
    out = lines()
    for item in undone:
        if is_quiet() and not dry_run and not item["missing"]:
            continue
        if _stays(item):
            what = "would not be" if dry_run else "is not"
            out.print(f"#{item['id']} {what} decided any more; it stays at {item['back_at']}")
            continue
        if item["stayed"]:
            out_again = "would be out" if dry_run else "is out"
            out.print(f"#{item['id']} {out_again} of the library again; its source is at {item['back_at']}")
            continue
        back = "would go back to" if dry_run else "is back at"
        out.print(f"#{item['id']} {back} {item['back_at']}")
        for one in item["missing"]:
            comes = "would not come" if dry_run else "did not come"
            out.print(f"   {Path(one['path']).name} {comes} back: {one['reason']}", style="yellow")
    for refusal in refused:
        out.print(f"#{refusal['id']} refused: {refusal['reason']}", style="red")
    if not undone and not refused:
        note(out, "Nothing to undo.")
    elif undone and not dry_run:
        held = " They are held: `vsortd release` lets them be sorted again." if any(map(_is_held, undone)) else ""
        note(out, f"{len(undone)} undone.{held}")


def _is_held(item: UndoneDocument) -> bool:
    """Whether a video is not sorted again; a daemon that runs from before an update does not tell it."""
    return item.get("held", not _stays(item))


def _stays(item: UndoneDocument) -> bool:
    """Whether no file was moved: a decision on a video that lies in the review folder."""
    return item["back_at"] == item["destination"]
