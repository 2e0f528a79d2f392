"""Who labels the videos of `vsortd analyze`: built as the options say, and loaded only where a video needs it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.cli.common import models, state_folder
from vsortd.cli.label_model import model_choice, model_temperature
from vsortd.core.paths import as_on_disk
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.analysis.built_in_categories import LabelSource
    from vsortd.config.settings import ModelChoice, Settings
    from vsortd.index.store import Index
    from vsortd.judging.resident_sound import ResidentSound
    from vsortd.library.labelling import VideoLabeller
    from vsortd.media.pool import MediaPool
    from vsortd.vision.encoder import Encoder


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """What was typed of labels; `strict`: labels that can't be told are an error."""

    labels: Path | None
    categories: Path | None
    model: str | None
    strict: bool


@dataclass(frozen=True, slots=True)
class LabelAsk:
    """The labels that are asked for, and the model."""

    source: LabelSource
    choice: str | ModelChoice
    settings: Settings | None
    strict: bool


@dataclass(frozen=True, slots=True)
class _Eyes:
    """What looking at videos takes, see `vsortd.library.indexing.embed.Looking`."""

    index: Index
    media: MediaPool


def read_label_options(options: LabelOptions, settings: Settings | None) -> LabelAsk:
    """Read the file of labels and the model's name; what is wrong with them is told before anything is measured."""
    from vsortd.analysis.built_in_categories import labels_of_file

    labels, categories = options.labels, options.categories
    if labels is not None and categories is not None:
        raise UsageError("--labels and --categories exclude one another.", remedy="Take one of them.")
    source = labels_of_file(
        None if labels is None else as_on_disk(labels), None if categories is None else as_on_disk(categories)
    )
    strict = options.strict or not source.built_in
    return LabelAsk(source, model_choice(settings, options.model), settings, strict)


@contextlib.contextmanager
def opened_labeller(
    ask: LabelAsk, index: Index, media: MediaPool, ears: ResidentSound | None
) -> Iterator[VideoLabeller]:
    """Yield who labels; the model is freed at the end, if it was loaded."""
    from vsortd.core.paths import texts_path
    from vsortd.library.labelling import VideoLabeller

    def load() -> Encoder:
        Path.cwd()  # in a folder that is gone MKL does not find its own files, and aborts the process (MKL 2024)
        return models(late=True).encoder(ask.choice, texts=texts_path(state_folder()))

    def temperature_of(key: str) -> float:
        return model_temperature(ask.settings, ask.choice, key)

    labeller = VideoLabeller(
        _Eyes(index, media), ask.source, ask.choice, load, temperature_of, strict=ask.strict, ears=ears
    )
    try:
        yield labeller
    finally:
        labeller.close()
