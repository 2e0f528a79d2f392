"""`vsortd analyze`: technical facts, shots, sound, labels, and what they add up to; nothing is moved or changed."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from vsortd.analysis.part_names import USUAL_PARTS, AnalysisPart
from vsortd.cli.addresses import local_files
from vsortd.cli.analyze_labels import LabelAsk, LabelOptions, opened_labeller, read_label_options
from vsortd.cli.analyze_outputs import (
    OutOption,
    refuse_beside_from,
    tell_stored,
    wished_outputs,
)
from vsortd.cli.analyze_pictures import (
    BorderColorOption,
    BoxColorOption,
    FontSizeOption,
    PlayFlag,
    TextColorOption,
    WishedPictures,
    overlay_style,
)
from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    load_if_any,
    models,
    print_json,
    progress_bar,
    state_folder,
    write_csv_of,
)
from vsortd.cli.completing import model_words
from vsortd.cli.detector_options import DetectLabels, DetectModel, detector_choice, opened_finder
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.numbers import finite
from vsortd.core.media_endings import SOUND_ENDINGS, VIDEO_ENDINGS
from vsortd.core.paths import as_on_disk, is_file, is_folder
from vsortd.core.text import storable
from vsortd.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.analysis.objects import ObjectFinder
    from vsortd.analysis.video_analysis import VideoAnalysis
    from vsortd.config.settings import Settings
    from vsortd.judging.resident_sound import ResidentSound

# Of a folder these are taken; a file that is named is taken whatever it is called.
_ENDINGS = VIDEO_ENDINGS | SOUND_ENDINGS


def analyze(
    ctx: click.Context,
    paths: Annotated[
        list[str] | None,
        Argument(
            metavar="FILE|DIR…", help="Videos, sound or picture files, and folders of them; also https:// addresses."
        ),
    ] = None,
    only: Annotated[
        str | None,
        Option(
            "--only",
            metavar="LIST",
            help="Some of facts, shots, sound, labels, summary, words, text, objects, with commas.",
        ),
    ] = None,
    scene_threshold: Annotated[
        float,
        Option(
            "--scene-threshold",
            callback=finite,
            min=0.01,
            max=1.0,
            help="How different frames at a cut must be: smaller finds more cuts.",
        ),
    ] = 0.3,
    labels: Annotated[
        Path | None, Option("--labels", metavar="FILE", help="Look for these labels: a file with one on each line.")
    ] = None,
    categories: Annotated[
        Path | None,
        Option("--categories", metavar="FILE", help="Look for these categories: a file as for classify."),
    ] = None,
    model: Annotated[
        str | None,
        Option(
            "--model",
            metavar="MODEL",
            help="The model that looks for labels. Else the config's; without a config the small one in the package.",
            autocompletion=model_words,
        ),
    ] = None,
    out: OutOption = None,
    stored: Annotated[
        list[Path] | None,
        Option(
            "--from",
            metavar="FILE",
            help="Make the summary again from what --out or --json wrote; or from DeepFFmpeg's technical JSON and, by "
            "another --from, its table of labels. No video is read.",
        ),
    ] = None,
    objects: Annotated[bool, Option("--objects", help="Also find objects, with a detector.")] = False,
    detect_model: DetectModel = None,
    detect_labels: DetectLabels = None,
    confidence: Annotated[
        float,
        Option("--confidence", callback=finite, min=0.1, max=1.0, help="How sure a detector must be of each object."),
    ] = 0.3,
    private: Annotated[
        bool, Option("--private", help="Leave out places, persons and texts that people wrote into the file.")
    ] = False,
    play: PlayFlag = False,
    box_color: BoxColorOption = "red",
    text_color: TextColorOption = "yellow",
    border_color: BorderColorOption = "black",
    font_size: FontSizeOption = 20,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Say what a video is made of: facts, shots, sound, labels.

    Also prints a summary of them. The confined workers read each file once, and the index keeps the results, so
    asking again reads nothing. No config is needed. If a part can't be measured, the output says why, the other
    parts are still shown, and the exit code is 3. Speech needs the extra `audio`, labels a model that knows their
    words, music a `sound_model` in the config, and objects a detector. Visible text is read only if --only names
    it, and needs the extra `ocr`.
    """
    if stored:
        refuse_beside_from(ctx)
        return tell_stored(stored, out, as_json=as_json)
    if not paths:
        raise UsageError("No file is named.", remedy="Name videos, or folders that hold some.")
    parts = _parts(only)
    if objects and AnalysisPart.OBJECTS not in parts:
        parts = (*parts, AnalysisPart.OBJECTS)
    settings = load_if_any(ctx)
    files = list(_files(local_files(ctx, paths, settings)))
    outputs = wished_outputs(out)
    outputs.insist(files, only)
    drawn_on = outputs.overlay is not None or play
    style = overlay_style(box_color, text_color, border_color, font_size) if drawn_on else None
    pictures = WishedPictures(
        plot=outputs.plot,
        sheet=outputs.sheet,
        thumbs=outputs.thumbs,
        split=outputs.split,
        overlay=outputs.overlay,
        play=play,
        style=style,
    )
    pictures.insist(files)
    strict = only is not None and AnalysisPart.LABELS in parts
    ask = read_label_options(LabelOptions(labels, categories, model, strict=strict), settings)
    from vsortd.cli.analyze_view import COLUMNS, print_analysis, row_of
    from vsortd.core.logs.sinks import set_up_logging

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    if outputs.of_shots and AnalysisPart.SHOTS not in parts:
        parts = (*parts, AnalysisPart.SHOTS)
    finder = None
    if AnalysisPart.OBJECTS in parts:
        finder = opened_finder(detector_choice(settings, detect_model, detect_labels), confidence)
    parts = tuple(part for part in AnalysisPart if part in {*parts, *pictures.parts})
    found = _measured(settings, files, parts, scene_threshold, ask, finder, private=private)
    outputs.write(found, scene_threshold=scene_threshold)
    whole = pictures.make(found[0], settings) if found else True
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "videos": [one.to_json() for one in found]})
    elif as_csv:
        write_csv_of(COLUMNS, [row_of(one) for one in found])
    else:
        print_analysis(found)
    failed = not whole or any(one.reason or one.errors for one in found)
    return int(ExitCode.PARTIAL if failed else ExitCode.OK)


# What was typed


def _parts(only: str | None) -> tuple[AnalysisPart, ...]:
    """Return the parts in their usual order. Raises UsageError for a word that is none."""
    if only is None:
        return USUAL_PARTS
    wanted = {word.strip() for word in only.split(",")} - {""}
    if unknown := sorted(wanted - {part.value for part in AnalysisPart}):
        raise UsageError(
            f"--only: {', '.join(map(storable, unknown))} is no part.",
            remedy=f"There are {', '.join(AnalysisPart)}; write them with commas between.",
        )
    if not wanted:
        raise UsageError("--only names no part.", remedy=f"There are {', '.join(AnalysisPart)}.")
    return tuple(part for part in AnalysisPart if part.value in wanted)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield each file once, those of a folder by their endings. Raises UsageError for what isn't there."""
    from vsortd.watch.candidates import is_private

    seen: set[Path] = set()
    for given in paths:
        path = as_on_disk(Path(os.path.abspath(given)))  # noqa: PTH100 - a link stays the name that was given
        if is_folder(path):
            found: list[Path] = []
            for root, folders, names in os.walk(path):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                found += [Path(root) / name for name in sorted(names) if Path(name).suffix.lower() in _ENDINGS]
            found = [one for one in found if not is_private(one.name) and not one.is_symlink()]
        elif is_file(path):
            found = [path.resolve() if path.is_symlink() else path]
        else:
            remedy = "Name videos, or folders that hold some."
            raise UsageError(f"{given} is not there.", remedy=remedy, paths=[given])
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file


# The work


def _ears(settings: Settings | None) -> ResidentSound | None:
    """Return the sound model of the config, which is loaded when it is asked."""
    if settings is None or settings.sound_model is None:
        return None
    from vsortd.core.paths import texts_path
    from vsortd.judging.resident_sound import ResidentSound

    return ResidentSound(settings.sound_model, texts_path=texts_path(state_folder()), models=models())


def _measured(
    settings: Settings | None,
    files: Sequence[Path],
    parts: tuple[AnalysisPart, ...],
    scene_threshold: float,
    ask: LabelAsk,
    finder: ObjectFinder | None,
    *,
    private: bool,
) -> list[VideoAnalysis]:
    from contextlib import ExitStack

    from vsortd.analysis.spoken_words import SpokenSources
    from vsortd.analysis.transcript import transcriber_of
    from vsortd.analysis.video_analysis import AnalysisWish, VideoAnalysis, analyze_video
    from vsortd.config.running_options import Workers
    from vsortd.core.paths import index_path
    from vsortd.index.store import Index
    from vsortd.library.indexing.embed import each_video
    from vsortd.media.pool import MediaPool

    workers = settings.workers if settings is not None else Workers()
    cancel = threading.Event()
    with ExitStack() as opened:
        index = Index(index_path(state_folder()))
        opened.callback(index.close)
        media = MediaPool.of(workers)
        opened.callback(media.close)
        ears = _ears(settings)
        labeller = opened.enter_context(opened_labeller(ask, index, media, ears))
        spoken = SpokenSources(transcriber=transcriber_of(settings.transcript) if settings is not None else None)
        wish = AnalysisWish(parts, scene_threshold, labeller, spoken, ears)
        if finder is not None:
            wish = finder.before(wish)
        on_progress = opened.enter_context(progress_bar("measuring"))

        def one(path: Path) -> VideoAnalysis:
            found = analyze_video(media, index, path, wish, private=private, cancel=cancel)
            return found if finder is None else finder.added(found, parts, media, index, cancel=cancel)

        return each_video(
            files,
            one,
            lambda path, reason: VideoAnalysis(path, reason=reason),
            jobs=workers.decode_count(),
            on_progress=on_progress,
            cancel=cancel,
        )
