"""`vsortd where`: what became of a video, step by step, and where it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import click

from vsortd.cli.common import (
    SCHEMA_VERSION,
    STATE_STYLES,
    JsonFlag,
    console,
    lines,
    load_if_any,
    open_journal,
    print_json,
)
from vsortd.cli.completing import video_names
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.video_argument import near_names, videos_meant
from vsortd.core.text import counted, storable
from vsortd.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vsortd.cli.video_argument import MeantVideos
    from vsortd.core.console import Text
    from vsortd.core.documents import TracedDocument
    from vsortd.core.outcomes import ConversionKind
    from vsortd.filing.journal import Journal
    from vsortd.filing.records import Item
    from vsortd.filing.whereabouts import Step, TracedVideo, Whereabouts

_MOST_TRACED = 50  # with --all
_MOST_LISTED = 20


def where(
    ctx: click.Context,
    video: Annotated[
        str,
        Argument(
            metavar="FILE|NAME|ID",
            help="A path that it has or ever had, its name with or without ending, or its id in `history`.",
            autocompletion=video_names,
        ),
    ],
    everything: Annotated[bool, Option("--all", help="If several videos have this name, show each.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Say what happened to a video, step by step.

    Shows each step from where it was dropped to where it is now.
    """
    journal = open_journal()
    meant = videos_meant(journal, video)
    if journal is None or not meant.items:
        return _say_unknown(journal, meant, as_json=as_json)
    traced, others = _traced(journal, meant, everything=everything)
    keep_s = _keep_s(ctx)
    if as_json:
        documents = [_document(one, keep_s) for one in traced]
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                "asked": storable(video),
                "videos": documents,
                "others": [item.to_json() for item in others],
            }
        )
    else:
        for number, one in enumerate(traced):
            if number:
                console().print()
            _print(one, keep_s)
        _print_others(video, others)
    return int(ExitCode.OK)


def _traced(journal: Journal, meant: MeantVideos, *, everything: bool) -> tuple[list[TracedVideo], list[Item]]:
    """Return the newest video, or each one, and the newest items of those that are only listed."""
    from vsortd.filing.whereabouts import trace

    traced: list[TracedVideo] = []
    others: list[Item] = []
    for item in meant.items:
        if any(item.id in one.ids for one in traced):
            continue
        if not traced or (everything and len(traced) < _MOST_TRACED):
            traced.append(trace(journal, item))
        else:
            others.append(item)
    return traced, others


def _keep_s(ctx: click.Context) -> Mapping[ConversionKind, float | None] | None:
    """Return for how long the config keeps originals; None where there is no config, or one with mistakes."""
    from vsortd.core.outcomes import ConversionKind

    try:
        settings = load_if_any(ctx)
    except ConfigError:
        return None
    if settings is None:
        return None
    return {
        kind: settings.convert.keep_s(encoded_anew=kind is ConversionKind.TRANSCODE)
        for kind in (ConversionKind.REMUX, ConversionKind.TRANSCODE)
    }


def _document(traced: TracedVideo, keep_s: Mapping[ConversionKind, float | None] | None) -> TracedDocument:
    from vsortd.filing.whereabouts import steps, whereabouts

    return {
        "now": whereabouts(traced).to_json(),
        "steps": [step.to_json() for step in steps(traced, keep_s)],
        "items": [item.to_json() for item in traced.items],
    }


def _print(traced: TracedVideo, keep_s: Mapping[ConversionKind, float | None] | None) -> None:
    from vsortd.core.console import Text
    from vsortd.core.outcomes import UNDOABLE
    from vsortd.filing.whereabouts import steps, whereabouts

    out, item, now = console(), traced.newest, whereabouts(traced)
    line = Text((now.path or now.expected).name, style="bold").append("  ")
    line.append(now.state.replace("_", " "), style=STATE_STYLES.get(now.state, "")).append(f"  #{item.id}", style="dim")
    out.print(line)
    out.print(_now(now))
    _print_steps(steps(traced, keep_s))
    if item.item_state in UNDOABLE and now.path is not None:
        out.print(Text(f"Take it back with: vsortd undo {item.id}", style="dim"))


def _now(now: Whereabouts) -> Text:
    from vsortd.core.console import Text

    if now.path is None:
        return Text(f"It is not to be found: {now.note}.", style="red")
    line = Text("now at ", style="dim").append(now.path, style="bold")
    return line.append(f"  {now.note}", style="yellow") if now.note else line


def _print_steps(found: Sequence[Step]) -> None:
    from vsortd.core.console import Text
    from vsortd.core.moments import local_text
    from vsortd.core.tables import Column, ColumnKind, print_table

    columns = (
        Column("time", first=True),
        Column("what", first=True),
        Column("where", ColumnKind.NAME),
        Column("why", ColumnKind.PROSE),
    )
    rows = []
    for step in found:
        what = step.kind.value.replace("_", " ")
        shown = Text(what, style=STATE_STYLES.get(step.kind.value, ""))
        when = local_text(step.time) if step.time else ""
        rows.append((when, shown, "" if step.path is None else str(step.path), Text(step.text, style="dim")))
    print_table(console(), columns, rows)


def _print_others(word: str, others: Sequence[Item]) -> None:
    from vsortd.core.console import Text
    from vsortd.core.moments import local_text
    from vsortd.core.tables import Column, ColumnKind, print_table

    if not others:
        return
    out = console()
    more = counted(len(others), "other video is", "other videos are")
    out.print()
    out.print(f"{more} called {word}, too: --all tells of each.")
    columns = (
        Column("id", ColumnKind.NUMBER, first=True),
        Column("time", first=True),
        Column("state", first=True),
        Column("where", ColumnKind.NAME),
    )
    rows = [
        (str(item.id), local_text(item.time), Text(item.state, style=STATE_STYLES.get(item.state, "")), _place(item))
        for item in others[:_MOST_LISTED]
    ]
    print_table(out, columns, rows)
    if len(others) > _MOST_LISTED:
        out.print(f"and {len(others) - _MOST_LISTED} more: vsortd history --match {word}", style="dim")


def _place(item: Item) -> str:
    path: Path = item.destination or item.source
    return str(path)


def _say_unknown(journal: Journal | None, meant: MeantVideos, *, as_json: bool) -> int:
    """Say that nothing is known of a video, and which names are like its own."""
    near = near_names(journal, meant.word)
    if as_json:
        print_json(
            {
                "schema_version": SCHEMA_VERSION,
                "asked": storable(meant.word),
                "videos": [],
                "others": [],
                "near": list(map(storable, near)),
            }
        )
        return int(ExitCode.FAILURE)
    out = lines(stderr=True)
    if meant.file is not None:
        out.print(f"{meant.file} is there, and the history knows nothing of it.")
        out.print("Where it would go, says: vsortd plan FILE", style="dim")
    elif journal is None:
        out.print(f"{meant.word} is not known: nothing has been filed yet.")
    else:
        out.print(f"Nothing in the history is called {meant.word}.")
    if near and meant.file is None:
        out.print(f"Did you mean {' or '.join(near)}?")
    return int(ExitCode.FAILURE)
