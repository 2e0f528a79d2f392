"""`vsortd search`: scenes of the library by sentences, pictures and parts of videos."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load,
    one_form,
    parse_since,
    print_json,
    state_folder,
    waiting,
    write_csv_of,
)
from vsortd.cli.completing import orientations, rule_names
from vsortd.cli.explain import bar, insist_on_ending
from vsortd.cli.numbers import finite
from vsortd.cli.proposals import proposed
from vsortd.core.paths import as_on_disk
from vsortd.core.text import counted, storable
from vsortd.errors import DaemonUnreachableError, ExitCode, UsageError, VsortdError

if TYPE_CHECKING:
    from vsortd.config.settings import Settings
    from vsortd.core.documents import SceneDocument, SearchDocument
    from vsortd.library.search.requests import Request

_SURE = 0.5
_FIELDS = ("file", "begin_s", "end_s", "score", "peak_s", "copies")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("search")(search)


def search(
    ctx: typer.Context,
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="[PROMPT…]", help="What a scene shows; of several, all.")
    ] = None,
    inside: Annotated[
        Path | None, typer.Option("--in", metavar="PATH", help="A folder, or one video, which need not be indexed.")
    ] = None,
    window: Annotated[str, typer.Option("--window", metavar="TIME", help="How long scenes are at least.")] = "10s",
    top: Annotated[int, typer.Option("--top", "-n", metavar="N", help="How many scenes at most.")] = 20,
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            metavar="N",
            callback=finite,
            help="Show no weaker ones, 0 to 1; else none that more likely shows something else.",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show the weaker ones, too: --min-score 0.")] = False,
    against: Annotated[
        list[str] | None, typer.Option("--not", metavar="PROMPT", help="What is not meant; may be repeated.")
    ] = None,
    any_of: Annotated[bool, typer.Option("--any", help="One of the prompts is enough.")] = False,
    like: Annotated[
        list[str] | None,
        typer.Option("--like", metavar="FILE[@TIME]", help="A photo, a video, or its frame at 1:23; may be repeated."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="T", help="Recorded since: a date, or an age such as 30d.")
    ] = None,
    under: Annotated[
        str | None,
        typer.Option(
            "--under", metavar="RULE", help="Filed under this rule of the library.", autocompletion=rule_names
        ),
    ] = None,
    orientation: Annotated[
        list[str] | None,
        typer.Option(
            "--orientation",
            metavar="SHAPE",
            help="portrait, landscape or square; may be repeated.",
            autocompletion=orientations,
        ),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="OUT.png", help="Draw the scenes as one picture.")
    ] = None,
    clip: Annotated[
        tuple[int, Path] | None,
        typer.Option("--clip", metavar="N OUT.mp4", help="Cut scene N out, without re-encoding where that can be."),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the best scene's video, or what --clip made.")] = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Find scenes by a sentence, a picture or a part of a video: where, from when to when, best first."""
    settings = load(ctx)
    one_form(as_csv=as_csv, as_json=as_json)
    if not prompts and not like:
        raise UsageError(
            "There is nothing to look for.", remedy=f'Name a prompt, such as "{proposed(settings)}", or --like FILE.'
        )
    if everything and min_score is not None:
        raise UsageError("--all and --min-score exclude one another.", remedy="--all is --min-score 0.")
    if sheet is not None:
        sheet = as_on_disk(sheet)
        insist_on_ending(sheet, ".png")
    if clip is not None:
        insist_on_ending(clip[1], ".mp4")
        if clip[0] < 1:
            raise UsageError(f"--clip {clip[0]}: scenes are numbered from 1.")
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.library.search.requests import Request

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    request = Request(
        prompts=tuple(prompts or ()),
        against=tuple(against or ()),
        any_of=any_of,
        like=tuple(_absolute(example) for example in like or ()),
        window_s=_seconds(window),
        top=max(top, clip[0]) if clip is not None and top > 0 else top,
        min_score=0.0 if everything else min_score,
        under=str(_place(settings, inside, under)) if inside is not None or under is not None else None,
        since_s=parse_since(since) if since is not None else None,
        orientation=tuple(orientation or ()),
    )
    found = _ask(settings, request)
    made = _extras(settings, found, request, sheet, clip)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **found, **made})
    elif as_csv:
        write_csv_of(_FIELDS, found["scenes"])
        if found["weaker"]:
            console(stderr=True).print(_count(found), style="dim")
    else:
        _print(found, made, request, like_alone=not request.prompts)
    if open_it and found["scenes"]:
        _open(found["scenes"][0], clip[1] if clip is not None else None)
    return int(ExitCode.OK if found["scenes"] else ExitCode.FAILURE)


def _absolute(example: str) -> str:
    """Make FILE or FILE@TIME absolute: the daemon has another working folder."""
    path = as_on_disk(Path(example).absolute())
    if not path.exists() and "@" in path.name:
        name, _, moment = str(path).rpartition("@")
        return f"{as_on_disk(Path(name))}@{moment}"
    return str(path)


def _seconds(text: str) -> float:
    from vsortd.core.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--window {text!r}: {error}.", remedy="Write 5s, 30s or 1m.") from error


def _place(settings: Settings, inside: Path | None, under: str | None) -> Path:
    """Return the folder, or the one file, to look through."""
    if inside is not None and under is not None:
        raise UsageError("--in and --under exclude one another.", remedy="A rule's folder can be named with --in, too.")
    if inside is not None:
        return as_on_disk(inside.absolute())
    from vsortd.config.rules import build_rules
    from vsortd.filing.name_fit import folder_below
    from vsortd.learning.teaching import find_rule

    assert under is not None
    key = find_rule(build_rules(settings), under)
    folder = folder_below(settings.library, key.split("/"))
    if not folder.is_dir():
        raise UsageError(f"Nothing was filed under {key} yet: there is no {folder}.")
    return folder


def _ask(settings: Settings, request: Request) -> SearchDocument:
    """Have the daemon answer where one runs that has the same config, else do it here."""
    from vsortd.config.dump import fingerprint
    from vsortd.service.client import Client

    try:
        found = Client(state_folder()).search(request.to_json(), fingerprint(settings))
        if found is not None:
            return found
    except DaemonUnreachableError:  # none runs, or it ended meanwhile: a question may be asked again
        pass
    from vsortd.library.search.requests import Searcher
    from vsortd.pipeline.services import Services

    with (
        waiting("searching"),
        Services.open(settings, state_folder(), keep_trying=False, recover_first=False) as services,
    ):
        searcher = Searcher(services.index)
        try:
            return searcher.answer(services, request)
        finally:
            searcher.close()


def _extras(
    settings: Settings,
    found: SearchDocument,
    request: Request,
    sheet: Path | None,
    clip: tuple[int, Path] | None,
) -> dict[str, Any]:
    """Draw the sheet and cut the scene that were asked for; return what was made, as --json tells it."""
    scenes = found["scenes"]
    if clip is not None and clip[0] > len(scenes):
        raise UsageError(
            f"There is no scene {clip[0]}: {counted(len(scenes), 'scene was', 'scenes were')} found.",
            remedy=f"{found['weaker']} weaker ones can be counted in: --all" if found["weaker"] else "",
        )
    if not scenes or (sheet is None and clip is None):
        return {}
    from vsortd.media.pool import MediaPool

    workers = settings.workers
    made: dict[str, Any] = {}
    with MediaPool(
        1, timeout_s=workers.timeout_s, memory_bytes=workers.memory_bytes, must_confine=workers.must_confine
    ) as media:
        if sheet is not None:
            from vsortd.core.system.file_rights import make_for
            from vsortd.library.search.scene_sheet import scene_sheet

            image = scene_sheet(media, scenes, title=_title(request), subtitle=_conditions(request))
            make_for(sheet, {Path(scene["file"]) for scene in scenes})
            try:
                image.save(sheet, "PNG", optimize=True)
            except OSError as error:
                raise UsageError(f"Can't write {sheet}: {error.strerror}.", paths=[sheet]) from error
            made["sheet"] = storable(sheet)
        if clip is not None:
            made["clip"] = _cut(media, scenes[clip[0] - 1], clip[1])
    return made


def _cut(media: Any, scene: SceneDocument, target: Path) -> dict[str, Any]:  # noqa: ANN401 - imported when it runs
    from vsortd.errors import VideoError
    from vsortd.media.cut import cut

    source = Path(scene["file"])
    try:
        done = cut(source, target, media.probe(source), scene["begin_s"], scene["end_s"], media)
    except VideoError as error:
        raise VsortdError(f"{source} can't be cut: {error.reason}.", paths=[source]) from error
    return {
        "file": storable(target),
        "kind": done.kind.value,
        "begin_s": round(done.begin_s, 3),
        "end_s": round(done.end_s, 3),
        "note": done.note,
    }


def _title(request: Request) -> str:
    joint = " or " if request.any_of else " and "
    return joint.join(request.prompts) or "like " + ", ".join(Path(example).name for example in request.like)


def _conditions(request: Request) -> str:
    parts = [f"not {', '.join(request.against)}"] if request.against else []
    parts += (
        [f"like {', '.join(Path(example).name for example in request.like)}"]
        if request.like and request.prompts
        else []
    )
    parts += [f"in {request.under}"] if request.under else []
    return "; ".join(parts)


def _print(found: SearchDocument, made: dict[str, Any], request: Request, *, like_alone: bool) -> None:
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
        out.print(_count(found), style="yellow")
        _print_looked(found)
    elif found["gone"]:
        _print_looked(found)
    elif request.since_s is not None or request.orientation:
        out.print(f"No video {where} that was looked at fits --since and --orientation.")
    else:
        out.print(f"No video {where} was looked at yet.")
        out.print(f"Next: {shlex.join(['vsortd', 'index', *([request.under] if request.under else [])])}", style="dim")


def _count(found: SearchDocument) -> str:
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
    out.print(f"Looked through {counted(found['videos'], 'video')}, {looked} in all.", style="dim")
    if found["coarse"]:
        few = counted(
            found["coarse"],
            "video was looked at in few frames, so its times are rough",
            "videos were looked at in few frames, so their times are rough",
        )
        out.print(f"{few}: `vsortd index` looks closer.", style="dim")
    if found["gone"]:
        gone = counted(len(found["gone"]), "video is gone", "videos are gone")
        out.print(f"{gone}; `vsortd index --verify` looks for what was moved.", style="dim")


def _print_foot(found: SearchDocument, made: dict[str, Any], *, like_alone: bool) -> None:
    out, scenes = console(), found["scenes"]
    if scenes[0]["score"] < _SURE and not like_alone:
        out.print("None of them is likely: perhaps nothing here shows it.", style="yellow")
    if found["weaker"]:
        out.print(_count(found), style="dim")
    _print_looked(found)
    if "sheet" in made:
        out.print(f"Drawn into {made['sheet']}.", style="dim")
    if "clip" in made:
        out.print(f"Cut into {made['clip']['file']}: {made['clip']['note']}")
    else:
        see = "" if "sheet" in made else "--sheet scenes.png to see them, or "
        out.print(f"Next: add {see}--clip 1 scene.mp4 to cut one out.", style="dim")


def _open(scene: SceneDocument, made: Path | None) -> None:
    from vsortd.core.system.desktop_open import open_scene

    if not open_scene(made or Path(scene["file"]), 0.0 if made else scene["begin_s"]):
        raise VsortdError("There is no program here to open a video with.", remedy="Open it by hand.")
