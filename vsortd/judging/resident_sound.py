"""The resident sound model: loaded when it is first asked for, and kept until it is let go."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from loguru import logger

from vsortd.judging.model_source import OwnModels

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.hearing.sound_encoder import SoundEncoder
    from vsortd.judging.model_source import ModelSource


class ResidentSound:
    """Hands out the encoder of a sound model; thread-safe. Whoever holds one keeps it in memory.

    `texts_path` is the file that keeps the vectors of texts between runs, `models` where the encoder comes from, by
    default this process.
    """

    def __init__(self, choice: str, *, texts_path: Path | None = None, models: ModelSource | None = None) -> None:
        self.choice = choice
        self._models = models or OwnModels()
        self._texts_path = texts_path
        self._lock = threading.Lock()
        self._encoder: SoundEncoder | None = None

    def get(self) -> SoundEncoder:
        """Return the encoder, loaded now where it isn't yet; takes seconds then.

        Raises ModelUnavailableError when its files can't be had now, ModelError when they never will fit.
        """
        with self._lock:
            if self._encoder is None:
                self._encoder = self._load()
            return self._encoder

    def unload(self) -> None:
        """Let the encoder go until it is asked for again; who has it in hand keeps it."""
        with self._lock:
            self._encoder = None

    def _load(self) -> SoundEncoder:
        started_s = time.perf_counter()
        encoder = self._models.sound_encoder(self.choice, texts=self._texts_path)
        info = encoder.info
        logger.info(
            "sound model {} on {}, ready after {:.1f} s", info.name, info.device, time.perf_counter() - started_s
        )
        return encoder
