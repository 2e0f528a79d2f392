"""`vsortd classify`: how much of a video shows each of some labels, or of categories that compete within units."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsortd.analysis.label_reading import LabelEnsemble, LabelReading, Pace
from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    load_if_any,
    one_form,
    print_json,
    progress_bar,
    state_folder,
    waiting,
)
from vsortd.cli.completing import model_words
from vsortd.cli.numbers import finite
from vsortd.core.media_endings import VIDEO_ENDINGS
from vsortd.core.paths import as_on_disk
from vsortd.errors import ExitCode, UsageError, VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vsortd.analysis.label_files import LabelUnit
    from vsortd.analysis.labels import LabelQuestion
    from vsortd.cli.classify_answer import ClassifiedVideo, LabelAnswer
    from vsortd.config.running_options import Workers
    from vsortd.config.settings import ModelChoice, Settings
    from vsortd.index.store import Index
    from vsortd.media.pool import MediaPool
    from vsortd.vision.encoder import Encoder


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("classify")(classify)


def classify(
    ctx: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE… [PROMPT…]",
            help='Videos, wherever they lie, and labels: what is no file is a label, such as "a forest".',
            show_default=False,
        ),
    ],
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="F", help="A text file with a label on each line.")
    ] = None,
    categories: Annotated[
        Path | None,
        typer.Option(
            "--categories",
            metavar="F",
            help="A text file of [Unit], (Category) and prompts, each on a line; or [Unit] (Category) prompt, prompt.",
        ),
    ] = None,
    per: Annotated[Pace, typer.Option("--per", help="Look at one frame a second, or at every frame.")] = Pace.SECOND,
    confidence: Annotated[
        float,
        typer.Option(
            "--confidence",
            callback=finite,
            min=0.0,
            max=1.0,
            help="From this probability on a frame counts for a label.",
        ),
    ] = 0.3,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature",
            callback=finite,
            min=0.001,
            max=1000.0,
            metavar="T",
            help="Above 1 scores are softer, below sharper; else as learned for the model, or 1. It is 21.7 times "
            "DeepFFmpeg's: 0.1 there is 2.17 here, 0.007 is 0.15, and what it has by default 21.7.",
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", metavar="N", min=1, help="Of each unit only the N best labels.")
    ] = None,
    no_none: Annotated[
        bool, typer.Option("--no-none", help='Let "none of these" take no part: one of the labels has to be right.')
    ] = False,
    ensemble: Annotated[
        LabelEnsemble,
        typer.Option("--ensemble", help="Of a category's prompts, take the mean of all in a frame, or the best."),
    ] = LabelEnsemble.MEAN,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="M",
            help="Else the config's; without a config the small one in the package. As in the config, or NAME/TAG, or "
            "NAME=FILE.",
            autocompletion=model_words,
        ),
    ] = None,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> int:
    """Say how much of a video shows each of some labels: as words, as a list, or as categories within units.

    Labels compete with each other and with "none of these"; each unit is a question of its own. A frame counts for a
    label from --confidence on; of a unit's categories it counts for the leading one alone. No config is needed.
    Frames are kept in the index: asking again decodes nothing.

    --csv has stream_id (0: what is seen), label, avg_probability and count: in how many frames a label counts, and
    their mean probability; labels that count nowhere are left out. With several videos a column `file` stands before
    these, so that each row says whose it is; with one the table is as DeepFFmpeg has it.
    """
    one_form(as_csv=as_csv, as_json=as_json)
    files, units = _asked(words, labels, categories)
    settings = load_if_any(ctx)
    from vsortd.cli.classify_answer import print_labels, print_labels_csv, warn_of_unknown
    from vsortd.core.logs.sinks import set_up_logging

    set_up_logging(verbose=ctx.obj.verbose, quiet=not ctx.obj.verbose)
    reading = LabelReading(confidence, temperature or 1.0, ensemble, not no_none, top)
    answer = _answer(_Wish(files, units, per, reading, temperature), settings, model)
    if answer.unknown:
        warn_of_unknown(answer)
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, **answer.to_json()})
    elif as_csv:
        print_labels_csv(answer)
    else:
        print_labels(answer)
    return int(ExitCode.PARTIAL if any(one.reason for one in answer.videos) else ExitCode.OK)


# What was typed


def _asked(words: Sequence[str], labels: Path | None, categories: Path | None) -> tuple[list[Path], list[LabelUnit]]:
    """Return the videos and the units; what is wrong with them is told before anything is loaded."""
    from vsortd.analysis.label_files import label_unit, read_labels, read_units

    if labels is not None and categories is not None:
        raise UsageError("--labels and --categories exclude one another.", remedy="Take one of them.")
    given = labels is not None or categories is not None
    files, prompts = _files_and_prompts(words, labels_given=given)
    if not files:
        raise UsageError("No video is named.", remedy='Name one: vsortd classify clip.mp4 "a forest" "the sea"')
    if labels is not None:
        return files, [read_labels(as_on_disk(labels))]
    if categories is not None:
        return files, list(read_units(as_on_disk(categories)))
    if not prompts:
        raise UsageError(
            "There is no label to look for.",
            remedy='Write some behind the video, "a forest" "the sea", or name a file: --labels F or --categories F.',
        )
    return files, [label_unit(prompts)]


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
            resolved = path.resolve() if path.is_symlink() else Path(os.path.abspath(path))  # noqa: PTH100 - only its own link
            files[resolved] = None
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


# The answer


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked of which videos; `temperature` is None where nobody said one."""

    files: Sequence[Path]
    units: Sequence[LabelUnit]
    per: Pace
    reading: LabelReading
    temperature: float | None


@dataclass(frozen=True, slots=True)
class _Eyes:
    """What looking at videos takes, see `vsortd.library.indexing.embed.Looking`."""

    index: Index
    media: MediaPool


def _answer(wish: _Wish, settings: Settings | None, model: str | None) -> LabelAnswer:
    from dataclasses import replace

    from vsortd.analysis.labels import label_question
    from vsortd.cli.classify_answer import LabelAnswer
    from vsortd.config.running_options import Workers

    Path.cwd()  # in a folder that is gone MKL does not find its own files, and aborts the process (MKL 2024)
    workers = settings.workers if settings is not None else Workers()
    choice = _choice(settings, model)
    with _opened(workers, choice) as (eyes, encoder):
        question = label_question(wish.units, encoder, none=wish.reading.none)
        temperature = _temperature(wish, settings, choice, encoder.info.key)
        wish = replace(wish, reading=replace(wish.reading, temperature=temperature))
        videos = _look(eyes, encoder, question, wish, jobs=workers.decode_count() + 1)
        name = encoder.info.name
    if len(videos) == 1 and videos[0].reason:
        title = f"{videos[0].path} can't be looked at: {videos[0].reason}."
        raise VsortdError(title, paths=[videos[0].path])
    return LabelAnswer(videos, wish.reading, wish.per, name, question.unknown)


def _choice(settings: Settings | None, model: str | None) -> str | ModelChoice:
    from vsortd.vision.model_words import read_model
    from vsortd.vision.models import SAMPLE

    if model is not None:
        return read_model(model)
    return SAMPLE if settings is None else settings.model


def _temperature(wish: _Wish, settings: Settings | None, choice: str | ModelChoice, key: str) -> float:
    """Return what was typed, else what the config says or was learned for this model, else 1."""
    from vsortd.judging.calibration import read_calibration, temperature_for

    if wish.temperature is not None:
        return wish.temperature
    if settings is not None and choice == settings.model:
        return temperature_for(settings, state_folder(), key)
    learned = read_calibration(state_folder()).get(key)
    return 1.0 if learned is None else learned.temperature


@contextlib.contextmanager
def _opened(workers: Workers, choice: str | ModelChoice) -> Iterator[tuple[_Eyes, Encoder]]:
    """Yield the index, who decodes, and the model; all are closed at the end."""
    from vsortd.core.paths import index_path, texts_path
    from vsortd.index.store import Index
    from vsortd.media.pool import MediaPool
    from vsortd.vision.factory import load_encoder

    with contextlib.ExitStack() as opened:
        index = Index(index_path(state_folder()))
        opened.callback(index.close)
        media = MediaPool.of(workers)
        opened.callback(media.close)
        with waiting("loading the model"):
            encoder = load_encoder(choice, texts=texts_path(state_folder()))
        opened.callback(encoder.close)
        yield _Eyes(index, media), encoder


def _look(eyes: _Eyes, encoder: Encoder, question: LabelQuestion, wish: _Wish, *, jobs: int) -> list[ClassifiedVideo]:
    from vsortd.analysis.labels import found_labels
    from vsortd.cli.classify_answer import ClassifiedVideo
    from vsortd.library.indexing.embed import each_video
    from vsortd.library.indexing.paced_film import film_by_the_frame, film_by_the_second

    cancel = threading.Event()
    film_of = film_by_the_frame if wish.per is Pace.FRAME else film_by_the_second

    def one(path: Path) -> ClassifiedVideo:
        film = film_of(eyes, encoder, path, cancel=cancel)
        units = found_labels(question, film.times_ms, film.vectors, film.duration_s, wish.reading)
        return ClassifiedVideo(path, len(film.times_ms), film.duration_s, units)

    def failed(path: Path, reason: str) -> ClassifiedVideo:
        return ClassifiedVideo(path, reason=reason)

    several = len(wish.files) > 1
    with (
        progress_bar("looking") if several else contextlib.nullcontext() as on_progress,
        contextlib.nullcontext() if several else waiting(f"looking at {wish.files[0].name}"),
    ):
        return each_video(wish.files, one, failed, jobs=jobs, on_progress=on_progress, cancel=cancel)
