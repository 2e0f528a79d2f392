"""Who asks videos for labels: the model is loaded when the first video needs it, and frames come from the index."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.analysis.built_in_categories import built_in_sound_labels, categories_unknown
from vsortd.analysis.label_document import LabelledFrames, labels_document, no_labels, picture_looks
from vsortd.analysis.label_reading import LabelReading
from vsortd.analysis.labels import label_question
from vsortd.core.identity import Identity
from vsortd.core.text import counted
from vsortd.errors import ModelError, UsageError, VideoError, VsortdError
from vsortd.hearing.listening import hear_all
from vsortd.library.indexing.any_film import film_of_any
from vsortd.library.indexing.paced_film import film_by_the_second
from vsortd.vision.encoder import Family, unknown_to
from vsortd.vision.model_words import model_word
from vsortd.vision.models import SAMPLE, looks_like_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vsortd.analysis.built_in_categories import LabelSource
    from vsortd.analysis.labels import LabelQuestion
    from vsortd.config.settings import ModelChoice
    from vsortd.core.technical_facts import TechnicalFacts
    from vsortd.judging.resident_sound import ResidentSound
    from vsortd.library.indexing.embed import Looking
    from vsortd.vision.encoder import Encoder

_SAMPLED_FORMAT: Final = "mov"  # libav's name of MP4 and MOV, whose frames the index keeps


@dataclass(slots=True)
class VideoLabeller:
    """Asks videos for labels by one frame a second; thread-safe. `close` frees the model.

    `load` returns the encoder that `choice` means. `temperature_of` returns what a model of a key is judged with. With
    `strict`, words that the model doesn't know are an error, else the labels are null and say why. `ears` is the model
    that labels what is heard, None where there is none.
    """

    looking: Looking
    source: LabelSource
    choice: str | ModelChoice
    load: Callable[[], Encoder]
    temperature_of: Callable[[str], float]
    strict: bool = False
    ears: ResidentSound | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _loaded: tuple[Encoder, LabelQuestion] | None = None
    _failed: VsortdError | None = None

    @property
    def version(self) -> str:
        """Return which labels are asked for, and by which model; a file of weights by what tells it from another."""
        stamp = ""
        if not isinstance(self.choice, str) and looks_like_path(self.choice.weights):
            identity = Identity.of(Path(self.choice.weights).expanduser())
            stamp = "" if identity is None else f" {identity.size_bytes} {identity.mtime_ns}"
        heard = f", sounds {built_in_sound_labels().digest} by {self.ears.choice}" if self.ears is not None else ""
        return f"{self.source.digest} by {model_word(self.choice)}{stamp}{heard}"

    @property
    def unknown(self) -> str:
        """Return why the model can't tell these labels, "" if it can; loads nothing.

        Of the categories in the package it has to know one prompt each whole: in halves of them it would see what they
        don't say. Of labels that somebody wrote, what is known of them counts, as everywhere.
        """
        if not self.source.built_in or self.choice != SAMPLE:
            return ""
        strange = categories_unknown(self.source, lambda text: unknown_to(Family.SAMPLE, text))
        if not strange:
            return ""
        return f"the model in the package doesn't know the words of {counted(len(strange), 'category', 'categories')}"

    @property
    def _reading(self) -> LabelReading:
        """How the scores are read: the units in the package are closed questions, so there one answer has to be right.

        A video is animated or it isn't, its picture better or worse; of labels that somebody wrote, none may fit.
        """
        return LabelReading(none=not self.source.built_in)

    def is_current(self, document: dict[str, Any]) -> bool:
        """Tell whether a document that was kept was read at the temperature that the model has now."""
        key, temperature = document.get("model_key"), document.get("temperature")
        return isinstance(key, str) and self.temperature_of(key) == temperature

    def label(self, path: Path, facts: TechnicalFacts, *, cancel: threading.Event | None = None) -> dict[str, Any]:
        """Return the document of a video's labels; `facts` are its file's.

        Raises VideoError, UsageError, ModelError, StoreError, Cancelled.
        """
        heard = self._heard(path, cancel)
        if self.unknown and not self.strict:
            return {**no_labels(self.unknown), **heard}
        encoder, question = self._model()
        if facts.format == _SAMPLED_FORMAT:
            film = film_by_the_second(self.looking, encoder, path, cancel=cancel)
        else:
            film = film_of_any(self.looking.media, encoder, path, facts, cancel=cancel)
        frames = LabelledFrames(film.times_ms, film.vectors, film.duration_s)
        reading = replace(self._reading, temperature=self.temperature_of(encoder.info.key))
        document = labels_document(question, frames, reading, picture_looks(frames, encoder))
        names = {"model": encoder.info.name, "model_key": encoder.info.key, "source": self.source.name}
        return {**document, **names, **heard}

    def _heard(self, path: Path, cancel: threading.Event | None) -> dict[str, Any]:
        """Return the labels of what is heard, null where nothing is or no sound model is named, and what went wrong."""
        if self.ears is None:
            return {"sound": None, "sound_error": None}
        try:
            ears = self.ears.get()
            found = hear_all(self.looking.media, self.looking.index, ears, path, cancel=cancel)
            audible = found.vectors.any(axis=1)  # windows in which nothing is heard speak for nothing
            if not audible.any():
                return {"sound": None, "sound_error": None}
            reading = LabelReading(none=False)
            question = label_question(built_in_sound_labels().units, ears, none=reading.none)
            windows = LabelledFrames(found.times_ms[audible], found.vectors[audible], found.duration_s)
            return {"sound": labels_document(question, windows, reading, None), "sound_error": None}
        except VideoError as error:
            return {"sound": None, "sound_error": error.reason}
        except ModelError as error:
            return {"sound": None, "sound_error": " ".join(error.lines())}

    def close(self) -> None:
        """Free the model."""
        with self._lock:
            loaded, self._loaded = self._loaded, None
        if loaded is not None:
            loaded[0].close()

    def _model(self) -> tuple[Encoder, LabelQuestion]:
        """Return the model and what it is asked; what went wrong once is not tried with each video."""
        with self._lock:
            if self._failed is not None:
                raise self._failed
            if self._loaded is None:
                try:
                    self._loaded = self._open()
                except (UsageError, ModelError) as error:
                    self._failed = error
                    raise
            return self._loaded

    def _open(self) -> tuple[Encoder, LabelQuestion]:
        if self.unknown:
            raise UsageError(f"The labels can't be told: {self.unknown}.", remedy=_REMEDY)
        encoder = self.load()
        try:
            return encoder, label_question(self.source.units, encoder, none=self._reading.none)
        except BaseException:
            encoder.close()
            raise


_REMEDY = "Name a model that was taught on the web, by --model or in the config; `vsortd model list` shows them."
