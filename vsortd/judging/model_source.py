"""Where models come from: loaded into this process, or lent by another that has them. Importing this is cheap."""

from __future__ import annotations

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
