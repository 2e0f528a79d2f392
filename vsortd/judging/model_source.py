"""Where models come from: loaded into this process, or lent by another that has them. Importing this is cheap."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from loguru import logger

from vsortd.core.activity import busy_with

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.config.settings import ModelChoice
    from vsortd.hearing.sound_encoder import SoundEncoder
    from vsortd.vision.encoder import Encoder


class ModelSource(Protocol):
    """Gives an encoder for what a config names; thread-safe.

    `texts` is the file that keeps the vectors of texts between runs, None for none. Both take seconds where a model
    has to be loaded. They raise ModelUnavailableError when its files can't be had now, ModelError when they never will
    fit.
    """

    def encoder(self, choice: str | ModelChoice, *, texts: Path | None) -> Encoder:
        """Return the encoder of pictures and texts."""

    def sound_encoder(self, choice: str, *, texts: Path | None) -> SoundEncoder:
        """Return the encoder of sounds and texts."""


class OwnModels:
    """Loads models into this process; see `ModelSource`."""

    def encoder(self, choice: str | ModelChoice, *, texts: Path | None) -> Encoder:
        """Load the encoder of pictures and texts."""
        logger.info("loading the model {} …", choice)
        with busy_with("loading the model"):
            from vsortd.vision.factory import load_encoder

            return load_encoder(choice, texts=texts)

    def sound_encoder(self, choice: str, *, texts: Path | None) -> SoundEncoder:
        """Load the encoder of sounds and texts."""
        logger.info("loading the sound model {} …", choice)
        with busy_with("loading the sound model"):
            from vsortd.hearing.sound_factory import load_sound_encoder

            return load_sound_encoder(choice, texts=texts)


class LateModels:
    """Loads models only for what isn't known of them and of texts from before; see `ModelSource`.

    For who may well need no more than that: a search of what is indexed, for what was looked for already.
    """

    def __init__(self) -> None:
        self._own = OwnModels()

    def encoder(self, choice: str | ModelChoice, *, texts: Path | None) -> Encoder:
        """Return the encoder of pictures and texts; where the model is known it is not loaded yet."""
        from vsortd.vision.known_model import recall_model

        known = None if texts is None else recall_model(texts.parent, choice)
        load = partial(self._own.encoder, choice, texts=texts)
        if texts is None or known is None:
            return load()
        from vsortd.vision.known_encoder import KnownEncoder

        return KnownEncoder(known, texts, load)

    def sound_encoder(self, choice: str, *, texts: Path | None) -> SoundEncoder:
        """Load the encoder of sounds and texts."""
        return self._own.sound_encoder(choice, texts=texts)
