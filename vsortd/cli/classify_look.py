"""Looking at videos and listening to them for `vsortd classify`: the models that are named, each video in its turn."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vsortd.analysis.label_reading import FramePace, LabelReading
from vsortd.cli.common import models, opened_index, progress_bar, state_folder, waiting
from vsortd.errors import ChangedError, VideoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vsortd.analysis.label_files import LabelUnit
    from vsortd.analysis.labels import LabelQuestion
    from vsortd.cli.classify_answer import ClassifiedVideo
    from vsortd.cli.detector_options import TargetWish
    from vsortd.config.running_options import Workers
    from vsortd.config.settings import ModelChoice
    from vsortd.hearing.sound_encoder import SoundEncoder
    from vsortd.index.store import Index
    from vsortd.media.pool import MediaPool
    from vsortd.vision.encoder import Encoder


@dataclass(frozen=True, slots=True)
class LabelWish:
    """What is asked of which videos, of what is seen (`units`) and of what is heard (`sounds`, read as `hearing` says).

    `temperature` is None where nobody said one. With a `target` things are labelled in place of whole frames.
    """

    files: Sequence[Path]
    units: Sequence[LabelUnit]
    per: FramePace
    reading: LabelReading
    temperature: float | None
    sounds: Sequence[LabelUnit] = ()
    hearing: LabelReading = field(default_factory=LabelReading)
    target: TargetWish | None = None


@dataclass(frozen=True, slots=True)
class Senses:
    """What looking at videos takes, see `vsortd.library.indexing.embed.Looking`, and the models that are asked."""

    index: Index
    media: MediaPool
    encoder: Encoder | None
    ears: SoundEncoder | None


@contextlib.contextmanager
def open_senses(workers: Workers, choice: str | ModelChoice | None, ears: str) -> Iterator[Senses]:
    """Yield the index, who decodes, and the models that are named; all are closed at the end."""
    from vsortd.core.paths import texts_path
    from vsortd.media.pool import MediaPool

    with contextlib.ExitStack() as opened:
        index = opened.enter_context(opened_index())
        media = MediaPool.of(workers)
        opened.callback(media.close)
        encoder = listener = None
        texts = texts_path(state_folder())
        source = models(late=True)
        with waiting("loading the model"):
            if choice is not None:
                encoder = source.encoder(choice, texts=texts)
                opened.callback(encoder.close)
            if ears:
                listener = source.sound_encoder(ears, texts=texts)
                opened.callback(listener.close)
        yield Senses(index, media, encoder, listener)


def look_at(
    senses: Senses, seen: LabelQuestion | None, heard: LabelQuestion | None, wish: LabelWish, *, jobs: int
) -> list[ClassifiedVideo]:
    """Return what each video says of the questions; one that is None is not asked.

    What is seen stands where only the sound can't be listened to. Raises ModelError, StoreError.
    """
    from vsortd.cli.classify_answer import ClassifiedVideo
    from vsortd.library.indexing.embed import each_video

    cancel = threading.Event()

    def one(path: Path) -> ClassifiedVideo:
        video = ClassifiedVideo(path)
        if seen is not None:
            video = _with_pictures(video, senses, seen, wish, cancel)
        if heard is None:
            return video
        try:
            return _with_sound(video, senses, heard, wish, cancel)
        except ChangedError:  # then what was seen isn't of this file either
            raise
        except VideoError as error:
            if seen is None:
                raise
            return replace(video, sound_reason=error.reason)

    def failed(path: Path, reason: str) -> ClassifiedVideo:
        return ClassifiedVideo(path, reason=reason)

    several = len(wish.files) > 1
    with (
        progress_bar("looking") if several else contextlib.nullcontext() as on_progress,
        contextlib.nullcontext() if several else waiting(f"looking at {wish.files[0].name}"),
    ):
        return each_video(wish.files, one, failed, jobs=jobs, on_progress=on_progress, cancel=cancel)


def _with_pictures(
    video: ClassifiedVideo, senses: Senses, question: LabelQuestion, wish: LabelWish, cancel: threading.Event
) -> ClassifiedVideo:
    from vsortd.analysis.labels import found_labels
    from vsortd.library.indexing.film_of_shots import film_by_the_shot
    from vsortd.library.indexing.paced_film import film_by_the_frame, film_by_the_second

    assert senses.encoder is not None
    if wish.target is not None:
        return _with_things(video, senses, question, wish, cancel)
    by_pace = {
        FramePace.SECOND: film_by_the_second,
        FramePace.SHOT: film_by_the_shot,
        FramePace.FRAME: film_by_the_frame,
    }
    film = by_pace[wish.per](senses, senses.encoder, video.path, cancel=cancel)
    seen = (film.times_ms, film.vectors, film.duration_s)
    units = found_labels(question, *seen, wish.reading, edges_ms=film.edges_ms)
    return replace(video, frames=len(film.times_ms), duration_s=film.duration_s, units=units)


def _with_things(
    video: ClassifiedVideo, senses: Senses, question: LabelQuestion, wish: LabelWish, cancel: threading.Event
) -> ClassifiedVideo:
    """Label each thing of a class that is found in a video; of one without any there is nothing to say."""
    from vsortd.analysis.labels import found_labels
    from vsortd.analysis.objects import DetectedVideo
    from vsortd.analysis.target_boxes import boxes_of_target
    from vsortd.library.indexing.embed import identity_of

    assert senses.encoder is not None
    assert wish.target is not None
    identity = identity_of(video.path)
    film = DetectedVideo(senses.media, senses.index, wish.target.detector, video.path, identity, cancel=cancel)
    found = boxes_of_target(film, senses.encoder, wish.target.name)
    things = len(found.frame_of)
    seen = (found.times_ms, found.vectors, found.duration_s)
    units = found_labels(question, *seen, wish.reading, frame_of=found.frame_of) if things else ()
    return replace(video, frames=len(found.times_ms), duration_s=found.duration_s, units=units, things=things)


def _with_sound(
    video: ClassifiedVideo, senses: Senses, question: LabelQuestion, wish: LabelWish, cancel: threading.Event
) -> ClassifiedVideo:
    from vsortd.analysis.labels import found_labels
    from vsortd.hearing.listening import hear_all

    assert senses.ears is not None
    heard = hear_all(senses.media, senses.index, senses.ears, video.path, cancel=cancel)
    if not heard.audible:
        return replace(video, silent=True)
    rows = heard.vectors.any(axis=1) | wish.hearing.none  # where one label has to win, silence would be one
    units = found_labels(question, heard.times_ms[rows], heard.vectors[rows], heard.duration_s, wish.hearing)
    duration_s = heard.duration_s if video.duration_s is None else video.duration_s
    return replace(video, windows=len(heard.times_ms), duration_s=duration_s, units=(*video.units, *units))
