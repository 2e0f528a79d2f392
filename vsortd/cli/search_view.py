"""What `vsortd search` found, for people."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from vsortd.cli.common import console
from vsortd.cli.explain import bar
from vsortd.core.output import note
from vsortd.core.text import counted

if TYPE_CHECKING:
    from vsortd.core.documents import SearchDocument
    from vsortd.library.search.requests import Request

_SURE = 0.5


def print_scenes(found: SearchDocument, made: dict[str, Any], request: Request, *, like_alone: bool) -> None:
    """Print the scenes as a table, what was made of them, and what may be typed next; or why there are none."""
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table
    from vsortd.core.units import about_clock

    out, scenes = console(), found["scenes"]
    for word in found["unknown"]:
        out.print(f"The model {found['model']} does not know the word {word!r}.", style="yellow")
    if not scenes:
        _print_none(found, request)
        return
    columns = (
        Column("", ColumnKind.NUMBER, first=True),
        Column("like it" if like_alone else "score", first=True),
        Column("from", ColumnKind.NUMBER),
        Column("to", ColumnKind.NUMBER),
        Column("video", ColumnKind.NAME),
    )
    rows = []
    for number, scene in enumerate(scenes, 1):
        style = "green" if scene["score"] >= _SURE else "dim"
        score = Text(f"{bar(scene['score'], 10)} {scene['score']:.2f}", style=style)
        rows.append((str(number), score, about_clock(scene["begin_s"]), about_clock(scene["end_s"]), scene["file"]))
    print_table(out, columns, rows, header="dim")
    for number, scene in enumerate(scenes, 1):
        for copy in scene["copies"]:
            out.print(Text(f"{number} also: ", style="dim").append(copy))
    _print_foot(found, made, like_alone=like_alone)


def _print_none(found: SearchDocument, request: Request) -> None:
    """Say why there is nothing to show."""
    out = console()
    where = f"under {request.under}" if request.under else "of the library"
    if found["weaker"]:
        note(out, count_of(found), style="yellow")
        _print_looked(found)
    elif found["gone"]:
        _print_looked(found)
    elif options := _narrowed_by(request):
        note(out, f"No video {where} that was looked at fits {' and '.join(options)}.")
    else:
        note(out, f"No video {where} was looked at yet.")
        note(out, f"Next: {shlex.join(['vsortd', 'index', *([request.under] if request.under else [])])}", style="dim")


def _narrowed_by(request: Request) -> list[str]:
    """Return the options that leave out videos."""
    given = {
        "--recorded-since": request.since_s is not None,
        "--orientation": bool(request.orientation),
        "--tag": request.tag is not None,
    }
    return [name for name, is_given in given.items() if is_given]


def count_of(found: SearchDocument) -> str:
    """Return how many scenes there are, and how many more score too little."""
    scenes, weaker = len(found["scenes"]), counted(found["weaker"], "weaker one")
    if not scenes:
        return f"Nothing here shows it clearly; {weaker}: --all"
    return f"{counted(scenes, 'scene')}; {weaker}: --all"


def _print_looked(found: SearchDocument) -> None:
    """Say what was looked through."""
    from vsortd.core.units import about_duration

    out = console()
    looked = about_duration(found["hours"] * 3600)
    note(out, f"Looked through {counted(found['videos'], 'video')}, {looked} in all.", style="dim")
    if found["coarse"]:
        few = counted(
            found["coarse"],
            "video was looked at in few frames, so its times are rough",
            "videos were looked at in few frames, so their times are rough",
        )
        note(out, f"{few}: `vsortd index` looks closer.", style="dim")
    if found["unseen_shots"]:
        shots = counted(found["unseen_shots"], "shot was", "shots were")
        note(out, f"{shots} passed over: too short to be among the frames that are indexed.", style="dim")
    if found["unmeasured"]:
        videos = counted(found["unmeasured"], "video has", "videos have")
        note(out, f"{videos} no shots that could be measured, so nothing was looked for there.", style="dim")
    if found["gone"]:
        gone = counted(len(found["gone"]), "video is gone", "videos are gone")
        note(out, f"{gone}; `vsortd index --verify` looks for what was moved.", style="dim")


def _print_foot(found: SearchDocument, made: dict[str, Any], *, like_alone: bool) -> None:
    out, scenes = console(), found["scenes"]
    if scenes[0]["score"] < _SURE and not like_alone:
        note(out, "None of them is likely: perhaps nothing here shows it.", style="yellow")
    if found["weaker"]:
        note(out, count_of(found), style="dim")
    _print_looked(found)
    if "sheet" in made:
        note(out, f"Drawn into {made['sheet']}.", style="dim")
    if "clip" in made:
        note(out, f"Cut into {made['clip']['file']}: {made['clip']['note']}")
    else:
        see = "" if "sheet" in made else "-o scenes.png to see them, or "
        note(out, f"Next: add {see}-o scene.mp4 to cut one out.", style="dim")
