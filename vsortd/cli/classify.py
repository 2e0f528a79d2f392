"""`vsortd classify`: how much of a video shows each of some labels, or of categories that compete within units."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from vsortd.analysis.label_reading import FramePace, LabelEnsemble, LabelReading
from vsortd.cli.addresses import local_files
from vsortd.cli.classify_look import LabelWish, Senses, look_at, open_senses
from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    load_if_any,
    print_json,
)
from vsortd.cli.completing import model_words
from vsortd.cli.detector_options import DetectLabels, DetectModel, opened_target
from vsortd.cli.front.declared import Argument, Option
from vsortd.cli.label_model import model_choice, model_temperature
from vsortd.cli.numbers import finite
from vsortd.core.media_endings import VIDEO_ENDINGS
from vsortd.core.paths import as_on_disk, own_name
from vsortd.errors import ExitCode, UsageError, VsortdError
from vsortd.fetching.address import is_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.analysis.label_files import LabelUnit
    from vsortd.analysis.labels import LabelQuestion
    from vsortd.cli.classify_answer import LabelAnswer
    from vsortd.config.settings import Settings


def classify(
    ctx: click.Context,
    words: Annotated[
        list[str],
        Argument(
            metavar="FILE… [PROMPT…]",
            help="Videos (files or https:// addresses), and labels: what is neither file nor address is a label.",
            show_default=False,
        ),
    ],
    labels: Annotated[
        Path | None, Option("--labels", metavar="FILE", help="A text file with a label on each line.")
    ] = None,
    categories: Annotated[
        Path | None,
        Option(
            "--categories",
            metavar="FILE",
            help="A text file of [Question], (Category) and prompts, each on a line; or [Question] (Category) prompt, "
            "prompt.",
        ),
    ] = None,
    sound_labels: Annotated[
        Path | None, Option("--sound-labels", metavar="FILE", help="As --labels, of what is heard.")
    ] = None,
    sound_categories: Annotated[
        Path | None, Option("--sound-categories", metavar="FILE", help="As --categories, of what is heard.")
    ] = None,
    per: Annotated[
        FramePace, Option("--per", help="Look at one frame a second, one frame of each shot, or every frame.")
    ] = FramePace.SECOND,
    confidence: Annotated[
        float,
        Option(
            "--confidence",
            callback=finite,
            min=0.0,
            max=1.0,
            help="A frame counts for a label from this probability on.",
        ),
    ] = 0.3,
    temperature: Annotated[
        float | None,
        Option(
            "--temperature",
            callback=finite,
            min=0.001,
            max=1000.0,
            metavar="N",
            help="Above 1 scores are softer, below sharper; otherwise as learned for the model, or 1. It is 21.7 times "
            "DeepFFmpeg's: 0.1 there is 2.17 here, 0.007 is 0.15, and its default is 21.7.",
        ),
    ] = None,
    sound_temperature: Annotated[
        float,
        Option(
            "--sound-temperature",
            callback=finite,
            min=0.001,
            max=1000.0,
            metavar="N",
            help="As --temperature, of what is heard: 1 is the model as its makers left it.",
        ),
    ] = 1.0,
    limit: Annotated[
        int | None, Option("--limit", metavar="N", min=1, help="Only the N best labels of each question.")
    ] = None,
    no_none: Annotated[
        bool, Option("--no-none", help='Leave out "none of these": one of the labels must be right.')
    ] = False,
    ensemble: Annotated[
        LabelEnsemble,
        Option("--ensemble", help="Of a category's prompts, take the mean of all in a frame, or the best."),
    ] = LabelEnsemble.MEAN,
    target: Annotated[
        str | None,
        Option(
            "--target",
            metavar="CLASS",
            help="Label each object of a class that a detector finds, such as person, instead of whole frames.",
        ),
    ] = None,
    detect_model: DetectModel = None,
    detect_labels: DetectLabels = None,
    model: Annotated[
        str | None,
        Option(
            "--model",
            metavar="MODEL",
            help="Else the config's; without a config the small one in the package. As in the config, or NAME/TAG, or "
            "NAME=FILE.",
            autocompletion=model_words,
        ),
    ] = None,
    sound_model: Annotated[
        str | None,
        Option(
            "--sound-model",
            metavar="MODEL",
            help="Else the config's: a CLAP model of the hub, such as laion/clap-htsat-unfused, or a folder.",
        ),
    ] = None,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Say how much of a video shows each of some labels.

    Labels are given as words, as a list, or as categories that answer questions. They compete with each other and
    with "none of these", separately for each question. A frame counts for a label if the label's probability is at
    least --confidence; among the categories of one question it counts only for the most probable one. No config is
    needed. The index keeps the frames, so asking again decodes nothing. With --target, objects are counted, not
    frames.

    --csv has the columns stream_id (0: what is seen; 1: what is heard, in windows of 10 s, 5 s apart), label,
    avg_probability and count: the number of frames in which a label counts, and its mean probability in them.
    Labels that count nowhere are left out. With several videos, a column `file` comes first and says which video a
    row is about; with one video the table is the same as DeepFFmpeg's.
    """
    sounds = _units(sound_labels, sound_categories, "--sound-")
    settings = load_if_any(ctx)
    files, units = _asked(_with_files(ctx, words, settings), labels, categories, sounds=bool(sounds))
    _insist_on_target_options(target, per, detect_model, detect_labels, seen=bool(units))
    ears = _sound_choice(settings, sound_model) if sounds else ""
    from vsortd.cli.classify_answer import print_labels, print_labels_csv, warn_of_unknown
    from vsortd.core.logs.sinks import set_up_logging

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    reading = LabelReading(confidence, temperature or 1.0, ensemble, not no_none, limit)
    wanted = None if target is None else opened_target(settings, target, detect_model, detect_labels)
    hearing = replace(reading, temperature=sound_temperature)
    wish = LabelWish(files, units, per, reading, temperature, sounds, hearing, wanted)
    answer = _answer(wish, settings, model, ears)
    if answer.unknown:
        warn_of_unknown(answer)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **answer.to_json()})
    elif as_csv:
        print_labels_csv(answer)
    else:
        print_labels(answer)
    return int(ExitCode.PARTIAL if any(one.failed for one in answer.videos) else ExitCode.OK)


# What was typed


def _with_files(ctx: click.Context, words: Sequence[str], settings: Settings | None) -> list[str]:
    """Return the words with the files that addresses among them stand for. Raises UsageError, FetchError."""
    files = iter(local_files(ctx, [word for word in words if is_address(word)], settings))
    return [str(next(files)) if is_address(word) else word for word in words]


def _asked(
    words: Sequence[str], labels: Path | None, categories: Path | None, *, sounds: bool
) -> tuple[list[Path], list[LabelUnit]]:
    """Return the videos and the units of what is seen; what is wrong with them is told before anything is loaded.

    Where `sounds` are asked for, there need be none of these.
    """
    from vsortd.analysis.label_files import label_unit

    units = _units(labels, categories, "--")
    given = labels is not None or categories is not None
    files, prompts = _files_and_prompts(words, labels_given=given)
    if not files:
        raise UsageError("No video is named.", remedy='Name one: vsortd classify clip.mp4 "a forest" "the sea"')
    if given or (sounds and not prompts):
        return files, units
    if not prompts:
        raise UsageError(
            "There is no label to look for.",
            remedy='Write some behind the video, "a forest" "the sea", or name a file: --labels F or --categories F.',
        )
    return files, [label_unit(prompts)]


def _units(labels: Path | None, categories: Path | None, option: str) -> list[LabelUnit]:
    """Read the file of labels or of categories; [] for neither."""
    from vsortd.analysis.label_files import read_labels, read_units

    if labels is not None and categories is not None:
        raise UsageError(f"{option}labels and {option}categories exclude one another.", remedy="Take one of them.")
    if labels is not None:
        return [read_labels(as_on_disk(labels))]
    return [] if categories is None else list(read_units(as_on_disk(categories)))


def _sound_choice(settings: Settings | None, typed: str | None) -> str:
    """Return the sound model to ask. Raises UsageError where none is named."""
    from vsortd.hearing.clap_files import is_folder_choice

    if typed is not None:
        folder = Path(typed).expanduser()
        return str(as_on_disk(folder.absolute())) if is_folder_choice(typed) or folder.is_dir() else typed
    if settings is not None and settings.sound_model is not None:
        return settings.sound_model
    raise UsageError(
        "No model is named that listens.",
        remedy="Add --sound-model laion/clap-htsat-unfused, or a line `sound_model: …` to the config (extra: audio).",
    )


def _files_and_prompts(words: Sequence[str], *, labels_given: bool) -> tuple[list[Path], list[str]]:
    from vsortd.config.category_file import MAX_PROMPT_CHARS, prompt_problem
    from vsortd.config.diagnostics import shorten

    files: dict[Path, None] = {}
    prompts: list[str] = []
    for word in words:
        prompt = " ".join(word.split())
        if not prompt:
            raise UsageError("An empty prompt asks for nothing.", remedy='Write what to look for: "a forest".')
        path = as_on_disk(Path(word))
        if _is_video(path, word):
            files[own_name(path)] = None
        elif labels_given or path.suffix.lower() in VIDEO_ENDINGS:  # hardly a label
            remedy = "With --labels or --categories name videos only." if labels_given else "Name a video."
            raise UsageError(f"{path} is not there.", remedy=remedy, paths=[path])
        elif problem := prompt_problem(prompt):
            told = prompt if len(prompt) <= MAX_PROMPT_CHARS else shorten(prompt)
            raise UsageError(f"{told!r} can be no label: {problem[0]}.", remedy="Write it in a few words.")
        else:
            prompts.append(prompt)
    return list(files), prompts


def _is_video(path: Path, word: str) -> bool:
    """Tell whether a word is a file. Raises UsageError for a folder, and what can't be looked at."""
    try:
        mode = path.stat().st_mode
    except PermissionError as error:
        raise UsageError(f"Can't look at {path}: {error.strerror}.", paths=[path]) from error
    except (OSError, ValueError):  # among them words that are too long for a name
        return False
    if stat.S_ISDIR(mode):
        raise UsageError(
            f"{path} is a folder; classify takes videos.",
            remedy=f'Name its videos: {path}/*.mp4. A label of this name is told from it by more words: "a {word}".',
            paths=[path],
        )
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is no regular file.", remedy="Name a video.", paths=[path])
    return True


def _insist_on_target_options(
    target: str | None, per: FramePace, detect_model: str | None, detect_labels: Path | None, *, seen: bool
) -> None:
    if target is None and (detect_model is not None or detect_labels is not None):
        raise UsageError(
            "--detect-model and --detect-labels are about --target.", remedy="Say what to find: --target person."
        )
    if target is not None and per is not FramePace.SECOND:
        raise UsageError("--target looks at one frame a second.", remedy=f"Leave out --per {per}.")
    if target is not None and not target.strip():
        raise UsageError("--target names nothing.", remedy="Say what to find: --target person.")
    if target is not None and not seen:
        raise UsageError("--target is about what is seen.", remedy='Say what a thing may be: "a child" "a woman".')


# The answer


def _answer(wish: LabelWish, settings: Settings | None, model: str | None, ears: str) -> LabelAnswer:
    from vsortd.cli.classify_answer import LabelAnswer
    from vsortd.config.running_options import Workers

    Path.cwd()  # in a folder that is gone MKL does not find its own files, and aborts the process (MKL 2024)
    workers = settings.workers if settings is not None else Workers()
    choice = model_choice(settings, model)
    with open_senses(workers, choice if wish.units else None, ears) as senses:
        if senses.encoder is not None:
            temperature = wish.temperature or model_temperature(settings, choice, senses.encoder.info.key)
            wish = replace(wish, reading=replace(wish.reading, temperature=temperature))
        seen, heard = _questions(wish, senses)
        videos = look_at(senses, seen, heard, wish, jobs=workers.decode_count() + 1)
        names = ["" if one is None else one.info.name for one in (senses.encoder, senses.ears)]
    if len(videos) == 1 and videos[0].reason:
        title = f"{videos[0].path} can't be looked at: {videos[0].reason}."
        raise VsortdError(title, paths=[videos[0].path])
    unknown = seen.unknown if seen is not None else ()
    target = None if wish.target is None else wish.target.name
    return LabelAnswer(videos, wish.reading, wish.per, names[0], unknown, names[1], wish.hearing.temperature, target)


def _questions(wish: LabelWish, senses: Senses) -> tuple[LabelQuestion | None, LabelQuestion | None]:
    """Put what is asked into the terms of the models that are there."""
    from vsortd.analysis.labels import label_question

    seen = heard = None
    if senses.encoder is not None:
        seen = label_question(wish.units, senses.encoder, none=wish.reading.none)
    if senses.ears is not None:
        heard = label_question(wish.sounds, senses.ears, none=wish.reading.none)
    return seen, heard
