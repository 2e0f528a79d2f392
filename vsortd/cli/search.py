"""`vsortd search`: scenes of the library by sentences, pictures and parts of videos."""

from __future__ import annotations

import contextlib
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from vsortd.cli.addresses import local_file
from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    load,
    models,
    opened_index,
    print_json,
    progress_bar,
    state_folder,
    waiting,
    write_csv_of,
)
from vsortd.cli.completing import orientations, rule_names, tag_names
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.numbers import finite, seconds_of
from vsortd.cli.out_files import OutKind, kinds_of, only_one
from vsortd.cli.proposals import proposed
from vsortd.cli.scene_files import cut_out, open_scene_file
from vsortd.cli.search_view import count_of, print_scenes
from vsortd.core.moments import parse_since
from vsortd.core.output import note
from vsortd.core.paths import as_on_disk
from vsortd.core.text import counted, storable
from vsortd.errors import DaemonUnreachableError, ExitCode, UsageError

if TYPE_CHECKING:
    from vsortd.config.settings import Settings
    from vsortd.core.documents import SearchDocument
    from vsortd.library.search.requests import Request

_FIELDS = ("file", "begin_s", "end_s", "score", "peak_s", "copies")


class ScenePace(StrEnum):
    """What a scene is."""

    WINDOW = "window"
    SHOT = "shot"


def search(
    ctx: click.Context,
    prompts: Annotated[
        list[str] | None, Argument(metavar="[PROMPT…]", help="What a scene shows; several must all match.")
    ] = None,
    sound: Annotated[
        bool, Option("--sound", help="The prompts say what is heard; needs a sound_model in the config.")
    ] = False,
    said: Annotated[bool, Option("--said", help="The prompts are spoken words, according to the subtitles.")] = False,
    text: Annotated[bool, Option("--text", help="The prompts are words visible in the picture (extra: ocr).")] = False,
    inside: Annotated[
        str | None,
        Option(
            "--in", metavar="PATH", help="A folder, or one video, which need not be indexed; also an https:// address."
        ),
    ] = None,
    per: Annotated[
        ScenePace, Option("--per", help="Score windows of time, or the key frame of each shot.")
    ] = ScenePace.WINDOW,
    window: Annotated[
        str | None,
        Option("--window", metavar="TIME", show_default="10s", help="The shortest length of a scene."),
    ] = None,
    limit: Annotated[int, Option("--limit", metavar="N", help="The largest number of scenes.")] = 20,
    min_score: Annotated[
        float | None,
        Option(
            "--min-score",
            metavar="N",
            callback=finite,
            help="Show no scene with a lower score, 0 to 1; by default none that more likely shows something else.",
        ),
    ] = None,
    everything: Annotated[bool, Option("--all", help="Show the weaker ones, too: --min-score 0.")] = False,
    against: Annotated[
        list[str] | None, Option("--not", metavar="PROMPT", help="What is not meant; may be repeated.")
    ] = None,
    any_of: Annotated[bool, Option("--any", help="One of the prompts is enough.")] = False,
    like: Annotated[
        list[str] | None,
        Option("--like", metavar="FILE[@TIME]", help="A photo, a video, or its frame at 1:23; may be repeated."),
    ] = None,
    recorded_since: Annotated[
        str | None,
        Option("--recorded-since", metavar="WHEN", help="Recorded since a time or an age (30d, 2026-11-20)."),
    ] = None,
    rule: Annotated[
        str | None,
        Option("--rule", metavar="RULE", help="Filed under this rule, or one below it.", autocompletion=rule_names),
    ] = None,
    orientation: Annotated[
        list[str] | None,
        Option(
            "--orientation",
            metavar="SHAPE",
            help="portrait, landscape or square; may be repeated.",
            autocompletion=orientations,
        ),
    ] = None,
    tag: Annotated[
        str | None,
        Option("--tag", metavar="NAME", help="Filed with this tag, such as mood:calm.", autocompletion=tag_names),
    ] = None,
    out: Annotated[
        list[Path] | None,
        Option(
            "--out",
            "-o",
            metavar="PATH",
            help="OUT.png: the scenes as one picture; OUT.mp4: the best one cut out, without re-encoding where that "
            "can be; may be repeated.",
        ),
    ] = None,
    scene: Annotated[
        int | None, Option("--scene", metavar="N", min=1, help="With --out OUT.mp4: cut scene N out, not the best.")
    ] = None,
    open_it: Annotated[bool, Option("--open", help="Open the best scene's video, or what was cut out.")] = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Find scenes by a sentence, a picture or spoken words.

    Lists which videos show it, and from when to when, best first. --sound searches what is heard; `vsortd index`
    includes the sound if the config names a sound_model. --said finds spoken words, --text words visible in the
    picture: several words must lie within --window of one another, words in quotes must follow one another ('"happy
    birthday"'), and birth* matches the beginning of a word.
    """
    # the search shares its work out over the cores by itself; threads of BLAS, which spin, take thrice the time for it
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    settings = load(ctx)
    window_s = seconds_of("--window", "10s" if window is None else window, "5s, 30s or 1m")
    sheet, clip = _outputs(out, scene)
    if said or text:
        from vsortd.cli.search_words import find_by_words, insist_on_words_alone

        insist_on_words_alone(ctx, sheet)
        place = _place(ctx, settings, inside, rule)
        return find_by_words(ctx, settings, place, clip, within_s=window_s, since_s=_since_s(recorded_since))
    _insist_on_a_wish(settings, prompts, like)
    _insist_on_one_meaning(everything=everything, min_score=min_score, by_shots=per is ScenePace.SHOT, window=window)
    if sound and per is ScenePace.SHOT:
        raise UsageError("--per shot is for pictures, and --sound listens.", remedy="Leave out one of them.")
    from vsortd.core.logs.sinks import set_up_logging
    from vsortd.library.search.requests import Request

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    request = Request(
        prompts=tuple(prompts or ()),
        against=tuple(against or ()),
        any_of=any_of,
        like=tuple(_absolute(example) for example in like or ()),
        window_s=window_s,
        top=max(limit, clip[0]) if clip is not None and limit > 0 else limit,
        min_score=0.0 if everything else min_score,
        under=str(place) if (place := _place(ctx, settings, inside, rule)) is not None else None,
        since_s=_since_s(recorded_since),
        orientation=tuple(orientation or ()),
        sound=sound,
        tag=tag,
        per_shot=per is ScenePace.SHOT,
    )
    if request.per_shot:
        _measure_shots(settings, request)
    found = _ask(settings, request)
    made = _extras(settings, found, request, sheet, clip)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **found, **made})
    elif as_csv:
        write_csv_of(_FIELDS, found["scenes"])
        if found["weaker"]:
            note(console(stderr=True), count_of(found), style="dim")
    else:
        print_scenes(found, made, request, like_alone=not request.prompts)
    if open_it and found["scenes"]:
        open_scene_file(found["scenes"][0], clip[1] if clip is not None else None)
    return int(ExitCode.OK if found["scenes"] else ExitCode.FAILURE)


def _insist_on_a_wish(settings: Settings, prompts: list[str] | None, like: list[str] | None) -> None:
    if not prompts and not like:
        raise UsageError(
            "There is nothing to look for.", remedy=f'Name a prompt, such as "{proposed(settings)}", or --like FILE.'
        )


def _insist_on_one_meaning(*, everything: bool, min_score: float | None, by_shots: bool, window: str | None) -> None:
    if everything and min_score is not None:
        raise UsageError("--all and --min-score exclude one another.", remedy="--all is --min-score 0.")
    if by_shots and window is not None:
        raise UsageError("--window and --per shot exclude one another.", remedy="A shot is as long as it is.")


def _since_s(since: str | None) -> float | None:
    return parse_since(since, option="--recorded-since") if since is not None else None


def _outputs(out: list[Path] | None, scene: int | None) -> tuple[Path | None, tuple[int, Path] | None]:
    """Return where the sheet is to be drawn, and which scene is cut out into which file. Raises UsageError."""
    found = kinds_of(out, (OutKind("sheet", (".png",)), OutKind("clip", (".mp4",))))
    sheet, clip = only_one(found["sheet"]), only_one(found["clip"])
    if clip is None and scene is not None:
        raise UsageError(f"--scene {scene} says which scene is cut out.", remedy="Add --out OUT.mp4.")
    return sheet, None if clip is None else (scene or 1, clip)


def _absolute(example: str) -> str:
    """Make FILE or FILE@TIME absolute: the daemon has another working folder."""
    path = as_on_disk(Path(example).absolute())
    if not path.exists() and "@" in path.name:
        name, _, moment = str(path).rpartition("@")
        return f"{as_on_disk(Path(name))}@{moment}"
    return str(path)


def _place(ctx: click.Context, settings: Settings, inside: str | None, rule: str | None) -> Path | None:
    """Return the folder, or the one file, to look through; None where none is named."""
    if inside is not None and rule is not None:
        raise UsageError("--in and --rule exclude one another.", remedy="A rule's folder can be named with --in, too.")
    if inside is not None:
        return as_on_disk(Path(os.path.abspath(local_file(ctx, inside, settings))))  # noqa: PTH100 - no links followed
    if rule is None:
        return None
    from vsortd.config.rules import build_rules
    from vsortd.library.search.rule_place import folder_filed_under

    return folder_filed_under(settings, build_rules(settings), rule)


def _measure_shots(settings: Settings, request: Request) -> None:
    """Measure the shots of what is looked through, where nobody has; the answer says of how many there are none."""
    import threading

    from vsortd.library.search.shot_measuring import measure_missing_shots
    from vsortd.media.pool import MediaPool

    with contextlib.ExitStack() as opened:
        index = opened.enter_context(opened_index())
        media = MediaPool.of(settings.workers)
        opened.callback(media.close)
        measure_missing_shots(
            media,
            index,
            settings.library,
            Path(request.under) if request.under is not None else None,
            jobs=settings.workers.decode_count(),
            on_progress=opened.enter_context(progress_bar("measuring shots")),
            cancel=threading.Event(),
        )


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
        Services.open(
            settings,
            state_folder(),
            keep_trying=False,
            recover_first=False,
            load_model=not request.sound,
            models=models(late=True),
        ) as services,
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
        1, timeout_s=workers.time_limit_s, memory_bytes=workers.memory_bytes, must_confine=workers.must_confine
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
            made["clip"] = cut_out(media, scenes[clip[0] - 1], clip[1])
    return made


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
    parts += [f"tagged {request.tag}"] if request.tag is not None else []
    return "; ".join(parts)
